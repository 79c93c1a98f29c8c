"""Deleting a take leaves nothing of its words and pictures, in memory or on the disk, once it can't
be undone any more."""

from __future__ import annotations

import io
import os
import sqlite3
from pathlib import Path

import pytest
from PIL import Image
from studios import PATIENCE, OpenStudio, leave, put_back_to, quick, until

from ltx_ui.errors import NotFound
from ltx_ui.recipe import Recipe, Typed
from ltx_ui.studio.jobs import Done, Job
from ltx_ui.studio.studio import Studio

WORDS = ("zanzibar", "quixotic", "wolverine", "xylophone", "jukebox")
"""They stand in a take's prompt, its helper fields, its negative prompt and its note."""

LONG = {"width": 256, "height": 256, "num_frames": 25, "num_inference_steps": 100}


def secret(**fields: object) -> Recipe:
    place, helper, negative, sound, _ = WORDS
    recipe = quick(prompt=f"A {place} fox. A {sound} plays.", negative_prompt=negative, **fields)
    return recipe.model_copy(update={"typed": Typed(prompt=f"A {place} fox", camera=helper)})


def picture() -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (200, 200), "orange").save(buffer, "PNG")
    return buffer.getvalue()


def told(folder: Path, *words: str) -> set[str]:
    """Those of the words that some file of a folder holds."""
    held = b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file()).lower()
    return {word for word in words if word.encode() in held}


def made(studio: Studio, recipe: Recipe, *, draft: bool = False) -> Job:
    job = studio.submit(recipe, "ada", draft=draft)
    assert isinstance(studio.wait(job.id, "ada", PATIENCE).state, Done)
    return job


def test_no_file_has_a_word_of_a_deleted_take(open_studio: OpenStudio, data_dir: Path) -> None:
    studio = open_studio()
    other = made(studio, quick(prompt="A marmalade hen"))
    digest = studio.add_image(picture()).digest
    job = made(studio, secret(image_start=digest))
    studio.library.set_note(job.id, "ada", WORDS[-1])
    bare = digest.removeprefix("sha256:")
    assert told(data_dir, *WORDS, bare, "marmalade") == {*WORDS, bare, "marmalade"}
    os.utime(studio.reference(digest, "local"), (0, 0))
    studio.library.delete([job.id], "ada")
    studio.library.purge()
    assert told(data_dir, *WORDS, bare, "marmalade") == {"marmalade"}
    with pytest.raises(NotFound):
        studio.reference(digest, "local")
    leave(studio)
    assert told(data_dir, *WORDS, bare) == set()
    again = open_studio(start=False)
    assert [ended.id for ended in again.session("ada").ended] == [other.id]


def test_a_studio_knows_nothing_of_the_job_of_a_deleted_take(open_studio: OpenStudio) -> None:
    studio = open_studio()
    job = made(studio, secret())
    assert [ended.id for ended in studio.session("ada").ended] == [job.id]
    studio.library.delete([job.id], "ada")
    assert studio.session("ada").ended == ()
    for ask in (studio.job, studio.wait, studio.cancel, studio.again):
        with pytest.raises(NotFound, match="its clips were deleted"):
            ask(job.id, "ada")


def test_a_job_is_known_until_its_last_take_is_deleted(
    open_studio: OpenStudio, data_dir: Path
) -> None:
    studio = open_studio()
    job = made(studio, secret(num_takes=3))
    first, second, third = job.take_ids
    studio.library.delete([first], "ada")
    studio.library.delete([third], "ada")
    assert studio.job(job.id, "ada").state == Done(first, (second, third))
    assert WORDS[0] in told(data_dir, *WORDS)
    studio.library.delete([second], "ada")
    with pytest.raises(NotFound):
        studio.job(job.id, "ada")
    studio.library.purge()
    assert told(data_dir, *WORDS) == set()


def test_a_job_whose_takes_were_deleted_while_it_ran_is_forgotten_when_it_ends(
    open_studio: OpenStudio, data_dir: Path
) -> None:
    studio = open_studio()
    job = studio.submit(secret(num_takes=2, **LONG), "ada")
    until(lambda: bool(studio.job(job.id, "ada").kept))
    studio.library.delete([job.id], "ada")
    assert studio.cancel(job.id, "ada").live
    with pytest.raises(NotFound):
        studio.wait(job.id, "ada", PATIENCE)
    assert studio.session("ada").ended == ()
    leave(studio)
    assert told(data_dir, *WORDS) == set()


def test_what_an_earlier_version_kept_of_deleted_takes_goes(
    open_studio: OpenStudio, data_dir: Path
) -> None:
    studio = open_studio()
    job = made(studio, secret(num_takes=2))
    kept = made(studio, quick())
    leave(studio)
    put_back_to("0008", data_dir / "library.sqlite3")
    delete_as_before(data_dir / "library.sqlite3", job)
    assert WORDS[0] in told(data_dir, *WORDS)
    again = open_studio(start=False)
    assert again.job(kept.id, "ada").state == Done(kept.id)
    leave(again)
    assert told(data_dir, *WORDS) == set()


def delete_as_before(library: Path, job: Job) -> None:
    """Deletes a job's takes as versions up to 0.2.0 did: their rows alone."""
    with sqlite3.connect(library) as connection:
        connection.execute("PRAGMA secure_delete=OFF")
        old = f"FROM takes WHERE id IN {job.take_ids}"
        for files in connection.execute(f"SELECT video, poster {old}").fetchall():
            for name in files:
                (library.parent / "takes" / name).unlink()
        connection.execute(f"DELETE {old}")
    connection.close()
