"""Everything that a page shows at one moment, as one value."""

from __future__ import annotations

from dataclasses import dataclass

from ltx_ui.studio.jobs import Job
from ltx_ui.studio.library import Take
from ltx_ui.studio.model_loader import ModelStatus


@dataclass(frozen=True)
class Snapshot:
    """What a visitor may see of the studio at one moment.

    Attributes:
        model: how far the model is.
        job: the job that was asked for; None if the visitor has none by that id.
        takes: the job's takes that are in the library.
        preview: the running job's clip so far, as a small animated WebP; None before the first.
        preview_number: changes with each preview; 0 without one.
        live: whether something will change by itself: one of the visitor's jobs runs or waits for
            its turn, or the model is being loaded.
    """

    model: ModelStatus
    job: Job | None
    takes: tuple[Take, ...]
    preview: bytes | None
    preview_number: int
    live: bool
