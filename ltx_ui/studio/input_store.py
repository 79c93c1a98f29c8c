"""The files that recipes refer to, named by the digests of their bytes."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import lru_cache
from itertools import chain
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Text, cast, select, union

from ltx_ui.clip import Joint
from ltx_ui.errors import InvalidRecipe, NotFound, StudioError
from ltx_ui.given_films import Film
from ltx_ui.inputs import (
    AUDIO,
    FILMS,
    ImageInput,
    InputData,
    Picture,
    Sound,
    digest_of,
    digests_in,
    is_digest,
    name_at,
)
from ltx_ui.media.files import remove, sweep, whole
from ltx_ui.media.films import look_at
from ltx_ui.media.following import followed_frames
from ltx_ui.media.from_films import joint_of, with_film
from ltx_ui.media.images import fit, read_reference, take_in, thumbnail
from ltx_ui.media.masks import read_mask
from ltx_ui.media.sounds import SUFFIXES, read_sound, take_in_sound
from ltx_ui.recipe import Recipe
from ltx_ui.studio import dialects
from ltx_ui.studio.database import Database
from ltx_ui.studio.lora_folder import LoraFolder
from ltx_ui.studio.shown_to import NOT_HERE, ShownTo
from ltx_ui.studio.stored import StoredImage, StoredSound
from ltx_ui.studio.superfluous import superfluous
from ltx_ui.studio.tables import LIVE, CharacterRow, JobRow, TakeRow

SECONDS_BETWEEN_SWEEPS = 60
_THUMBNAILS = 200
_FILMS = 200
_FILM_SUFFIX = ".mp4"
_MEDIA_SUFFIXES = SUFFIXES | {_FILM_SUFFIX}
"""Of sounds and films. A file of one may serve as the other, whichever it was sent as: a film has a
sound, and some of the same containers hold both."""

_log = logging.getLogger(__name__)


class InputStore:
    """The folder of pictures and sounds. Safe to call from any thread.

    A picture that no take, job or character uses is removed after a week, or earlier if there are
    too many unused ones.

    Args:
        max_bytes: size of the largest file that is accepted.
        database: has the takes and jobs that use pictures.
        loras: the folder of LoRAs, which recipes name too; None where no clip is made.
    """

    def __init__(
        self, folder: Path, max_bytes: int, database: Database, loras: LoraFolder | None = None
    ) -> None:
        self.loras = loras
        self._folder = folder
        self.max_bytes = max_bytes
        self._database = database
        self._lock = threading.Lock()
        self._held: Counter[str] = Counter()
        self._swept_at = -float(SECONDS_BETWEEN_SWEEPS)
        self._shown_to = ShownTo(folder / "visitors")
        self._small = lru_cache(_THUMBNAILS)(_thumbnail)
        self._films = lru_cache(_FILMS)(look_at_file)

    def add(self, data: bytes, field: str, owner: str = "") -> StoredImage:
        """Store a picture.

        Args:
            data: the file's bytes as they were sent.
            field: the recipe's field that the picture is for, named in errors.
            owner: who may use it from now on.

        Raises:
            InvalidRecipe: it can't be used.
            MediaError: it could not be written, or the disk is full.
        """
        image = take_in(data, self.max_bytes, field)
        digest = self._keep(image.data, image.suffix, owner)
        return StoredImage(digest, image.width, image.height, image.note)

    def add_film(self, data: bytes, field: str, owner: str = "", *, ours: bool = False) -> str:
        """Store a film.

        Args:
            data: the file's bytes as they were sent.
            field: the recipe's field that the film is for, named in errors.
            owner: who may use it from now on.
            ours: whether it is a take's, which may have any size in bytes.

        Returns:
            Its digest.

        Raises:
            InvalidRecipe: it can't be used.
            MediaError: it could not be written, or the disk is full.
        """
        if len(data) > self.max_bytes and not ours:
            raise InvalidRecipe.because(
                field,
                f"{field}: the film has {len(data) / 1e6:.1f} MB; at most "
                f"{self.max_bytes / 1e6:g} MB are allowed. Cut it, or make it smaller.",
            )
        try:
            look_at(data)
        except ValueError as error:
            raise InvalidRecipe.because(field, f"{field}: the film {error}") from None
        return self._keep(data, _FILM_SUFFIX, owner)

    def films(self, recipe: Recipe, owner: str = "") -> dict[str, Film]:
        """What the films are that a recipe names, by field.

        Raises:
            InvalidRecipe: one is not here, or no film.
        """
        named = recipe.inputs.films()
        return {field: self.film(film.digest, field, owner) for field, film in named}

    def film(self, digest: str, field: str, owner: str) -> Film:
        path = self._named(digest, field, owner)
        try:
            return self._films(path)
        except ValueError as error:
            raise InvalidRecipe.because(field, f"{field}: the film {error}") from None

    def joint(self, recipe: Recipe) -> Joint | None:
        """What joins a recipe's clip to the film that it becomes a part of; None without one.

        Raises:
            NotFound: the film was removed.
        """
        for _, named in recipe.inputs.films():
            path = self.path(named.digest, media=True)
            if joint := joint_of(path, named, recipe, self._mask(recipe)):
                return joint
        return None

    def add_sound(self, data: bytes, field: str = AUDIO, owner: str = "") -> StoredSound:
        """Store a sound, as the file that came.

        Args, errors: as :meth:`add`.
        """
        sound = take_in_sound(data, self.max_bytes, field)
        return StoredSound(self._keep(sound.data, sound.suffix, owner), sound.seconds)

    def add_file(self, data: bytes, field: str, owner: str = "") -> str:
        """Store a picture, a sound or a film, whichever a recipe's field takes; returns its digest.

        Args, errors: as :meth:`add`.
        """
        if field in FILMS:
            return self.add_film(data, field, owner)
        if field == AUDIO:
            return self.add_sound(data, field, owner).digest
        return self.add(data, field, owner).digest

    def _keep(self, data: bytes, suffix: str, owner: str) -> str:
        digest = digest_of(data)
        with self._lock:
            try:
                _touch(self.path(digest, media=suffix in _MEDIA_SUFFIXES))
            except NotFound:
                with whole(self._folder / f"{_name(digest)}{suffix}") as target:
                    target.write_bytes(data)
            self._shown_to.note(digest, owner)
        if time.monotonic() - self._swept_at > SECONDS_BETWEEN_SWEEPS:
            self.sweep()
        return digest

    @contextmanager
    def held(self, named: Iterable[tuple[str, str]], owner: str = "") -> Iterator[None]:
        """Files are not removed inside the block, in which something is stored that uses them.

        Args:
            named: the field and the digest of each, as :meth:`ltx_ui.inputs.Inputs.named` gives
                them; the field is named in errors.
            owner: for whom something is stored, who may not use pictures of others.

        Raises:
            InvalidRecipe: there is no file by a digest that the owner may use.
        """
        held: list[str] = []
        try:
            for field, digest in named:
                held.append(self._hold(digest, field, owner))
            yield
        finally:
            with self._lock:
                self._held.subtract(held)
                self._held += Counter()

    def path(self, digest: str, owner: str = "", *, media: bool | None = None) -> Path:
        """The stored file.

        Args:
            owner: who asks for it; only the studio's owner sees files of others.
            media: whether it has to be a sound or a film, or a picture; None for any.

        Raises:
            NotFound: there is none by this digest that the owner may see.
        """
        if is_digest(digest):
            self._shown_to.check(digest, owner)
            for path in self._folder.glob(f"{_name(digest)}.*"):
                if media is None or media == (path.suffix in _MEDIA_SUFFIXES):
                    return path
        raise NotFound(NOT_HERE)

    def thumbnail(self, digest: str, owner: str = "") -> bytes:
        """A stored picture as a small WebP, with sides of at most 512 pixels.

        Raises:
            NotFound: as :meth:`path`; or it is a sound or a film.
        """
        return self._small(self.path(digest, owner, media=False))

    def read(self, recipe: Recipe) -> InputData:
        """What a recipe's files hold, as the engine takes it.

        Raises:
            NotFound: a file was removed.
            InvalidRecipe: a LoRA was removed, or can't be used, or the sound ends before the clip
                begins.
        """
        pictures = {image.at: self._pixels(image, recipe) for image in recipe.inputs.images}
        loras = self.loras.read(recipe) if self.loras else ()
        data = InputData(pictures, loras, self._sound(recipe))
        for _, named in recipe.inputs.films():
            data = with_film(data, self.path(named.digest, media=True), named, recipe)
        return replace(data, control=self._followed(recipe), mask=self._mask(recipe))

    def _followed(self, recipe: Recipe) -> Picture | None:
        control = recipe.inputs.control
        if control is None or not recipe.inputs.follows:
            return None
        path = self.path(control.digest, media=True)
        return followed_frames(path, self._films(path), recipe, control)

    def sweep(self) -> None:
        """Remove unused pictures that are too old or too many, and files that a killed process has
        left half-written."""
        with self._lock:
            self._swept_at = time.monotonic()
            sweep(self._folder, self._database.unused_seconds)
            try:
                # In this order: a picture whose hold ends in between is in a job by then.
                used = {*self._held, *self._in_use()}
            except StudioError as error:
                _log.warning("No pictures were removed: %s", error)
                return
            for path in superfluous(self._folder, used):
                _log.info("Removing the picture %s, which nothing uses.", path.name)
                remove(path)
            self._shown_to.keep_only(self._digests())

    def bytes(self) -> int:
        """Size of all pictures."""
        size = 0
        for path in self._stored():
            with suppress(FileNotFoundError):  # It may be removed meanwhile.
                size += path.stat().st_size
        return size

    def gone(self) -> set[str]:
        """The digests of the pictures that are in use and not here any more.

        Raises:
            MediaError: the library can't be read.
        """
        return {*self._in_use()} - self._digests()

    def _stored(self) -> Iterator[Path]:
        return self._folder.glob("[0-9a-f]*.*")

    def _digests(self) -> set[str]:
        return {f"sha256:{path.stem}" for path in self._stored()}

    def _in_use(self) -> list[str]:
        """Digests of the files that takes, characters, and jobs that have not ended refer to."""
        live = dialects.digests_in(JobRow.recipe).where(JobRow.state.in_(LIVE))
        named = union(dialects.digests_in(TakeRow.recipe), live)
        with self._database.reading() as session:
            # As text: one that is damaged would end the whole query.
            shown = session.scalars(select(cast(CharacterRow.images, Text)))
            return [*session.scalars(named), *chain.from_iterable(map(digests_in, shown))]

    def _pixels(self, image: ImageInput, recipe: Recipe) -> Picture:
        data = self.path(image.digest, media=False).read_bytes()
        picture = read_reference(data, len(data), name_at(image.at))
        return fit(picture, recipe.width, recipe.height, image.focus)

    def check_contents(self, recipe: Recipe) -> None:
        """Refuse a recipe that names a film without sound, whose clip begins after its sound has
        ended, or whose mask shows no part of the picture.

        Raises:
            InvalidRecipe: it does.
        """
        self._sound(recipe)
        self._mask(recipe)

    def _mask(self, recipe: Recipe) -> NDArray[np.bool_] | None:
        again = recipe.inputs.retake
        if again is None or again.mask is None:
            return None
        data = self.path(again.mask, media=False).read_bytes()
        return read_mask(data, recipe.width, recipe.height)

    def _sound(self, recipe: Recipe) -> Sound | None:
        given = recipe.inputs.audio
        if given is None:
            return None
        data = self.path(given.digest, media=True).read_bytes()
        return read_sound(data, given.start, recipe.sound_seconds)

    def _hold(self, digest: str, field: str, owner: str) -> str:
        with self._lock:
            _touch(self._named(digest, field, owner))
            self._held[digest] += 1
        return digest

    def _named(self, digest: str, field: str, owner: str) -> Path:
        """The stored file that a recipe's field names.

        Raises:
            InvalidRecipe: there is none that the owner may use, or only of a kind that the field
                does not take.
        """
        needed = {AUDIO: "a sound", **dict.fromkeys(FILMS, "a film")}.get(field, "a picture")
        media = field == AUDIO or field in FILMS
        try:
            return self.path(digest, owner, media=media)
        except NotFound as error:
            said = str(error)
            with suppress(NotFound):
                self.path(digest, owner)
                other = "a picture" if media else "a sound or a film"
                said = f"is the digest of {other}; {needed} is needed."
            raise InvalidRecipe.because(field, f"{field}: {said}") from None


def _name(digest: str) -> str:
    """A stored file's name, without its ending."""
    return digest.removeprefix("sha256:")


def look_at_file(path: Path) -> Film:
    """As :func:`ltx_ui.media.films.look_at`."""
    return look_at(path.read_bytes())


def _thumbnail(path: Path) -> bytes:
    return thumbnail(path.read_bytes())


def _touch(path: Path) -> None:
    """Note the present time as that of the picture's last use: its file's modification time."""
    try:
        os.utime(path)
    except OSError as error:
        _log.warning("%s could not be marked as used: %s", path, error)
