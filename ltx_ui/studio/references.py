"""Reference images on disk, under the digest of their bytes, as they were sent."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ltx_ui.errors import InvalidRecipe, NotFound
from ltx_ui.media.files import sweep, whole
from ltx_ui.media.images import SUFFIXES, file_suffix, fit, read_reference
from ltx_ui.recipe import Recipe, decode_reference, is_digest


@dataclass(frozen=True)
class StoredImage:
    """A picture that was taken in: its digest, its size in pixels, and what was done with it."""

    digest: str
    width: int
    height: int
    note: str


FIELDS = ("image_start", "image_end")


class References:
    """The folder of reference images."""

    def __init__(self, folder: Path, max_bytes: int) -> None:
        self._folder = folder
        self._max_bytes = max_bytes

    def take_in(self, recipe: Recipe) -> Recipe:
        """The recipe with its images stored and named by digest.

        Raises:
            InvalidRecipe: an image can't be used, or a digest names none that is here.
            MediaError: the disk is full.
        """
        sent = {field: getattr(recipe, field) for field in FIELDS}
        taken = {f: self._store(value, f) for f, value in sent.items() if value is not None}
        return recipe.model_copy(update=taken)

    def path(self, digest: str) -> Path:
        """The stored file.

        Raises:
            NotFound: there is none by this digest.
        """
        name = digest.removeprefix("sha256:")
        if is_digest(digest):
            for suffix in sorted(set(SUFFIXES.values())):
                path = self._folder / f"{name}{suffix}"
                if path.exists():
                    return path
        raise NotFound("This reference image is not here any more. Choose the picture again.")

    def pixels(self, recipe: Recipe, field: str) -> NDArray[np.uint8] | None:
        """An image as the engine takes it, or None where the recipe has none.

        Returns:
            uint8, height×width×3 of the recipe.

        Raises:
            NotFound: its file was removed.
        """
        digest = getattr(recipe, field)
        if digest is None:
            return None
        data = self.path(digest).read_bytes()
        return fit(read_reference(data, len(data), field), recipe.width, recipe.height)

    def add(self, data: bytes, field: str) -> StoredImage:
        """Store a picture under its digest.

        Raises:
            InvalidRecipe: it can't be used.
            MediaError: the disk is full.
        """
        picture = read_reference(data, self._max_bytes, field)
        name = hashlib.sha256(data).hexdigest()
        path = self._folder / f"{name}{file_suffix(data)}"
        if not path.exists():
            with whole(path) as target:
                target.write_bytes(data)
        return StoredImage(f"sha256:{name}", *picture.size, "")

    def sweep(self) -> None:
        """Remove what a killed process left half-written."""
        sweep(self._folder)

    def _store(self, reference: str, field: str) -> str:
        if is_digest(reference):
            try:
                self.path(reference)
            except NotFound as error:
                raise InvalidRecipe.because(field, f"{field}: {error}") from None
            return reference
        return self.add(decode_reference(reference), field).digest
