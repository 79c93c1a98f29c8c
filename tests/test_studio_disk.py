"""A studio on a disk that is really full: nothing breaks, and deleting takes makes room."""

from __future__ import annotations

import errno
import os
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from studios import PATIENCE, OpenStudio, leave, quick, sampling, until

from ltx_ui.errors import DiskFull, NotFound, writing_failed
from ltx_ui.studio.jobs import Done, Failed
from ltx_ui.studio.studio import Studio


@pytest.fixture
def data_dir(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Path]:
    """A file system of 12 MB."""
    folder = tmp_path / "small"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=12m", "tmpfs", str(folder)]
    if not shutil.which("mount") or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("a small file system can't be mounted here")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def fill(folder: Path) -> Path:
    """Take all the room there is."""
    filler = folder / "filler"
    try:
        with filler.open("ab", buffering=0) as file:
            while True:
                file.write(bytes(4096))
    except OSError as error:
        assert error.errno == errno.ENOSPC
    assert shutil.disk_usage(folder).free == 0
    return filler


def made(studio: Studio) -> str:
    job = studio.submit(quick(), "ada")
    assert studio.wait(job.id, "ada", PATIENCE).state == Done(job.id)
    return job.id


def is_sound(folder: Path) -> bool:
    with sqlite3.connect(folder / "library.sqlite3") as connection:
        [found] = connection.execute("PRAGMA integrity_check").fetchone()
    return str(found) == "ok"


def test_takes_can_be_deleted_and_clips_made_again(open_studio: OpenStudio, data_dir: Path) -> None:
    studio = open_studio()
    first, second = made(studio), made(studio)
    fill(data_dir)
    with pytest.raises(DiskFull, match="the studio's disk is full") as full:
        studio.submit(quick(), "ada")
    assert full.value.folder == data_dir / "takes"
    assert str(data_dir) not in str(full.value)
    files = studio.library.video(first, "ada"), studio.library.poster(first, "ada")
    studio.library.delete([first], "ada")
    assert not any(file.exists() for file in files)
    assert [take.id for take in studio.library.takes("ada")] == [second]
    (data_dir / "filler").unlink()
    assert made(studio)
    assert is_sound(data_dir)


def test_deleting_works_where_it_frees_no_file_and_after_a_restart(
    open_studio: OpenStudio, data_dir: Path
) -> None:
    studio = open_studio()
    lost = made(studio)
    studio.library.video(lost, "ada").unlink()
    studio.library.poster(lost, "ada").unlink()
    leave(studio)
    fill(data_dir)
    again = open_studio(start=False)
    fill(data_dir)
    with pytest.raises(DiskFull):
        again.library.set_note(lost, "ada", "x" * 2000)
    again.library.delete([lost], "ada")
    assert again.library.takes("ada") == []
    assert is_sound(data_dir)


def test_a_job_that_finds_the_disk_full_says_so_and_the_next_is_made(
    open_studio: OpenStudio, data_dir: Path
) -> None:
    studio = open_studio()
    kept = made(studio)
    job = studio.submit(quick(num_inference_steps=100), "ada")
    until(lambda: sampling(studio, job))
    filler = fill(data_dir)
    state = studio.wait(job.id, "ada", PATIENCE).state
    assert isinstance(state, Failed)
    assert "the studio's disk is full" in state.message
    with pytest.raises(NotFound):
        studio.library.take(job.id, "ada")
    assert len(list((data_dir / "takes").iterdir())) == 2
    filler.unlink()
    assert {made(studio), kept} == {take.id for take in studio.library.takes("ada")}
    assert is_sound(data_dir)


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (errno.ENOSPC, "is full. Free some space"),
        (errno.EACCES, "may not write there. Change the folder's permissions"),
        (errno.EROFS, "the disk is read-only"),
        (errno.ENOENT, "the folder is gone"),
        (errno.ENAMETOOLONG, "does not take this name"),
        (errno.EMFILE, "too many files are open"),
        (errno.ENXIO, "No such device or address. Check the folder"),
    ],
)
def test_each_way_that_writing_fails_has_its_own_words(code: int, words: str) -> None:
    said = writing_failed(Path("takes"), OSError(code, os.strerror(code)))
    assert "takes" in str(said)
    assert words in str(said)
