"""What makes jobs: a runner takes one after the other from the queue and has its engine make it.
Each finished clip goes to the saver's thread."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, closing
from dataclasses import replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from ltx_ui.errors import Cancelled
from ltx_ui.logs import about
from ltx_ui.recipe import Recipe
from ltx_ui.settings import Settings
from ltx_ui.studio.counts import Counts
from ltx_ui.studio.errands import Errand
from ltx_ui.studio.guard import Guard
from ltx_ui.studio.input_store import InputStore
from ltx_ui.studio.jobs import Cancelling, Job, Running, failure
from ltx_ui.studio.library import Library
from ltx_ui.studio.maker import ClipMaker, MakerDied
from ltx_ui.studio.making import Making
from ltx_ui.studio.model_loader import ModelLoader
from ltx_ui.studio.progress import JobProgress, Preview
from ltx_ui.studio.saver import Made, Saver, TakeWriter
from ltx_ui.studio.timing import TimingModel, TimingStore

_log = logging.getLogger(__name__)


class Runner:
    """Makes the queue's jobs with one engine, one after the other, in the thread that calls
    :meth:`run`.

    Args:
        engine: with its model loaded.
        model: what recipes may ask of it.
        timing, timings: learn from each take, for this start and for the next.
        counts: are told of each take.
        guard: is told for how long the engine worked for whom.
        leaving: whether it is to begin no more jobs.
        idle: raises MakerDied where the engine has ended while it had nothing to do.

    Attributes:
        makes: what it makes now; None while it has nothing to do.
        takes: how many takes it has made that were kept.
    """

    def __init__(
        self,
        engine: ClipMaker,
        model: ModelLoader,
        timing: TimingModel,
        settings: Settings,
        queue: Making,
        library: Library,
        inputs: InputStore,
        timings: TimingStore,
        counts: Counts,
        guard: Guard,
        leaving: Callable[[], bool],
        idle: Callable[[], None],
    ) -> None:
        self._engine = engine
        self._model = model
        self._timing = timing
        self._settings = settings
        self._queue = queue
        self._library = library
        self._inputs = inputs
        self._guard = guard
        self._writer = TakeWriter(queue, library, engine, timing, timings, counts)
        self._leaving, self._idle = leaving, idle
        self._preview: Preview | None = None
        self.makes: Job | Errand | None = None
        self.takes = 0

    def run(self) -> None:
        """Make jobs until the queue begins no more of them.

        Raises:
            MakerDied: the engine has ended. The job that it was making waits again.
        """
        with closing(Saver(self._save)) as saver:
            self._make_all(saver)

    def preview_of(self, job: Job) -> Preview | None:
        """The latest preview of a job that is being made here; None before its first. May be called
        from any thread."""
        seen, runs = self._preview, isinstance(job.state, Running | Cancelling)
        return seen if runs and seen is not None and seen.job_id == job.id else None

    def _save(self, made: Made) -> None:
        with self._about(made.job):
            self.takes += self._writer.save(made)

    def _make_all(self, saver: Saver) -> None:
        while (found := self._queue.next(self._leaving, self._idle)) is not None:
            self.makes, began = found, time.monotonic()
            try:
                if isinstance(found, Errand):
                    self._run(found)
                else:
                    self._preview = None
                    with self._about(found):
                        self._make_or_stop(found, saver)
            finally:
                self.makes = None
                self._guard.spent.add(found.owner, time.monotonic() - began)

    def _run(self, errand: Errand) -> None:
        errand.run(self._engine)
        if isinstance(died := errand.failed(), MakerDied):
            raise died

    def _make_or_stop(self, job: Job, saver: Saver) -> None:
        try:
            self._make(job, saver)
        except Cancelled:
            saver.wait_for(job)
            self._queue.stopped(job)
        except MakerDied as error:
            saver.wait_for(job)
            self._queue.stopped(job, died=error.begun)
            raise
        except Exception as error:
            saver.wait_for(job)
            self._queue.fail(job, failure(job, error))
            self._queue.stopped(job)
        else:
            self._queue.leave(job)

    def _about(self, job: Job) -> AbstractContextManager[None]:
        return about(job.id, job.owner, job.recipe, self._settings)

    def _log_begun(self, recipe: Recipe, takes: list[Recipe]) -> None:
        seeds = ", ".join(str(take.seed) for take in takes)
        told = (recipe.resolution, recipe.num_frames, recipe.num_inference_steps, seeds)
        _log.info("Begun: %s, %d frames, %d steps, seed %s.", *told)
        if self._settings.log_prompts:
            _log.info("Prompt: %r", recipe.prompt)

    def _make(self, job: Job, saver: Saver) -> None:
        """Make takes of a job while there are some that nobody makes, and hand each to the saver.
        Takes that an earlier start of the program has saved are not made again."""
        recipe = job.recipe
        self._model.check(recipe)
        self._library.check_room(recipe)
        inputs, joint = self._inputs.read(recipe), self._inputs.joint(recipe)

        def show(frames: NDArray[np.uint8], fps: float) -> None:
            self._preview = Preview(job.id, frames, fps)

        progress = JobProgress(self._queue, job, show, self._timing)
        while claimed := self._queue.claim(job.id, self._engine.at_once(recipe)):
            if not (todo := self._takes_to_make(job, claimed)):
                continue
            self._log_begun(recipe, [take for *_, take in todo])
            progress.begin([number for number, _, _ in todo])
            clips = self._engine.generate_many([take for *_, take in todo], progress, inputs)
            for (_, take_id, take), clip in zip(todo, clips, strict=True):
                made = Made(job, take_id, take, replace(clip, joint=joint), progress.timings())
                saver.hand_over(made, partial(progress.progress, "saving"))
                progress.next_take()

    def _takes_to_make(self, job: Job, claimed: list[str]) -> list[tuple[int, str, Recipe]]:
        """Those of some of a job's takes that are not in the library yet: their numbers, from 1,
        their ids and their recipes."""
        todo = []
        for number, take in enumerate(zip(job.take_ids, job.recipe.takes(), strict=True), 1):
            if take[0] not in claimed:
                continue
            if self._library.has(take[0]):
                self._queue.add_take(job.id, take[0])
            else:
                todo.append((number, *take))
        return todo
