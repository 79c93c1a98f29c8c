"""What a zip holds, held against what the library has, and made into rows."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, suppress
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from sqlalchemy import select

from ltx_ui.errors import InvalidRecipe
from ltx_ui.inputs import MOST_PICTURES
from ltx_ui.media.checking import NotOurs, check_clip, check_poster
from ltx_ui.recipe import Recipe
from ltx_ui.studio.archive import (
    LIST,
    MOST_TAKES,
    SCHEMA,
    CharacterTold,
    FileTold,
    PictureTold,
    TakeTold,
)
from ltx_ui.studio.characters import Character, check_room, columns_of
from ltx_ui.studio.clip_files import Files
from ltx_ui.studio.database import Database
from ltx_ui.studio.input_store import InputStore
from ltx_ui.studio.shelves import MAX_NAME, MOST_TAGS, as_tags, one_line, storable
from ltx_ui.studio.tables import CharacterRow, StoryboardRow, TagRow, TakeRow
from ltx_ui.studio.takes import of_recipe
from ltx_ui.studio.zips import BadZip, Zip
from ltx_ui.untrusted_json import json_object
from ltx_ui.values import mistake

MOST_LIST = 64_000_000
"""Bytes of the file that tells of all takes."""
_MOST_COMMAS = 2_000_000
_MOST_POSTER = 40_000_000
_MOST_CHARACTERS = 1000
_MOST_BOARDS = 1000
_MOST_REST = 20_000_000
"""Bytes of an mp4 beside its pixels: sound, recipe, index."""
_COPIED = (
    *("id", "created_at", "seconds", "timings", "versions", "model", "device", "notes"),
    *("findings", "favourite", "draft", "made_from", "relation"),
)
"""Fields that a take's row has as they are told."""

Told = TypeVar("Told", bound=BaseModel)


class Listed:
    """What a zip's :data:`LIST` tells.

    Raises:
        BadZip: there is none, or it can't be used.
    """

    def __init__(self, files: Zip) -> None:
        self._files = files
        self._folder = self._found()
        told = self._told()
        self.takes = _entries(told, "takes", MOST_TAKES)
        self.characters = _entries(told, "characters", _MOST_CHARACTERS)
        self.storyboards = _entries(told, "storyboards", _MOST_BOARDS)
        pictures = _entries(told, "pictures", MOST_TAKES * MOST_PICTURES)
        self._pictures = {each.digest: each.file for each in _valid(PictureTold, pictures)}

    @property
    def size(self) -> int:
        """Bytes of all files when they are unpacked."""
        return sum(self._files.names.values())

    def picture(self, digest: str, most: int) -> bytes | None:
        """A picture's file; None where the zip doesn't have it."""
        name = self._pictures.get(digest)
        return self.read(name, most) if name else None

    def read(self, name: str, most: int) -> bytes:
        """A file's bytes, as :meth:`Zip.read` gives them."""
        return self._files.read(self._folder + name, most)

    def unpack(self, told: FileTold, target: Path, most: int) -> None:
        """Write a file.

        Raises:
            BadZip: it is not the one that is told of.
        """
        if self._files.unpack(self._folder + told.file, target, most) != told.sha256:
            raise BadZip("its file is not the one that was exported")

    def _found(self) -> str:
        """The folder in the zip, with a slash behind it, where there is one around everything."""
        paths = (PurePosixPath(name) for name in self._files.names)
        found = [path for path in paths if path.name == LIST and len(path.parts) <= 2]
        if len(found) != 1:
            raise BadZip(
                f"The zip holds no {LIST}. Choose one that was made by Take along in the Gallery, "
                "or by ltx-ui export."
            )
        return str(found[0]).removesuffix(LIST)

    def _told(self) -> Mapping[str, Any]:
        try:
            told = json_object(self.read(LIST, MOST_LIST), _MOST_COMMAS)
        except ValueError as error:
            raise BadZip(f"{LIST} in the zip {error}") from None
        schema = told.get("schema")
        if type(schema) is not int or schema < 1:
            raise BadZip(f"{LIST} in the zip is not one that this program wrote.")
        if schema > SCHEMA:
            raise BadZip("A newer version of the studio made this zip. Update this one.")
        return told


class Present:
    """What a library has of an owner's takes, and which ids are given away.

    Args:
        folder: of the takes' files.
    """

    def __init__(self, database: Database, folder: Path, owner: str) -> None:
        self.owner = owner
        self._folder = folder
        query = select(TakeRow.id, TakeRow.owner, TakeRow.deleted_at, TakeRow.video)
        people = select(CharacterRow.name).where(CharacterRow.owner == owner)
        boards = select(StoryboardRow.id, StoryboardRow.owner)
        with database.reading() as session:
            takes = list(session.execute(query))
            self.characters = list(session.scalars(people))
            self.boards = {row.id: row.owner for row in session.execute(boards)}
        own = [row for row in takes if row.owner == owner and row.deleted_at is None]
        self.own = {row.id for row in own}
        self.given = {row.id for row in takes}
        self._films = {row.video: row.id for row in own}

    def with_film(self, film: FileTold) -> str | None:
        """The owner's take that has the same film; None if none does."""
        those = self._of_size.get(film.bytes, ())
        return next((id_ for path, id_ in those if film.sha256 == _digest(path)), None)

    @cached_property
    def _of_size(self) -> dict[int, list[tuple[Path, str]]]:
        found: dict[int, list[tuple[Path, str]]] = {}
        for name, take_id in self._films.items():
            with suppress(OSError):
                path = self._folder / name
                found.setdefault(path.stat().st_size, []).append((path, take_id))
        return found


class Incoming:
    """The rows of a zip's takes. Their files lie in a folder, and their pictures in the store.

    Args:
        stage: the folder.
        held: keeps the pictures from being removed until the rows are written.

    Attributes:
        here: how many takes are here already.
        unreadable: a sentence for each take that can't be taken.
        ids: those that takes have here, by the ones that the zip has for them.
    """

    def __init__(
        self, listed: Listed, stage: Path, present: Present, inputs: InputStore, held: ExitStack
    ) -> None:
        self._listed, self._stage, self._present = listed, stage, present
        self._inputs, self._held = inputs, held
        self.ids: dict[str, str] = {}
        self._seen: set[str] = set()
        self.here = 0
        self.unreadable: list[str] = []

    def takes(self) -> list[TakeRow]:
        """The rows of the takes that come."""
        rows = [row for entry in self._listed.takes if (row := self._read(entry)) is not None]
        for row in rows:
            row.made_from = self.ids.get(row.made_from or "", row.made_from)
        return rows

    def characters(self) -> list[CharacterRow]:
        """The rows of the characters that come: those that could be saved here, as long as there is
        room, by whose names the owner has none."""
        names, rows = list(self._present.characters), []
        for told in _valid(CharacterTold, self._listed.characters):
            character = Character(told.name, told.words, tuple(told.images), told.seed)
            with suppress(InvalidRecipe):
                columns = columns_of(character)
                check_room(columns["name"], names)
                names.append(columns["name"])
                rows.append(self._character(told, columns))
        return rows

    def _character(self, told: CharacterTold, columns: Mapping[str, Any]) -> CharacterRow:
        images = [digest for digest in columns["images"] if self._stored(digest, "image_start")]
        return CharacterRow(
            id=secrets.token_hex(16),
            owner=self._present.owner,
            note=told.note,
            created_at=told.created_at,
            **{**columns, "images": images},
        )

    def _read(self, entry: Any) -> TakeRow | None:
        """A take's row; None where it is here already or can't be taken."""
        video = self._stage / f"{secrets.token_hex(16)}.mp4"
        files = Files(video, video.with_suffix(".jpg"))
        try:
            told = told_as(TakeTold, entry)
            if self._is_here(told):
                self.here += 1
                return None
            self._unpack(told, files)
            row = self._row(told, files)
        except (BadZip, NotOurs, InvalidRecipe) as error:
            files.remove()
            self.unreadable.append(f"{_called(entry)}: {str(error).rstrip('.')}.")
            return None
        self._keep_pictures(told.recipe)
        return row

    def _is_here(self, told: TakeTold) -> bool:
        if told.id in self._seen:
            raise BadZip("it is listed twice")
        self._seen.add(told.id)
        if told.id in self._present.own:
            self.ids[told.id] = told.id
        elif told.video is not None and (same := self._present.with_film(told.video)):
            self.ids[told.id] = same
        return told.id in self.ids

    def _unpack(self, told: TakeTold, files: Files) -> None:
        if told.video is None or told.poster is None:
            raise BadZip(
                "its files were gone when the zip was made; its recipe is in the zip's list"
            )
        recipe = told.recipe
        most = recipe.width * recipe.height * recipe.film_frames * 3 + _MOST_REST
        self._listed.unpack(told.video, files.video, most)
        check_clip(files.video, recipe)
        self._listed.unpack(told.poster, files.poster, _MOST_POSTER)
        check_poster(files.poster, recipe)

    def _row(self, told: TakeTold, files: Files) -> TakeRow:
        row = TakeRow(owner=self._present.owner, video=files.video.name, poster=files.poster.name)
        for name in _COPIED:
            setattr(row, name, getattr(told, name))
        if told.id in self._present.given:
            row.id = secrets.token_hex(16)
        self.ids[told.id] = row.id
        for name, value in of_recipe(told.recipe).items():
            setattr(row, name, value)
        row.name, row.note = one_line(told.name, "name", MAX_NAME), storable(told.note).strip()
        row.tags = [TagRow(tag=tag) for tag in as_tags(told.tags)[:MOST_TAGS]]
        row.bytes = files.bytes
        return row

    def _keep_pictures(self, recipe: Recipe) -> None:
        for field, digest in recipe.inputs.named():
            self._stored(digest, field)
        with suppress(InvalidRecipe):  # One is not in the zip: the recipe names it all the same.
            self._held.enter_context(self._inputs.held(recipe.inputs.named()))

    def _stored(self, digest: str, field: str) -> bool:
        """Whether a picture is in the store now."""
        try:
            data = self._listed.picture(digest, self._inputs.max_bytes)
            return data is not None and self._inputs.add_file(data, field) == digest
        except (BadZip, InvalidRecipe):
            return False


def _entries(told: Mapping[str, Any], name: str, most: int) -> list[Any]:
    entries = told.get(name, [])
    if not isinstance(entries, list) or len(entries) > most:
        raise BadZip(f"{LIST} in the zip must hold {name} as a list of at most {most}.")
    return entries


def _valid(kind: type[Told], entries: list[Any]) -> Iterator[Told]:
    for entry in entries:
        with suppress(ValidationError):
            yield kind.model_validate(entry)


def told_as(kind: type[Told], entry: Any) -> Told:
    """An entry of a zip's list.

    Raises:
        BadZip: it can't be used; says why.
    """
    try:
        return kind.model_validate(entry)
    except ValidationError as error:
        wrong = error.errors()[0]
        where = ".".join(map(str, wrong["loc"]))[:60]
        which = repr(where) if where else "it"
        raise BadZip(f"its entry can't be used: {which} {mistake(wrong)}") from None


def _called(entry: Any) -> str:
    """What a take is called in a sentence, whatever its entry is."""
    told = entry if isinstance(entry, Mapping) else {}
    recipe = told.get("recipe")
    prompt = recipe.get("prompt") if isinstance(recipe, Mapping) else None
    return called(told.get("name") or prompt or told.get("id") or "A clip without a name")


def called(name: Any) -> str:
    """A name out of a zip in a sentence."""
    words = str(name)
    words = " ".join(words[:400].encode(errors="replace").decode().split())
    return words if len(words) <= 60 else f"{words[:59]}…"


def _digest(path: Path) -> str | None:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return None
