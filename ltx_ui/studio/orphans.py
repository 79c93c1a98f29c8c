"""Files in the library's folder that belong to no take."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from ltx_ui.errors import MediaError
from ltx_ui.media.files import remove
from ltx_ui.media.metadata import read_metadata
from ltx_ui.recipe import Recipe
from ltx_ui.studio.damaged import UNREADABLE
from ltx_ui.studio.database import Database
from ltx_ui.studio.job_rows import interrupted
from ltx_ui.studio.tables import TakeRow

_log = logging.getLogger(__name__)


def orphans(session: Session, folder: Path) -> list[Path]:
    """The files that no row names, in the order of their names; none that are being written."""
    # Before the rows: another process may be moving files here whose rows are written already.
    found = list(folder.iterdir()) if folder.is_dir() else []
    names = session.execute(select(TakeRow.video, TakeRow.poster))
    known = {name for files in names for name in files}
    return sorted(
        path for path in found if path.name not in known and path.name[0] != "." and path.is_file()
    )


def remove_remains(database: Database, folder: Path, before: float) -> None:
    """Remove the files of clips that were written when their process was killed, and were no takes
    yet: their jobs make them again, have done so, or say that they could not. Any other file stays,
    and the log tells of it.

    Args:
        before: younger files are left alone, in seconds since 1970.

    Raises:
        MediaError: the library can't be read.
    """
    with database.reading() as session:
        found = [path for path in orphans(session, folder) if path.stat().st_mtime < before]
        left = remains(session, found)
    for path in left:
        _log.info("Removing %s: the clip was not in the library when the program ended.", path.name)
        remove(path)
    if others := len(found) - len(left):
        _log.warning("%d files in %s belong to no take. See ltx-ui check.", others, folder)


def remains(session: Session, found: Sequence[Path]) -> list[Path]:
    """The files among these that a job was making when its process was killed."""
    asked = list(interrupted(session)) if found else []
    return [path for path in found if recipe_in(path) in asked]


def recipe_in(path: Path) -> Recipe | None:
    """The recipe that a clip or a poster tells; None if it tells none."""
    try:
        return Recipe.model_validate(read_metadata(path)["recipe"])
    except (MediaError, KeyError, *UNREADABLE):
        return None
