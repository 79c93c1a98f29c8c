"""Example clips come with the package, are served, and tell how they were made."""

from __future__ import annotations

import json
from pathlib import Path

import av
import httpx
import numpy as np
import pytest

from ltx_ui.clip import Clip
from ltx_ui.media.metadata import read_metadata
from ltx_ui.recipe import Recipe
from ltx_ui.request import request_data
from ltx_ui.web.examples import ExampleClip, examples
from training import make_examples, measure


def clip_of(data: bytes, folder: Path) -> Clip:
    """An mp4 as it was before."""
    file = folder / "film.mp4"
    file.write_bytes(data)
    with av.open(str(file)) as film:
        frames = [frame.to_ndarray(format="rgb24") for frame in film.decode(video=0)]
    with av.open(str(file)) as film:
        sound = [part.to_ndarray() for part in film.decode(audio=0)]
        rate = film.streams.audio[0].rate
    return Clip(np.stack(frames), 24, np.concatenate(sound, axis=1), rate)


def test_there_are_six_that_differ_and_weigh_little() -> None:
    recipes = [example.recipe for example in examples()]
    assert len({recipe.prompt for recipe in recipes}) == 6
    assert sum(recipe.width > recipe.height for recipe in recipes) == 1
    assert {recipe.num_frames for recipe in recipes} == {49}
    files = list(make_examples.FOLDER.iterdir())
    assert len(files) == 3 * 6
    assert sum(file.stat().st_size for file in files) <= make_examples.MOST_BYTES


@pytest.mark.parametrize("example", examples(), ids=lambda example: example.name)
def test_each_is_served_and_shows_what_its_recipe_says(
    example: ExampleClip, http: httpx.Client, tmp_path: Path
) -> None:
    video, poster = http.get(example.video), http.get(example.poster)
    assert (video.status_code, video.headers["content-type"]) == (200, "video/mp4")
    assert (poster.headers["content-type"], poster.content[:3]) == ("image/jpeg", b"\xff\xd8\xff")
    clip = clip_of(video.content, tmp_path)
    size = example.recipe.num_frames, example.recipe.height, example.recipe.width
    assert clip.frames.shape[:3] == size
    assert make_examples.shows(clip, make_examples.CLIPS[example.name][2])
    kept = read_metadata(tmp_path / "film.mp4")["recipe"]
    assert Recipe.model_validate(kept) == example.recipe
    part = http.get(example.video, headers={"Range": "bytes=0-9"})
    assert (part.status_code, part.content) == (206, video.content[:10])


@pytest.mark.parametrize(
    "path", ["nothing.mp4", "red-ball.json", "..%2Fexamples%2Fred-ball.mp4", "%2Fetc%2Fpasswd.jpg"]
)
def test_nothing_else_is_served(http: httpx.Client, path: str) -> None:
    assert http.get(f"/examples/{path}").status_code == 404


@pytest.mark.weights
def test_the_script_makes_one_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same one, with the demo model of the same weights."""
    monkeypatch.setattr("sys.argv", ["make_examples", "red-ball", "--folder", str(tmp_path)])
    make_examples.main()
    made, kept = tmp_path / "red-ball", make_examples.FOLDER / "red-ball"
    assert {file.suffix for file in tmp_path.iterdir()} == {".mp4", ".jpg", ".json"}
    one, other = (clip_of(path.with_suffix(".mp4").read_bytes(), tmp_path) for path in (made, kept))
    assert measure.psnr(one.frames, other.frames) > 30
    assert json.loads(made.with_suffix(".json").read_text()) == request_data(examples()[3].recipe)
