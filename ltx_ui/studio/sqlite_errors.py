"""SQLite's errors as errors for a person, with what to do about them."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from ltx_ui.errors import DiskFull, MediaError, SettingsError, StudioError
from ltx_ui.media.files import free_bytes

_CAUSES = {
    sqlite3.SQLITE_BUSY: "another program holds it. Close that program and try again.",
    sqlite3.SQLITE_LOCKED: "another program holds it. Close that program and try again.",
    sqlite3.SQLITE_READONLY: "it is read-only for this program. Change the permissions of the file "
    "and of its folder, or choose another folder with --data-dir.",
    sqlite3.SQLITE_PERM: "this program has no permission to. Change the permissions of the file "
    "and of its folder, or choose another folder with --data-dir.",
    sqlite3.SQLITE_CANTOPEN: "it can't be opened. Check that its folder is there and that this "
    "program may read and write in it, or choose another folder with --data-dir.",
    sqlite3.SQLITE_IOERR: "the disk reported a fault. Check it, or choose a folder on another one "
    "with --data-dir.",
}
_PAGE = 64 * 1024
"""Bytes. With less free disk space than this, SQLite can't make its shared-memory file, and
reports an input/output error instead of a full disk."""


def damaged(path: Path, reason: str) -> SettingsError:
    """The error for a damaged database file."""
    return SettingsError(
        f"The library {path} is damaged ({reason}). Put a backup in its place, move the file away "
        "to begin a new library, or choose another folder with --data-dir."
    )


def person_error(path: Path, error: BaseException | None) -> StudioError | None:
    """The error for a person; None if SQLite's error tells of a fault in this program."""
    # The lowest byte is the kind of error; the others tell where it happened.
    kind = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if kind in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
        return damaged(path, str(error))
    if kind == sqlite3.SQLITE_FULL or (kind == sqlite3.SQLITE_IOERR and _no_page_left(path)):
        return DiskFull(path.parent)
    cause = _CAUSES.get(kind)
    return MediaError(f"The library {path} could not be used: {cause}") if cause else None


def _no_page_left(path: Path) -> bool:
    return free_bytes(path.parent) < _PAGE
