"""Takes from a zip that :mod:`ltx_ui.studio.exporting` wrote, here or elsewhere.

What comes is unpacked into a folder of its own first, under its final names. Then its rows are
written, a few thousand in a transaction, as those of an owner of that folder's name, who is nobody;
the last transaction makes all of them the owner's. Then the files are moved beside the others.
Whenever the process is killed, the next one deletes the rows that are nobody's, moves the files of
those that are somebody's, and removes the rest.
"""

from __future__ import annotations

import logging
import secrets
import shutil
import threading
from collections.abc import Collection, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from ltx_ui.errors import DiskFull, StudioError, WrongMoment, writing_failed
from ltx_ui.media.files import free_bytes
from ltx_ui.studio.damaged import UNREADABLE
from ltx_ui.studio.database import Database
from ltx_ui.studio.incoming import Incoming, Listed, Present
from ltx_ui.studio.incoming_boards import IncomingBoards, with_takes
from ltx_ui.studio.input_store import InputStore
from ltx_ui.studio.kept_shots import Storyboard, read_board
from ltx_ui.studio.library import Library
from ltx_ui.studio.parts import in_parts
from ltx_ui.studio.search import add_words, compact, drop_words
from ltx_ui.studio.tables import CharacterRow, StoryboardRow, TakeRow
from ltx_ui.studio.zips import opened

SPARE_BYTES = 100_000_000
"""What stays free of a disk beside what a zip holds."""
ROWS_AT_ONCE = 2000
"""Rows of one transaction, which takes some 1.5 s. A clip that is saved meanwhile waits for it, and
gives up after five."""
_STAGE = ".import-"
"""What the names of folders begin with in which a zip is unpacked."""
_AT_ONCE = 200
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Brought:
    """What became of a zip's takes.

    Attributes:
        came: how many were added.
        here: how many were here already, and were left as they are.
        unreadable: a sentence for each that could not be taken, storyboards among them.
        boards, boards_here: how many storyboards were added, or were here already.
    """

    came: int
    here: int
    unreadable: tuple[str, ...] = ()
    boards: int = 0
    boards_here: int = 0


class Importing:
    """Adds takes from zips to the library, one zip at a time. Safe to call from any thread.

    Args:
        folder: of the takes' files.
        most_bytes: that a zip's files may have when they are unpacked.
    """

    def __init__(
        self,
        database: Database,
        folder: Path,
        inputs: InputStore,
        library: Library,
        most_bytes: int,
    ) -> None:
        self._database = database
        self._folder = folder
        self._inputs = inputs
        self._library = library
        self.most_bytes = most_bytes
        self._one = threading.Lock()

    def bring(self, source: Path, owner: str) -> Brought:
        """Add a zip's takes to the owner's, with its storyboards and characters: each that can be
        used, or after an error none.

        A take is left out that is here already, by its id or with the same film. One whose id
        belongs to somebody else, or to a take that is being deleted, gets a new id.

        Raises:
            BadZip: nothing of it can be used; says why.
            WrongMoment: another zip is being read.
            MediaError: it could not be written, or the disk has no room for it.
        """
        if not self._one.acquire(blocking=False):
            raise WrongMoment("Another zip is being read. Try again when it is done.")
        try:
            with opened(source, self.most_bytes) as files, self._stage() as stage:
                return self._bring(Listed(files), stage, owner)
        finally:
            self._one.release()

    def settle(self) -> None:
        """Finish what killed processes have left."""
        for stage in self._folder.glob(f"{_STAGE}*"):
            # In sessions, so that nobody else begins with it as well.
            with self._database.session(frees=True) as session:
                if not self._database.is_gone(session, _holder(stage)):
                    continue
                _forget(session, stage.name)
            with self._database.session(frees=True) as session:
                if self._database.is_gone(session, _holder(stage)):
                    self._move(stage)

    def _bring(self, listed: Listed, stage: Path, owner: str) -> Brought:
        if free_bytes(self._folder) < listed.size + SPARE_BYTES:
            raise DiskFull(self._folder)
        present = Present(self._database, self._folder, owner)
        with ExitStack() as held:
            incoming = Incoming(listed, stage, present, self._inputs, held)
            rows, people = incoming.takes(), incoming.characters()
            films = IncomingBoards(owner, present.boards, incoming.ids)
            boards = films.rows(listed.storyboards)
            for part in in_parts(rows, ROWS_AT_ONCE):
                self._write(part, stage.name)
            here = present.own | {*incoming.ids.values()}
            self._hand_over(stage.name, owner, [*people, *boards], films.again, here)
        self._library.came(owner)
        self._settle(stage)
        unreadable = (*incoming.unreadable, *films.unreadable)
        return Brought(len(rows), incoming.here, unreadable, len(boards), films.here)

    def _write(self, rows: Sequence[TakeRow], nobody: str) -> None:
        with self._database.session() as session:
            for row in rows:
                row.owner = nobody
            session.add_all(rows)
            session.flush()
            for row in rows:
                add_words(session, row)

    def _hand_over(
        self,
        nobody: str,
        owner: str,
        others: Sequence[CharacterRow | StoryboardRow],
        again: Sequence[Storyboard],
        here: Collection[str],
    ) -> None:
        with self._database.session() as session:
            session.execute(update(TakeRow).where(TakeRow.owner == nobody).values(owner=owner))
            session.add_all(others)
            for came in again:
                its = StoryboardRow.owner == owner, StoryboardRow.id == came.id
                with suppress(*UNREADABLE):  # A damaged one stays as it is.
                    row = session.scalar(select(StoryboardRow).where(*its).with_for_update())
                    if row is not None:
                        row.told = with_takes(read_board(row), came, here).model_dump(mode="json")

    @contextmanager
    def _stage(self) -> Iterator[Path]:
        name = f"{_STAGE}{self._database.holder}-{secrets.token_hex(8)}"
        stage = self._folder / name
        try:
            stage.mkdir(parents=True)
            yield stage
        except OSError as error:
            raise writing_failed(self._folder, error) from error
        finally:
            if stage.exists():
                self._settle(stage)

    def _settle(self, stage: Path) -> None:
        """Leave nothing of what did not come, and move what did."""
        try:
            with self._database.session(frees=True) as session:
                _forget(session, stage.name)
        except StudioError as error:
            _log.warning("%s waits for the next start: %s", stage, error)
        else:
            self._move(stage)

    def _move(self, stage: Path) -> None:
        """Move the files of takes that are in the library to the others, and remove the rest."""
        try:
            files = sorted(stage.iterdir())
            for path in self._of_rows(files):
                path.replace(self._folder / path.name)
            shutil.rmtree(stage)
        except (OSError, StudioError) as error:
            _log.warning("%s waits for the next start: %s", stage, error)

    def _of_rows(self, files: Sequence[Path]) -> Iterator[Path]:
        for part in in_parts(files, _AT_ONCE):
            some = {path.name: path for path in part}
            with self._database.reading() as session:
                for column in (TakeRow.video, TakeRow.poster):
                    for name in session.scalars(select(column).where(column.in_(some))):
                        yield some[name]


def _forget(session: Session, nobody: str) -> None:
    """Delete the rows of an import that was not ended."""
    numbers = session.scalars(select(TakeRow.number).where(TakeRow.owner == nobody)).all()
    for number in numbers:
        drop_words(session, number)
    if numbers:
        session.execute(delete(TakeRow).where(TakeRow.owner == nobody))
        compact(session)


def _holder(stage: Path) -> int:
    """The process that unpacks a zip there, by the name that it has in the database."""
    holder = stage.name.removeprefix(_STAGE).partition("-")[0]
    return int(holder) if holder.isdecimal() else 0
