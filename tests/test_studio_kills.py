"""A process that is killed at any moment loses nothing but its time, and leaves nothing behind."""

from __future__ import annotations

import os
import signal
import sys
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest
from forked import Forked
from postgres import NEEDS_POSTGRES, ON_BOTH
from sqlalchemy import text
from studios import PATIENCE, engine_of, until

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
    "between rows and files of an import",
)
IMPORTED = 4
"""Takes in the zip."""
HOURS = 7200
"""Seconds after which a file on a shared database is surely nobody's."""

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

    folder, zipped, database = sys.argv[1:]

    def die(*_):
        os.kill(os.getpid(), signal.SIGKILL)

    def before(owner, name, at=lambda *args: True):
        then = getattr(owner, name)
        setattr(owner, name, lambda *args, **more: at(*args) and die() or then(*args, **more))

    def after(owner, name):
        then = getattr(owner, name)
        setattr(owner, name, lambda *args, **more: die(then(*args, **more)))

    studio = Studio(Settings(data_dir=Path(folder), model="demo", database=database or None))
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
        case "between rows and files of an import":
            before(Library, "came")
    if "import" in moment:
        studio.importing.bring(Path(zipped), "ada")
    elif "delet" in moment:
        studio.library.delete([studio.library.newest("ada")[-1].id], "ada")
        studio.library.purge()
    else:
        studio.submit(Recipe(**small, num_inference_steps=4), "ada")
    time.sleep(600)
"""


@contextmanager
def process(data_dir: Path, zipped: Path, database: str | None) -> Iterator[Forked]:
    """A studio that has made what was left to make, and waits to be told a moment."""
    given = [str(data_dir), str(zipped), database or ""]
    with Forked(["-c", textwrap.dedent(PROCESS), *given]) as running:
        try:
            assert running.stdout.readline() == "rested\n"
            yield running
        finally:
            running.kill()


def killed_at(moment: str, running: Forked) -> None:
    running.stdin.write(f"{moment}\n")
    running.stdin.flush()
    assert running.wait(PATIENCE) == -signal.SIGKILL


def rows(library: Path | str, *queries: str) -> list[list[tuple[Any, ...]]]:
    engine = engine_of(library)
    with engine.connect() as connection:
        if isinstance(library, Path):
            assert connection.execute(text("PRAGMA integrity_check")).all() == [("ok",)]
        found = [[tuple(row) for row in connection.execute(text(query))] for query in queries]
    engine.dispose()
    return found


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL")
@ON_BOTH
def test_a_process_can_be_killed_at_every_moment(
    data_dir: Path, zipped: Path, database: str | None
) -> None:
    library = database or data_dir / "library.sqlite3"
    made, came = 0, 0
    for moment in MOMENTS:
        with process(data_dir, zipped, database) as running:
            check(data_dir, library, made, came)
            killed_at(moment, running)
        if database:
            hours_pass(data_dir)
        if "import" in moment:
            came = IMPORTED
        else:
            made += -1 if "delet" in moment else 1
    with process(data_dir, zipped, database):
        check(data_dir, library, made, came)


@NEEDS_POSTGRES
@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_what_may_be_another_process_goes_later_though_its_clip_was_made_again(
    data_dir: Path, zipped: Path, database: str
) -> None:
    with process(data_dir, zipped, database) as running:
        killed_at("between files and row", running)
    left = set(data_dir.glob("takes/*"))
    assert len(left) == 2
    with process(data_dir, zipped, database):
        assert left < set(data_dir.glob("takes/*"))
    hours_pass(data_dir)
    with process(data_dir, zipped, database):
        check(data_dir, database, 1, 0)


def hours_pass(data_dir: Path) -> None:
    """Until then another process might be writing what it finds. The encoder of a killed process
    writes on for a moment."""
    until(lambda: not any(str(data_dir) in line for line in command_lines()))
    for path in data_dir.glob("takes/*"):
        moment = path.stat().st_mtime - HOURS
        os.utime(path, (moment, moment))


def command_lines() -> Iterator[str]:
    for process in psutil.process_iter(["cmdline"]):
        yield " ".join(process.info["cmdline"] or ())


def check(data_dir: Path, library: Path | str, made: int, came: int) -> None:
    """All that was asked for is there, except for what was deleted; and nothing else is."""
    takes, done, jobs, words, numbers = rows(
        library,
        "SELECT id, video, poster FROM takes",
        "SELECT id FROM jobs WHERE state = 'done'",
        "SELECT id FROM jobs",
        "SELECT rowid FROM take_words ORDER BY 1",
        "SELECT number FROM takes ORDER BY 1",
    )
    assert len(takes) == made + came
    files = {name for _, *names in takes for name in names}
    assert {path.name for path in data_dir.glob("takes/*")} == files
    assert {job for (job,) in done} <= {take for take, *_ in takes}
    assert len(done) == len(jobs) == made
    assert words == numbers
