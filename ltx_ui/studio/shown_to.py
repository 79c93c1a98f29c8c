"""Which stored files somebody may use: those that they sent or made themselves.

A digest is no secret: every mp4 tells those of the files that it was made from.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from ltx_ui.errors import NotFound, writing_failed
from ltx_ui.media.files import remove
from ltx_ui.settings import LOCAL
from ltx_ui.studio.guard import is_visitor

NOT_HERE = "This file is not here any more. Choose it again."


class ShownTo:
    """An empty file for each owner and file of theirs.

    The studio's owner may use any. A named user may also use one that is nobody's: earlier versions
    kept no files for them, nor are there any for what came in a zip.

    Args:
        folder: for those files; made when the first one is.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def note(self, digest: str, owner: str) -> None:
        """An owner has sent, or made, a file.

        Raises:
            MediaError: it could not be written.
        """
        if not owner:
            return
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._mark(digest, owner).touch()
        except OSError as error:
            raise writing_failed(self._folder, error) from error

    def check(self, digest: str, owner: str) -> None:
        """Refuse a file of somebody else's.

        Raises:
            NotFound: it is; said as if it were not here.
        """
        if owner in ("", LOCAL) or self._mark(digest, owner).is_file():
            return
        if is_visitor(owner) or any(self._folder.glob(f"{_name(digest)}.*")):
            raise NotFound(NOT_HERE)

    def keep_only(self, digests: set[str]) -> None:
        """Forget whose the other files were: they are gone."""
        for mark in self._folder.glob("*.*"):
            if f"sha256:{mark.stem}" not in digests:
                remove(mark)

    def _mark(self, digest: str, owner: str) -> Path:
        whose = hashlib.sha256(owner.encode()).hexdigest()[:32]
        return self._folder / f"{_name(digest)}.{whose}"


def _name(digest: str) -> str:
    return digest.removeprefix("sha256:")
