"""What was deleted is out of sight at once, comes back when that is undone, and goes in time."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from encoder import Encoder
from kept import keep, open_library
from postgres import ON_BOTH
from studios import PATIENCE, OpenStudio, leave, quick, until

from ltx_ui.errors import NotFound
from ltx_ui.studio import deleting
from ltx_ui.studio.jobs import Done, Job
from ltx_ui.studio.library import Library
from ltx_ui.studio.sought import Sought
from ltx_ui.studio.studio import Studio


@pytest.fixture
def library(tmp_path: Path, database: str | None) -> Library:
    library = open_library(tmp_path, database)
    for name in ("fox", "hen", "owl"):
        keep(library, name)
    library.set_note("fox", "ada", "the good light")
    library.set_favourite("fox", "ada", True)
    return library


def seen(library: Library) -> set[str]:
    """The takes that some way of asking for them finds."""
    found = {take.id for take in library.takes("ada")}
    found |= {take.id for take in library.takes("ada", Sought("light"))}
    found |= {take.id for take in library.takes("ada", Sought(favourites_only=True))}
    found |= {take.id for take in library.newest("ada")}
    return found | {take.id for take in library.those(("fox", "hen", "owl"), "ada")}


def files(library: Library, *names: str) -> list[Path]:
    takes = [library.take(name, "ada") for name in names]
    return [file for take in takes for file in (take.video, take.poster)]


@ON_BOTH
def test_deleted_takes_are_out_of_sight_at_once(library: Library) -> None:
    library.delete(["fox", "owl"], "ada")
    assert seen(library) == {"hen"}
    assert library.count("ada") == 1
    ways: list[Callable[[], object]] = [
        lambda: library.take("fox", "ada"),
        lambda: library.video("fox", "ada"),
        lambda: library.poster("fox", "ada"),
        lambda: library.set_favourite("fox", "ada", False),
        lambda: library.set_note("fox", "ada", "another"),
        lambda: library.delete(["fox", "owl"], "ada"),
    ]
    for way in ways:
        with pytest.raises(NotFound):
            way()


@ON_BOTH
def test_they_come_back_as_they_were(library: Library) -> None:
    before = [library.take(name, "ada") for name in ("fox", "owl")]
    library.delete(["fox", "owl"], "ada")
    library.restore(["fox", "owl", "never"], "ada")
    assert [library.take(name, "ada") for name in ("fox", "owl")] == before
    assert seen(library) == {"fox", "hen", "owl"}
    assert all(file.is_file() for file in files(library, "fox", "owl"))


def test_one_that_was_deleted_elsewhere_does_not_keep_the_others(library: Library) -> None:
    library.delete(["fox"], "ada")
    library.delete(["fox", "owl"], "ada")
    assert seen(library) == {"hen"}


@ON_BOTH
def test_after_the_time_for_undo_they_are_gone(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = files(library, "fox")
    library.delete(["fox"], "ada")
    began = datetime.now(UTC)
    library.delete(["owl"], "ada")
    library.purge(began)
    assert not any(file.exists() for file in gone)
    with pytest.raises(NotFound, match="can't be undone any more"):
        library.restore(["fox"], "ada")
    library.restore(["owl"], "ada")
    library.delete(["owl"], "ada")
    monkeypatch.setattr(deleting, "UNDO_SECONDS", 0.0)
    with pytest.raises(NotFound, match="can't be undone any more"):
        library.restore(["owl"], "ada")


@ON_BOTH
def test_the_next_start_leaves_nothing_of_them(
    tmp_path: Path, library: Library, database: str | None
) -> None:
    kept = files(library, "hen", "owl")
    library.delete(["fox"], "ada")
    again = open_library(tmp_path, database)
    again.purge()
    assert set((tmp_path / "takes").iterdir()) == {*kept}
    assert not again.has("fox")


def made(studio: Studio) -> Job:
    job = studio.submit(quick(), "ada")
    assert studio.wait(job.id, "ada", PATIENCE).state == Done(job.id)
    return job


def test_a_studio_empties_its_bin_by_itself(
    open_studio: OpenStudio, monkeypatch: pytest.MonkeyPatch, data_dir: Path
) -> None:
    studio = open_studio()
    job = made(studio)
    monkeypatch.setattr(deleting, "UNDO_SECONDS", 0.2)
    studio.library.delete([job.id], "ada")
    until(lambda: not studio.library.has(job.id))
    until(lambda: not list((data_dir / "takes").iterdir()))


def test_a_job_comes_back_with_its_take(open_studio: OpenStudio) -> None:
    studio = open_studio()
    job = made(studio)
    studio.library.delete([job.id], "ada")
    assert studio.session("ada").ended == ()
    with pytest.raises(NotFound):
        studio.job(job.id, "ada")
    studio.library.restore([job.id], "ada")
    assert studio.job(job.id, "ada").state == Done(job.id)
    assert [ended.id for ended in studio.session("ada").ended] == [job.id]


@ON_BOTH
def test_a_deleted_take_is_not_made_again_when_its_job_goes_on(
    open_studio: OpenStudio, data_dir: Path, encoder: Encoder
) -> None:
    studio = open_studio()
    encoder.hold()
    encoder.let_one_go()
    job = studio.submit(quick(num_takes=3), "ada")
    until(lambda: bool(studio.job(job.id, "ada").kept))
    first, *others = job.take_ids
    studio.library.delete([first], "ada")
    studio.library.purge()
    studio.close()
    encoder.let_go()
    leave(studio)
    again = open_studio()
    assert isinstance(again.wait(job.id, "ada", PATIENCE).state, Done)
    assert {take.id for take in again.library.takes("ada")} == set(others)
    again.library.purge()
    assert not again.library.has(first)
    assert len(list((data_dir / "takes").iterdir())) == 4
