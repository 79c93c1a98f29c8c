"""The pictures that recipes refer to: files named by the digest of their bytes."""

from __future__ import annotations

import hashlib
import logging
import os
import threading
import time
from collections import Counter
from collections.abc import Iterator, Set
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import select, union

from ltx_ui.errors import InvalidRecipe, NotFound, StudioError
from ltx_ui.media.files import remove, sweep, whole
from ltx_ui.media.images import fit, read_reference, take_in, thumbnail
from ltx_ui.recipe import Recipe, decode_reference, is_digest
from ltx_ui.studio.database import LIVE, Database, JobRow, TakeRow

FIELDS = ("image_start", "image_end")
UNUSED_SECONDS = 7 * 24 * 3600
"""How long a picture is kept that no take and no job uses. A browser may have it in a draft."""
UNUSED_BYTES = 2_000_000_000
UNUSED_FILES = 2000
"""How many bytes, and how many files, all unused pictures may have; the oldest are removed."""
SECONDS_BETWEEN_SWEEPS = 60
_THUMBNAILS = 200

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class StoredImage:
    """A stored picture, which recipes may refer to.

    Attributes:
        digest: ``sha256:…`` of the stored bytes.
        width, height: pixels of the picture as it is meant to be seen.
        note: a sentence on how it was changed before it was stored; empty if it was not.
    """

    digest: str
    width: int
    height: int
    note: str


class Inputs:
    """The folder of pictures. Safe to call from any thread.

    A picture that no take and no job uses is removed after a week, or earlier if there are too many
    unused ones.

    Args:
        max_bytes: size of the largest file that is accepted.
        database: has the takes and jobs that use pictures.
    """

    def __init__(self, folder: Path, max_bytes: int, database: Database) -> None:
        self._folder = folder
        self._max_bytes = max_bytes
        self._database = database
        self._lock = threading.Lock()
        self._held: Counter[str] = Counter()
        self._swept_at = -float(SECONDS_BETWEEN_SWEEPS)
        self._small = lru_cache(_THUMBNAILS)(_thumbnail)

    def add(self, data: bytes, field: str) -> StoredImage:
        """Store a picture.

        Args:
            data: the file's bytes as they were sent.
            field: the recipe's field that the picture is for, named in errors.

        Raises:
            InvalidRecipe: it can't be used.
            MediaError: it could not be written, or the disk is full.
        """
        image = take_in(data, self._max_bytes, field)
        name = hashlib.sha256(image.data).hexdigest()
        stored = StoredImage(f"sha256:{name}", image.width, image.height, image.note)
        with self._lock:
            try:
                _touch(self.path(stored.digest))
            except NotFound:
                with whole(self._folder / f"{name}{image.suffix}") as target:
                    target.write_bytes(image.data)
        if time.monotonic() - self._swept_at > SECONDS_BETWEEN_SWEEPS:
            self.sweep()
        return stored

    @contextmanager
    def taken_in(self, recipe: Recipe) -> Iterator[Recipe]:
        """The recipe with its pictures stored and replaced by their digests. They are not removed
        inside the block, in which the recipe becomes a job that uses them.

        Raises:
            InvalidRecipe: a picture can't be used, or there is none by a digest.
            MediaError: a picture could not be written, or the disk is full.
        """
        held: list[str] = []
        try:
            for field in FIELDS:
                if (value := getattr(recipe, field)) is not None:
                    digest = self._digest(value, field)
                    held.append(self._hold(digest, field))
                    recipe = recipe.model_copy(update={field: digest})
            yield recipe
        finally:
            with self._lock:
                self._held.subtract(held)
                self._held += Counter()

    def path(self, digest: str) -> Path:
        """The stored file.

        Raises:
            NotFound: there is none by this digest.
        """
        if is_digest(digest):
            name = digest.removeprefix("sha256:")
            for path in self._folder.glob(f"{name}.*"):
                return path
        raise NotFound("This picture is not here any more. Choose it again.")

    def thumbnail(self, digest: str) -> bytes:
        """A stored picture as a small WebP, with sides of at most 512 pixels.

        Raises:
            NotFound: there is none by this digest.
        """
        return self._small(self.path(digest))

    def pixels(self, recipe: Recipe, field: str) -> NDArray[np.uint8] | None:
        """A recipe's picture as the engine takes it; None if the recipe has none in this field.

        Returns:
            uint8, H×W×3, of exactly the recipe's size.

        Raises:
            NotFound: its file was removed.
        """
        digest = getattr(recipe, field)
        if digest is None:
            return None
        data = self.path(digest).read_bytes()
        return fit(read_reference(data, len(data), field), recipe.width, recipe.height)

    def sweep(self) -> None:
        """Remove unused pictures that are too old or too many, and files that a killed process has
        left half-written."""
        with self._lock:
            self._swept_at = time.monotonic()
            sweep(self._folder)
            try:
                # In this order: a picture whose hold ends in between is in a job by then.
                used = {*self._held, *self._in_use()}
            except StudioError as error:
                _log.warning("No pictures were removed: %s", error)
                return
            for path in _superfluous(self._folder, used):
                _log.info("Removing the picture %s, which nothing uses.", path.name)
                remove(path)

    def _in_use(self) -> list[str]:
        """Digests of the pictures that takes, and jobs that have not ended, refer to."""
        live = JobRow.state.in_(LIVE)
        named = [select(TakeRow.recipe[field].as_string()) for field in FIELDS]
        named += [select(JobRow.recipe[field].as_string()).where(live) for field in FIELDS]
        with self._database.reading() as session:
            return [digest for digest in session.scalars(union(*named)) if digest]

    def _digest(self, value: str, field: str) -> str:
        return value if is_digest(value) else self.add(decode_reference(value), field).digest

    def _hold(self, digest: str, field: str) -> str:
        with self._lock:
            try:
                _touch(self.path(digest))
            except NotFound as error:
                raise InvalidRecipe.because(field, f"{field}: {error}") from None
            self._held[digest] += 1
        return digest


def _thumbnail(path: Path) -> bytes:
    return thumbnail(path.read_bytes())


def _touch(path: Path) -> None:
    """Note the present time as that of the picture's last use: its file's modification time."""
    try:
        os.utime(path)
    except OSError as error:
        _log.warning("%s could not be marked as used: %s", path, error)


def _superfluous(folder: Path, used: Set[str]) -> list[Path]:
    """Files of the unused pictures that are too old, or beyond what all of them may take."""
    paths = (path for path in folder.glob("[0-9a-f]*.*") if f"sha256:{path.stem}" not in used)
    files = [(path, path.stat()) for path in paths]
    newest_first = sorted(files, key=lambda each: each[1].st_mtime, reverse=True)
    totals = accumulate(found.st_size for _, found in newest_first)
    oldest = time.time() - UNUSED_SECONDS
    return [
        path
        for number, ((path, found), total) in enumerate(zip(newest_first, totals, strict=True))
        if found.st_mtime < oldest or number >= UNUSED_FILES or (number and total > UNUSED_BYTES)
    ]
