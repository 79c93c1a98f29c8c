"""What the thread that makes clips does between two of them: small things that need the model."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any

from ltx_ui.errors import Cancelled, StudioError, TooMuch, WrongMoment

if TYPE_CHECKING:
    from ltx_ui.studio.maker import ClipMaker

MOST_WAITING = 8
"""Errands of all people that may wait; each is short."""
SECONDS = 20.0
"""About how long one takes."""


class Errand:
    """Something that is done once for somebody, with the loaded model.

    Args:
        owner: whom it is for.
        do: does it; is told what to call now and then, which raises an error to end it.
        seconds: how long it may take once it was begun.

    Attributes:
        done: what ``do`` returned, or why it could not. Cancelling it ends the errand.
    """

    def __init__(
        self, owner: str, do: Callable[[ClipMaker, Callable[[], None]], Any], seconds: float
    ) -> None:
        self.owner = owner
        self._do = do
        self._seconds = seconds
        self._stopped = False
        self.done: Future[Any] = Future()

    def stop(self) -> None:
        """Nobody waits for it any more: it is not begun, or ends at the next token."""
        self._stopped = True
        self.done.cancel()

    @property
    def stopped(self) -> bool:
        """Whether :meth:`stop` was called."""
        return self._stopped

    def failed(self) -> BaseException | None:
        """Why it could not be done; None if it was, or nobody waits for it."""
        return None if self.done.cancelled() else self.done.exception()

    def run(self, engine: ClipMaker) -> None:
        """Do it. To be called by the thread that makes clips."""
        if not self.done.set_running_or_notify_cancel():
            return
        ends = time.monotonic() + self._seconds

        def check() -> None:
            if self._stopped:
                raise Cancelled
            if time.monotonic() > ends:
                raise WrongMoment(
                    f"This took longer than {self._seconds:.0f} seconds and was given up: the "
                    "model is slow on this machine, or its text encoder waits in host memory."
                )

        try:
            self.done.set_result(self._do(engine, check))
        except Exception as error:
            self.done.set_exception(error)


class Errands:
    """Those that wait, in the order in which they came. Not safe to call from several threads: the
    queue calls it with its lock held."""

    def __init__(self) -> None:
        self._waiting: deque[Errand] = deque()
        self._running: Errand | None = None
        self._had_turn = False

    def add(self, errand: Errand) -> None:
        """Let one wait.

        Raises:
            TooMuch: its owner has another one.
            WrongMoment: as many wait as may.
        """
        self._waiting = deque(each for each in self._waiting if not each.stopped)
        running = [each for each in (self._running,) if each and not each.done.done()]
        if any(each.owner == errand.owner for each in (*running, *self._waiting)):
            raise TooMuch(
                "You have one prompt improved at a time. Wait for the other one.", SECONDS
            )
        if len(self._waiting) >= MOST_WAITING:
            raise WrongMoment(
                f"{MOST_WAITING} prompts are waiting to be improved. Try again in a minute."
            )
        self._waiting.append(errand)

    def __len__(self) -> int:
        return len(self._waiting)

    def next(self, clip_waits: bool) -> Errand | None:
        """The next one; None if there is none, or if it is a waiting clip's turn."""
        if not self._waiting or (clip_waits and self._had_turn):
            self._had_turn = False
            return None
        self._had_turn = True
        self._running = self._waiting.popleft()
        return self._running

    def refuse(self, error: StudioError) -> None:
        """Do none any more; who waits is told why."""
        for errand in self._waiting:
            if errand.done.set_running_or_notify_cancel():
                errand.done.set_exception(error)
        self._waiting.clear()
        if self._running is not None:
            self._running.stop()
