"""A recipe comes back from its mp4, its poster or its JSON, and from nothing else."""

from __future__ import annotations

import base64
import io
import json
import shutil
import struct
import subprocess
import sys
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as limits
from hypothesis import strategies as st
from PIL import Image
from sources import ROOT
from studios import PATIENCE, OpenStudio, quick
from test_old_folders import FOLDERS
from told import MADE, ODD, files, typed

from ltx_ui.clip import Clip
from ltx_ui.errors import InvalidRecipe, StudioError
from ltx_ui.inputs import digest_of
from ltx_ui.media.metadata import NoRecipe
from ltx_ui.media.mp4 import without_recipe, write_mp4
from ltx_ui.recall import recall
from ltx_ui.recipe import Recipe, Typed
from ltx_ui.request import parse_recipe, request_data


@pytest.mark.parametrize(
    "prompt", [ODD, "🦊" * 4000, "水" * 4000, "\x00" * 3999 + "x", "a, b. " * 600]
)
def test_every_file_of_a_clip_tells_the_same_recipe(tmp_path: Path, prompt: str) -> None:
    recipe = typed(prompt=prompt)
    told = {name: recall(path) for name, path in files(tmp_path, recipe).items()}
    assert told["clip.mp4"].recipe == told["kept.json"].recipe == recipe
    assert told["asked.json"].recipe == recipe.model_copy(update={"typed": None})


@pytest.mark.parametrize("name", ["clip.mp4", "poster.jpg", "kept.json"])
def test_a_file_tells_how_its_clip_was_made(clip_files: dict[str, Path], name: str) -> None:
    found = recall(clip_files[name])
    assert found.making.model_dump(mode="json", exclude_none=True) == MADE
    again = recall(io.BytesIO(json.dumps(found.answer()).encode()))
    assert again == found and found.recipe == typed()


@pytest.mark.parametrize("prompt", [ODD, "水" * 4000])
def test_a_poster_tells_the_recipe_too(tmp_path: Path, prompt: str) -> None:
    poster = files(tmp_path, typed(prompt=prompt))["poster.jpg"]
    assert recall(poster).recipe == typed(prompt=prompt)
    small = tmp_path / "small.jpg"
    with Image.open(poster) as picture:
        picture.resize((64, 64)).save(small, exif=picture.getexif())
    assert recall(small).recipe == typed(prompt=prompt)


def test_a_poster_without_room_for_all_words_leaves_out_what_was_typed(tmp_path: Path) -> None:
    recipe = quick(prompt="🦊" * 4000, negative_prompt="👻" * 3900, seed=1)
    words = Typed(recipe.prompt, camera="👁" * 4000, negative_prompt=recipe.negative_prompt)
    full = recipe.model_copy(update={"typed": words})
    assert recall(files(tmp_path, full)["poster.jpg"]).recipe == recipe


def test_films_of_an_earlier_version_tell_when_they_were_made() -> None:
    films = sorted((FOLDERS / "0.2.0" / "data" / "takes").glob("*.mp4"))
    assert films
    for film in films:
        found = recall(film)
        assert found.making.model == "demo" and found.making.versions["ltx_ui"] == "0.2.0"
        assert str(found.making.made_at).startswith("2026-11-27 03:2")
        assert found.recipe.noise == "clip"


def test_a_body_of_a_request_is_read_as_the_api_reads_it(tmp_path: Path) -> None:
    path, picture = tmp_path / "body.json", io.BytesIO()
    Image.new("RGB", (96, 96), "teal").save(picture, "PNG")
    text = base64.b64encode(picture.getvalue()).decode()
    path.write_text(json.dumps({"prompt": "a\nball", "seed": "7", "image_end": text}))
    found = recall(path)
    assert (found.recipe.prompt, found.recipe.seed, found.recipe.noise) == ("a\nball", 7, "frame")
    assert found.pictures == {"image_end": picture.getvalue()}
    assert [each.digest for each in found.recipe.inputs.images] == [digest_of(picture.getvalue())]


def test_words_at_a_length_that_nobody_typed_are_left_out() -> None:
    kept = typed().model_dump(mode="json")
    kept["typed"]["sound"] = "rain. " * 10_000
    for told in ({"recipe": kept}, kept):
        found = recall(io.BytesIO(json.dumps(told).encode()))
        assert found.recipe == typed().model_copy(update={"typed": None})


def test_a_request_with_a_mistake_names_its_field(tmp_path: Path) -> None:
    path = tmp_path / "body.json"
    path.write_text('{"prompt": "a ball", "num_frames": 10}')
    with pytest.raises(InvalidRecipe, match="num_frames: is 10"):
        recall(path)


FOREIGN: dict[str, tuple[bytes, str]] = {
    "words.txt": (b"plain words", "is no mp4"),
    "empty.mp4": (b"", "is no mp4"),
    "list.json": (b"[1, 2]", "is no mp4"),
    "package.json": (b'{"name": "x"}', "it has no prompt"),
    "cut.json": (b'{"prompt": "a ba', "is not valid JSON"),
    "deep.json": (b'{"a":' * 100_000, "is not valid JSON"),
    "bomb.json": (b'{"a": [' + b"1," * 5_000_000, "far more values"),
    "other.json": (b'{"recipe": {"flour": 500}}', "can't be used here"),
    "wide.json": (b'{"recipe": {"prompt": "a", "width": 99999}}', "can't be used here"),
    "half.json": (b'{"recipe": {"prompt": "\\ud800"}}', "can't be used here"),
    "short.mp4": (b"\x00\x00\x00\x10ftypisom\x00\x00", "is damaged"),
    "film.mkv": (b"\x1aE\xdf\xa3" + b"\x00" * 99, "is no mp4"),
    "big.mp4": (struct.pack(">I4s8xI4sQ", 16, b"ftyp", 1, b"mdat", 2**63), "is damaged"),
    "none.mp4": (struct.pack(">I4s8xI4s", 16, b"ftyp", 8, b"moov"), "holds no recipe"),
}


@pytest.mark.parametrize("name", FOREIGN)
def test_a_foreign_or_damaged_file_gets_a_sentence(tmp_path: Path, name: str) -> None:
    data, says = FOREIGN[name]
    path = tmp_path / name
    path.write_bytes(data)
    with pytest.raises(NoRecipe, match=says) as caught:
        recall(path)
    assert str(caught.value).startswith(name) and str(caught.value).endswith(".")
    with pytest.raises(NoRecipe, match=r"^This file"):
        recall(io.BytesIO(data))


def test_a_picture_of_somebody_else_holds_no_recipe(tmp_path: Path) -> None:
    path, exif = tmp_path / "holiday.jpg", Image.Exif()
    exif.get_ifd(0x8769)[0x9286] = b"ASCII\0\0\0Steps: 20, Sampler: Euler"
    Image.new("RGB", (9, 9)).save(path, exif=exif)
    with pytest.raises(NoRecipe, match="holds no recipe"):
        recall(path)


def test_another_programs_json_in_a_film_is_no_recipe(tmp_path: Path) -> None:
    path = tmp_path / "comfy.mp4"
    write_mp4(Clip(np.zeros((9, 128, 128, 3), np.uint8), 24, None, 1), path, {"prompt": {"1": {}}})
    with pytest.raises(NoRecipe, match="another program"):
        recall(path)


def test_a_copy_without_recipe_tells_none(clip_files: dict[str, Path], tmp_path: Path) -> None:
    plain = tmp_path / "plain.mp4"
    without_recipe(clip_files["clip.mp4"], plain)
    with pytest.raises(NoRecipe, match="saved without one"):
        recall(plain)


def with_too_many_samples(film: bytes) -> bytes:
    """A film that claims sixty million samples of one byte, all in its first chunk."""
    data = bytearray(film)
    struct.pack_into(">II", data, data.rindex(b"stsz") + 8, 1, 60_000_000)
    struct.pack_into(">I", data, data.rindex(b"stsc") + 16, 60_000_000)
    return bytes(data)


def with_many_segments(poster: bytes) -> bytes:
    """A picture of 60 000 x 60 000 pixels in 150 segments of EXIF."""
    block = b"Exif\0\0" + b"II*\0\x08\0\0\0" + b"\xff" * 65_000
    segment = b"\xff\xe1" + struct.pack(">H", len(block) + 2) + block
    size = poster.index(b"\xff\xc0") + 5
    poster = poster[:size] + struct.pack(">HH", 60_000, 60_000) + poster[size + 4 :]
    return poster[:2] + segment * 150 + poster[2:]


LIMITED = """
import resource, sys
from pathlib import Path
from ltx_ui.errors import StudioError
from ltx_ui.recall import recall
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
for path in sys.argv[1:]:
    try:
        recall(Path(path))
    except StudioError as error:
        print(error)
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1000)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="ru_maxrss is in kB on Linux")
def test_a_film_of_gigabytes_and_bombs_take_little_memory(
    clip_files: dict[str, Path], tmp_path: Path
) -> None:
    film, poster = (clip_files[name].read_bytes() for name in ("clip.mp4", "poster.jpg"))
    huge, samples, segments = (tmp_path / name for name in ("huge.mp4", "bomb.mp4", "bomb.jpg"))
    huge.write_bytes(struct.pack(">I4s8xI4sQ", 16, b"ftyp", 1, b"mdat", 16 + 8 * 10**9))
    with huge.open("r+b") as file:  # 8 GB without a byte on the disk.
        file.seek(32 + 8 * 10**9)
        file.write(film[film.index(b"moov") - 4 : film.index(b"mdat") - 4])
    samples.write_bytes(with_too_many_samples(film))
    segments.write_bytes(with_many_segments(poster))
    run = subprocess.run(
        [sys.executable, "-c", LIMITED, *map(str, (huge, samples, segments))],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    *said, megabytes = run.stdout.splitlines()
    assert said == [f"bomb.jpg {said[0].partition(' ')[2]}"] and int(megabytes) < 150


@st.composite
def damaged(draw: st.DrawFn, whole: bytes) -> bytes:
    """A file with some bytes changed, cut off somewhere."""
    data = bytearray(whole)
    for _ in range(draw(st.integers(0, 6))):
        data[draw(st.integers(0, min(len(data), 4000) - 1))] = draw(st.integers(0, 255))
    return bytes(data[: draw(st.integers(0, len(data)) | st.just(len(data)))])


@pytest.mark.parametrize("name", ["clip.mp4", "poster.jpg", "kept.json", "asked.json"])
@limits(max_examples=300, deadline=None)
@given(data=st.data())
def test_a_damaged_file_tells_a_recipe_or_says_that_it_cannot(
    clip_files: dict[str, Path], name: str, data: st.DataObject
) -> None:
    try:
        found = recall(io.BytesIO(data.draw(damaged(clip_files[name].read_bytes()))))
    except StudioError as error:
        assert str(error).endswith(".")
    else:
        json.dumps(found.answer()).encode()
        assert parse_recipe(request_data(found.recipe))


def test_a_film_carried_to_a_fresh_studio_gives_the_same_frames(
    open_studio: OpenStudio, data_dir: Path, tmp_path: Path
) -> None:
    def frames(video: Path) -> list[bytes]:
        with av.open(str(video)) as container:
            return [frame.to_ndarray().tobytes() for frame in container.decode(video=0)]

    def made(recipe: Recipe) -> Path:
        studio = open_studio()
        job = studio.submit(recipe, "ada")
        studio.wait(job.id, "ada", PATIENCE)
        take = studio.library.take(job.id, "ada")
        studio.close()
        assert recall(take.poster).recipe == recall(take.video).recipe == take.recipe
        return take.video

    carried = Path(shutil.copy(made(typed(prompt=ODD)), tmp_path / "carried.mp4"))
    first = frames(carried)
    shutil.rmtree(data_dir / "takes")
    for left in data_dir.glob("library.sqlite3*"):
        left.unlink()
    again = made(recall(carried).recipe)
    assert frames(again) == first and len(first) == 9
