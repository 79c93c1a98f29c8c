"""Whether a library is in order, and what can be done where it is not."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from sqlalchemy import Text, cast, delete, func, select, update

from ltx_ui.clip import Clip
from ltx_ui.errors import MediaError, StudioError
from ltx_ui.media.files import half_written, remove
from ltx_ui.media.frames import first_frame
from ltx_ui.media.metadata import NoRecipe, read_metadata
from ltx_ui.media.mp4 import write_poster
from ltx_ui.settings import Settings
from ltx_ui.studio.adopting import row_from, told_by
from ltx_ui.studio.clip_files import Files
from ltx_ui.studio.damaged import R, Readable
from ltx_ui.studio.database import Database
from ltx_ui.studio.deleting import Bin
from ltx_ui.studio.input_store import InputStore
from ltx_ui.studio.job_rows import read_job
from ltx_ui.studio.kept_shots import read_board
from ltx_ui.studio.orphans import orphans, remains
from ltx_ui.studio.room import set_sizes
from ltx_ui.studio.search import add_words, index_anew, out_of_step
from ltx_ui.studio.tables import JobRow, StoryboardRow, TakeRow
from ltx_ui.studio.takes import PRESENT, sound_rows, take_of

NAMED = 5
"""Names that a sentence tells; the others are counted."""
ASIDE = "aside"
"""The folder, beside the library's, for files that are no clips of ours."""


@dataclass(frozen=True)
class Finding:
    """Something that is not as it should be.

    Attributes:
        said: what, in a sentence.
        mend: puts it right as far as that can be done, and says what was done; None where nobody
            can.
    """

    said: str
    mend: Callable[[], str] | None = None


class _Clip(NamedTuple):
    """A take's row, as far as it can be read whatever its recipe is like."""

    number: int
    id: str
    files: Files
    bytes: int


class Check:
    """Looks at a library that no studio is using.

    Raises:
        SettingsError: it is damaged, or belongs to a newer version of the program.
        MediaError: it can't be read.
    """

    def __init__(self, settings: Settings) -> None:
        self._folder = settings.takes_dir
        self._aside = settings.data_dir / ASIDE
        self._database = Database(settings.library)
        self._inputs = InputStore(
            settings.references_dir, int(settings.max_image_mb * 1e6), self._database
        )
        self._folders = (settings.takes_dir, settings.references_dir)
        self._database.open()

    def findings(self) -> Iterator[Finding]:
        """What is found, one after the other: mending one may be what the next builds upon."""
        looks = (
            self._integrity,
            self._deleted,
            self._takes,
            self._jobs,
            self._storyboards,
            self._half_written,
            self._without_rows,
            self._without_files,
            self._posters,
            self._sizes,
            self._words,
            self._pictures,
        )
        for look in looks:
            yield from look()

    def count(self) -> int:
        """How many takes there are."""
        with self._database.reading() as session:
            return session.scalars(select(func.count(TakeRow.number))).one()

    def __enter__(self) -> Check:
        return self

    def __exit__(self, *_: object) -> None:
        self._database.close()

    def _integrity(self) -> Iterator[Finding]:
        with self._database.reading() as session:
            if session.get_bind().dialect.name != "sqlite":
                return
            for pragma in ("integrity_check(3)", "foreign_key_check"):
                found = session.connection().exec_driver_sql(f"PRAGMA {pragma}").all()
                wrong = [str(row[0]) for row in found if row[0] != "ok"]
                if wrong:
                    yield Finding(
                        f"SQLite finds the library's file damaged: {'; '.join(wrong[:3])}. "
                        "Put a backup in its place."
                    )

    def _deleted(self) -> Iterator[Finding]:
        deleted = select(func.count(TakeRow.number)).where(TakeRow.deleted_at.is_not(None))
        with self._database.reading() as session:
            count = session.scalars(deleted).one()
        if count:
            said = _said(
                count,
                "1 take that was deleted is still on the disk.",
                "{} takes that were deleted are still on the disk.",
            )
            yield Finding(said, self._empty)

    def _empty(self) -> str:
        Bin(self._database, self._folder, lambda take_ids, owner: None, lambda: None).empty()
        return "They are gone, except for those of jobs that go on."

    def _damaged(self, table: type[R], read: Callable[[R], object]) -> frozenset[int]:
        """The numbers of a table's rows that can't be read."""
        rows = Readable(table)
        with self._database.reading() as session:
            rows.read(session, lambda: select(table), read)
        return rows.damaged

    def _takes(self) -> Iterator[Finding]:
        if damaged := self._damaged(TakeRow, partial(take_of, folder=self._folder)):
            said = _said(
                len(damaged),
                "1 take can't be read, and nobody sees it.",
                "{} takes can't be read, and nobody sees them.",
            )
            yield Finding(said, partial(self._mend_takes, sorted(damaged)))

    def _mend_takes(self, numbers: Sequence[int]) -> str:
        mended = 0
        for clip in self._clips(numbers):
            try:
                told = told_by(clip.files.video)
            except StudioError:
                continue
            with self._database.session() as session:
                this = update(TakeRow).where(TakeRow.number == clip.number)
                session.execute(this.values(**told))
            mended += 1
        done = f"{_count(mended, 'row')} could be written again from what the clip tells."
        if rest := len(numbers) - mended:
            raise NotMended(f"{done} {_count(rest, 'row')} could not.")
        return done

    def _jobs(self) -> Iterator[Finding]:
        if damaged := self._damaged(JobRow, read_job):
            said = _said(
                len(damaged),
                "1 job can't be read, and is not made.",
                "{} jobs can't be read, and are not made.",
            )
            yield Finding(said, partial(self._forget_jobs, damaged))

    def _forget_jobs(self, numbers: frozenset[int]) -> str:
        with self._database.session() as session:
            session.execute(delete(JobRow).where(JobRow.number.in_(numbers)))
        return "They were deleted."

    def _storyboards(self) -> Iterator[Finding]:
        if damaged := self._damaged(StoryboardRow, read_board):
            said = _said(
                len(damaged),
                "1 storyboard can't be read, and nobody sees it.",
                "{} storyboards can't be read, and nobody sees them.",
            )
            yield Finding(said, partial(self._put_aside, damaged))

    def _put_aside(self, numbers: frozenset[int]) -> str:
        those = StoryboardRow.number.in_(numbers)
        with self._database.session() as session:
            columns = StoryboardRow.id, cast(StoryboardRow.told, Text)
            found = session.execute(select(*columns).where(those))
            self._aside.mkdir(exist_ok=True)
            for board_id, told in found:
                (self._aside / f"storyboard-{board_id}.json").write_text(told or "", "utf-8")
            session.execute(delete(StoryboardRow).where(those))
        return f"What they hold went to {self._aside}."

    def _half_written(self) -> Iterator[Finding]:
        files = [path for folder in self._folders for path in half_written(folder)]
        if files:
            said = _said(
                len(files),
                "1 file was left half-written by a killed process.",
                "{} files were left half-written by killed processes.",
            )
            yield Finding(said, partial(_remove, files))

    def _without_rows(self) -> Iterator[Finding]:
        with self._database.reading() as session:
            found = orphans(session, self._folder)
        if found:
            said = _said(len(found), "1 file belongs to no take", "{} files belong to no take")
            names = _names(path.name for path in found)
            yield Finding(f"{said}: {names} in {self._folder}.", partial(self._adopt, found))

    def _adopt(self, found: Sequence[Path]) -> str:
        with self._database.reading() as session:
            made_again = remains(session, found)
        rest = [path for path in found if path not in made_again]
        adopted = [path for path in rest if path.suffix == ".mp4" and self._taken_in(path)]
        known = {path.stem for path in adopted}
        others = [path for path in rest if path.stem not in known]
        for path in made_again:
            remove(path)
        if others:
            self._aside.mkdir(exist_ok=True)
        for path in others:
            path.replace(self._aside / path.name)
        done = [f"{_count(len(adopted), 'clip')} became a take again."] if adopted else []
        if made_again:
            done.append(f"{_count(len(made_again), 'file')} of clips that are made again went.")
        if others:
            done.append(f"{_count(len(others), 'file')} went to {self._aside}.")
        return " ".join(done)

    def _taken_in(self, path: Path) -> bool:
        """Make a clip a take again, of the owner who has most; False if it tells no recipe."""
        files = Files(path, path.with_suffix(".jpg"))
        owners = select(TakeRow.owner).group_by(TakeRow.owner).order_by(func.count().desc())
        with self._database.session() as session:
            owner = session.scalars(owners.limit(1)).first() or "local"
            try:
                row = row_from(files, owner)
            except MediaError:
                return False
            session.add(row)
            session.flush()
            add_words(session, row)
        return True

    def _without_files(self) -> Iterator[Finding]:
        gone = [clip.id for clip in self._clips() if not clip.files.video.is_file()]
        if gone:
            said = _said(len(gone), "The clip of 1 take is gone", "The clips of {} takes are gone")
            yield Finding(
                f"{said}: {_names(gone)}. The recipe is kept: make it again in the gallery, or "
                "delete it there."
            )

    def _posters(self) -> Iterator[Finding]:
        without = [
            clip.files
            for clip in self._clips()
            if clip.files.video.is_file() and not clip.files.poster.is_file()
        ]
        if without:
            said = _said(len(without), "1 take has no poster.", "{} takes have no poster.")
            yield Finding(said, partial(_write_posters, without))

    def _sizes(self) -> Iterator[Finding]:
        unknown = [clip for clip in self._clips() if clip.bytes != clip.files.bytes]
        if unknown:
            said = _said(
                len(unknown),
                "The size of 1 take is not known.",
                "The sizes of {} takes are not known.",
            )
            yield Finding(said, partial(self._measure, unknown))

    def _measure(self, clips: Sequence[_Clip]) -> str:
        set_sizes(self._database, [(clip.number, clip.files.bytes) for clip in clips])
        return "They were measured."

    def _words(self) -> Iterator[Finding]:
        with self._database.reading() as session:
            wrong = out_of_step(session, sound_rows(session, self._folder))
        if wrong:
            said = _said(
                len(wrong),
                "The search has other words than 1 take.",
                "The search has other words than {} takes.",
            )
            yield Finding(said, self._index)

    def _index(self) -> str:
        with self._database.session() as session:
            index_anew(session, sound_rows(session, self._folder))
        return "It was written anew."

    def _pictures(self) -> Iterator[Finding]:
        gone = sorted(self._inputs.gone())
        if gone:
            said = _said(
                len(gone),
                "1 picture that a clip was made from is gone",
                "{} pictures that clips were made from are gone",
            )
            yield Finding(
                f"{said}: {_names(gone)}. What was made from it can't be made again before it is "
                "chosen again."
            )

    def _clips(self, numbers: Sequence[int] | None = None) -> list[_Clip]:
        columns = (TakeRow.number, TakeRow.id, TakeRow.video, TakeRow.poster, TakeRow.bytes)
        asked = select(*columns).where(PRESENT).order_by(TakeRow.number)
        if numbers is not None:
            asked = asked.where(TakeRow.number.in_(numbers))
        with self._database.reading() as session:
            rows: Sequence[Any] = session.execute(asked).all()
        folder = self._folder
        return [
            _Clip(number, take_id, Files(folder / video, folder / poster), size)
            for number, take_id, video, poster, size in rows
        ]


class NotMended(StudioError):
    """Something could not be put right, or not all of it."""


def _write_posters(without: Sequence[Files]) -> str:
    failed = []
    for files in without:
        try:
            frame = first_frame(files.video)
            write_poster(Clip(frame[None], 1, None, 1), files.poster, _metadata(files.video))
        except StudioError as error:
            failed.append(str(error))
    if failed:
        raise NotMended(" ".join(failed[:NAMED]))
    return "They were made again, from the clips' first frames."


def _metadata(video: Path) -> dict[str, Any] | None:
    try:
        return read_metadata(video)
    except NoRecipe:
        return None


def _remove(files: Sequence[Path]) -> str:
    for path in files:
        remove(path)
    return "They were removed."


def _said(number: int, one: str, many: str) -> str:
    return one if number == 1 else many.format(number)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _names(names: Iterable[str]) -> str:
    told = list(names)
    more = len(told) - NAMED
    return ", ".join(told[:NAMED]) + (f" and {more} more" if more > 0 else "")
