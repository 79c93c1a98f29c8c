"""Makes clips in this process, with the studio's queue and library."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from ltx_ui.commands.progress import STAGES, Display
from ltx_ui.commands.stopping import pause
from ltx_ui.commands.wanted import Wanted
from ltx_ui.errors import Cancelled, ModelUnavailable, StudioError
from ltx_ui.media.files import whole
from ltx_ui.settings import Settings
from ltx_ui.studio.jobs import Done, Failed, Job, Running
from ltx_ui.studio.studio import Studio

POLL_SECONDS = 0.1


class Unmade(StudioError):
    """A clip could not be made; others may be."""


class Maker(Protocol):
    """Makes clips, one after the other."""

    def make(self, wanted: Wanted, files: Sequence[Path], display: Display) -> None:
        """Make a clip's takes and write each to its file, whole or not at all.

        Raises:
            InvalidRecipe, Unmade: this clip can't be made.
            StudioError: no clip can.
            KeyboardInterrupt: somebody stopped it; nothing goes on.
        """

    def close(self) -> None:
        """Stop within a second."""


class Here:
    """Makes clips in this process. Jobs that wait on the data folder are left to the studio.

    Args:
        owner: whose takes they become.
        keep: whether they stay in the library.
    """

    def __init__(self, settings: Settings, owner: str, *, keep: bool) -> None:
        self._settings = settings
        self._owner = owner
        self._keep = keep
        self._opened: Studio | None = None

    @property
    def _studio(self) -> Studio:
        """Opened for the first clip: where nothing is left to be made, no model is loaded."""
        if self._opened is None:
            self._opened = Studio(self._settings, only_new=True)
            self._opened.start()
        return self._opened

    def make(self, wanted: Wanted, files: Sequence[Path], display: Display) -> None:
        """Implements :class:`Maker`."""
        studio, owner, request = self._studio, self._owner, wanted.request
        job = studio.submit(studio.recipe_of(request, owner), owner)
        try:
            for take_id, file in zip(self._followed(job, display), files, strict=True):
                with whole(file) as target:
                    shutil.copyfile(studio.library.video(take_id, owner), target)
        except KeyboardInterrupt:
            studio.cancel(job.id, owner)
            raise
        finally:
            self._forget(job)

    def close(self) -> None:
        """Implements :class:`Maker`."""
        if self._opened is not None:
            self._opened.close()

    def _followed(self, job: Job, display: Display) -> tuple[str, ...]:
        """The ids of a job's takes, once it is done."""
        while (job := self._studio.job(job.id, self._owner)).live:
            tell(self._studio, job, display)
            pause(POLL_SECONDS)
        match job.state:
            case Done() as done:
                return done.take_ids
            case Failed(message):
                lost = self._studio.model_status().state == "failed"
                raise ModelUnavailable(message) if lost else Unmade(message)
        raise Cancelled

    def _forget(self, job: Job) -> None:
        if not self._keep and (kept := self._studio.job(job.id, self._owner).kept):
            self._studio.library.delete(kept, self._owner)


def tell(studio: Studio, job: Job, display: Display) -> None:
    """Show how far a job of a studio's is."""
    match job.state:
        case Running(stage, step, steps, fraction, left):
            detail = f"{step}/{steps}" if steps else ""
            display.tell(STAGES[stage], detail, fraction, left)
        case _:
            display.tell(studio.model_status().message)
