"""Taking along, checking and keeping limits work on either database, and leave what other processes
are at alone."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from kept import GREY, keep, open_library
from postgres import NEEDS_POSTGRES, ON_BOTH
from sqlalchemy import text
from studios import OpenStudio, engine_of

from ltx_ui.cli import main
from ltx_ui.studio.database import Database
from ltx_ui.studio.library import Library
from ltx_ui.studio.retention import NEWER_DRAFTS, Limits, retain
from ltx_ui.studio.sought import Sought

Run = Callable[..., int]
DRAFTS = Sought(drafts=True)


@pytest.fixture
def library(data_dir: Path, database: str | None) -> Library:
    return open_library(data_dir, database)


@pytest.fixture
def run(data_dir: Path, database: str | None) -> Run:
    """Runs a command; returns its exit code."""
    place = ["--data-dir", str(data_dir), *(["--database", database] if database else [])]
    return lambda *command: main([*map(str, command), *place])


@ON_BOTH
def test_clips_come_once_and_go(
    run: Run,
    library: Library,
    zipped: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for told in ("4 came, 0 were here", "0 came, 4 were here"):
        assert run("import", zipped) == 0
        assert told in capsys.readouterr().out
    assert {take.name for take in library.takes("local", Sought(tag="sea"))} == {
        "The sea, again",
        "",
    }
    assert run("export", out := tmp_path / "out.zip") == 0
    assert out.stat().st_size > 0.9 * zipped.stat().st_size
    assert run("check") == 0


@ON_BOTH
def test_words_and_sizes_are_mended(
    run: Run, library: Library, data_dir: Path, database: str | None
) -> None:
    for name in ("hen", "fox"):
        keep(library, name)
    assert run("check") == 0
    engine = engine_of(database or data_dir / "library.sqlite3")
    with engine.begin() as connection:
        connection.execute(text("DELETE FROM take_words WHERE rowid = 1"))
        connection.execute(text("UPDATE takes SET note = 'rain', bytes = 0 WHERE number = 2"))
    engine.dispose()
    assert [run("check"), run("check", "--mend"), run("check")] == [1, 0, 0]
    assert [take.id for take in library.takes("ada", Sought("called hen"))] == ["hen"]
    assert [take.id for take in library.takes("ada", Sought("rain"))] == ["fox"]


@ON_BOTH
def test_drafts_and_what_is_old_go(library: Library, data_dir: Path, database: str | None) -> None:
    files = library.write(GREY, {})
    for number in range(NEWER_DRAFTS + 3):
        keep(library, f"draft{number}", draft=True, files=files)
    for name in ("old", "loved"):
        keep(library, name)
    library.set_favourite("loved", "ada", True)
    assert library.count("ada", DRAFTS) == NEWER_DRAFTS + 1
    kept = Database(database or data_dir / "library.sqlite3")
    soon = datetime.now(UTC) + timedelta(days=3)
    retain(library.bin, kept, Limits(days=1, bytes=1, draft_days=1), soon)
    assert library.count("ada", DRAFTS) == 0
    assert [take.id for take in library.takes("ada")] == ["loved"]


@NEEDS_POSTGRES
@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_what_another_process_is_at_is_left_alone(
    open_studio: OpenStudio, run: Run, data_dir: Path, database: str
) -> None:
    other = Database(database)
    other.open()
    stage = data_dir / "takes" / f".import-{other.holder}-0123456789abcdef"
    stage.mkdir(parents=True)
    studio = open_studio(start=False)
    keep(studio.library, "fox")
    studio.library.delete(["fox"], "ada")
    studio.close()
    assert stage.exists()
    library = open_library(data_dir, database)
    library.restore(["fox"], "ada")
    assert library.take("fox", "ada").video.exists()
    other.close()
    open_studio(start=False)
    assert not stage.exists()
