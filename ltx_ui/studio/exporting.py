"""Takes as a zip, written while it is sent: nothing of it is kept here."""

from __future__ import annotations

import hashlib
import json
import logging
import zipfile
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from pydantic import BaseModel
from sqlalchemy import Select, select

from ltx_ui.errors import NotFound
from ltx_ui.studio import archive
from ltx_ui.studio.archive import FileTold, Names, PictureTold, TakeTold
from ltx_ui.studio.clip_files import Files
from ltx_ui.studio.damaged import Readable
from ltx_ui.studio.database import Database
from ltx_ui.studio.input_store import InputStore
from ltx_ui.studio.parts import in_parts
from ltx_ui.studio.tables import CharacterRow, StoryboardRow, TakeRow
from ltx_ui.studio.takes import PRESENT, take_of

_CHUNK = 1 << 20
_ROWS = 200
"""Rows that are read at once."""
_log = logging.getLogger(__name__)


class Exporting:
    """Writes an owner's takes into a zip: mp4s, posters, pictures that recipes use, and
    :data:`archive.LIST`, which tells of each take all that the library knows.

    Args:
        folder: of the takes' files.
    """

    def __init__(self, database: Database, folder: Path, inputs: InputStore) -> None:
        self._database = database
        self._folder = folder
        self._inputs = inputs

    def stream(
        self,
        owner: str,
        take_ids: Sequence[str] | None = None,
        board_ids: Sequence[str] | None = None,
    ) -> Iterator[bytes]:
        """The zip, piece by piece. Each file is read when its turn comes; one that is gone by then
        is left out, and so told. Storyboards come with the takes of their shots.

        Args:
            take_ids: those that are wanted.
            board_ids: the storyboards that are wanted. None of either: all takes but drafts, all
                storyboards, and the owner's characters.

        Raises:
            NotFound: the owner has none of these, or none at all.
        """
        everything = take_ids is None and board_ids is None
        boards = self._storyboards(owner, None if everything else board_ids or ())
        those = [*(take_ids or ()), *(id_ for board in boards for id_ in _takes_of(board))]
        numbers = sorted(self._numbers(owner, those, everything))
        if not numbers and not boards:
            raise NotFound("There are no clips here that could be taken along.")
        return self._written(numbers, boards, self._characters(owner) if everything else [])

    def _numbers(self, owner: str, take_ids: Sequence[str], everything: bool) -> set[int]:
        """The numbers of takes; of everything, also those of all that are no drafts."""
        here = select(TakeRow.number).where(TakeRow.owner == owner, PRESENT)
        found: set[int] = set()
        with self._database.reading() as session:
            if everything:
                found.update(session.scalars(here.where(~TakeRow.draft)))
            for some in in_parts(list(dict.fromkeys(take_ids)), _ROWS):
                found.update(session.scalars(here.where(TakeRow.id.in_(some))))
        return found

    def _storyboards(
        self, owner: str, board_ids: Sequence[str] | None
    ) -> list[archive.StoryboardTold]:
        theirs = select(StoryboardRow).where(StoryboardRow.owner == owner)
        if board_ids is not None:
            theirs = theirs.where(StoryboardRow.id.in_(board_ids[:_ROWS]))
        rows, query = Readable(StoryboardRow), theirs.order_by(StoryboardRow.number)
        with self._database.reading() as session:
            return rows.read(session, lambda: query, archive.storyboard_told)

    def _characters(self, owner: str) -> list[archive.CharacterTold]:
        theirs = select(CharacterRow).where(CharacterRow.owner == owner)
        with self._database.reading() as session:
            rows = session.scalars(theirs.order_by(CharacterRow.number))
            return [archive.character_told(row) for row in rows]

    def _takes(self, numbers: Sequence[int]) -> Iterator[tuple[TakeTold, Files]]:
        """The takes that can be read, with their files."""
        rows = Readable(TakeRow)
        for some in in_parts(numbers, _ROWS):
            yield from self._read(rows, select(TakeRow).where(TakeRow.number.in_(some)))

    def _read(
        self, rows: Readable[TakeRow], query: Select[TakeRow]
    ) -> Sequence[tuple[TakeTold, Files]]:
        with self._database.reading() as session:
            return rows.read(session, lambda: query.order_by(TakeRow.number), self._told)

    def _told(self, row: TakeRow) -> tuple[TakeTold, Files]:
        take = take_of(row, self._folder)  # Whatever is damaged shows here.
        return archive.take_told(row), Files(take.video, take.poster)

    def _written(
        self,
        numbers: Sequence[int],
        boards: Sequence[archive.StoryboardTold],
        characters: Sequence[archive.CharacterTold],
    ) -> Iterator[bytes]:
        sink, names = _Sink(), Names()
        told: list[str] = []
        digests = dict.fromkeys(digest for each in characters for digest in each.images)
        with zipfile.ZipFile(sink, "w", zipfile.ZIP_STORED) as target:
            for read, files in self._takes(numbers):
                take = yield from _take(read, files, names, sink, target)
                told.append(take.model_dump_json())
                digests |= dict.fromkeys(digest for _, digest in take.recipe.inputs.named())
            pictures = yield from self._pictures(digests, sink, target)
            parts = {"pictures": pictures, "characters": characters, "storyboards": boards}
            target.writestr(_entry(archive.LIST, datetime.now(UTC)), _list(told, parts))
            yield sink.taken()
        yield sink.taken()

    def _pictures(
        self, digests: Iterable[str], sink: _Sink, target: zipfile.ZipFile
    ) -> Generator[bytes, None, list[PictureTold]]:
        written: list[PictureTold] = []
        for digest in digests:
            try:
                path = self._inputs.path(digest)
                used = datetime.fromtimestamp(path.stat().st_mtime, UTC)
            except (NotFound, OSError) as error:
                _log.warning("A picture is left out of a zip: %s", error)
                continue
            name = f"pictures/{path.name}"
            if (yield from _add(path, name, used, sink, target)):
                written.append(PictureTold(digest=digest, file=name))
        return written


class _Sink:
    """What was written to the zip and not sent yet. It can't seek, so that nothing is gone back
    to."""

    def __init__(self) -> None:
        self._written = bytearray()

    def write(self, data: bytes) -> int:
        self._written += data
        return len(data)

    def flush(self) -> None:
        """Do nothing: what is written is sent by whoever takes it."""

    def close(self) -> None:
        """Do nothing: nothing is open."""

    def taken(self) -> bytes:
        """All of it, which is not kept."""
        data = bytes(self._written)
        self._written.clear()
        return data


def _take(
    take: TakeTold, files: Files, names: Names, sink: _Sink, target: zipfile.ZipFile
) -> Generator[bytes, None, TakeTold]:
    """Write a take's files into the zip; returns the take with them."""
    name = f"clips/{names.of(take)}"
    video = yield from _add(files.video, f"{name}.mp4", take.created_at, sink, target)
    poster = None
    if video:
        poster = yield from _add(files.poster, f"{name}.jpg", take.created_at, sink, target)
    return take.model_copy(update={"video": video, "poster": poster})


def _add(
    path: Path, name: str, made: datetime, sink: _Sink, target: zipfile.ZipFile
) -> Generator[bytes, None, FileTold | None]:
    """Write a file into the zip; returns None where it is gone."""
    try:
        source = path.open("rb")
    except OSError as error:
        _log.warning("A file is left out of a zip: %s", error)
        return None
    digest, size = hashlib.sha256(), 0
    with source:
        entry = _entry(name, made)
        entry.file_size = path.stat().st_size  # Tells whether the zip needs 64-bit sizes for it.
        with target.open(entry, "w") as copy:
            while data := source.read(_CHUNK):
                copy.write(data)
                digest.update(data)
                size += len(data)
                yield sink.taken()
    return FileTold(file=name, bytes=size, sha256=digest.hexdigest())


def _entry(name: str, made: datetime) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, max(made.astimezone(UTC).timetuple()[:6], (1980, 1, 1, 0, 0, 0)))
    entry.external_attr = 0o100644 << 16
    return entry


def _takes_of(board: archive.StoryboardTold) -> Iterator[str]:
    for shot in board.shots:
        yield from shot.takes


def _list(takes: Sequence[str], others: Mapping[str, Sequence[BaseModel]]) -> str:
    """A take a line."""
    head = json.dumps(archive.head(), indent=1).removesuffix("\n}")
    told = ((name, [each.model_dump_json() for each in part]) for name, part in others.items())
    parts = {"takes": takes, **dict(told)}
    lines = (f' "{name}": [\n  ' + ",\n  ".join(each) + "\n ]" for name, each in parts.items())
    return ",\n".join([head, *lines]) + "\n}\n"
