"""The thread that makes clips, job after job. Each finished clip goes to the saver's thread."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, closing
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ltx_ui.errors import Cancelled, StudioError
from ltx_ui.logs import about
from ltx_ui.recipe import Recipe
from ltx_ui.settings import Settings
from ltx_ui.studio.counts import Counts
from ltx_ui.studio.errands import Errand
from ltx_ui.studio.guard import Guard
from ltx_ui.studio.input_store import InputStore
from ltx_ui.studio.jobs import Cancelling, Done, Job, Running, failure
from ltx_ui.studio.library import Library
from ltx_ui.studio.lora_folder import Fitting
from ltx_ui.studio.model_loader import ModelLoader
from ltx_ui.studio.progress import JobProgress, Preview
from ltx_ui.studio.queue import JobQueue
from ltx_ui.studio.saver import Made, Saver, TakeWriter
from ltx_ui.studio.timing import UNKNOWN_SECONDS, Estimate, TimingModel, TimingStore

if TYPE_CHECKING:
    from ltx_ui.engine.clip_memory import Needed
    from ltx_ui.engine.engine import Engine

ENDED = (
    "No more clips can be made, for a reason that was not foreseen; the log has the details. "
    "Restart the program: clips that wait or run are made then."
)

_log = logging.getLogger(__name__)


class Worker:
    """Loads the model, then makes the queue's jobs, one after the other.

    Attributes:
        model: the model and how far it is loaded.
    """

    def __init__(
        self,
        settings: Settings,
        queue: JobQueue,
        library: Library,
        inputs: InputStore,
        timings: TimingStore,
        counts: Counts,
        guard: Guard,
    ) -> None:
        self._settings = settings
        self._queue = queue
        self._library = library
        self._inputs = inputs
        self._timings = timings
        self._counts = counts
        self._guard = guard
        self._timing: TimingModel | None = None
        self._needs: Callable[[Recipe], Needed | None] = lambda recipe: None
        self._preview: Preview | None = None
        self.model = ModelLoader(settings, queue)
        # A daemon: the program's end waits for no step, which may take a minute.
        self._thread = threading.Thread(target=self._run, name="studio-worker", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def join(self, timeout: float) -> None:
        """Wait, at most ``timeout`` seconds, for the thread to end. It does once the queue is
        closed."""
        if self._thread.is_alive():
            self._thread.join(timeout)

    @property
    def average_seconds(self) -> float:
        """How long recent clips took here."""
        return self._timing.average if self._timing else UNKNOWN_SECONDS

    def estimate(self, recipe: Recipe) -> Estimate | None:
        """How long a recipe's takes will take; None while nothing is known."""
        return self._timing.estimate(recipe) if self._timing else None

    def needs(self, recipe: Recipe) -> Needed | None:
        """Device memory that a recipe's clip needs; None without a device, and until the model is
        loaded."""
        return self._needs(recipe)

    def preview_of(self, job: Job) -> Preview | None:
        """The latest preview of a job that is being made; None before its first."""
        seen, runs = self._preview, isinstance(job.state, Running | Cancelling)
        return seen if runs and seen is not None and seen.job_id == job.id else None

    def _run(self) -> None:
        try:
            self._load_and_work()
        except Exception:  # Of the queue itself; a clip's errors are its job's.
            _log.exception("The thread that makes clips has ended")
            self.model.break_off(ENDED)

    def _load_and_work(self) -> None:
        try:
            self._queue.restore()
            self._library.purge()
            self._library.sweep()
            self._inputs.sweep()
        except StudioError as error:
            self.model.fail(str(error))
            return
        engine = self.model.load(self._recall)
        if engine is not None and self._timing is not None:
            self._work(engine, self._timing)

    def _recall(self, engine: Engine) -> None:
        """Learn from the takes of earlier starts how long clips take, and which LoRAs fit."""
        if self._inputs.loras is not None:
            shapes = engine.optimized.adapters.shapes
            self._inputs.loras.fitting = Fitting(engine.card.id, engine.card.title, shapes)
        self._timing = TimingModel(engine.card, engine.at_once)
        self._timing.recall(self._timings.of(engine.card.id, engine.device))
        self._needs = lambda recipe: engine.memory.on_device(recipe, engine.placement or "resident")

    def _work(self, engine: Engine, timing: TimingModel) -> None:
        writer = TakeWriter(self._queue, self._library, engine, timing, self._timings, self._counts)

        def save(made: Made) -> None:
            with self._about(made.job):
                writer.save(made)

        with closing(Saver(save)) as saver:
            self._make_all(engine, saver, timing)

    def _make_all(self, engine: Engine, saver: Saver, timing: TimingModel) -> None:
        while (job := self._queue.next()) is not None:
            began = time.monotonic()
            if isinstance(job, Errand):
                job.run(engine)
                self._guard.spent.add(job.owner, time.monotonic() - began)
                continue
            self._preview = None
            with self._about(job):
                self._log_begun(job)
                try:
                    self._make(job, engine, saver, timing)
                except Cancelled:
                    saver.wait_for(job)
                    self._queue.stopped(job)
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

    def _make(self, job: Job, engine: Engine, saver: Saver, timing: TimingModel) -> None:
        """Make a job's takes and hand each to the saver; the job ends when its last one is saved.
        Takes that an earlier start of the program has saved are not made again."""
        recipe = job.recipe
        self.model.check(recipe)
        self._library.check_room(recipe)
        todo = self._takes_to_make(job)
        if not todo:
            self._queue.end(job, Done(job.id, job.take_ids[1:]))

        def show(frames: NDArray[np.uint8], fps: float) -> None:
            self._preview = Preview(job.id, frames, fps)

        progress = JobProgress(self._queue, job, show, timing, len(todo))
        clips = engine.generate_many(
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
