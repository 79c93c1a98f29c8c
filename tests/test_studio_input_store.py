"""Pictures are stored at once, stay while something uses them, and go when nothing does."""

from __future__ import annotations

import io
import os
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image
from studios import PATIENCE, OpenStudio, leave, quick

from ltx_ui.errors import InvalidRecipe, NotFound
from ltx_ui.studio import input_store, superfluous
from ltx_ui.studio.jobs import Done, Queued
from ltx_ui.studio.studio import Studio

LONG_AGO = time.time() - superfluous.UNUSED_SECONDS - 3600


def picture(colour: str = "orange", size: tuple[int, int] = (800, 600)) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", size, colour).save(buffer, "PNG")
    return buffer.getvalue()


def stored(data_dir: Path) -> set[str]:
    return {f"sha256:{path.stem}" for path in (data_dir / "references").iterdir()}


def age(studio: Studio, digest: str, when: float = LONG_AGO) -> None:
    os.utime(studio.reference(digest, "local"), (when, when))


def test_a_picture_is_stored_at_once_and_seen_small(
    open_studio: OpenStudio, data_dir: Path
) -> None:
    studio = open_studio(start=False)
    image = studio.add_image(picture())
    assert (image.width, image.height, image.note) == (800, 600, "")
    assert studio.add_image(picture()) == image
    assert stored(data_dir) == {image.digest}
    with Image.open(io.BytesIO(studio.thumbnail(image.digest))) as small:
        assert (small.format, small.size) == ("WEBP", (512, 384))
    for nothing in ("sha256:" + "0" * 64, "../library.sqlite3", "sha256:*"):
        with pytest.raises(NotFound):
            studio.thumbnail(nothing)
    with pytest.raises(InvalidRecipe, match="image_end: "):
        studio.add_image(b"no picture", "image_end")


def test_of_one_picture_each_end_takes_the_part_in_its_focus(open_studio: OpenStudio) -> None:
    studio = open_studio()
    wide = Image.new("RGB", (1024, 256), "red")
    wide.paste("blue", (512, 0, 1024, 256))
    buffer = io.BytesIO()
    wide.save(buffer, "PNG")
    digest = studio.add_image(buffer.getvalue()).digest
    both = {"image_start": digest, "image_end": digest, "num_inference_steps": 20}
    focuses = {"image_start_focus": [0, 0.5], "image_end_focus": [1, 0.5]}
    job = studio.submit(quick(**both, **focuses, num_frames=25), "ada")
    assert studio.wait(job.id, "ada", PATIENCE).state == Done(job.id)
    with av.open(str(studio.library.video(job.id, "ada"))) as film:
        frames = [frame.to_ndarray(format="rgb24") for frame in film.decode(video=0)]
    red, _, blue = np.mean([frames[0], frames[-1]], axis=(1, 2)).T
    assert red[0] > 2 * blue[0] and blue[-1] > 2 * red[-1]


def test_what_nothing_uses_any_more_is_removed_after_a_week(
    open_studio: OpenStudio, data_dir: Path
) -> None:
    studio = open_studio()
    used, queued, fresh, old = (
        studio.add_image(picture(colour)).digest for colour in ("red", "blue", "green", "grey")
    )
    job = studio.submit(quick(image_start=used), "ada")
    assert studio.wait(job.id, "ada", PATIENCE).state == Done(job.id)
    leave(studio)
    studio = open_studio(start=False)
    waiting = studio.submit(quick(image_end=queued), "ada")
    for digest in (used, queued, old):
        age(studio, digest)
    leave(studio)
    again = open_studio()
    assert again.wait(waiting.id, "ada", PATIENCE).state == Done(waiting.id)
    assert stored(data_dir) == {used, queued, fresh}
    again.library.delete([job.id], "ada")
    assert stored(data_dir) == {used, queued, fresh}, "the take can be brought back"
    again.library.purge()
    assert stored(data_dir) == {queued, fresh}


def test_a_picture_that_is_used_again_stays(open_studio: OpenStudio) -> None:
    studio = open_studio(start=False)
    digest = studio.add_image(picture()).digest
    age(studio, digest)
    studio.cancel(studio.submit(quick(image_start=digest), "ada").id, "ada")
    leave(studio)
    assert open_studio(start=False).add_image(picture("blue")).digest != digest
    assert studio.reference(digest, "local").is_file()


def test_of_too_many_unused_pictures_the_oldest_go_and_never_one_in_use(
    open_studio: OpenStudio, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(input_store, "SECONDS_BETWEEN_SWEEPS", -1)
    monkeypatch.setattr(superfluous, "UNUSED_BYTES", 2.5 * len(picture()))
    studio = open_studio(start=False)
    used = studio.add_image(picture("#000")).digest
    assert isinstance(studio.submit(quick(image_start=used), "ada").state, Queued)
    age(studio, used)
    added = []
    for number in range(1, 5):
        added.append(studio.add_image(picture(f"#00{number}")).digest)
        age(studio, added[-1], time.time() - 100 + number)
    newest = studio.add_image(picture("#005")).digest
    assert stored(data_dir) == {used, added[-1], newest}


def test_a_submit_while_pictures_are_removed_loses_none(
    open_studio: OpenStudio, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(input_store, "SECONDS_BETWEEN_SWEEPS", -1)
    monkeypatch.setattr(superfluous, "UNUSED_FILES", 1)
    studio = open_studio(start=False, max_queue=1000)

    def use(number: int) -> set[str]:
        try:
            digest = studio.add_image(picture(f"#{number:03x}", (64, 64))).digest
            return {studio.submit(quick(image_start=digest), "ada").recipe.inputs.images[0].digest}
        except InvalidRecipe as error:
            assert "not here any more" in str(error)
            return set()

    with ThreadPoolExecutor(6) as pool:
        used = set[str]().union(*pool.map(use, range(60)))
    assert used
    assert used <= stored(data_dir)


def test_uploads_of_earlier_versions_are_cleared_at_start(
    open_studio: OpenStudio, data_dir: Path
) -> None:
    left = data_dir / "cache" / "gradio" / "abc" / "picture.png"
    left.parent.mkdir(parents=True)
    left.write_bytes(picture())
    open_studio(start=False)
    assert not left.exists()
