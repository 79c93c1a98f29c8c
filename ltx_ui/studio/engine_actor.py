"""The other end of a worker of Ray's: an engine in a process of its own, and what it tells."""

from __future__ import annotations

import logging
import os
import queue
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ltx_ui import runtime
from ltx_ui.clip import Stage
from ltx_ui.engine.models import ModelCard
from ltx_ui.errors import Cancelled, StudioError
from ltx_ui.inputs import InputData
from ltx_ui.recipe import Recipe
from ltx_ui.studio.engines import EngineChoice

if TYPE_CHECKING:
    from ltx_ui.engine.clip_memory import ClipMemory
    from ltx_ui.engine.placement import Placement
    from ltx_ui.engine.tokens import TokenCount
    from ltx_ui.engine.writing import Wish

CHECK_SECONDS = 0.1
"""Between two signs of life of something that has no steps."""

Told = tuple[str, Any]
"""A word for what is told, and what there is to tell."""
Tell = Callable[[str, Any], None]

_SMALL = Recipe(prompt="a", width=128, height=128, num_frames=9)

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Described:
    """What is known of an engine before its model is loaded.

    Attributes:
        batches: whether it samples several takes at once where that is faster.
        others: as the engine has them.
    """

    card: ModelCard
    notice: str
    device: str
    versions: dict[str, str]
    batches: bool


@dataclass(frozen=True)
class Loaded:
    """What is known of an engine once its model is loaded."""

    card: ModelCard
    placement: Placement | None
    memory: ClipMemory
    lora_shapes: Mapping[str, tuple[int, int]]
    why_not_writing: str


class EngineActor:
    """An engine that is called from another process. What takes long is told as it goes, so that
    whoever called hears how far it is; one such call is made at a time. The engine itself always
    runs in one thread, as it has to.

    Everything that is told can be pickled. An error is told, not raised: Ray would wrap it.
    """

    def __init__(self, choice: EngineChoice) -> None:
        # Before torch is imported, as in a studio's own process.
        runtime.set_up(choice.cache_dir)
        self._choice = choice
        self._thread = ThreadPoolExecutor(1, "engine")
        self._stop = threading.Event()
        self._wanted = threading.Semaphore(0)
        self._engine: Any = None

    def process(self) -> int:
        """The process's number; also a sign that it lives."""
        return os.getpid()

    def describe(self) -> Iterator[Told]:
        """Make the engine; tells ``described``."""

        def work(tell: Tell) -> None:
            engine = self._engine = self._choice.make()
            batches = engine.at_once(_SMALL) > 1
            found = engine.card, engine.notice, engine.device, engine.versions, batches
            tell("described", Described(*found))

        yield from self._told(work)

    def load(self) -> Iterator[Told]:
        """Load the model; tells ``loading`` now and then, at last ``loaded``."""

        def work(tell: Tell) -> None:
            engine = self._engine
            engine.load(lambda message, fraction: tell("loading", (message, fraction)))
            shapes, why_not = dict(engine.lora_shapes()), engine.why_not_writing()
            found = engine.card, engine.placement, engine.memory, shapes, why_not
            tell("loaded", Loaded(*found))

        yield from self._told(work)

    def make(self, takes: Sequence[Recipe], inputs: InputData) -> Iterator[Told]:
        """Make clips; tells ``progress``, ``preview`` and, when one is made, ``clip`` with it and
        the placement. The next one is begun after :meth:`go_on`."""

        def work(tell: Tell) -> None:
            for clip in self._engine.generate_many(takes, _Listener(self._stop, tell), inputs):
                tell("clip", (clip, self._engine.placement))
                self._wanted.acquire()
                if self._stop.is_set():
                    return

        yield from self._told(work)

    def write(self, wish: Wish) -> Iterator[Told]:
        """Say a prompt in more words; tells ``busy`` now and then, at last ``written``."""

        def work(tell: Tell) -> None:
            last = time.monotonic()

            def check() -> None:
                nonlocal last
                if self._stop.is_set():
                    raise Cancelled
                if time.monotonic() - last > CHECK_SECONDS:
                    last = time.monotonic()
                    tell("busy", None)

            tell("written", self._engine.write(wish, check))

        yield from self._told(work)

    def go_on(self) -> None:
        """The last clip has been taken; the next one is wanted."""
        self._wanted.release()

    def stop(self) -> None:
        """End what is being made at its next step."""
        self._stop.set()
        self._wanted.release()

    def count_tokens(self, text: str) -> TokenCount:
        """As :meth:`ltx_ui.engine.engine.Engine.count_tokens`."""
        counted: TokenCount = self._engine.count_tokens(text)
        return counted

    def saved(self, recipe: Recipe) -> None:
        """As :meth:`ltx_ui.engine.engine.Engine.saved`."""
        self._engine.saved(recipe)

    def _told(self, work: Callable[[Tell], None]) -> Iterator[Told]:
        """What the work tells while the engine's thread does it; ``failed`` with the error where it
        raises one."""
        told: queue.SimpleQueue[Told | None] = queue.SimpleQueue()
        self._stop.clear()
        while self._wanted.acquire(blocking=False):
            pass

        def run() -> None:
            try:
                work(lambda word, what: told.put((word, what)))
            except StudioError as error:
                told.put(("failed", error))
            except Exception as error:
                _log.exception("The engine has failed")
                told.put(("failed", RuntimeError(f"{type(error).__name__}: {error}")))
            finally:
                told.put(None)

        self._thread.submit(run)
        while (each := told.get()) is not None:
            yield each


class _Listener:
    """Tells how far a clip is, and stops it when that was asked for."""

    def __init__(self, stop: threading.Event, tell: Tell) -> None:
        self._stop = stop
        self._tell = tell

    def progress(self, stage: Stage, step: int = 0, steps: int = 0) -> None:
        if self._stop.is_set():
            raise Cancelled
        self._tell("progress", (stage, step, steps))

    def preview(self, frames: NDArray[np.uint8], fps: float) -> None:
        self._tell("preview", (frames, fps))
