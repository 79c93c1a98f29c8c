"""A film keeps its picture and gets another sound, or none."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from films import encoded, film, heard, moving, psnr, seen
from numpy.typing import NDArray
from sounds import beats, sound_file
from streams import packets
from studios import take_of, working

from ltx_ui.errors import InvalidRecipe, NotFound
from ltx_ui.media.metadata import read_metadata
from ltx_ui.recipe import Recipe
from ltx_ui.request import parse_request, request_data
from ltx_ui.settings import Settings
from ltx_ui.studio.studio import Studio
from ltx_ui.studio.takes import Take

OWNER = "ada"
FIELDS: dict[str, Any] = {
    "prompt": "A red ball bounces up and down by the sea. A thump at each bounce.",
    "num_inference_steps": 8,
    "seed": 5,
}
SILENT = {"include_audio": False}


@pytest.fixture(scope="module")
def studio(cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    with working(tmp_path_factory.mktemp("revoiced"), cache) as studio:
        yield studio


def recipe_of(studio: Studio, owner: str = OWNER, **fields: Any) -> Recipe:
    return studio.recipe_of(parse_request(FIELDS | fields), owner)


def made(studio: Studio, **fields: Any) -> Take:
    return take_of(studio, recipe_of(studio, **fields), OWNER)


@pytest.fixture(scope="module")
def first(studio: Studio) -> Take:
    """A take of 33 frames, off the model's grid, with sound."""
    return made(studio, width=196, height=128, num_frames=33)


@pytest.fixture(scope="module")
def again(studio: Studio, first: Take) -> Take:
    """The same with a sound of the model's for other words."""
    words = "A red ball bounces up and down by the sea. Beeps."
    return made(studio, prompt=words, seed=9, picture_of={"take": first.id})


def text(data: bytes) -> str:
    return base64.b64encode(data).decode()


def pictures(path: Path) -> list[tuple[int | None, bytes]]:
    """The encoded pictures of a film, each with its time stamp."""
    return [(at, data) for stream, at, data in packets(path) if stream == 0]


def likeness(one: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    """How two sounds correlate over the time that both have."""
    length = min(one.shape[1], other.shape[1])
    return float(np.corrcoef(one[0, :length], other[0, :length])[0, 1])


def test_the_model_makes_another_sound_for_the_same_picture(
    studio: Studio, first: Take, again: Take
) -> None:
    assert pictures(again.video) == pictures(first.video)
    assert np.array_equal(seen(again.video), seen(first.video))
    old, new = heard(first.video), heard(again.video)
    assert old is not None and new is not None and new.shape == old.shape
    assert abs(likeness(old, new)) < 0.9
    assert np.abs(new).max() > 0.01
    # It is one for this picture: the same words and seed sound otherwise beside another one.
    sent = text(encoded(moving(33, 196, 128)))
    beside = made(studio, prompt=again.recipe.prompt, seed=9, picture_of={"video": sent})
    other = heard(beside.video)
    assert other is not None and likeness(other, new) < 0.99


def test_the_models_sound_may_follow_a_given_one(studio: Studio, first: Take) -> None:
    sent = text(sound_file(beats(2.0, 700.0)))
    near = made(studio, picture_of={"take": first.id}, audio=sent, audio_strength=0.9)
    free = made(studio, picture_of={"take": first.id})
    assert pictures(near.video) == pictures(first.video)
    one, other = heard(near.video), heard(free.video)
    assert one is not None and other is not None
    assert share_around(one, 700) > 3 * share_around(other, 700)


def share_around(sound: NDArray[np.float32], hertz: int) -> float:
    """How much of a second of the demo model's sound is around a pitch."""
    power = np.abs(np.fft.rfft(sound[0, :24_000])) ** 2
    return float(power[hertz - 40 : hertz + 40].sum() / power.sum())


@pytest.mark.parametrize("rate", [44_100, 192_000])
def test_a_given_sound_takes_the_place_of_the_films(studio: Studio, first: Take, rate: int) -> None:
    wave = beats(2.0 if rate == 44_100 else 3.0, 440.0, rate)
    take = made(
        studio,
        picture_of={"take": first.id},
        audio=text(sound_file(wave, rate=rate)),
        audio_start=0.5,
    )
    assert pictures(take.video) == pictures(first.video)
    found = heard(take.video)
    given = beats(3.0)[:, 24_000:]
    assert found is not None and likeness(found, given) > 0.99
    # Nothing was sampled for it.
    assert "sampling" not in take.timings and take.recipe.as_given
    said = (
        "but for its last 0.12 s: the film ends there" if rate == 44_100 else "longer than the cl"
    )
    assert any(said in note for note in take.notes)


def test_sounds_are_swapped(studio: Studio, first: Take, again: Take) -> None:
    one = made(studio, picture_of={"take": first.id}, audio={"take": again.id})
    old, new = heard(again.video), heard(one.video)
    assert old is not None and new is not None
    assert likeness(old, new[:, ::2]) > 0.95
    assert one.recipe.inputs.audio is not None and one.recipe.inputs.picture is not None
    assert one.recipe.inputs.audio.digest != one.recipe.inputs.picture.digest


def test_a_film_gets_no_sound(studio: Studio, first: Take) -> None:
    take = made(studio, picture_of={"take": first.id}, **SILENT)
    assert heard(take.video) is None
    assert pictures(take.video) == pictures(first.video)
    assert take.findings == ()


def test_a_film_from_elsewhere_is_longer_than_a_clip_and_odd(
    studio: Studio, tmp_path: Path
) -> None:
    long = film(tmp_path / "long.mp4", 300)
    take = made(studio, picture_of={"video": text(long)}, **SILENT)
    assert pictures(take.video) == pictures(tmp_path / "long.mp4")
    assert (take.recipe.num_frames, take.recipe.film_frames) == (257, 300)
    assert take.recipe.duration == pytest.approx(12.5)
    sound = text(sound_file(beats(12.5)))
    found = heard(made(studio, picture_of={"video": text(long)}, audio=sound).video)
    assert found is not None and likeness(found, beats(12.5)) > 0.99
    with pytest.raises(InvalidRecipe, match=r"^picture_of: the film has 300 frames; the model"):
        recipe_of(studio, picture_of={"video": text(long)})
    with pytest.raises(InvalidRecipe, match=r"^picture_of: the film has 300 frames; the model"):
        recipe_of(studio, picture_of={"video": text(long)}, audio=sound, audio_strength=0.5)


def test_a_film_of_another_kind_is_encoded_anew(studio: Studio, tmp_path: Path) -> None:
    source = moving(20, 128, 128)
    take = made(studio, picture_of={"video": text(encoded(source))})
    assert (take.recipe.num_frames, take.recipe.film_frames) == (25, 20)
    whole, found = seen(take.video), heard(take.video)
    assert whole.shape == source.shape
    assert psnr(whole, source.astype(np.float32)) > 25
    assert found is not None and abs(found.shape[1] - 20_000) < 1100


def test_a_take_tells_what_it_was_made_from(studio: Studio, first: Take, again: Take) -> None:
    named = again.recipe.inputs.picture
    assert named is not None and named.frames == 33
    assert (again.recipe.resolution, again.recipe.film_frames) == (first.recipe.resolution, 33)
    told = read_metadata(again.video)["recipe"]
    assert Recipe.model_validate(told) == again.recipe
    assert studio.recipe_of(parse_request(request_data(again.recipe)), OWNER) == again.recipe
    assert studio.media_file(named.digest, OWNER).read_bytes() == first.video.read_bytes()


def test_a_recipe_without_it_is_written_as_before() -> None:
    recipe = parse_request(FIELDS).recipe()
    assert recipe.model_dump(mode="json")["inputs"] == {"images": []}
    told = request_data(recipe)
    assert "picture_of" not in told and "loudness" not in told


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"width": 256}, "^width: is 256, and 196 for this film"),
        ({"num_frames": 9}, "^num_frames: is 9, and 33 for this film"),
        ({"two_stage": True}, "^two_stage: is True, and False for this film"),
        ({"image_start": "sha256:" + "1" * 64}, "^image_start: the picture is the film's"),
        ({"audio": "TAKE"} | SILENT, "^audio: a film without sound is asked for"),
        ({"audio": {"take": "x"}}, "^audio: has the take 'x'; allowed is a take's id"),
        ({"audio": {"video": "x"}}, "^audio: has 'video', which it can't have"),
        ({"audio": {"take": 5}}, "^audio: has the take 5; allowed is a take's id"),
        ({"loop": True}, "^loop: a clip that becomes a part"),
        ({"extend": {"take": "a" * 32}}, "^picture_of: can't stand beside extend"),
        ({"loudness": -14}, "^loudness: is -14; allowed is true, for -16 LUFS, or false"),
        ({"loudness": float("nan")}, "^loudness: is nan; allowed is true, for -16 LUFS, or false"),
        ({"audio": text(sound_file(np.zeros((2, 24_000), np.float32)))}, "^audio: is silent"),
        ({"audio": text(sound_file(beats(2.0)[:, :1]))}, r"^audio: is 0\.000 s long"),
        ({"audio": text(sound_file(beats(2.0))[:600])}, "^audio: "),
    ],
)
def test_what_does_not_go_together_is_refused(
    studio: Studio, first: Take, fields: dict[str, Any], said: str
) -> None:
    named = {name: {"take": first.id} if it == "TAKE" else it for name, it in fields.items()}
    with pytest.raises(InvalidRecipe, match=said):
        recipe_of(studio, OWNER, **named, picture_of={"take": first.id})


@pytest.mark.parametrize(
    ("seen", "said"),
    [
        (5, "is 5. Send an object"),
        ({}, "names no film"),
        ({"take": "x"}, "has the take 'x'; allowed is a take's id"),
        ({"take": "a" * 32, "start_frame": 1}, "has 'start_frame', which it can't have"),
        ({"video": "AAAA"}, "is not an? MP4 or MOV film"),
    ],
)
def test_what_is_no_film_is_refused(seen: Any, said: str) -> None:
    with pytest.raises(InvalidRecipe, match=f"^picture_of: {said}"):
        parse_request(FIELDS | {"picture_of": seen})


def test_nobody_hears_or_sees_what_is_somebody_elses(
    studio: Studio, first: Take, again: Take
) -> None:
    asked: list[dict[str, Any]] = [{name: {"take": first.id}} for name in ("picture_of", "audio")]
    for fields in asked:
        with pytest.raises(NotFound):
            recipe_of(studio, "bob", **fields)
    with pytest.raises(InvalidRecipe, match=r"^picture_of: "):
        recipe_of(studio, "bob", picture_of=request_data(again.recipe)["picture_of"])


def test_a_film_without_sound_is_no_sound(studio: Studio, first: Take) -> None:
    mute = made(studio, picture_of={"take": first.id}, **SILENT)
    with pytest.raises(InvalidRecipe, match=r"^audio: has no sound in it"):
        made(studio, picture_of={"take": first.id}, audio={"take": mute.id})


def test_a_film_goes_along_with_its_take(studio: Studio, again: Take, tmp_path: Path) -> None:
    zipped = tmp_path / "takes.zip"
    zipped.write_bytes(b"".join(studio.exporting.stream(OWNER, [again.id])))
    other = Studio(Settings.model_validate({"model": "demo", "data_dir": tmp_path / "other"}))
    other.importing.bring(zipped, OWNER)
    [take] = other.library.takes(OWNER)
    named = take.recipe.inputs.picture
    assert take.recipe == again.recipe and named is not None
    assert other.media_file(named.digest, "local").is_file()
    other.close()
