"""The thread that makes clips: it loads the model, then lets a runner make what the queue has."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from ltx_ui.errors import StudioError
from ltx_ui.recipe import Recipe
from ltx_ui.settings import Settings
from ltx_ui.studio.counts import Counts
from ltx_ui.studio.crew import Crew
from ltx_ui.studio.engines import EngineChoice
from ltx_ui.studio.guard import Guard
from ltx_ui.studio.input_store import InputStore
from ltx_ui.studio.jobs import Job
from ltx_ui.studio.library import Library
from ltx_ui.studio.lora_folder import Fitting
from ltx_ui.studio.maker import ClipMaker, LoadableMaker, MakerDied
from ltx_ui.studio.model_loader import ModelLoader
from ltx_ui.studio.progress import Preview
from ltx_ui.studio.queue import JobQueue
from ltx_ui.studio.runner import Runner
from ltx_ui.studio.timing import UNKNOWN_SECONDS, Estimate, TimingModel, TimingStore

if TYPE_CHECKING:
    from ltx_ui.engine.clip_memory import Needed

ENDED = (
    "No more clips can be made, for a reason that was not foreseen; the log has the details. "
    "Restart the program: clips that wait or run are made then."
)

AGAIN_SECONDS = (1, 3, 10, 30)
"""Until one more try to start a worker in place of one that has ended."""

_log = logging.getLogger(__name__)


class Worker:
    """Loads the model, then has the queue's jobs made, one after the other.

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
        self._runners: list[Runner] = []
        self._crew = Crew(settings)
        self._count = 1
        self._leaving = False
        self.model = ModelLoader(settings, queue)
        # A daemon: the program's end waits for no step, which may take a minute.
        self._thread = threading.Thread(target=self._run, name="studio-worker", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def join(self, timeout: float) -> None:
        """Wait, at most ``timeout`` seconds, for the thread to end, which it does once the queue is
        closed; then end the processes that made clips elsewhere."""
        self._leaving = True
        if self._thread.is_alive():
            self._thread.join(timeout)
        self._crew.close()

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

    @property
    def count(self) -> int:
        """How many clips can be made at once now."""
        return len(self._runners)

    def preview_of(self, job: Job) -> Preview | None:
        """The latest preview of a job that is being made; None before its first."""
        return next(filter(None, (each.preview_of(job) for each in tuple(self._runners))), None)

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
        engine = self.model.load(self._first_engine, self._recall)
        if engine is None:
            return
        for number in range(2, self._count + 1):
            name = f"studio-worker-{number}"
            threading.Thread(target=self._join_in, name=name, daemon=True).start()
        self._make_with(engine)

    def _choice(self) -> EngineChoice:
        return EngineChoice.of(self._settings, self.model.sizes)

    def _first_engine(self) -> LoadableMaker:
        self._count = self._crew.count()
        return self._crew.engine(self._choice())

    def _join_in(self) -> None:
        """Make jobs beside the others."""
        try:
            if (engine := self._another()) is not None:
                self._make_with(engine)
            else:
                self._give_up()
        except Exception:
            _log.exception("One of the threads that make clips has ended")

    def _make_with(self, engine: LoadableMaker) -> None:
        """Make jobs with an engine and, each time it has died, with another one."""
        found: LoadableMaker | None = engine
        while found is not None and self._timing is not None:
            runner = Runner(
                *(found, self.model, self._timing, self._settings, self._queue, self._library),
                *(self._inputs, self._timings, self._counts, self._guard),
            )
            self._runners.append(runner)
            try:
                runner.run()
                return
            except MakerDied:
                if self._leaving:
                    return
                _log.warning("A worker has ended in the middle; another one is started.")
            finally:
                self._runners.remove(runner)
            found = self._another()
        self._give_up()

    def _give_up(self) -> None:
        """One of the engines is gone for good. With the last one the studio says so, or jobs would
        wait for ever."""
        self._count -= 1
        if not self._count and not self._leaving:
            self.model.break_off(ENDED)

    def _another(self) -> LoadableMaker | None:
        """One more engine with its model loaded; None if there can be none."""
        for seconds in AGAIN_SECONDS:
            try:
                self._crew.revive()
                engine = self._crew.engine(self._choice())
                engine.load(lambda message, fraction: _log.debug("%s", message))
            except MakerDied as error:
                _log.warning("%s It is tried again in %d seconds.", error, seconds)
                time.sleep(seconds)
                if self._leaving:
                    return None
            except StudioError as error:
                _log.error("%s", error)
                return None
            else:
                return engine
        return None

    def _recall(self, engine: ClipMaker) -> None:
        """Learn from the takes of earlier starts how long clips take, and which LoRAs fit."""
        if self._inputs.loras is not None:
            shapes = engine.lora_shapes()
            self._inputs.loras.fitting = Fitting(engine.card.id, engine.card.title, shapes)
        self._timing = TimingModel(engine.card, engine.at_once)
        self._timing.recall(self._timings.of(engine.card.id, engine.device))
        self._needs = lambda recipe: engine.memory.on_device(recipe, engine.placement or "resident")
