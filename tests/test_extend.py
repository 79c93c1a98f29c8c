"""A film is gone on from: after its end and before its beginning, joined into one."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from films import RATE, encoded, film, heard, moving, psnr, seen, steps
from numpy.typing import NDArray
from PIL import Image
from sounds import beats, sound_file
from studios import PATIENCE, take_of, working

from ltx_ui.errors import InvalidRecipe, NotFound
from ltx_ui.media.metadata import read_metadata
from ltx_ui.recipe import Recipe
from ltx_ui.request import parse_recipe, parse_request, request_data
from ltx_ui.settings import Settings
from ltx_ui.studio.jobs import Origin
from ltx_ui.studio.studio import Studio
from ltx_ui.studio.takes import Take

OWNER = "ada"
PROMPT = "A red ball bounces up and down by the sea. A thump at each bounce."
FIELDS = {"prompt": PROMPT, "num_inference_steps": 8, "seed": 5}
SMALL: dict[str, Any] = {"width": 132, "height": 128, "num_frames": 33}
WORDLESS = {"prompt": "A red ball lies in a studio."}
OVERLAP = 17


@pytest.fixture(scope="module")
def studio(cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    with working(tmp_path_factory.mktemp("extended"), cache) as studio:
        yield studio


def made(studio: Studio, owner: str = OWNER, origin: Origin | None = None, **fields: Any) -> Take:
    recipe = studio.recipe_of(parse_request(FIELDS | fields), owner)
    return take_of(studio, recipe, owner, origin)


@pytest.fixture(scope="module")
def first(studio: Studio) -> Take:
    """A take of 33 frames, off the model's grid, with sound."""
    return made(studio, **SMALL)


@pytest.fixture(scope="module")
def longer(studio: Studio, first: Take) -> Take:
    """What goes on from it for 32 frames."""
    return made(studio, num_frames=49, seed=9, extend={"take": first.id})


@pytest.fixture(scope="module")
def earlier(studio: Studio, first: Take) -> Take:
    """What leads to it, and has been made in two stages."""
    film = {"take": first.id, "direction": "before"}
    return made(studio, num_frames=49, seed=9, two_stage=True, extend=film)


@pytest.mark.parametrize("which", ["longer", "earlier"])
def test_a_film_is_gone_on_from_without_a_seam(
    first: Take, which: str, request: pytest.FixtureRequest
) -> None:
    take: Take = request.getfixturevalue(which)
    source, whole = seen(first.video), seen(take.video)
    assert whole.shape == (33 + 32, 128, 132, 3)
    after = which == "longer"
    overlap = slice(33 - OVERLAP, 33) if after else slice(32, 32 + OVERLAP)
    kept = (whole[: 33 - OVERLAP], source[:-OVERLAP])
    if not after:
        kept = (whole[32 + OVERLAP :], source[OVERLAP:])
    assert psnr(*kept) > 38
    shared = source[-OVERLAP:] if after else source[:OVERLAP]
    assert psnr(whole[overlap], shared) > 24
    changes = steps(whole)
    across = changes[overlap.start - 1 : overlap.stop]
    around = np.r_[changes[: overlap.start - 1], changes[overlap.stop :]]
    assert across.max() <= 1.5 * around.max()
    assert across.mean() <= 1.5 * around.mean()
    # It moves on: the new part is no still picture, and not the film once more.
    new = whole[33:] if after else whole[:32]
    assert steps(new).mean() > 0.3 * steps(source).mean()


def test_the_new_frames_go_on_from_these_and_no_others(
    studio: Studio, first: Take, longer: Take
) -> None:
    alone = made(studio, **SMALL | {"num_frames": 49, "seed": 9})
    end, new = seen(first.video)[-1], seen(longer.video)[33]
    assert psnr(new, end) > psnr(seen(alone.video)[OVERLAP], end) + 3


@pytest.mark.parametrize("which", ["longer", "earlier"])
def test_the_sound_of_both_is_joined_without_a_click(
    first: Take, which: str, request: pytest.FixtureRequest
) -> None:
    take: Take = request.getfixturevalue(which)
    source, whole = heard(first.video), heard(take.video)
    assert source is not None and whole is not None
    samples = round(65 / 24 * RATE)
    assert samples <= whole.shape[1] <= samples + 2048
    assert np.abs(whole[:, round(50 / 24 * RATE) : samples]).max() > 0.001
    start = round((16 if which == "longer" else 32) / 24 * RATE)
    stop = start + round(OVERLAP / 24 * RATE)
    changes = np.abs(np.diff(whole[:, :samples])).max(axis=0)
    across = changes[start - 100 : stop + 100]
    assert across.max() <= 1.5 * np.r_[changes[: start - 100], changes[stop + 100 :]].max()
    kept = slice(2000, start - 2000) if which == "longer" else slice(stop + 2000, samples - 2000)
    same = kept if which == "longer" else slice(kept.start - start, kept.stop - start)
    assert np.corrcoef(whole[0, kept], source[0, same])[0, 1] > 0.98


@pytest.fixture(scope="module")
def rainy(studio: Studio) -> Take:
    """A take of 33 frames with a steady, bright sound."""
    prompt = "In a green forest, a blue box drifts slowly to the left. The sound of rain."
    return made(studio, **SMALL | {"prompt": prompt, "width": 128})


@pytest.mark.parametrize("direction", ["after", "before"])
def test_the_films_sound_goes_on(studio: Studio, rainy: Take, direction: str) -> None:
    """The prompt says nothing of rain: where it does not go on, there is another sound."""

    def extended(**sound: str) -> NDArray[np.float32]:
        extend = {"take": rainy.id, "direction": direction, **sound}
        words: dict[str, Any] = {**WORDLESS, "num_frames": 49, "extend": extend, "seed": 9}
        found = heard(made(studio, **words).video)
        assert found is not None
        return found[:, : round(65 / 24 * RATE)]

    after = direction == "after"
    new, joint = ((35, 60), (14, 38)) if after else ((5, 30), (27, 51))
    on, free = extended(), extended(sound="new")
    assert _bright(on, new) > 0.5 > _bright(free, new)
    assert np.ptp(_levels(on, joint)) < 2.5
    kept = slice(4000, round(20 / 24 * RATE)) if after else slice(round(46 / 24 * RATE), -4000)
    assert np.corrcoef(on[0, kept], free[0, kept])[0, 1] > 0.98


def _part(sound: NDArray[np.float32], frames: tuple[int, int]) -> NDArray[np.float32]:
    first, last = (round(frame / 24 * RATE) for frame in frames)
    return sound[:, first:last]


def _bright(sound: NDArray[np.float32], frames: tuple[int, int]) -> float:
    """The share of a sound's power above 1 kHz."""
    power = np.abs(np.fft.rfft(_part(sound, frames).mean(axis=0), RATE)) ** 2
    return float(power[1000:].sum() / power.sum())


def _levels(sound: NDArray[np.float32], frames: tuple[int, int]) -> NDArray[np.float64]:
    """How loud each 1/12 s is: dB."""
    part = _part(sound, frames)
    found = np.split(part, range(2000, part.shape[1], 2000), axis=1)[:-1]
    return np.array([10 * np.log10(np.mean(each**2) + 1e-9) for each in found])


def test_what_went_on_before_sound_did_is_made_as_it_was() -> None:
    digest = "sha256:" + "a" * 64
    old = {"digest": digest, "frames": 33, "overlap": 17, "direction": "after"}
    recipe = Recipe.model_validate({**FIELDS, "inputs": {"images": [], "film": old}})
    assert recipe.model_dump(mode="json")["inputs"]["film"] == old
    asked = request_data(recipe)["extend"]
    assert asked["sound"] == "new"
    again = parse_request(FIELDS | {"extend": asked}).extend
    assert again is not None and again.input(digest).sound == "new"


def test_a_new_part_that_is_made_to_a_sound_has_that(studio: Studio, rainy: Take) -> None:
    digest = studio.add_file(rainy.video.read_bytes(), "audio", OWNER)
    asked = FIELDS | {"extend": {"take": rainy.id}, "audio": digest}
    film = studio.recipe_of(parse_request(asked), OWNER).inputs.film
    assert film is not None and film.sound == "new"
    given = beats(1.2)
    fields: dict[str, Any] = {"num_frames": 25, "num_inference_steps": 2}
    sent = _as_text(sound_file(given))
    take = made(studio, **fields, audio=sent, extend={"take": rainy.id})
    found = heard(take.video)
    assert found is not None and found.shape[1] >= 41 / 24 * 48_000
    new = slice(34 * 2000, 40 * 2000)  # The sound begins with the clip, at frame 16.
    same = given[0, new.start - 16 * 2000 : new.stop - 16 * 2000]
    assert np.corrcoef(found[0, new], same)[0, 1] > 0.98
    assert any("heard but for its last 0.16 s" in note for note in take.notes)


def test_a_take_tells_what_it_was_made_from(studio: Studio, first: Take, longer: Take) -> None:
    named = longer.recipe.inputs.film
    assert named is not None
    assert (named.frames, named.overlap, named.direction) == (33, OVERLAP, "after")
    assert longer.recipe.resolution == first.recipe.resolution
    assert longer.recipe.duration == pytest.approx(65 / 24)
    told = read_metadata(longer.video)["recipe"]
    assert Recipe.model_validate(told) == longer.recipe
    assert studio.media_file(named.digest, OWNER).read_bytes() == first.video.read_bytes()
    asked = parse_request(request_data(longer.recipe))
    assert studio.recipe_of(asked, OWNER).inputs == longer.recipe.inputs


def test_a_recipe_without_a_film_is_written_as_before() -> None:
    recipe = parse_request(FIELDS).recipe()
    assert recipe.model_dump(mode="json")["inputs"] == {"images": []}
    assert "extend" not in request_data(recipe)


def test_what_goes_on_from_a_film_is_gone_on_from_itself(studio: Studio, longer: Take) -> None:
    origin = Origin(longer.id, "extended")
    take = made(studio, origin=origin, num_frames=25, extend={"take": longer.id, "overlap": 9})
    assert len(seen(take.video)) == 65 + 16
    assert studio.library.lineage(take.id, OWNER).came_from == longer
    assert take.relation == "extended"


def test_takes_of_a_film_differ_only_where_they_are_new(studio: Studio, tmp_path: Path) -> None:
    sent = film(tmp_path / "sent.mp4", 17)
    digest = studio.recipe_of(
        parse_request(FIELDS | {"extend": {"video": _as_text(sent)}}), OWNER
    ).inputs.film
    assert digest is not None
    recipe = parse_request(
        FIELDS | {"num_frames": 25, "num_takes": 2, "extend": {"video": digest.digest}}
    )
    job = studio.submit(studio.recipe_of(recipe, OWNER), OWNER)
    studio.wait(job.id, OWNER, PATIENCE)
    one, other = (seen(studio.library.take(take_id, OWNER).video) for take_id in job.take_ids)
    assert len(one) == len(other) == 25
    assert psnr(one[0], other[0]) > 38 > psnr(one[-1], other[-1])


@pytest.mark.parametrize(("sound", "include_audio"), [(False, True), (True, False), (False, False)])
def test_a_side_without_sound_is_silent(
    studio: Studio, tmp_path: Path, sound: bool, include_audio: bool
) -> None:
    sent = _as_text(film(tmp_path / "sent.mp4", sound=sound))
    fields: dict[str, Any] = {
        "num_frames": 25,
        "include_audio": include_audio,
        "extend": {"video": sent},
    }
    take = made(studio, **fields)
    found = heard(take.video)
    if not sound and not include_audio:
        assert found is None
        return
    assert found is not None
    begins, ends = found[:, 4000:14000], found[:, round(34 / 24 * RATE) : round(40 / 24 * RATE)]
    assert (np.abs(begins).max() > 0.1) == sound
    assert (np.abs(ends).max() > 0.0005) == include_audio


def test_films_of_other_kinds_are_taken(studio: Studio) -> None:
    for fps, container in ((25, "mp4"), (30, "mov")):
        sent = encoded(moving(20, 160, 128), fps, container)
        recipe = studio.recipe_of(
            parse_request(FIELDS | {"extend": {"video": _as_text(sent)}}), OWNER
        )
        assert (recipe.width, recipe.height, recipe.fps) == (160, 128, fps)
        assert recipe.film_frames == 20 + 49 - 17


def _as_text(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _claiming(data: bytes, table: bytes, number: int) -> bytes:
    """A film whose index claims so much in a table."""
    at = data.index(table) + 12
    return data[:at] + number.to_bytes(4, "big") + data[at + 4 :]


REFUSED: Mapping[str, tuple[Callable[[bytes], bytes], str]] = {
    "broken": (lambda good: good[: len(good) // 2], "damaged"),
    "changed": (lambda good: good[:200] + b"\xff" * 300 + good[500:], "damaged"),
    "no film": (lambda _: b"\0\0\0\x18ftypmp42" + b"\0" * 4000, "damaged"),
    "samples": (lambda good: _claiming(good, b"stts", 60_000_000), "damaged"),
    "sizes": (lambda good: _claiming(good, b"stsz", 60_000_000), "damaged"),
    "one frame": (lambda _: encoded(moving(1)), "has 1 frame; at least 9"),
    "rate": (lambda _: encoded(moving(20), 12), "12.00 frames a second; allowed are 24, 25 and"),
    "small": (lambda _: encoded(moving(20, 64, 64)), "allowed are even sides from 128"),
    "long": (lambda _: encoded(moving(1, 128, 128).repeat(1450, axis=0)), "longer than 60 s"),
}


@pytest.mark.parametrize("why", REFUSED)
def test_a_film_that_can_not_be_used_is_refused_in_words(
    studio: Studio, tmp_path: Path, why: str
) -> None:
    spoil, said = REFUSED[why]
    sent = spoil(film(tmp_path / "good.mp4", 17))
    with pytest.raises(InvalidRecipe, match=f"^extend: the film .*{said}"):
        studio.recipe_of(parse_request(FIELDS | {"extend": {"video": _as_text(sent)}}), OWNER)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"width": 256}, "the film is 132x128 at 24 fps, and the clip asks for 256x128"),
        ({"fps": 30}, "asks for 132x128 at 30 fps"),
        ({"num_frames": 9}, "num_frames: is 9, of which 9 are the film's"),
        ({"overlap": 41}, "the film has 33 frames; at least 41 are needed"),
        ({"num_frames": 17, "overlap": 17}, "at least 25|At least 25"),
    ],
)
def test_what_does_not_go_together_is_refused(
    studio: Studio, first: Take, fields: dict[str, Any], said: str
) -> None:
    extend = {"take": first.id} | {k: fields[k] for k in fields.keys() & {"overlap"}}
    rest = {k: v for k, v in fields.items() if k != "overlap"}
    with pytest.raises(InvalidRecipe, match=said):
        studio.recipe_of(parse_request(FIELDS | rest | {"extend": extend}), OWNER)


def test_one_file_serves_as_a_film_and_as_a_sound_whoever_sent_it_first(
    studio: Studio, tmp_path: Path
) -> None:
    def as_film(data: bytes) -> str:
        asked = parse_request(FIELDS | {"extend": {"video": _as_text(data)}})
        named = studio.recipe_of(asked, OWNER).inputs.film
        assert named is not None
        return named.digest

    data = film(tmp_path / "both.mp4", 33)
    studio.add_sound(data, "visitor-1")
    digest = as_film(data)
    small = FIELDS | {"width": 128, "height": 128}
    studio.submit(parse_recipe(small | {"audio": digest}), OWNER)
    for name in ("image_start", "image_end"):
        with pytest.raises(InvalidRecipe, match=f"{name}: is the digest of a sound or a film; a p"):
            studio.submit(parse_recipe(small | {name: digest}), OWNER)
    with pytest.raises(InvalidRecipe, match="audio: has no sound in it"):
        silent = as_film(film(tmp_path / "silent.mp4", 33, sound=False))
        studio.submit(parse_recipe(small | {"audio": silent}), OWNER)


def test_a_picture_where_the_film_is_and_too_long_a_film_are_refused(
    studio: Studio, longer: Take, tmp_path: Path
) -> None:
    picture = io.BytesIO()
    Image.new("RGB", (128, 128), "red").save(picture, "PNG")
    start = FIELDS | {"image_start": _as_text(picture.getvalue())}
    with pytest.raises(InvalidRecipe, match="image_start: there are the film's own frames"):
        studio.recipe_of(parse_request(start | {"extend": {"take": longer.id}}), OWNER)
    still = encoded(moving(1, 128, 128).repeat(1400, axis=0))
    with pytest.raises(InvalidRecipe, match=r"would be 61\.\d s long; at most 60 s"):
        fields = FIELDS | {"num_frames": 97, "extend": {"video": _as_text(still)}}
        studio.recipe_of(parse_request(fields), OWNER)


@pytest.mark.parametrize(
    ("extend", "said"),
    [
        ({"take": "x"}, "has the take 'x'; allowed is a take's id"),
        ({}, "names no film"),
        ({"take": "a" * 32, "video": "sha256:" + "a" * 64}, "names both a take and a video"),
        (5, "is 5. Send an object"),
        ({"video": "AAAA"}, "is not an? MP4 or MOV film"),
        ({"video": "/etc/passwd"}, "is not valid base64|is not an? MP4"),
        ({"take": "a" * 32, "direction": "up"}, "has the direction 'up'; allowed are"),
        ({"take": "a" * 32, "overlap": 10}, "has the overlap 10; allowed are 9 to 65"),
        ({"take": "a" * 32, "overlap": True}, "has the overlap"),
        ({"take": "a" * 32, "sound": "keep"}, "has the sound 'keep'; allowed are \"continue\""),
        ({"take": "a" * 32, "path": "x"}, "has 'path', which it can't have"),
        ("{", "is no JSON object"),
    ],
)
def test_what_is_no_film_is_refused(extend: Any, said: str) -> None:
    with pytest.raises(InvalidRecipe, match=f"^extend: {said}"):
        parse_request(FIELDS | {"extend": extend})


def test_nobody_goes_on_from_what_is_somebody_elses(studio: Studio, longer: Take) -> None:
    with pytest.raises(NotFound):
        studio.recipe_of(parse_request(FIELDS | {"extend": {"take": longer.id}}), "bob")
    digest = request_data(longer.recipe)["extend"]["video"]
    with pytest.raises(InvalidRecipe, match=r"^extend: "):
        studio.recipe_of(parse_request(FIELDS | {"extend": {"video": digest}}), "bob")


def test_a_film_goes_along_with_its_take(studio: Studio, longer: Take, tmp_path: Path) -> None:
    zipped = tmp_path / "takes.zip"
    zipped.write_bytes(b"".join(studio.exporting.stream(OWNER, [longer.id])))
    settings = {"model": "demo", "data_dir": tmp_path / "other"}
    other = Studio(Settings.model_validate(settings))
    other.importing.bring(zipped, OWNER)
    (take,) = other.library.takes(OWNER)
    named = take.recipe.inputs.film
    assert take.recipe == longer.recipe and named is not None
    assert other.media_file(named.digest, "local").is_file()
    other.close()
