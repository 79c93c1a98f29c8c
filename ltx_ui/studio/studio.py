"""The Studio: what the page and the API call, and all that they call here."""

from __future__ import annotations

import shutil
from collections.abc import Collection
from pathlib import Path

from ltx_ui.engine.models import ModelCard
from ltx_ui.engine.tokens import TokenCount
from ltx_ui.recipe import Recipe, check_volume
from ltx_ui.settings import Settings
from ltx_ui.studio.database import Database
from ltx_ui.studio.input_store import InputStore, StoredImage
from ltx_ui.studio.job_store import JobStore
from ltx_ui.studio.jobs import Cancelling, Job, Running
from ltx_ui.studio.library import Library
from ltx_ui.studio.model_loader import ModelStatus
from ltx_ui.studio.progress import Preview
from ltx_ui.studio.queue import JobQueue
from ltx_ui.studio.snapshot import Snapshot
from ltx_ui.studio.timing import Estimate, TimingStore
from ltx_ui.studio.worker import Worker

__all__ = ["Estimate", "ModelStatus", "Snapshot", "StoredImage", "Studio", "TokenCount"]

CLOSING_SECONDS = 0.7
"""How long closing waits for a running step to end."""
LEAVING_SECONDS = 0.2
"""How long closing then waits for the worker's thread. A thread inside a step is not waited for."""


class Studio:
    """Makes clips from recipes in a queue, and keeps them in a library. Safe to call from any
    thread. Only one studio may use a data folder at a time.

    Raises:
        SettingsError: the library is damaged, or belongs to a newer version of the program.
        MediaError: it can't be read or written.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._database = Database(settings.database)
        self._database.open()
        # Earlier versions let Gradio keep uploads here.
        shutil.rmtree(settings.cache_dir / "gradio", ignore_errors=True)
        self._inputs = InputStore(
            settings.references_dir, int(settings.max_image_mb * 1e6), self._database
        )
        self.library = Library(self._database, settings.takes_dir, self._inputs.sweep)
        self._queue = JobQueue(JobStore(self._database), settings.max_queue, self._seconds)
        timings = TimingStore(self._database)
        self._worker = Worker(settings, self._queue, self.library, self._inputs, timings)

    def start(self, sizes: Collection[tuple[int, int]] = ()) -> None:
        """Load the model in the background, then make the jobs that wait.

        Args:
            sizes: width and height in pixels of clips that are often made, for which the model is
                made as fast as it can be.
        """
        self._worker.model.sizes = sizes
        self._worker.start()

    def close(self) -> None:
        """Stop within a second. Jobs that run or wait start again the next time."""
        self._queue.close(CLOSING_SECONDS)
        self._worker.join(LEAVING_SECONDS)
        self._database.close()

    def model_status(self) -> ModelStatus:
        """How far the model is."""
        return self._worker.model.status

    def model_card(self) -> ModelCard | None:
        """The loaded model's card; None until it is loaded."""
        return self._worker.model.card

    def count_tokens(self, text: str) -> TokenCount | None:
        """How many tokens a text has and how much of it the model reads; None until it is loaded.

        Args:
            text: no longer than a recipe's prompt may be, because all of it is tokenized.
        """
        return self._worker.model.count_tokens(text)

    def submit(self, recipe: Recipe, owner: str) -> Job:
        """Queue a recipe. Its pictures are stored already: see :meth:`add_image`.

        Raises:
            InvalidRecipe: it is larger than this studio allows, asks for another model or for what
                this one can't do, or a picture is not here any more.
            QueueFull: too many jobs wait.
            ModelUnavailable: the model could not be loaded.
            MediaError: the disk is full, or has no room for such a clip.
        """
        check_volume(recipe, self._settings.max_volume)
        self._worker.model.check(recipe)
        self.library.check_room(recipe)
        model = recipe.model or self._worker.model.status.model
        with self._inputs.held(recipe):
            return self._queue.submit(recipe, owner, model, self._worker.average_seconds)

    def make_with_loaded_model(self, job_id: str, owner: str) -> Job:
        """Let a job that waits for another model be made with the loaded one, in its turn. Any
        other job stays as it is.

        Raises:
            NotFound: as :meth:`job`.
            InvalidRecipe: the loaded model can't do what the job asks for.
            ModelUnavailable: the model could not be loaded.
        """
        recipe = self.job(job_id, owner).recipe.model_copy(update={"model": None})
        self._worker.model.check(recipe)
        return self._queue.adopt(job_id, owner, recipe)

    def snapshot(self, job_id: str | None, owner: str) -> Snapshot:
        """Everything that a page shows at one moment. Only takes and jobs that were not looked at
        lately are read from the database."""
        model = self.model_status()
        with self._database.reading():
            job, live = self._queue.look(job_id, owner)
            takes = self.library.those(job.kept, owner) if job else ()
        seen = self._preview(job) if job else None
        return Snapshot(
            model,
            job,
            takes,
            seen.webp() if seen else None,
            seen.number if seen else 0,
            live or model.state not in ("ready", "failed"),
        )

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
        """Cancel a job: at once if it waits, at its next step if it runs. A job that has ended, or
        whose last take is being saved, stays as it is.

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
        """How long all takes of a recipe will take once they are begun, by what earlier takes took
        on this machine. None until the model is loaded and has made a first take."""
        return self._worker.estimate(recipe)

    def preview(self, job_id: str, owner: str) -> bytes | None:
        """The running job's clip so far, as a small animated WebP; None before the first preview.

        Raises:
            NotFound: as :meth:`job`.
        """
        seen = self._preview(self.job(job_id, owner))
        return seen.webp() if seen else None

    def queue_length(self) -> int:
        """How many jobs run or wait, of all owners."""
        return len(self._queue)

    def add_image(self, data: bytes, field: str = "image_start") -> StoredImage:
        """Store a picture. Recipes may then refer to it by its digest.

        Args:
            data: the file's bytes as they were sent.
            field: the recipe's field that the picture is for, named in errors.

        Raises:
            InvalidRecipe: it can't be used.
            MediaError: it could not be written, or the disk is full.
        """
        return self._inputs.add(data, field)

    def thumbnail(self, digest: str) -> bytes:
        """A stored picture as a small WebP, with sides of at most 512 pixels.

        Raises:
            NotFound: there is none by this digest.
        """
        return self._inputs.thumbnail(digest)

    def reference(self, digest: str) -> Path:
        """The file of a stored picture.

        Raises:
            NotFound: there is none by this digest.
        """
        return self._inputs.path(digest)

    def _preview(self, job: Job) -> Preview | None:
        seen = self._worker.preview
        runs = isinstance(job.state, Running | Cancelling)
        return seen if runs and seen is not None and seen.job_id == job.id else None

    def _seconds(self, recipe: Recipe) -> float | None:
        estimate = self.estimate(recipe)
        return estimate.seconds if estimate else None
