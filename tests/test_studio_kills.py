"""A process that is killed at any moment loses nothing but its time, and leaves nothing behind."""

from __future__ import annotations

import signal
import sqlite3
import sys
import textwrap
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from forked import Forked
from studios import PATIENCE

MOMENTS = (
    "queued",
    "sampling",
    "decoding",
    "muxing",
    "between mp4 and poster",
    "between files and row",
    "between row and end",
    "deleted",
    "between files and row of a deletion",
    "between row and words of a deletion",
)

PROCESS = """
    import os, signal, sys, time
    from pathlib import Path
    from ltx_ui.media import mp4
    from ltx_ui.recipe import Recipe
    from ltx_ui.settings import Settings
    from ltx_ui.studio import clip_files, deleting
    from ltx_ui.studio.clip_files import Files
    from ltx_ui.studio.library import Library
    from ltx_ui.studio.queue import JobQueue
    from ltx_ui.studio.studio import Studio

    def die(*_):
        os.kill(os.getpid(), signal.SIGKILL)

    def before(owner, name, at=lambda *args: True):
        then = getattr(owner, name)
        setattr(owner, name, lambda *args, **more: at(*args) and die() or then(*args, **more))

    def after(owner, name):
        then = getattr(owner, name)
        setattr(owner, name, lambda *args, **more: die(then(*args, **more)))

    studio = Studio(Settings(data_dir=Path(sys.argv[1]), model="demo"))
    studio.start()
    while studio.session("ada").live:
        time.sleep(0.02)
    print("rested", flush=True)
    moment = sys.stdin.readline().strip()
    small = {"prompt": f"A fox, {moment}", "width": 128, "height": 128, "num_frames": 9}

    def stage(name):
        return lambda queue, job_id, running: running.stage == name

    match moment:
        case "queued":
            before(JobQueue, "next")
            after(JobQueue, "submit")
        case "sampling" | "decoding":
            before(JobQueue, "report", stage(moment))
        case "muxing":
            after(mp4, "started")
        case "between mp4 and poster":
            before(clip_files, "write_poster")
        case "between files and row":
            before(Library, "keep")
        case "between row and end":
            after(Library, "keep")
        case "deleted":
            after(Library, "delete")
        case "between files and row of a deletion":
            after(Files, "remove")
        case "between row and words of a deletion":
            before(deleting, "compact")
    if "delet" in moment:
        studio.library.delete([studio.library.newest("ada")[-1].id], "ada")
        studio.library.purge()
    else:
        studio.submit(Recipe(**small, num_inference_steps=4), "ada")
    time.sleep(600)
"""


@contextmanager
def process(data_dir: Path) -> Iterator[Forked]:
    """A studio that has made what was left to make, and waits to be told a moment."""
    with Forked(["-c", textwrap.dedent(PROCESS), str(data_dir)]) as running:
        try:
            assert running.stdout.readline() == "rested\n"
            yield running
        finally:
            running.kill()


def killed_at(moment: str, running: Forked) -> None:
    running.stdin.write(f"{moment}\n")
    running.stdin.flush()
    assert running.wait(PATIENCE) == -signal.SIGKILL


def rows(data_dir: Path, query: str) -> list[tuple[str, ...]]:
    with closing(sqlite3.connect(data_dir / "library.sqlite3")) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        return connection.execute(query).fetchall()


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL")
def test_a_process_can_be_killed_at_every_moment(data_dir: Path) -> None:
    made, deleted = 0, 0
    for moment in MOMENTS:
        with process(data_dir) as running:
            check(data_dir, made, deleted)
            killed_at(moment, running)
        if "delet" in moment:
            deleted += 1
        else:
            made += 1
    with process(data_dir):
        check(data_dir, made, deleted)


def check(data_dir: Path, made: int, deleted: int) -> None:
    """All that was asked for is there, except for what was deleted; and nothing else is."""
    takes = rows(data_dir, "SELECT id, video, poster FROM takes")
    assert len(takes) == made - deleted
    files = {name for _, *names in takes for name in names}
    assert {path.name for path in data_dir.glob("takes/*")} == files
    jobs = rows(data_dir, "SELECT id FROM jobs WHERE state = 'done'")
    assert {job for (job,) in jobs} == {take for take, *_ in takes}
    assert len(rows(data_dir, "SELECT id FROM jobs")) == len(jobs)
    words = rows(data_dir, "SELECT rowid FROM take_words")
    assert words == rows(data_dir, "SELECT number FROM takes")
