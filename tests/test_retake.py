"""A part of a film is made again: what is seen and heard of it, and around it."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from films import RATE, encoded, film, heard, moving, psnr, seen, steps
from studios import take_of, working

from ltx_ui.errors import InvalidRecipe, NotFound
from ltx_ui.inputs import RetakeInput
from ltx_ui.media.metadata import read_metadata
from ltx_ui.recipe import Recipe
from ltx_ui.request import parse_request, request_data
from ltx_ui.retaking import frames_again
from ltx_ui.settings import Settings
from ltx_ui.studio.studio import Studio
from ltx_ui.studio.takes import Take

OWNER = "ada"
PROMPT = "A red ball bounces up and down by the sea. A thump at each bounce."
OTHER = "A blue star spins around at night. Beeps."
FIELDS = {"prompt": PROMPT, "num_inference_steps": 8, "seed": 5}
START, END = 18, 34
PART = {"start_frame": START, "end_frame": END}


@pytest.fixture(scope="module")
def studio(cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    with working(tmp_path_factory.mktemp("retaken"), cache) as studio:
        yield studio


def recipe_of(studio: Studio, owner: str = OWNER, **fields: Any) -> Recipe:
    return studio.recipe_of(parse_request(FIELDS | fields), owner)


def made(studio: Studio, **fields: Any) -> Take:
    return take_of(studio, recipe_of(studio, **fields), OWNER)


@pytest.fixture(scope="module")
def first(studio: Studio) -> Take:
    """A take of 49 frames, off the model's grid, with sound."""
    return made(studio, width=196, height=128, num_frames=49)


@pytest.fixture(scope="module")
def again(studio: Studio, first: Take) -> Take:
    """The same with its middle made again by the same words."""
    return made(studio, seed=9, retake=PART | {"take": first.id})


@pytest.fixture(scope="module")
def hd(studio: Studio, first: Take) -> Take:
    """The same in two stages."""
    return made(studio, seed=9, two_stage=True, retake=PART | {"take": first.id})


def at(frame: int) -> int:
    """The sample at which a frame begins."""
    return round(frame / 24 * RATE)


@pytest.mark.parametrize("which", ["again", "hd"])
def test_the_part_is_new_and_the_rest_is_the_film(
    first: Take, which: str, request: pytest.FixtureRequest
) -> None:
    take: Take = request.getfixturevalue(which)
    source, whole = seen(first.video), seen(take.video)
    assert whole.shape == source.shape
    for kept in (slice(0, START - 4), slice(END + 4, None)):
        assert psnr(whole[kept], source[kept]) > 40
    for joint in (slice(START - 4, START), slice(END, END + 4)):
        assert psnr(whole[joint], source[joint]) > 20
    new = slice(START + 4, END - 4)
    assert psnr(whole[new], source[new]) < 26
    # It is no still picture.
    assert steps(whole[new]).mean() > 0.3 * steps(source).mean()


@pytest.mark.parametrize("which", ["again", "hd"])
def test_there_is_no_seam(which: str, request: pytest.FixtureRequest) -> None:
    take: Take = request.getfixturevalue(which)
    changes = steps(seen(take.video))
    joints = np.r_[changes[START - 5 : START + 1], changes[END - 2 : END + 4]]
    inside = changes[START + 1 : END - 2]
    assert joints.max() <= 1.5 * inside.max()


def test_it_goes_on_from_what_is_before_and_leads_to_what_comes_after(
    studio: Studio, first: Take, again: Take
) -> None:
    alone = seen(made(studio, width=196, height=128, num_frames=49, seed=9).video)
    source, whole = seen(first.video), seen(again.video)
    for edge, near in ((START, START - 1), (END - 1, END)):
        assert psnr(whole[edge], source[near]) > psnr(alone[edge], source[near]) + 3


@pytest.mark.parametrize("which", ["again", "hd"])
def test_the_sound_is_new_in_the_part_alone_and_does_not_click(
    first: Take, which: str, request: pytest.FixtureRequest
) -> None:
    take: Take = request.getfixturevalue(which)
    source, whole = heard(first.video), heard(take.video)
    assert source is not None and whole is not None
    for kept in (slice(0, at(START - 2)), slice(at(END + 2), at(49))):
        assert np.abs(whole[:, kept] - source[:, kept]).max() < 0.01
    new = slice(at(START), at(END))
    assert abs(np.corrcoef(whole[0, new], source[0, new])[0, 1]) < 0.9
    assert np.abs(whole[:, new]).max() > 0.001
    changes = np.abs(np.diff(whole[:, : at(49)])).max(axis=0)
    across = np.r_[changes[at(START - 2) : at(START) + 100], changes[at(END) - 100 : at(END + 2)]]
    assert across.max() <= 1.5 * changes[at(START) : at(END)].max()


def test_the_sound_is_kept_if_asked_for(studio: Studio, first: Take, again: Take) -> None:
    take = made(studio, seed=9, retake=PART | {"take": first.id, "sound": "keep"})
    source, whole = heard(first.video), heard(take.video)
    assert source is not None and whole is not None
    assert np.abs(whole[:, : at(49)] - source[:, : at(49)]).max() < 0.02
    # The picture follows it: it is another one than beside a sound that is made with it.
    assert not np.array_equal(seen(take.video)[24], seen(again.video)[24])


def test_a_region_alone_is_made_again(studio: Studio, first: Take) -> None:
    region = [0, 0, 0.5, 1]
    take = made(studio, prompt=OTHER, retake=PART | {"take": first.id, "region": region})
    source, whole = seen(first.video)[START:END], seen(take.video)[START:END]
    assert psnr(whole[:, :, 112:], source[:, :, 112:]) > 38
    assert psnr(whole[4:-4, :, :96], source[4:-4, :, :96]) < 26
    named = take.recipe.inputs.retake
    assert named is not None and list(named.region or ()) == region
    assert request_data(take.recipe)["retake"]["region"] == region


def test_a_take_tells_what_it_was_made_from(studio: Studio, first: Take, again: Take) -> None:
    named = again.recipe.inputs.retake
    assert named is not None
    assert (named.frames, named.start, named.end, named.sound) == (49, START, END, "new")
    assert frames_again(named) == (START, END)
    assert (again.recipe.resolution, again.recipe.film_frames) == (first.recipe.resolution, 49)
    assert again.recipe.duration == pytest.approx(49 / 24)
    told = read_metadata(again.video)["recipe"]
    assert Recipe.model_validate(told) == again.recipe
    asked = parse_request(request_data(again.recipe))
    assert studio.recipe_of(asked, OWNER) == again.recipe
    assert studio.media_file(named.digest, OWNER).read_bytes() == first.video.read_bytes()


def test_a_recipe_without_a_part_is_written_as_before() -> None:
    recipe = parse_request(FIELDS).recipe()
    assert recipe.model_dump(mode="json")["inputs"] == {"images": []}
    assert "retake" not in request_data(recipe)


@pytest.mark.parametrize(
    ("frames", "asked", "span", "sampled"),
    [
        (49, (18, 34), (18, 34), (1, 41)),  # It begins with a latent frame, eights of frames long.
        (49, (18, 30), (17, 33), (0, 49)),
        (49, (0, 9), (0, 9), (0, 49)),
        (49, (40, 49), (33, 49), (0, 49)),
        (20, (12, 20), (12, 20), (3, 17)),
        (20, (1, 2), (1, 9), (0, 17)),
        (400, (200, 216), (200, 216), (79, 257)),
        (400, (395, 400), (392, 400), (143, 257)),
        (400, (0, 1), (0, 1), (0, 257)),
    ],
)
def test_whole_latent_frames_are_made_again_of_those_around_them(
    studio: Studio,
    frames: int,
    asked: tuple[int, int],
    span: tuple[int, int],
    sampled: tuple[int, int],
) -> None:
    sent = encoded(moving(1, 128, 128).repeat(frames, axis=0))
    recipe = recipe_of(
        studio,
        retake={"video": _text(sent), "start_frame": asked[0], "end_frame": asked[1]},
    )
    named = recipe.inputs.retake
    assert named is not None and (named.start, named.end) == asked
    assert frames_again(named) == span
    assert (named.first, recipe.num_frames) == sampled
    assert recipe.film_frames == frames


def test_a_short_film_is_told_how_many_of_its_frames_a_clip_holds(studio: Studio) -> None:
    sent = encoded(moving(1, 128, 128).repeat(12, axis=0))
    part = {"video": _text(sent), "start_frame": 1, "end_frame": 11}
    with pytest.raises(InvalidRecipe, match="frames 1 to 10 of 12 can't be made again in 9 frames"):
        recipe_of(studio, retake=part)


def test_a_part_of_a_film_that_is_longer_than_a_clip(studio: Studio, tmp_path: Path) -> None:
    sent = film(tmp_path / "long.mp4", 60)
    part = {"video": _text(sent), "start_frame": 48, "end_frame": 56}
    take = made(studio, num_frames=25, num_inference_steps=2, retake=part)
    source, whole = seen(tmp_path / "long.mp4"), seen(take.video)
    assert take.recipe.num_frames == 25
    assert whole.shape == source.shape
    assert psnr(np.delete(whole, slice(44, 60), 0), np.delete(source, slice(44, 60), 0)) > 38
    assert psnr(whole[50:54], source[50:54]) < 35
    # The film passes over into a clip of the same moments: 32 dB, and 28 into one of its beginning.
    assert psnr(whole[42:44], source[42:44]) > 30


@pytest.mark.parametrize("sound", [True, False])
def test_without_new_sound_the_films_stays(studio: Studio, tmp_path: Path, sound: bool) -> None:
    sent = _text(film(tmp_path / "sent.mp4", 33, sound=sound))
    part = {"video": sent, "start_frame": 9, "end_frame": 17}
    fields: dict[str, Any] = {"num_inference_steps": 2, "include_audio": False}
    take = made(studio, **fields, retake=part)
    found = heard(take.video)
    assert (found is not None) == sound
    if found is not None:
        assert np.abs(found[:, at(10) : at(16)]).max() > 0.1


def test_a_silent_film_is_heard_in_the_part_alone(studio: Studio, tmp_path: Path) -> None:
    sent = _text(film(tmp_path / "sent.mp4", 33, sound=False))
    part = {"video": sent, "start_frame": 9, "end_frame": 25}
    found = heard(made(studio, retake=part).video)
    assert found is not None
    assert np.abs(found[:, : at(7)]).max() < 0.001
    assert np.abs(found[:, at(9) : at(25)]).max() > 0.001


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()


@pytest.mark.parametrize(
    ("part", "fields", "said"),
    [
        ({"end_frame": 50}, {}, "retake: the film has 49 frames, and 18 to 49 are to be made aga"),
        ({"start_frame": 49, "end_frame": None}, {}, "retake: the film has 49 frames"),
        ({"start_frame": 0, "end_frame": None}, {}, "retake: all of the film is to be made again"),
        ({}, {"width": 256}, "retake: the film is 196x128 at 24 fps, and the clip asks for 256x"),
        ({}, {"num_frames": 17}, "retake: frames 18 to 33 of 49 can't be made again in 17 frames"),
        ({}, {"image_start": True}, "image_start: is at frame 0, which stays as it is; frames 17"),
        ({}, {"audio": True}, "audio: a part that is made again has new sound, or the film's"),
    ],
)
def test_what_does_not_go_together_is_refused(
    studio: Studio, first: Take, part: dict[str, Any], fields: dict[str, Any], said: str
) -> None:
    digest = "sha256:" + "1" * 64
    named = {name: digest if value is True else value for name, value in fields.items()}
    with pytest.raises(InvalidRecipe, match=said):
        recipe_of(studio, **named, retake=PART | {"take": first.id} | part)


@pytest.mark.parametrize(
    ("part", "said"),
    [
        (5, "is 5. Send an object"),
        ({"start_frame": 1}, "names no film"),
        ({"take": "x"}, "has the take 'x'; allowed is a take's id"),
        ({"take": "a" * 32, "start_frame": -1}, "has the start_frame -1; allowed is the number"),
        ({"take": "a" * 32, "start_frame": float("nan")}, "has the start_frame nan"),
        ({"take": "a" * 32, "end_frame": 10**400}, "has the end_frame a number of more than"),
        ({"take": "a" * 32, "start_frame": 4, "end_frame": 4}, "has the end_frame 4; it has to co"),
        ({"take": "a" * 32, "sound": "loud"}, "has the sound 'loud'; allowed are"),
        ({"take": "a" * 32, "region": [0, 0, 1]}, "has the region a list of 3 values; allowed are"),
        ({"take": "a" * 32, "region": [0.5, 0, 0.6, 1]}, "has the region"),
        ({"take": "a" * 32, "region": [0, 0, 0, 1]}, "has the region"),
        ({"take": "a" * 32, "region": [0, 0, "x", 1]}, "has the region"),
        ({"take": "a" * 32, "region": [0, 0, float("nan"), 1]}, "has the region"),
        ({"take": "a" * 32, "region": "[" * 5000}, "has the region"),
        ({"take": "a" * 32, "direction": "after"}, "has 'direction', which it can't have"),
        ({"video": "AAAA"}, "is not an? MP4 or MOV film"),
    ],
)
def test_what_is_no_part_is_refused(part: Any, said: str) -> None:
    with pytest.raises(InvalidRecipe, match=f"^retake: {said}"):
        parse_request(FIELDS | {"retake": part})


def test_a_film_is_gone_on_from_or_has_a_part_made_again() -> None:
    named = {"take": "a" * 32}
    with pytest.raises(InvalidRecipe, match=r"^retake: can.t stand beside extend"):
        parse_request(FIELDS | {"extend": named, "retake": named | PART})


def test_nobody_makes_a_part_again_of_what_is_somebody_elses(studio: Studio, again: Take) -> None:
    with pytest.raises(NotFound):
        recipe_of(studio, "bob", retake=PART | {"take": again.id})
    with pytest.raises(InvalidRecipe, match=r"^retake: "):
        recipe_of(studio, "bob", retake=request_data(again.recipe)["retake"])


def test_a_film_goes_along_with_its_take(studio: Studio, again: Take, tmp_path: Path) -> None:
    zipped = tmp_path / "takes.zip"
    zipped.write_bytes(b"".join(studio.exporting.stream(OWNER, [again.id])))
    other = Studio(Settings.model_validate({"model": "demo", "data_dir": tmp_path / "other"}))
    other.importing.bring(zipped, OWNER)
    [take] = other.library.takes(OWNER)
    named = take.recipe.inputs.retake
    assert take.recipe == again.recipe and isinstance(named, RetakeInput)
    assert other.media_file(named.digest, "local").is_file()
    other.close()
