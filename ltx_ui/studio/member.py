"""One of those who make clips: an engine, and another one each time that it has ended, in a thread
of its own."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from ltx_ui.errors import StudioError
from ltx_ui.studio.jobs import Job
from ltx_ui.studio.maker import Left, LoadableMaker, MakerDied
from ltx_ui.studio.runner import Runner

if TYPE_CHECKING:
    from ltx_ui.engine.tokens import TokenCount

AGAIN_SECONDS = (1, 3, 10, 30)
"""Until one more try to start an engine in place of one that has ended."""

WorkerState = Literal["loading", "idle", "working", "draining", "failed"]

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class WorkerStatus:
    """What is known of a worker.

    Attributes:
        number: no other worker has it until the program ends.
        state: ``draining`` ends once it has made what it makes; ``failed`` has ended for good.
        message: how far it is loaded, or why it has failed; empty otherwise.
        job: what it makes takes of; None while it makes none.
        model: the card's id, or what was asked for until that is known.
        device, placement: where it makes them; None until its model is loaded.
        takes: how many it has made that were kept.
        deaths: how often its process ended and another one was started.
    """

    number: int
    state: WorkerState
    message: str
    job: Job | None
    model: str
    device: str | None
    placement: str | None
    takes: int
    deaths: int


@dataclass(frozen=True)
class Kit:
    """What all that make clips with one model have in common.

    Attributes:
        model: tells the model's id.
        make: an engine without its model. What it is given is called now and then until there is
            one, and ends that by raising.
        runs: a runner for an engine; is told whether it is to begin no more.
    """

    model: Callable[[], str]
    make: Callable[[Callable[[], None]], LoadableMaker]
    runs: Callable[[LoadableMaker, Callable[[], bool]], Runner]


class Member:
    """Makes jobs until the queue begins no more, or until it is told to leave.

    Args:
        number: no other member has it.
        kit: for its model.
        end: ends an engine that is not needed any more.

    Attributes:
        gone: set once it makes nothing any more.
        ready: set once its first engine is loaded, or there will be none.
    """

    def __init__(
        self,
        number: int,
        kit: Kit,
        end: Callable[[LoadableMaker], None],
    ) -> None:
        self.number = number
        self.kit = kit
        self._end = end
        self._leaving = threading.Event()
        self._failed = False
        self._message = ""
        self._engine: LoadableMaker | None = None
        self._runner: Runner | None = None
        self._takes = self._deaths = 0
        self.gone, self.ready = threading.Event(), threading.Event()

    @property
    def runner(self) -> Runner | None:
        """What takes jobs from the queue; None while there is no engine for it."""
        return self._runner

    @property
    def stays(self) -> bool:
        """Whether it goes on making clips, or will when its model is loaded."""
        return not (self._failed or self._leaving.is_set() or self.gone.is_set())

    @property
    def failed(self) -> bool:
        """Whether no engine could be started any more."""
        return self._failed

    def loss(self) -> tuple[int, int]:
        """How much is lost when it leaves: nothing, a loaded model, or time until its job is made.
        Of equals the latest loses least."""
        runner = self._runner
        return 0 if runner is None else 1 if runner.makes is None else 2, -self.number

    def leave(self) -> None:
        """Let it begin nothing more; what it makes is finished. The queue has to be woken."""
        self._leaving.set()

    def check(self) -> None:
        """End the making of an engine if it is not wanted any more.

        Raises:
            Left: it is not.
        """
        if self._leaving.is_set():
            raise Left

    def begin_with(self, engine: LoadableMaker) -> None:
        """Have jobs made first with an engine whose model is loaded, not with one of its own."""
        self._engine = engine

    def count_tokens(self, text: str) -> TokenCount | None:
        """How much of a text the model reads; None while there is no engine that answers. May be
        called from any thread."""
        engine = self._engine
        try:
            return engine.count_tokens(text) if engine else None
        except MakerDied:
            return None

    def run(self) -> None:
        """Make jobs."""
        try:
            found = self._engine or self._another()
            while found is not None:
                found = self._made_with(found)
        except Left:
            pass
        except Exception:
            self._failed = True
            _log.exception("One of the threads that make clips has ended")
        finally:
            self.gone.set()
            self.ready.set()

    def _made_with(self, engine: LoadableMaker) -> LoadableMaker | None:
        """Make jobs with an engine; returns another one if it has died."""
        self._engine = engine
        runner = self._runner = self.kit.runs(engine, self._leaving.is_set)
        self.ready.set()
        try:
            runner.run()
        except MakerDied:
            self.check()
            self._deaths += 1
            _log.warning("A worker has ended; another one is started.")
        else:
            if self._leaving.is_set():
                self._end(engine)
            return None
        finally:
            self._runner = self._engine = None
            self._takes += runner.takes
        return self._another()

    def _another(self) -> LoadableMaker | None:
        """An engine with its model loaded; None if there can be none."""
        for seconds in AGAIN_SECONDS:
            engine = None
            try:
                engine = self.kit.make(self.check)
                engine.load(self._report)
            except Left:
                if engine is not None:
                    self._end(engine)
                raise
            except MakerDied as error:
                _log.warning("%s It is tried again in %d seconds.", error, seconds)
                self._message = str(error)
                self._leaving.wait(seconds)
                self.check()
            except StudioError as error:
                _log.error("%s", error)
                self._message = str(error)
                break
            else:
                self._message = ""
                return engine
        self._failed = True
        return None

    def _report(self, message: str, fraction: float | None) -> None:
        self.check()
        self._message = message

    def now(self) -> WorkerStatus:
        """What is known of it."""
        runner, engine = self._runner, self._engine
        makes = runner.makes if runner else None
        return WorkerStatus(
            number=self.number,
            state=self._state(busy=makes is not None),
            message=self._message,
            job=makes if isinstance(makes, Job) else None,
            model=self.kit.model(),
            device=engine.device if engine else None,
            placement=engine.placement if engine else None,
            takes=self._takes + (runner.takes if runner else 0),
            deaths=self._deaths,
        )

    def _state(self, *, busy: bool) -> WorkerState:
        if self._failed:
            return "failed"
        if self._leaving.is_set():
            return "draining"
        if self._runner is None:
            return "loading"
        return "working" if busy else "idle"
