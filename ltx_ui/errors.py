"""Errors a person can act on: what was wrong, what is allowed, what to do.

One class for each thing that can be done about an error. Each carries the HTTP status that the API
answers with; the page shows ``str(error)`` as it stands. Anything else that is raised is a bug and
is reported as one.
"""

from __future__ import annotations

import errno
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any


class StudioError(Exception):
    """Something a person can act on. ``str(error)`` is written for them."""

    http_status = 500

    def __reduce__(self) -> tuple[Any, ...]:
        # By its words and attributes: an exception is otherwise pickled as a call of its class with
        # the words alone, which not every class takes.
        return _pickled, (type(self), self.args, vars(self))


def _pickled(kind: type[StudioError], args: tuple[Any, ...], held: dict[str, Any]) -> StudioError:
    error = kind.__new__(kind, *args)
    vars(error).update(held)
    return error


@dataclass(frozen=True)
class FieldProblem:
    """What is wrong with one field of a recipe, and what is allowed, in a sentence."""

    field: str
    message: str


class InvalidRecipe(StudioError):
    """The recipe can't be made as it is; ``problems`` names the fields that have to change, ten at
    most, and then how many more there are.

    Args:
        problems: at least one.
        more: how many there are beside these.
    """

    http_status = 422
    LIMIT = 10

    def __init__(self, problems: Sequence[FieldProblem], more: int = 0) -> None:
        self.problems = tuple(problems[: self.LIMIT])
        if more := more + len(problems) - len(self.problems):
            rest = FieldProblem("recipe", f"And {more} more fields can't be used as they are.")
            self.problems += (rest,)
        super().__init__(" ".join(problem.message for problem in self.problems))

    @classmethod
    def because(cls, field: str, message: str) -> InvalidRecipe:
        """The error for one field."""
        return cls([FieldProblem(field, message)])


class InvalidParameter(InvalidRecipe):
    """Something else of a request can't be used as it is: a header, or what follows the address."""


class BodyTooLarge(StudioError):
    """A request or an upload is larger than the settings allow."""

    http_status = 413


class NotFound(StudioError):
    """A take or a job that is not here (any more), or that belongs to somebody else."""

    http_status = 404


class NotAllowed(StudioError):
    """Something that who asks may not do, whatever they send."""

    http_status = 403


class LicenceToAccept(StudioError):
    """A visitor has not accepted the licence of the model yet, which binds them too."""

    http_status = 403

    def __init__(self, licence: str, url: str) -> None:
        self.licence, self.url = licence, url
        super().__init__(
            f"The model's licence, {licence}, restricts what its clips may be used for, and binds "
            f"everybody who has some made. Read it at {url}, then accept it once: on the page, or "
            "with POST /api/v1/licence and the same cookie."
        )


class WrongMoment(StudioError):
    """What was asked of a job can't be done in the state that it, or the queue, is in by now."""

    http_status = 409


class ChangedMeanwhile(WrongMoment):
    """Somebody would replace what they have not seen.

    Args:
        present: what is there now, as plain data; None where that is not told.
    """

    def __init__(self, present: Mapping[str, Any] | None = None) -> None:
        self.present = present
        super().__init__(
            "This was changed elsewhere meanwhile, so nothing of it was replaced. Copy what you "
            "wrote, load it again, and go on from what is there."
        )


class KeyReused(StudioError):
    """A client's key for a request stood for another request before."""

    http_status = 422


class QueueFull(StudioError):
    """As many jobs wait as the settings allow; ``retry_after`` is in seconds."""

    http_status = 503

    def __init__(self, waiting: int, retry_after: float) -> None:
        self.retry_after = max(1, round(retry_after))
        super().__init__(
            f"The queue is full: {waiting} clips are waiting. "
            f"Try again in about {self.retry_after} seconds."
        )


class TooMuch(StudioError):
    """Somebody asks for more than they may have at once, or in a day; ``retry_after`` is in
    seconds."""

    http_status = 429

    def __init__(self, message: str, retry_after: float = 60) -> None:
        self.retry_after = max(1, round(retry_after))
        super().__init__(message)


class ModelUnavailable(StudioError):
    """The model can't be loaded: no network, gated, too little disk or memory, a broken folder."""

    http_status = 503


class OutOfMemory(StudioError):
    """The device ran out of memory in the middle of a clip."""

    http_status = 507


class MediaError(StudioError):
    """A file could not be read or written: ffmpeg failed, or the disk is full."""


class LibraryUnavailable(MediaError):
    """The database server can't be reached, or did not answer in time."""

    http_status = 503


class DiskFull(MediaError):
    """There is no room on the disk for what has to be written.

    Attributes:
        folder: that the disk holds. Visitors read the sentence, so it does not name it.
    """

    http_status = 507

    def __init__(self, folder: Path) -> None:
        super().__init__(
            "There is no room left to save this: the studio's disk is full. Free some space, for "
            "instance by deleting takes in the Gallery, and try again."
        )
        self.folder = folder


class Cancelled(StudioError):
    """The job was cancelled; nothing was kept."""

    http_status = 409

    def __init__(self) -> None:
        super().__init__("Cancelled.")


class SettingsError(StudioError):
    """A flag, an environment variable or presets.json can't be used as it is."""


FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""What a write fails with for want of room: disk, quota or file size limit."""
_NO_PERMISSION = (
    "the user that runs this program may not write there. Change the folder's permissions, or "
    "choose another one with --data-dir."
)
_FILE_IN_THE_WAY = (
    "a file stands where a folder is needed. Move the file away, or choose another folder with "
    "--data-dir."
)
_TOO_MANY_FILES = "too many files are open. Raise the limit (ulimit -n) and start again."
_BAD_NAME = (
    "the file system does not take this name. Choose a folder with a shorter and plainer path with "
    "--data-dir."
)
_CAUSES = {
    errno.EACCES: _NO_PERMISSION,
    errno.EPERM: _NO_PERMISSION,
    errno.EROFS: "the disk is read-only. Make it writable, or choose another folder with "
    "--data-dir.",
    errno.ENOENT: "the folder is gone. Bring it back (is its disk still connected?), or choose "
    "another one with --data-dir.",
    errno.ENOTDIR: _FILE_IN_THE_WAY,
    errno.EEXIST: _FILE_IN_THE_WAY,
    errno.ENAMETOOLONG: _BAD_NAME,
    errno.EINVAL: _BAD_NAME,
    errno.EILSEQ: _BAD_NAME,
    errno.EMFILE: _TOO_MANY_FILES,
    errno.ENFILE: _TOO_MANY_FILES,
    errno.EIO: "the disk reported a fault. Check it, or choose a folder on another one with "
    "--data-dir.",
}


def require(holds: bool, name: str) -> None:
    """Refuse to go on with a library that lacks an undocumented name that the studio relies on.

    Raises:
        ImportError: it does not hold; says which name.
    """
    if not holds:
        raise ImportError(
            f"{name} is not what the studio relies on. Install the versions in requirements.txt, "
            "or mend the function in the compat.py that names it."
        )


def writing_failed(folder: Path, error: OSError) -> MediaError:
    """The error for a file that could not be written under ``folder``: what stood in the way, and
    what to do about that."""
    if error.errno in FULL:
        return DiskFull(folder)
    usual = f"{error.strerror or error}. Check the folder, or choose another one with --data-dir."
    return MediaError(f"{folder} could not be written: {_CAUSES.get(error.errno or 0, usual)}")
