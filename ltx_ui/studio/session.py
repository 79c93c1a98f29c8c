"""Everything that one person's page shows at one moment, as one value."""

from __future__ import annotations

from dataclasses import dataclass

from ltx_ui.studio.jobs import Job
from ltx_ui.studio.model_loader import ModelStatus
from ltx_ui.studio.takes import Take


@dataclass(frozen=True)
class Session:
    """What one person may see of the studio at one moment, on whichever device they look.

    Attributes:
        model: how far the model is.
        jobs: their jobs that run, then those that wait, in the order in which they are begun.
        ended: their latest jobs that ended, at most 20, the last one first.
        takes: their newest takes that are no drafts, at most 24, newest first.
        preview: their running job's clip so far, as a small animated WebP; None before the first.
        preview_job: the id of the job that the preview is of; None without one.
        paused: whether their waiting jobs are not begun.
        held: whether nobody's are.
        live: whether something will change by itself: a job runs or waits for its turn, a
            storyboard's next shot is about to, or the model is being loaded.
    """

    model: ModelStatus
    jobs: tuple[Job, ...]
    ended: tuple[Job, ...]
    takes: tuple[Take, ...]
    preview: bytes | None
    preview_job: str | None
    paused: bool
    held: bool
    live: bool
