"""What a library needs on the disk is known, and limits delete what is no favourite."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from kept import keep, open_library
from postgres import ON_BOTH
from studios import OpenStudio, change, leave, until

from ltx_ui.studio.database import Database
from ltx_ui.studio.library import Library
from ltx_ui.studio.retention import Limits, retain
from ltx_ui.studio.sought import Sought

NOW = datetime(2026, 11, 27, tzinfo=UTC)
NAMES = ("oldest", "loved", "newer", "newest")
"""Takes of 40, 30, 20 and 1 days ago, and a draft of 8."""


def make(folder: Path, url: str | None = None) -> Library:
    library = open_library(folder, url)
    for name in NAMES:
        keep(library, name)
    keep(library, "draft", draft=True)
    library.set_favourite("loved", "ada", True)
    for name, days in zip((*NAMES, "draft"), (40, 30, 20, 1, 8), strict=True):
        made_at = (NOW - timedelta(days=days)).replace(tzinfo=None).isoformat(" ", "microseconds")
        made = "UPDATE takes SET created_at = :at WHERE id = :name"
        change(folder, url, made, at=made_at, name=name)
    return library


def left(library: Library) -> list[str]:
    sought = (Sought(), Sought(drafts=True))
    return sorted(take.id for each in sought for take in library.takes("ada", each))


def size_of(library: Library, names: Sequence[str]) -> int:
    takes = library.those(names, "ada")
    return sum(file.stat().st_size for take in takes for file in (take.video, take.poster))


@ON_BOTH
def test_room_is_what_the_files_need(tmp_path: Path, database: str | None) -> None:
    library = make(tmp_path, database)
    room = library.room("ada")
    assert (room.takes, room.drafts) == (4, 1)
    assert room.bytes == sum(path.stat().st_size for path in (tmp_path / "takes").iterdir())
    library.delete(["newer", "draft"], "ada")
    assert library.room("ada").takes == 3
    assert library.room("ada").bytes == size_of(library, ["oldest", "loved", "newest"])
    assert library.room("bob").total == 0


@ON_BOTH
@pytest.mark.parametrize(
    ("limits", "gone"),
    [
        (Limits(), []),
        (Limits(days=40), []),
        (Limits(days=15), ["oldest", "newer"]),
        (Limits(draft_days=8), []),
        (Limits(draft_days=7), ["draft"]),
        (Limits(bytes=0), ["oldest", "newer", "newest", "draft"]),
    ],
)
def test_limits_delete_what_is_no_favourite(
    limits: Limits, gone: list[str], tmp_path: Path, database: str | None
) -> None:
    library = make(tmp_path, database)
    retain(library.bin, Database(database or tmp_path / "library.sqlite3"), limits, NOW)
    kept = sorted({*NAMES, "draft"} - {*gone})
    assert left(library) == kept
    assert len(list((tmp_path / "takes").iterdir())) == 2 * len(kept)


@ON_BOTH
def test_the_oldest_go_until_the_others_fit(tmp_path: Path, database: str | None) -> None:
    library = make(tmp_path, database)
    fits = size_of(library, ["loved", "newest", "draft"])
    for most in (fits, fits):  # What fits stays as it is.
        kept = Database(database or tmp_path / "library.sqlite3")
        retain(library.bin, kept, Limits(bytes=most), NOW)
        assert left(library) == ["draft", "loved", "newest"]


def test_a_studio_looks_after_its_library_from_the_start(
    open_studio: OpenStudio, data_dir: Path
) -> None:
    make(data_dir)
    change(data_dir, None, "UPDATE takes SET bytes = 0")
    studio = open_studio(keep_days=15)
    until(lambda: left(studio.library) == ["loved", "newest"])
    until(lambda: studio.room("ada").bytes == size_of(studio.library, ["loved", "newest"]))
    leave(studio)
