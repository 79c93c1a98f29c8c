"""What a studio keeps, whether or not clips are made: the library, pictures, people's tokens."""

from __future__ import annotations

import shutil
from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Protocol

from ltx_ui.errors import InvalidRecipe, NotFound
from ltx_ui.film_kinds import SETTLE
from ltx_ui.inputs import AUDIO, CONTROL, ControlKind
from ltx_ui.media.following import small_frame
from ltx_ui.media.frames import last_frame
from ltx_ui.media.sounds import seconds_of
from ltx_ui.recipe import Recipe
from ltx_ui.settings import Settings
from ltx_ui.sound_length import as_long
from ltx_ui.studio.bans import Bans
from ltx_ui.studio.characters import Characters
from ltx_ui.studio.database import Database
from ltx_ui.studio.exporting import Exporting
from ltx_ui.studio.guard import is_visitor
from ltx_ui.studio.importing import Importing
from ltx_ui.studio.input_store import InputStore
from ltx_ui.studio.library import Library
from ltx_ui.studio.licences import Licences
from ltx_ui.studio.lineage import LastFrames
from ltx_ui.studio.lora_folder import LoraFolder
from ltx_ui.studio.people import Presence
from ltx_ui.studio.room import Room
from ltx_ui.studio.sign_ins import SignIns
from ltx_ui.studio.stored import StoredImage, StoredSound
from ltx_ui.studio.storyboards import Storyboards
from ltx_ui.studio.take_links import TakeLinks
from ltx_ui.studio.tokens import Tokens
from ltx_ui.studio.users import Users


class Asked(Protocol):
    """A recipe that is asked for: see :class:`ltx_ui.request.Request`."""

    @property
    def files(self) -> Mapping[str, bytes]:
        """The files that came along, by field."""

    @property
    def takes(self) -> Mapping[str, str]:
        """The ids of the takes whose films it names, by field."""

    @property
    def inherited(self) -> frozenset[str]:
        """The fields that it has of a film."""

    @property
    def fits(self) -> int | None:
        """Its most frames, where it is as long as its sound."""

    def recipe(self, stored: Mapping[str, str]) -> Recipe:
        """The recipe, given the digests of its files and of its takes' films, by field."""


@lru_cache(100)
def _seconds(path: Path) -> float:
    """How long a stored sound is; its name is that of its bytes."""
    return seconds_of(path.read_bytes())


class Kept(ABC):
    """The part of a studio that lies in its database and its folder.

    Attributes:
        library: the takes.
        loras: those in the operator's folder.
        characters: whom ``@name`` stands for.
        storyboards: shots that are made one after the other.
        exporting, importing: takes as zips, out and in.
        tokens: by which programs ask for their owners.
        users: who has a name and a password here.
        sign_ins: who is signed in.
        take_links: by which takes are given away.
        bans: who is let in no more.
        presence: who was seen lately.
        licences: which of the models' visitors have accepted.

    Raises:
        SettingsError: the library is damaged, or belongs to a newer version of the program.
        MediaError: it can't be read or written.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._database = Database(settings.library)
        self._database.open()
        # Earlier versions let Gradio keep uploads here.
        shutil.rmtree(settings.cache_dir / "gradio", ignore_errors=True)
        self.loras = LoraFolder(settings.loras_dir, settings.cache_dir / "loras.json")
        largest = int(settings.max_image_mb * 1e6)
        self._inputs = InputStore(settings.references_dir, largest, self._database, self.loras)
        self._last_frames = LastFrames(self._database)
        self.library = Library(
            self._database, settings.takes_dir, self._takes_changed, self._inputs.sweep
        )
        self.characters = Characters(self._database, self._inputs)
        self.storyboards = Storyboards(self._database, self.library)
        self.exporting = Exporting(self._database, settings.takes_dir, self._inputs)
        self.importing = Importing(
            *(self._database, settings.takes_dir, self._inputs, self.library),
            most_bytes=int(settings.max_import_gb * 1e9),
        )
        self.importing.settle()
        self.tokens, self.users = Tokens(self._database), Users(self._database)
        self.sign_ins = SignIns(self._database)
        self.take_links = TakeLinks(self._database, self.library)
        self.bans, self.presence = Bans(self._database), Presence()
        self.licences = Licences(self._database)

    def _settle_others(self) -> None:
        """See to what other processes on the database have left that were killed. Where there are
        none, that is done at start."""
        if self._database.shared:
            self.library.sweep()
            self.importing.settle()

    @property
    def library_name(self) -> str:
        """Where the library is: a file, or a database server without a password."""
        return self._database.name

    @abstractmethod
    def _takes_changed(self, owner: str) -> None:
        """Takes of this owner's were deleted or brought back, and jobs with them."""

    def add_image(self, data: bytes, field: str = "image_start", owner: str = "") -> StoredImage:
        """Store a picture. Recipes may then refer to it by its digest.

        Args:
            data: the file's bytes as they were sent.
            field: the recipe's field that the picture is for, named in errors.
            owner: who sent it. Only the studio's owner may use pictures of others.

        Raises:
            InvalidRecipe: it can't be used.
            MediaError: it could not be written, or the disk is full.
        """
        return self._inputs.add(data, field, owner)

    def add_file(self, data: bytes, field: str, owner: str = "") -> str:
        """Store a picture, a sound or a film, whichever a recipe's field takes; returns its digest.

        Args, errors: as :meth:`add_image`.
        """
        return self._inputs.add_file(data, field, owner)

    def add_sound(self, data: bytes, owner: str = "") -> StoredSound:
        """Store a sound. Recipes may then refer to it by its digest.

        Args, errors: as :meth:`add_image`.
        """
        return self._inputs.add_sound(data, owner=owner)

    def add_film(self, data: bytes, owner: str = "", *, ours: bool = False) -> StoredSound:
        """Store a film. Recipes may then refer to it by its digest.

        Args, errors: as :meth:`InputStore.add_film`.
        """
        digest = self._inputs.add_film(data, CONTROL, owner, ours=ours)
        film = self._inputs.film(digest, CONTROL, owner)
        return StoredSound(digest, film.frames / film.fps)

    def film_of(self, take_id: str, owner: str) -> StoredSound:
        """Store a take's film, so that another clip may follow it.

        Raises:
            NotFound: there is no such take of this owner, or its file was deleted from outside.
            MediaError: the disk is full.
        """
        return self.add_film(self.library.video(take_id, owner).read_bytes(), owner, ours=True)

    def followed(self, digest: str, owner: str, kind: ControlKind, start: float) -> bytes:
        """What a clip follows of a stored film at a time, as a small WebP.

        Raises:
            InvalidRecipe: there is no film by this digest that the owner may use.
            MediaError: it can't be read.
        """
        film = self._inputs.film(digest, CONTROL, owner)
        return small_frame(self.media_file(digest, owner), film, kind, start)

    def recipe_of(self, asked: Asked, owner: str = "") -> Recipe:
        """The recipe that is asked for, whose files are stored from now on. What was not asked for
        it has of its film.

        Raises:
            InvalidRecipe: a file can't be used, or the film and the recipe don't go together.
            NotFound: a take is not there, or not this owner's.
            MediaError: a file could not be written, or the disk is full.
        """
        files = asked.files.items()
        stored = {field: self.add_file(data, field, owner) for field, data in files}
        for field, take in asked.takes.items():
            data = self.library.video(take, owner).read_bytes()
            stored[field] = self._inputs.add_film(data, field, owner, ours=True)
        recipe = self._settled(asked.recipe(stored), owner, asked.inherited)
        given = recipe.inputs.audio
        if asked.fits is None or given is None:
            return recipe
        room = self.most_volume(owner) // (recipe.width * recipe.height)
        return as_long(recipe, self.sound_seconds(given.digest, owner), min(asked.fits, room))

    def most_volume(self, owner: str) -> int:
        """The most width × height × frames that an owner's clips may have."""
        allowed, visits = self._settings, is_visitor(owner)
        return min(allowed.max_volume, allowed.visitor_volume) if visits else allowed.max_volume

    def sound_seconds(self, digest: str, owner: str) -> float:
        """How long a stored sound is, or a film's sound.

        Raises:
            InvalidRecipe: there is none by this digest that the owner may use.
        """
        try:
            return _seconds(self.media_file(digest, owner))
        except NotFound as error:
            raise InvalidRecipe.because(AUDIO, f"{AUDIO}: {error}") from None

    def _settled(self, recipe: Recipe, owner: str, inherited: Collection[str] = ()) -> Recipe:
        for field, film in self._inputs.films(recipe, owner).items():
            recipe = SETTLE[field](recipe, film, inherited)
        return recipe

    def last_frame(self, take_id: str, owner: str) -> StoredImage:
        """Store a take's last frame as a picture, so that another clip may begin where it ends.

        Raises:
            NotFound: there is no such take of this owner, or its file was deleted from outside.
            MediaError: the file can't be read, or the disk is full.
        """
        frame = last_frame(self.library.video(take_id, owner))
        stored = self._inputs.add(frame, "image_start", owner)
        self._last_frames.add(stored.digest, owner, take_id)
        return stored

    def thumbnail(self, digest: str, owner: str = "") -> bytes:
        """A stored picture as a small WebP, with sides of at most 512 pixels.

        Raises:
            NotFound: there is none by this digest that the owner may see.
        """
        return self._inputs.thumbnail(digest, owner)

    def reference(self, digest: str, owner: str) -> Path:
        """The file of a stored picture.

        Raises:
            NotFound: as :meth:`thumbnail`.
        """
        return self._inputs.path(digest, owner, media=False)

    def media_file(self, digest: str, owner: str) -> Path:
        """The file of a stored sound or film.

        Raises:
            NotFound: there is none by this digest that the owner may see.
        """
        return self._inputs.path(digest, owner, media=True)

    def room(self, owner: str) -> Room:
        """How much room an owner's takes need on the disk, and all pictures."""
        return replace(self.library.room(owner), picture_bytes=self._inputs.bytes())
