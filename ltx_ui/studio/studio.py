"""The Studio: what the page and the API talk to. The only door to this room."""

from __future__ import annotations

from pathlib import Path

from ltx_ui.engine.models import ModelCard
from ltx_ui.media.animation import animated_webp
from ltx_ui.media.images import thumbnail
from ltx_ui.recipe import Recipe, check_volume
from ltx_ui.settings import Settings
from ltx_ui.studio.database import Database
from ltx_ui.studio.jobs import Job, Running
from ltx_ui.studio.library import Library
from ltx_ui.studio.pace import Estimate
from ltx_ui.studio.paces import Paces
from ltx_ui.studio.queue import JobQueue
from ltx_ui.studio.references import References, StoredImage
from ltx_ui.studio.worker import ModelStatus, Worker

__all__ = ["Estimate", "ModelStatus", "Studio"]

CLOSING_SECONDS = 0.7
"""How long a step that is under way may take to end by itself."""
LEAVING_SECONDS = 0.2
"""How long the thread may take to leave after that; it can't while it is inside a step."""


class Studio:
    """Submit, watch, cancel, keep, recall. Safe to call from any thread.

    One data folder belongs to one studio at a time.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._database = Database(settings.database)
        self._queue = JobQueue(self._database, settings.max_queue)
        self._references = References(settings.references_dir, int(settings.max_image_mb * 1e6))
        self.library = Library(self._database, settings.takes_dir)
        paces = Paces(self._database)
        self._worker = Worker(settings, self._queue, self.library, self._references, paces)

    def start(self) -> None:
        """Load the model in the background, then make what waits."""
        self._worker.start()

    def close(self) -> None:
        """Stop within a second. What runs or waits is kept and starts again next time."""
        self._queue.close(CLOSING_SECONDS)
        self._worker.join(LEAVING_SECONDS)
        self._database.close()

    def model_status(self) -> ModelStatus:
        """How far the model is."""
        return self._worker.status

    def model_card(self) -> ModelCard | None:
        """The loaded model's card, with what recipes may ask of it; None until it is loaded."""
        return self._worker.card

    def submit(self, recipe: Recipe, owner: str) -> Job:
        """Take a recipe in, with its reference images, and queue it.

        Raises:
            InvalidRecipe: it is larger than this studio allows, asks for another model or for what
                this one can't do, or an image can't be used.
            QueueFull: too many wait already.
            ModelUnavailable: the model could not be loaded.
            MediaError: the disk is full.
        """
        check_volume(recipe, self._settings.max_volume)
        self._worker.check_model(recipe)
        taken = self._references.take_in(recipe)
        return self._queue.submit(taken, owner, self._worker.average_seconds)

    def job(self, job_id: str, owner: str) -> Job:
        """A job as it is now.

        Raises:
            NotFound: there is none by this id, or it belongs to somebody else.
        """
        return self._queue.job(job_id, owner)

    def live_jobs(self, owner: str) -> list[Job]:
        """The owner's jobs that run or wait, in that order."""
        return self._queue.live(owner)

    def cancel(self, job_id: str, owner: str) -> Job:
        """Stop a job: at once while it waits, at its next step while it runs. A job that has ended,
        or whose last take is being saved, stays as it is.

        Raises:
            NotFound: as :meth:`job`.
        """
        return self._queue.cancel(job_id, owner)

    def wait(self, job_id: str, owner: str, timeout: float | None = None) -> Job:
        """A job once it has ended, or as it is after ``timeout`` seconds.

        Raises:
            NotFound: as :meth:`job`.
        """
        return self._queue.wait(job_id, owner, timeout)

    def estimate(self, recipe: Recipe) -> Estimate | None:
        """How long all takes of a recipe will take once they are begun, by this machine's own
        history. None while nothing is known: the model is not loaded yet, or nothing was made with
        it here."""
        return self._worker.estimate(recipe)

    def preview(self, job_id: str, owner: str) -> bytes | None:
        """A small animated WebP of what the running job's clip looks like so far. None while there
        is nothing to be seen.

        Raises:
            NotFound: as :meth:`job`.
        """
        job, seen = self.job(job_id, owner), self._worker.preview
        if seen is None or seen.job_id != job.id or not isinstance(job.state, Running):
            return None
        return animated_webp(seen.frames, seen.fps)

    def queue_length(self) -> int:
        """Jobs that run or wait, of everybody."""
        return len(self._queue)

    def add_image(self, data: bytes, field: str = "image_start") -> StoredImage:
        """Take a picture in for the recipes to come.

        Raises:
            InvalidRecipe: it can't be used; names ``field``.
            MediaError: the disk is full.
        """
        return self._references.add(data, field)

    def thumbnail(self, digest: str) -> bytes:
        """A small WebP of a picture that was taken in, its long side at most 512 pixels.

        Raises:
            NotFound: there is none by this digest.
        """
        return thumbnail(self._references.path(digest).read_bytes())

    def reference(self, digest: str) -> Path:
        """The file of a reference image that was taken in.

        Raises:
            NotFound: there is none by this digest.
        """
        return self._references.path(digest)
