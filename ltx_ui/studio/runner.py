"""What makes jobs: a runner takes one after the other from the queue and has its engine make it.
Each finished clip goes to the saver's thread."""

from __future__ import annotations

import logging
import time
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
from ltx_ui.studio.jobs import Cancelling, Done, Job, Running, failure
from ltx_ui.studio.library import Library
from ltx_ui.studio.maker import ClipMaker, MakerDied
from ltx_ui.studio.model_loader import ModelLoader
from ltx_ui.studio.progress import JobProgress, Preview
from ltx_ui.studio.queue import JobQueue
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
    """

    def __init__(
        self,
        engine: ClipMaker,
        model: ModelLoader,
        timing: TimingModel,
        settings: Settings,
        queue: JobQueue,
        library: Library,
        inputs: InputStore,
        timings: TimingStore,
        counts: Counts,
        guard: Guard,
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
        self._preview: Preview | None = None

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
            self._writer.save(made)

    def _make_all(self, saver: Saver) -> None:
        while (job := self._queue.next()) is not None:
            began = time.monotonic()
            if isinstance(job, Errand):
                job.run(self._engine)
                self._guard.spent.add(job.owner, time.monotonic() - began)
                if isinstance(died := job.failed(), MakerDied):
                    raise died
                continue
            self._preview = None
            with self._about(job):
                self._log_begun(job)
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
                    self._queue.end(job, failure(job, error))
                finally:
                    self._guard.spent.add(job.owner, time.monotonic() - began)

    def _about(self, job: Job) -> AbstractContextManager[None]:
        return about(job.id, job.owner, job.recipe, self._settings)

    def _log_begun(self, job: Job) -> None:
        recipe = job.recipe
        told = (recipe.resolution, recipe.num_frames, recipe.num_inference_steps, recipe.seed)
        _log.info("Begun: %s, %d frames, %d steps, seed %d.", *told)
        if self._settings.log_prompts:
            _log.info("Prompt: %r", recipe.prompt)

    def _make(self, job: Job, saver: Saver) -> None:
        """Make a job's takes and hand each to the saver; the job ends when its last one is saved.
        Takes that an earlier start of the program has saved are not made again."""
        recipe = job.recipe
        self._model.check(recipe)
        self._library.check_room(recipe)
        todo = self._takes_to_make(job)
        if not todo:
            self._queue.end(job, Done(job.id, job.take_ids[1:]))

        def show(frames: NDArray[np.uint8], fps: float) -> None:
            self._preview = Preview(job.id, frames, fps)

        progress = JobProgress(self._queue, job, show, self._timing, len(todo))
        clips = self._engine.generate_many(
            [take for _, take in todo],
            progress,
            self._inputs.read(recipe),
        )
        joint = self._inputs.joint(recipe)
        for (take_id, take), clip in zip(todo, clips, strict=True):
            clip = replace(clip, joint=joint)
            last = take_id == todo[-1][0]
            made = Made(job, take_id, take, clip, progress.timings(), last)
            saver.hand_over(made, partial(progress.progress, "saving"))
            progress.next_take()

    def _takes_to_make(self, job: Job) -> list[tuple[str, Recipe]]:
        """The job's takes that are not in the library yet: their ids and recipes."""
        todo = []
        for take_id, take in zip(job.take_ids, job.recipe.takes(), strict=True):
            if self._library.has(take_id):
                self._queue.add_take(job.id, take_id)
            else:
                todo.append((take_id, take))
        return todo
