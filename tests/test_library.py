"""Takes and favourites stay, belong to their owner, and leave nothing behind."""

from __future__ import annotations

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from forked import ran
from kept import GREY, keep, open_library
from postgres import ON_BOTH
from running import free_port
from studios import PATIENCE, engine_of, put_back_to

from ltx_ui.errors import MediaError, NotFound, SettingsError
from ltx_ui.studio import search
from ltx_ui.studio.library import Library
from ltx_ui.studio.retention import NEWER_DRAFTS
from ltx_ui.studio.sought import Sought
from ltx_ui.studio.tables import Base


@pytest.fixture
def library(tmp_path: Path, database: str | None) -> Library:
    return open_library(tmp_path, database)


def names(library: Library, owner: str = "ada", **filters: Any) -> list[str]:
    return [take.id for take in library.takes(owner, Sought(**filters))]


def has_a_model(name: str | None, kind: str, _: object) -> bool:
    """Whether a name is not one of the search's tables, which SQLite makes itself."""
    return not (kind == "table" and name and name.startswith(search.TABLE))


@ON_BOTH
def test_a_take_comes_back_as_it_was_kept(library: Library) -> None:
    before = datetime.now(UTC)
    keep(library, "fox", seed=2**32 - 1)
    take = library.take("fox", "ada")
    assert take.recipe.prompt == "A clip called fox"
    assert take.recipe.seed == 2**32 - 1
    assert before <= take.created_at <= datetime.now(UTC)
    assert (take.seconds, take.timings) == (2.5, {"text": 0.5, "sampling": 2.0})
    assert (take.model, take.device, take.versions) == ("demo", "cpu", {"torch": "2.13.0"})
    assert (take.note, take.favourite) == ("", False)
    assert take.video.read_bytes()[4:8] == b"ftyp"
    assert take.poster.read_bytes()[:3] == b"\xff\xd8\xff"


@ON_BOTH
def test_a_draft_goes_when_many_are_newer_unless_it_was_made_a_favourite(
    library: Library, tmp_path: Path
) -> None:
    keep(library, "loved", draft=True)
    keep(library, "others", owner="bob", draft=True)
    library.set_favourite("loved", "ada", True)
    files = library.video("others", "bob"), library.video("loved", "ada")
    for number in range(NEWER_DRAFTS + 1):
        keep(library, f"draft{number}", draft=True)
    keep(library, "fox")
    assert len(names(library, drafts=True)) == NEWER_DRAFTS + 1
    oldest = library.take("draft0", "ada")
    keep(library, "last", draft=True)
    assert names(library, drafts=True)[0] == "last"
    assert names(library, drafts=True)[-1] == "draft1"
    assert names(library) == ["fox", "loved"]
    assert names(library, favourites_only=True) == ["loved"]
    with pytest.raises(NotFound):
        library.take("draft0", "ada")
    assert not oldest.video.exists() and not oldest.poster.exists()
    assert all(file.is_file() for file in files)


@ON_BOTH
def test_favourites_and_notes_can_be_given_and_taken_away(library: Library) -> None:
    for name in ("one", "two"):
        keep(library, name)
    library.set_favourite("one", "ada", True)
    library.set_note("one", "ada", "  the good light ")
    assert names(library, favourites_only=True) == ["one"]
    assert library.take("one", "ada").note == "the good light"
    library.set_favourite("one", "ada", False)
    assert names(library, favourites_only=True) == []


@ON_BOTH
def test_nobody_sees_or_touches_what_belongs_to_another(library: Library) -> None:
    keep(library, "secret", owner="ada")
    assert names(library, owner="bob") == []
    for attempt in (
        lambda: library.take("secret", "bob"),
        lambda: library.set_favourite("secret", "bob", True),
        lambda: library.set_note("secret", "bob", "mine"),
        lambda: library.delete(["secret"], "bob"),
        lambda: library.restore(["secret"], "bob"),
    ):
        with pytest.raises(NotFound):
            attempt()
    take = library.take("secret", "ada")
    assert (take.favourite, take.note) == (False, "")
    assert take.video.exists()


@ON_BOTH
def test_deleting_a_take_removes_its_files(library: Library, tmp_path: Path) -> None:
    keep(library, "old")
    keep(library, "new")
    library.delete(["old"], "ada")
    assert names(library) == ["new"]
    kept = library.take("new", "ada")
    library.purge()
    assert set((tmp_path / "takes").iterdir()) == {kept.video, kept.poster}
    with pytest.raises(NotFound):
        library.delete(["old"], "ada")


@ON_BOTH
def test_a_take_whose_files_are_gone_still_has_its_recipe(library: Library) -> None:
    keep(library, "lost", seed=7)
    take = library.take("lost", "ada")
    take.video.unlink()
    take.poster.unlink()
    assert [t.recipe.seed for t in library.takes("ada")] == [7]
    library.delete(["lost"], "ada")
    assert names(library) == []


@ON_BOTH
def test_file_names_tell_nothing_about_the_take(library: Library) -> None:
    keep(library, "fox")
    keep(library, "hen")
    stems = {path.stem for t in library.takes("ada") for path in (t.video, t.poster)}
    assert len(stems) == 2
    assert all(len(stem) == 32 and "fox" not in stem for stem in stems)


def test_a_clip_that_cannot_be_written_leaves_no_file(tmp_path: Path) -> None:
    (tmp_path / "takes").write_text("a file where the folder should be")
    library = open_library(tmp_path)
    with pytest.raises(MediaError, match="could not be written"):
        library.write(GREY, {})
    assert (tmp_path / "takes").is_file()


@ON_BOTH
def test_takes_are_there_after_a_restart(tmp_path: Path, database: str | None) -> None:
    keep(open_library(tmp_path, database), "fox")
    assert names(open_library(tmp_path, database)) == ["fox"]


@ON_BOTH
def test_many_threads_can_write_at_once(library: Library) -> None:
    keep(library, "shared")

    def rewrite(number: int) -> None:
        library.set_note("shared", "ada", f"note {number}")
        assert library.takes("ada")

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(rewrite, range(80)))
    assert library.take("shared", "ada").note.startswith("note ")


@ON_BOTH
def test_the_migrations_make_the_tables_that_the_code_expects(
    tmp_path: Path, database: str | None
) -> None:
    keep(open_library(tmp_path, database), "fox")
    with engine_of(database or tmp_path / "library.sqlite3").connect() as connection:
        context = MigrationContext.configure(connection, opts={"include_name": has_a_model})
        assert compare_metadata(context, Base.metadata) == []


def test_a_file_has_a_write_ahead_log(tmp_path: Path) -> None:
    keep(open_library(tmp_path), "fox")
    with sqlite3.connect(tmp_path / "library.sqlite3") as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)


@ON_BOTH
def test_what_a_clip_notes_is_kept_with_its_take(library: Library) -> None:
    keep(library, "fox", notes=("Decoded in tiles: less memory.",))
    assert library.take("fox", "ada").notes == ("Decoded in tiles: less memory.",)
    keep(library, "hen")
    assert library.take("hen", "ada").notes == ()


@ON_BOTH
def test_what_writing_the_files_notes_comes_after_it(library: Library) -> None:
    keep(library, "fox", notes=("Decoded in tiles.",), noted_by_files=("Sound was made softer.",))
    assert library.take("fox", "ada").notes == ("Decoded in tiles.", "Sound was made softer.")


@ON_BOTH
def test_takes_of_the_first_version_come_along(tmp_path: Path, database: str | None) -> None:
    keep(open_library(tmp_path, database), "fox")
    put_back_to("0001", database or tmp_path / "library.sqlite3")
    [take] = open_library(tmp_path, database).takes("ada")
    assert (take.id, take.notes) == ("fox", ())


def test_a_damaged_library_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "library.sqlite3").write_bytes(b"this is not a database, " * 100)
    with pytest.raises(SettingsError, match=r"library\.sqlite3 is damaged.*backup"):
        open_library(tmp_path).takes("ada")


def test_a_damaged_library_ends_the_program_before_the_page_is_shown(tmp_path: Path) -> None:
    keep(open_library(tmp_path), "fox")
    library = tmp_path / "library.sqlite3"
    with sqlite3.connect(library) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    whole = library.read_bytes()
    library.write_bytes(whole[:6000] + b"\xff" * 3000 + whole[9000:])
    ended = ran(["app.py", "--data-dir", str(tmp_path), "--port", str(free_port())], PATIENCE)
    assert ended.returncode == 2
    assert f"The library {library} is damaged" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_library_of_a_newer_version_is_left_alone(tmp_path: Path) -> None:
    keep(open_library(tmp_path), "fox")
    with sqlite3.connect(tmp_path / "library.sqlite3") as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(SettingsError, match="newer version"):
        open_library(tmp_path).takes("ada")
