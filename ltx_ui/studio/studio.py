"""The Studio: what the page and the API call, and all that they call here."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Collection, Sequence
from typing import TYPE_CHECKING

from ltx_ui.engine.models import ModelCard
from ltx_ui.engine.tokens import TokenCount
from ltx_ui.errors import StudioError, WrongMoment
from ltx_ui.recipe import Recipe
from ltx_ui.settings import Settings
from ltx_ui.studio.asked import Key
from ltx_ui.studio.counts import Counts, Tally
from ltx_ui.studio.directing import Director
from ltx_ui.studio.elsewhere import Elsewhere
from ltx_ui.studio.enhancing import Enhancing
from ltx_ui.studio.guard import Guard
from ltx_ui.studio.hosting import Hosting
from ltx_ui.studio.job_store import JobStore
from ltx_ui.studio.jobs import Job, Origin, new_job
from ltx_ui.studio.model_loader import ModelStatus, effort
from ltx_ui.studio.retention import look_after
from ltx_ui.studio.room import Room
from ltx_ui.studio.session import Session
from ltx_ui.studio.shared_queue import SharedQueue
from ltx_ui.studio.stored import StoredImage
from ltx_ui.studio.timing import Estimate, TimingStore
from ltx_ui.studio.upkeep import Upkeep
from ltx_ui.studio.watcher import Watcher
from ltx_ui.studio.worker import Worker

if TYPE_CHECKING:
    from ltx_ui.engine.clip_memory import Needed

__all__ = ["Estimate", "ModelStatus", "Room", "Session", "StoredImage", "Studio", "TokenCount"]

CLOSING_SECONDS = 0.7
"""How long closing waits for a running step to end."""
LEAVING_SECONDS = 0.2
"""How long closing then waits for the worker's thread. A thread inside a step is not waited for."""

_log = logging.getLogger(__name__)


class Studio(Hosting):
    """Makes clips from recipes in a queue, and keeps them in a library. Safe to call from any
    thread. Only one studio may use a data folder at a time, unless all of them have their library
    in one PostgreSQL database.

    Args:
        only_new: leave jobs that wait already to a later studio.

    Attributes:
        director: has storyboards made.
        enhancing: has prompts said in more words.

    Raises:
        SettingsError: the library is damaged, or belongs to a newer version of the program.
        MediaError: it can't be read or written.
    """

    def __init__(self, settings: Settings, *, only_new: bool = False) -> None:
        super().__init__(settings)
        self._counts, self._guard = Counts(), Guard(settings, self._database)
        self._submitting = threading.Lock()
        self._upkeep = Upkeep(self.library.bin, self._look_after)
        self._store, most = JobStore(self._database), settings.max_queue
        # The queue asks for it from the moment that it is there, which is before there is a worker.
        self._card: Callable[[], ModelCard | None] = lambda: None
        self._queue = SharedQueue(
            *(self._store, self._counts, most, self._seconds, self._effort),
            Elsewhere(self._database),
        )
        self.director = Director(self)
        self._only_new = only_new
        if only_new:
            self._queue.leave_waiting()
        timings = TimingStore(self._database)
        self._watcher = Watcher(self._database, self._queue, self._upkeep)
        self._worker = Worker(
            settings, self._queue, self.library, self._inputs, timings, self._counts, self._guard
        )
        self._card = self.model_card
        self.enhancing = Enhancing(
            self._queue, lambda: self._worker.model, self._guard, self._inputs, self._admit
        )

    def _look_after(self) -> None:
        look_after(self.library.bin, self._database, self._settings)
        self._settle_others()

    def start(self, sizes: Collection[tuple[int, int]] = ()) -> None:
        """Load the model in the background, then make the jobs that wait.

        Args:
            sizes: width and height in pixels of clips that are often made, for which the model is
                made as fast as it can be.
        """
        self._worker.model.sizes = sizes
        self._worker.start()
        self._upkeep.start()
        if not self._only_new:
            self.director.start()
        if self._database.shared:
            self._watcher.start()

    def finish(self) -> None:
        """Begin no more jobs: what runs goes on, and those that wait are left to the next start."""
        self._worker.model.stop()
        self._queue.finish()

    def running(self) -> bool:
        """Whether a clip is being made or saved."""
        return self._queue.running()

    def close(self) -> None:
        """Stop within a second. Jobs that run or wait start again the next time; takes that were
        deleted are gone, unless another process may still bring them back."""
        self._watcher.close()
        self.director.close(LEAVING_SECONDS)
        self._queue.close(CLOSING_SECONDS)
        self._worker.join(LEAVING_SECONDS)
        self._upkeep.close(LEAVING_SECONDS)
        try:
            if self._database.shared:
                self.library.bin.empty_what_is_due()
            else:
                self.library.purge()
        except StudioError as error:
            _log.warning("Deleted takes are removed at the next start: %s", error)
        self._database.close()

    def model_status(self) -> ModelStatus:
        """How far the model is."""
        return self._worker.model.status

    def model_card(self) -> ModelCard | None:
        """The loaded model's card; None until it is loaded."""
        return self._worker.model.card

    def count_tokens(self, text: str) -> TokenCount | None:
        """How many tokens a text has and how much of it the model reads; None until it is loaded,
        and while no worker answers.

        Args:
            text: no longer than a recipe's prompt may be, because all of it is tokenized.
        """
        return self._worker.count_tokens(text)

    def submit(
        self,
        recipe: Recipe,
        owner: str,
        *,
        draft: bool = False,
        origin: Origin | None = None,
        key: Key | None = None,
    ) -> Job:
        """Queue a recipe. Its pictures are stored already: see :meth:`add_image`.

        Args:
            draft: whether its takes are only tried: see :class:`~ltx_ui.studio.takes.Take`.
            origin: the take that its takes come from. One that is not there, or is somebody else's,
                is left out. None: that whose last frame it starts from, if there is one.
            key: stands for the job from now on, if its client gave it one; see :meth:`asked`.

        Raises:
            InvalidRecipe: it is larger than this studio allows, asks for another model or for what
                this one can't do, or a picture or a LoRA is not here any more.
            NotAllowed: the owner is banned.
            LicenceToAccept: the owner is a visitor, and has not accepted the model's licence.
            TooMuch: the owner is a visitor, and may not have more now.
            QueueFull: too many jobs wait.
            WrongMoment: the owner's jobs are paused, and too many are.
            ModelUnavailable: the model could not be loaded.
            KeyTaken: another job got the key meanwhile.
            MediaError: the disk is full, or has no room for such a clip.
        """
        recipe = self._settled(recipe, owner)
        recipe = self.usable(recipe, owner)
        self.library.check_room(recipe)
        model = recipe.model or self._worker.model.status.model
        origin = self._known(origin or self._last_frames.origin(recipe, owner), owner)
        with self._inputs.held(recipe.inputs.named(), owner):
            self._inputs.check_contents(recipe)
            with self._submitting:  # Of two that come at once the second one sees the first.
                self._admit(owner)
                self._guard.check(recipe, owner, self._queue.takes_on_the_way)
                job = new_job(recipe, owner, model, draft=draft, origin=origin)
                return self._queue.submit(job, self._worker.average_seconds, key)

    def usable(self, recipe: Recipe, owner: str) -> Recipe:
        """A recipe that this studio can make for its owner, as far as that is known: it says by
        their digests which files its LoRAs are.

        Raises:
            InvalidRecipe: it is larger than they may have, asks for another model or for what this
                one can't do, or a LoRA is not here any more.
        """
        self._guard.check_size(recipe, owner)
        self._worker.model.check(recipe)
        return self.loras.settled(recipe)

    def asked(self, key: Key, owner: str) -> Job | None:
        """The job that an owner's key stands for; None if it stands for none.

        Raises:
            KeyReused: something else was asked for under it.
            NotFound: its takes were deleted, or it ended long ago.
        """
        found = self._store.asked(key, owner)
        return None if found is None else self.job(found, owner)

    def jobs(
        self, owner: str, states: Collection[str] = (), *, limit: int, before: int | None = None
    ) -> list[tuple[int, Job | None]]:
        """Some of an owner's jobs, those that were submitted last first, each with its number; None
        in place of one whose takes were all deleted.

        Args:
            states: as the library stores them: one that is cancelled still runs. None: all.
            before: only jobs of smaller numbers.
        """
        found = self._store.page(owner, states, limit, before)
        now = {job.id: job for job in self._queue.as_they_are(job for _, job in found if job)}
        return [(number, now[job.id] if job else None) for number, job in found]

    def submit_all(
        self,
        recipes: Sequence[Recipe],
        owner: str,
        *,
        draft: bool = False,
        origin: Origin | None = None,
    ) -> list[Job]:
        """Queue recipes that belong together, and come from one take if they come from any: all of
        them, or none.

        Raises:
            InvalidRecipe, QueueFull, WrongMoment, ModelUnavailable, MediaError: as :meth:`submit`.
        """
        self._queue.check_room(len(recipes), owner, self._worker.average_seconds)
        jobs: list[Job] = []
        try:
            for recipe in recipes:
                job = self.submit(recipe, owner, draft=draft, origin=origin)
                jobs.append(job)
        except StudioError:
            for job in jobs:
                self._queue.cancel(job.id, owner)
            raise
        return jobs

    def again(self, job_id: str, owner: str) -> Job:
        """Queue the recipe of a job that has ended once more, as a new job with the same seed. What
        was a draft is one again, and comes from the same take as that one.

        Raises:
            NotFound: as :meth:`job`.
            WrongMoment: the job has not ended.
            InvalidRecipe, QueueFull, ModelUnavailable, MediaError: as :meth:`submit`.
        """
        job = self.job(job_id, owner)
        if job.live:
            raise WrongMoment("This clip is still being made. Wait for it, or cancel it first.")
        return self.submit(job.recipe, owner, draft=job.draft, origin=job.origin)

    def move(self, job_id: str, owner: str, before: str | None) -> Job:
        """Let a waiting job be begun before another one of its owner's, or after all of theirs.

        Nobody else is begun later for it. The owner's jobs take the turns that are the owner's
        already; one that costs more than the job whose turn it takes is begun only when their turns
        up to there cost as much.

        Args:
            before: the other job's id; None for the last of the owner's turns.

        Raises:
            NotFound: as :meth:`job`, for either of them.
            WrongMoment: one of the two does not wait any more.
            MediaError: the new order could not be written.
        """
        return self._queue.move(job_id, owner, before)

    def pause(self, owner: str, on: bool) -> None:
        """Begin no more of an owner's jobs, or go on with them. What runs goes on; other people's
        jobs are begun meanwhile, and who goes on does so behind those that wait by then. Holds over
        a restart.

        Raises:
            WrongMoment: as many jobs are paused as may wait.
            MediaError: it could not be written.
        """
        self._queue.pause(owner, on)

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

    def session(self, owner: str) -> Session:
        """Everything that a person's page shows at one moment. Only what has changed since it was
        last asked for is read from the database."""
        model = self.model_status()
        # Jobs first: the takes of one that is done by then are in the library.
        jobs = self._queue.of(owner)
        seen = next(filter(None, map(self._worker.preview_of, jobs.live)), None)
        return Session(
            model=model,
            jobs=jobs.live,
            ended=jobs.ended,
            takes=self.library.newest(owner),
            preview=seen.webp() if seen else None,
            preview_job=seen.job_id if seen else None,
            paused=jobs.paused,
            held=self.held,
            live=jobs.go_on or model.settling or (not jobs.live and self.director.busy(owner)),
        )

    def job(self, job_id: str, owner: str) -> Job:
        """A job as it is now.

        Raises:
            NotFound: there is none by this id, or it belongs to somebody else.
        """
        return self._queue.job(job_id, owner)

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

    def needs(self, recipe: Recipe) -> Needed | None:
        """Device memory that a recipe's clip needs; None without a device or a loaded model."""
        return self._worker.needs(recipe)

    def preview(self, job_id: str, owner: str) -> bytes | None:
        """The running job's clip so far, as a small animated WebP; None before the first preview.

        Raises:
            NotFound: as :meth:`job`.
        """
        seen = self._worker.preview_of(self.job(job_id, owner))
        return seen.webp() if seen else None

    def queue_length(self) -> int:
        """How many jobs run or wait, of all owners."""
        return len(self._queue)

    def tally(self) -> Tally:
        """What was done since the start, in numbers."""
        return self._counts.now()

    def _takes_changed(self, owner: str) -> None:
        self._queue.forget(owner)
        self._upkeep.wake()

    def _admit(self, owner: str) -> None:
        self.bans.check(owner)
        self.licences.check(owner, self._worker.model.status)

    def _known(self, origin: Origin | None, owner: str) -> Origin | None:
        return origin if origin and self.library.those([origin.take_id], owner) else None

    def _effort(self, recipe: Recipe) -> float:
        return effort(recipe, self._card())

    def _seconds(self, recipe: Recipe) -> float | None:
        estimate = self.estimate(recipe)
        return estimate.seconds if estimate else None
