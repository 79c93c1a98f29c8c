"""``ltx-ui move``: the whole library goes to PostgreSQL and back, or stays as it is."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from kept import in_use, keep, open_library
from postgres import NEEDS_POSTGRES, Postgres
from sqlalchemy import MetaData, Select, Table, select
from studios import change, engine_of, idle, quick

from ltx_ui.cli import main
from ltx_ui.studio.characters import Character
from ltx_ui.studio.jobs import Queued
from ltx_ui.studio.sought import Sought

pytestmark = NEEDS_POSTGRES
Move = Callable[..., int]


@pytest.fixture
def url(postgres: Postgres) -> str:
    return postgres.new()


@pytest.fixture
def folder(odd_folder: Path, tmp_path: Path) -> Path:
    """A data folder in whose library every table has rows."""
    folder = Path(shutil.copytree(odd_folder, tmp_path / "data"))
    with idle(folder) as studio:
        studio.submit(quick(prompt="waits"), "local")
        studio.pause("ada", True)
        studio.characters.save(Character("Aiko", "a girl", (), 7), "local")
        studio.take_links.make("take1", "local", None)
        studio.tokens.make("local", "cron", ["make"], None)
        studio.users.add("grace", "correct horse battery")
        studio.bans.add("visitor-ab-1", address=True)
    return folder


@pytest.fixture
def move(folder: Path, url: str) -> Move:
    """Runs the command; returns its exit code."""
    return lambda *flags: main(["move", *flags, "--data-dir", str(folder), "--database", url])


def rows(library: Path | str) -> dict[str, list[tuple[Any, ...]]]:
    """All rows of the tables, without what can be made anew, and whose process jobs are."""
    engine = engine_of(library)
    tables = MetaData()
    with engine.connect() as connection:
        tables.reflect(connection)
        held = {
            table.name: [tuple(row) for row in connection.execute(_without_holder(table))]
            for table in tables.sorted_tables
            if not table.name.startswith("take_words")
        }
    engine.dispose()
    return {name: sorted(found, key=repr) for name, found in held.items()}


def _without_holder(table: Table) -> Select[Any]:
    return select(*(column for column in table.c if column.name != "holder"))


def test_all_of_a_library_goes_to_postgresql_and_back(
    folder: Path, url: str, move: Move, capsys: pytest.CaptureFixture[str]
) -> None:
    file = folder / "library.sqlite3"
    before = rows(file)
    assert {name for name, held in before.items() if held} >= {
        *("takes", "tags", "jobs", "paused", "characters", "take_links", "tokens", "users", "bans")
    }
    assert move() == 0
    assert "Clips: 4, jobs: 1, characters: 1, users: 1; with all else " in capsys.readouterr().out
    [kept] = folder.glob("library.moved-*.sqlite3")
    assert not file.exists() and rows(kept) == before
    with idle(folder, url) as studio:
        [job] = studio.session("local").jobs
        assert (job.recipe.prompt, job.state) == ("waits", Queued(1))
        found = studio.library.takes("local", Sought(search="the sea again"))
        assert [take.id for take in found] == ["take0"]
        assert studio.library.video("take1", "local").is_file()
        keep(studio.library, "new", "local")
        assert studio.library.newest("local")[0].id == "new"
        studio.library.delete(["new"], "local")
        studio.library.purge()
    assert move("--back") == 0
    assert rows(file) == before
    with idle(folder) as studio:
        found = studio.library.takes("local", Sought(search="the sea again"))
        assert [take.id for take in found] == ["take0"]


def test_a_moved_library_is_not_begun_anew(
    folder: Path, url: str, move: Move, capsys: pytest.CaptureFixture[str]
) -> None:
    assert move() == 0
    capsys.readouterr()
    assert main(["check", "--data-dir", str(folder)]) == 2
    assert "was moved to a database. Give that with" in capsys.readouterr().err
    assert not (folder / "library.sqlite3").exists()
    main(["check", "--data-dir", str(folder), "--database", url])
    assert "4 takes." in capsys.readouterr().out


@pytest.mark.parametrize("table", ["takes", "jobs"])
def test_a_row_that_cannot_be_read_leaves_all_as_it_is(
    table: str, folder: Path, url: str, move: Move, capsys: pytest.CaptureFixture[str]
) -> None:
    change(folder, None, f"UPDATE {table} SET recipe = substr(recipe, 1, 9)")
    assert move() == 2
    assert f"A row of the table {table} can't be read" in capsys.readouterr().err
    assert not any(held for name, held in rows(url).items() if name != "alembic_version")
    assert (folder / "library.sqlite3").is_file()


def test_nothing_goes_where_something_is(
    folder: Path, url: str, move: Move, capsys: pytest.CaptureFixture[str]
) -> None:
    keep(open_library(folder, url), "theirs")
    before = rows(url)
    assert move() == 2
    assert "has 1 rows of a library already" in capsys.readouterr().err
    assert rows(url) == before
    assert move("--back") == 2
    assert "there is a library" in capsys.readouterr().err


def test_it_is_refused_beside_a_studio_and_without_a_database(
    folder: Path, url: str, move: Move, capsys: pytest.CaptureFixture[str]
) -> None:
    with in_use(folder):
        assert move() == 2
    assert "another studio is using" in capsys.readouterr().err
    assert main(["move", "--data-dir", str(folder)]) == 2
    assert "say which database" in capsys.readouterr().err
    assert main(["move", "--data-dir", str(folder / "none"), "--database", url]) == 2
    assert "there is no library" in capsys.readouterr().err
