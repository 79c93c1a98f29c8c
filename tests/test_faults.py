"""What goes wrong around the studio is told in words that a person can act on, and it goes on."""

from __future__ import annotations

import os
import resource
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import pytest
from studios import PATIENCE, OpenStudio, leave, quick

from ltx_ui.errors import MediaError, ModelUnavailable
from ltx_ui.settings import Settings
from ltx_ui.studio.jobs import Failed
from ltx_ui.studio.queue import JobQueue
from ltx_ui.studio.studio import Studio


# First: its studios end before the next one, which the others share, is opened.
def test_where_the_worker_ends_jobs_are_refused_and_made_by_the_next_start(
    open_studio: OpenStudio, monkeypatch: pytest.MonkeyPatch
) -> None:
    studio = open_studio(start=False)
    waits = studio.submit(quick(), "local").id

    def broken(queue: JobQueue) -> None:
        raise RuntimeError("a fault of ours")

    monkeypatch.setattr(JobQueue, "next", broken)
    studio.start()
    studio.wait(waits, "local", PATIENCE)
    assert "Restart the program" in studio.model_status().message
    with pytest.raises(ModelUnavailable, match="Restart the program"):
        studio.submit(quick(), "local")
    studio.close()
    monkeypatch.undo()
    again = open_studio()
    assert again.wait(waits, "local", PATIENCE).state.name == "done"


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    """A studio that several faults happen to."""
    folder = tmp_path_factory.mktemp("faults") / "data"
    opened = Studio(Settings.model_validate({"model": "demo", "data_dir": folder}))
    opened.start()
    made(opened)
    yield opened
    leave(opened)


def made(studio: Studio) -> str:
    """How a quick job ends: ``done``, or what its owner is told."""
    job = studio.submit(quick(), "local")
    state = studio.wait(job.id, "local", PATIENCE).state
    return state.message if isinstance(state, Failed) else state.name


def test_a_missing_ffmpeg_is_named_and_found_again(
    studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IMAGEIO_FFMPEG_EXE", "/nowhere/ffmpeg")
    assert "let IMAGEIO_FFMPEG_EXE name an ffmpeg that works" in made(studio)
    monkeypatch.undo()
    assert made(studio) == "done"


def test_a_killed_ffmpeg_fails_its_clip_alone(
    studio: Studio, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    killed = tmp_path / "ffmpeg"
    killed.write_text("#!/bin/sh\nhead -c 1000 >/dev/null\nkill -9 $$\n")
    killed.chmod(0o755)
    monkeypatch.setenv("IMAGEIO_FFMPEG_EXE", str(killed))
    assert "could not be written as mp4; the log says why. Try again." in made(studio)
    monkeypatch.undo()
    assert made(studio) == "done"


@contextmanager
def few_files() -> Iterator[None]:
    """This process may open hardly any more files."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    highest = max(int(each.name) for each in Path("/proc/self/fd").iterdir())
    taken: list[int] = []
    # At least as many are free as are let go below.
    resource.setrlimit(resource.RLIMIT_NOFILE, (highest + 4, before[1]))
    try:
        with suppress(OSError):
            while True:
                taken.append(os.open(os.devnull, os.O_RDONLY))
        for _ in range(3):
            os.close(taken.pop())
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
        for each in taken:
            os.close(each)


def test_too_many_open_files_are_told_and_the_next_clip_is_made(studio: Studio) -> None:
    with few_files():
        told = made(studio)
    assert "too many files are open. Raise the limit (ulimit -n)" in told
    assert made(studio) == "done"


def test_a_library_that_another_program_locks_is_told(studio: Studio) -> None:
    path = Path(studio.library_name)
    with closing(sqlite3.connect(path)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(MediaError, match="another program holds it"):
            made(studio)
    assert made(studio) == "done"


def test_a_clock_that_jumps_changes_nothing(
    studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = time.time
    for years in (-30, 30):
        monkeypatch.setattr(time, "time", lambda years=years: real() + years * 365 * 86400)
        assert made(studio) == "done"
