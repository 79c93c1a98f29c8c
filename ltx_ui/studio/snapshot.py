"""All that a page shows of a moment, in one value."""

from __future__ import annotations

from dataclasses import dataclass

from ltx_ui.studio.jobs import Job
from ltx_ui.studio.library import Take
from ltx_ui.studio.model_loader import ModelStatus


@dataclass(frozen=True)
class Snapshot:
    """What one visitor may see of the studio at one moment.

    Attributes:
        model: how far the model is.
        job: the one that was asked for; None if there is none by its id, or it is somebody else's.
        takes: those of the job that are kept and were not deleted since.
        preview: a small animated WebP of what the running job's clip looks like so far; None while
            there is nothing to be seen.
        preview_number: changes with the preview; 0 without one.
        live: whether something will change without the visitor's doing: one of their jobs runs or
            waits for its turn, or the model is being loaded.
    """

    model: ModelStatus
    job: Job | None
    takes: tuple[Take, ...]
    preview: bytes | None
    preview_number: int
    live: bool
