"""What makes clips: it loads the model, then lets runners make what the queue has."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from ltx_ui.errors import StudioError, WrongMoment
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
from ltx_ui.studio.maker import ClipMaker, LoadableMaker
from ltx_ui.studio.member import Kit
from ltx_ui.studio.model_change import ModelChange
from ltx_ui.studio.model_loader import ModelLoader
from ltx_ui.studio.progress import Preview
from ltx_ui.studio.queue import JobQueue
from ltx_ui.studio.runner import Runner
from ltx_ui.studio.team import Team
from ltx_ui.studio.timing import UNKNOWN_SECONDS, Estimate, TimingModel, TimingStore

if TYPE_CHECKING:
    from ltx_ui.engine.clip_memory import Needed
    from ltx_ui.engine.tokens import TokenCount

ENDED = (
    "No more clips can be made, for a reason that was not foreseen; the log has the details. "
    "Restart the program: clips that wait or run are made then."
)
LOADING = "The model is still being loaded. Try again when it is ready."

_log = logging.getLogger(__name__)


class Using:
    """A model, and what is known of it once it is loaded.

    Attributes:
        model: how far it is loaded.
        asked: what the operator calls it.
        timing: how long clips take with it; None until it is loaded.
        needs: tells the device memory that a recipe's clip needs.
        kit: for those that make clips with it.
    """

    def __init__(self, model: ModelLoader, asked: str, kit: Kit) -> None:
        self.model, self.asked, self.kit = model, asked, kit
        self.timing: TimingModel | None = None
        self.needs: Callable[[Recipe], Needed | None] = lambda recipe: None


class Worker:
    """Loads the model, then has the queue's jobs made, one after the other or several at once.

    Attributes:
        team: those that make them.
        change: brings them another model.
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
        self._crew = Crew(settings)
        self.team = Team(self._crew, queue, self._nobody)
        self._count = 1
        self._using = self._use(settings.model)
        self.change = ModelChange(
            *(self.team, lambda: self._using, partial(self._use, beside=True), self._learn_of),
            *(self._switch, self._check_machine, settings.model),
        )
        # A daemon: the program's end waits for no step, which may take a minute.
        self._thread = threading.Thread(target=self._run, name="studio-worker", daemon=True)

    @property
    def model(self) -> ModelLoader:
        """The model in use and how far it is loaded."""
        return self._using.model

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def join(self, timeout: float) -> None:
        """Wait, at most ``timeout`` seconds, for the thread to end, which it does once the queue is
        closed; then end the processes that made clips elsewhere."""
        self.team.close()
        if self._thread.is_alive():
            self._thread.join(timeout)
        self._crew.close()

    @property
    def average_seconds(self) -> float:
        """How long recent clips took here."""
        return self._using.timing.average if self._using.timing else UNKNOWN_SECONDS

    def estimate(self, recipe: Recipe) -> Estimate | None:
        """How long a recipe's takes will take; None while nothing is known."""
        return self._using.timing.estimate(recipe) if self._using.timing else None

    def count_tokens(self, text: str) -> TokenCount | None:
        """How much of a text the model reads, as one of its engines says; None while none of them
        answers, and until it is loaded."""
        kit = self._using.kit
        those = (each for each in self.team.all() if each.kit is kit)
        counted = (each.count_tokens(text) for each in those)
        return next((found for found in counted if found is not None), None)

    def needs(self, recipe: Recipe) -> Needed | None:
        """Device memory that a recipe's clip needs; None without a device, and until the model is
        loaded."""
        return self._using.needs(recipe)

    def preview_of(self, job: Job) -> Preview | None:
        """The latest preview of a job that is being made; None before its first."""
        runners = filter(None, (each.runner for each in self.team.all()))
        return next(filter(None, (each.preview_of(job) for each in runners)), None)

    def set_count(self, count: int) -> None:
        """Let so many workers make clips from now on. Ends a change of the model that is going on.

        Raises:
            WrongMoment: the model is not loaded, or clips are made in the studio's own process.
            InvalidRecipe: there are not as many processors, and no GPUs.
            ModelUnavailable: there are not as many GPUs.
        """
        self._check_settled()
        self.team.check_room(count)
        self.change.stop()
        self.team.set_count(count, self._using.kit)

    def drain(self, number: int) -> None:
        """Let a worker finish what it makes and end.

        Raises:
            NotFound: there is none by this number.
            WrongMoment: as :meth:`set_count`, or it is the last one.
        """
        self._check_settled()
        self.team.drain(number)

    def change_model(self, asked: str) -> None:
        """Have clips made with another model: see :meth:`ModelChange.begin`.

        Raises:
            InvalidRecipe: there is no such model.
            WrongMoment: as :meth:`set_count`, or there is but one worker, or that model is in use.
            ModelUnavailable: this machine can't run it.
        """
        self._check_settled()
        self.change.begin(asked)

    def _check_settled(self) -> None:
        self.team.check_can_change()
        if self.model.status.state != "ready":
            raise WrongMoment(LOADING)

    def _check_machine(self, asked: str) -> None:
        settings = self._settings.model_copy(update={"model": asked})
        self._crew.check_machine(self._choice(settings))

    def _switch(self, using: Using) -> None:
        using.model.sizes = self.model.sizes
        self._using = using
        using.model.take_over()

    def _run(self) -> None:
        try:
            self._load_and_work()
        except Exception:  # Of the queue itself; a clip's errors are its job's.
            _log.exception("The thread that makes clips has ended")
            self._nobody()

    def _nobody(self) -> None:
        """Nobody can make clips any more, and jobs would wait for ever."""
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
        using = self._using
        first = self.team.add(using.kit)

        def loaded(engine: LoadableMaker) -> None:
            self._learn_of(using, engine)
            first.begin_with(engine)

        if using.model.load(self._first_engine, loaded) is None:
            self.team.remove(first)
            return
        for _ in range(1, self._count):
            self.team.start(self.team.add(using.kit))
        self.team.work(first)

    def _first_engine(self) -> LoadableMaker:
        self._count = self._crew.count()
        return self._crew.engine(self._choice(self._settings))

    def _choice(self, settings: Settings) -> EngineChoice:
        return EngineChoice.of(settings, self.model.sizes)

    def _use(self, asked: str, *, beside: bool = False) -> Using:
        """A model by the operator's name for it.

        Args:
            beside: as :class:`ModelLoader` has it.
        """
        settings = self._settings.model_copy(update={"model": asked})
        model = ModelLoader(settings, self._queue, beside=beside)

        def make(check: Callable[[], None]) -> LoadableMaker:
            check()  # Nothing of Ray is started where the program ends.
            self._crew.revive()
            return self._crew.engine(self._choice(settings), check)

        def runs(engine: LoadableMaker, leaving: Callable[[], bool]) -> Runner:
            assert using.timing is not None
            return Runner(
                *(engine, model, using.timing, settings, self._queue, self._library),
                *(self._inputs, self._timings, self._counts, self._guard, leaving),
                partial(self._crew.look, engine),
            )

        using = Using(model, asked, Kit(lambda: model.status.model, make, runs))
        return using

    def _learn_of(self, using: Using, engine: ClipMaker) -> None:
        """Learn from the takes of earlier starts how long clips take, and which LoRAs fit."""
        if self._inputs.loras is not None:
            shapes = engine.lora_shapes()
            self._inputs.loras.fitting = Fitting(engine.card.id, engine.card.title, shapes)
        using.timing = TimingModel(engine.card, engine.at_once)
        using.timing.recall(self._timings.of(engine.card.id, engine.device))
        using.needs = lambda recipe: engine.memory.on_device(recipe, engine.placement or "resident")
