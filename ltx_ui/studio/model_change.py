"""Another model for workers that make clips, one after the other."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from ltx_ui.engine.models import CARDS
from ltx_ui.errors import InvalidRecipe, WrongMoment
from ltx_ui.studio.maker import ClipMaker, Left, LoadableMaker
from ltx_ui.studio.member import Member
from ltx_ui.studio.team import Team

if TYPE_CHECKING:
    from ltx_ui.studio.worker import Using

BUSY = "The model is just being changed. Try again when that is done."
STOPPED = "It was stopped before the model was loaded; the one of before stays in use."
TOO_FEW = (
    "While the model is changed one worker goes on with the one of before, and there is but one. "
    "Add another one first, or start the studio anew with --model."
)

_log = logging.getLogger(__name__)


ChangeState = Literal["loading", "rolling", "done", "failed"]


@dataclass(frozen=True)
class ChangeStatus:
    """How far a change of the model is.

    Attributes:
        model: the new one's id, or what was asked for until that is known.
        state: ``loading``: the model of before is in use; ``rolling``: the new one is, and other
            workers are still to get it; ``failed``: the one of before stays in use.
        message: what is being done, or why it failed.
    """

    model: str
    state: ChangeState
    message: str


class ModelChange:
    """Changes the model. Safe to call from any thread.

    Args:
        current: tells which model is in use.
        use: a model by its name, beside the one in use.
        learn: is told of a new model's first engine.
        switch: puts a new model in use.
        check: raises ModelUnavailable where the machine can't run a model.
        started_with: the operator's name for the model of the start.
    """

    def __init__(
        self,
        team: Team,
        current: Callable[[], Using],
        use: Callable[[str], Using],
        learn: Callable[[Using, ClipMaker], None],
        switch: Callable[[Using], None],
        check: Callable[[str], None],
        started_with: str,
    ) -> None:
        self._team = team
        self._current = current
        self._use = use
        self._learn = learn
        self._switch = switch
        self._check = check
        self._started_with = started_with
        self._lock = threading.Lock()
        self._status: ChangeStatus | None = None
        self._new: Using | None = None
        self._stopped = threading.Event()  # Each change has its own.
        self._member: Member | None = None

    @property
    def status(self) -> ChangeStatus | None:
        """How far the last change is; None if there was none."""
        status, new = self._status, self._new
        if status is None or new is None or not self.going_on:
            return status
        loading = new.model.status
        return replace(status, model=loading.model, message=loading.message)

    @property
    def going_on(self) -> bool:
        """Whether workers are still to get another model."""
        return self._status is not None and self._status.state in ("loading", "rolling")

    def begin(self, asked: str) -> None:
        """Change to another model, in a thread of its own.

        Raises:
            InvalidRecipe: there is no such model.
            WrongMoment: there is but one worker, or the model is just being changed, or in use.
            ModelUnavailable: the machine can't run it. Nothing was downloaded or ended for it.
        """
        self._check_name(asked)
        with self._lock:
            if self.going_on:
                raise WrongMoment(BUSY)
            if asked in (self._current().asked, self._current().model.status.model):
                raise WrongMoment(f"Clips are made with {asked} already.")
            old = self._team.staying()
            if len(old) < 2:
                raise WrongMoment(TOO_FEW)
            self._check(asked)
            self._new, self._member, self._stopped = self._use(asked), None, threading.Event()
            self._status = ChangeStatus(asked, "loading", "")
        name, given = "studio-change", (self._new, old, self._stopped)
        threading.Thread(target=self._run, args=given, name=name, daemon=True).start()

    def stop(self) -> None:
        """End a change that is going on: the model that is in use stays, and no more workers are
        started for it. Who calls this says how many there are to be."""
        with self._lock:
            if not self.going_on or (status := self.status) is None:
                return
            self._stopped.set()
            if status.state == "rolling":
                self._status = replace(status, state="done")
                return
            self._status = replace(status, state="failed", message=STOPPED)
            if self._member is not None:
                self._team.send_away([self._member])

    def names(self) -> list[str]:
        """What may be asked for. A folder's name from outside would be a path."""
        return [*CARDS, *({self._started_with} - {*CARDS, "auto"})]

    def _check_name(self, asked: str) -> None:
        names = self.names()
        if asked not in names:
            known = ", ".join(names)
            raise InvalidRecipe.because("model", f"model: is {asked!r}; it can be one of {known}.")

    def _run(self, new: Using, old: list[Member], stopped: threading.Event) -> None:
        try:
            self._change(new, old, stopped)
        except Left:
            self._give_up(new, stopped, STOPPED)
        except Exception:
            _log.exception("The model could not be changed")
            self._tell(new, "failed", "For a reason that was not foreseen; the log has more.")

    def _give_up(self, new: Using, stopped: threading.Event, message: str) -> None:
        with self._lock:
            if not stopped.is_set():
                self._tell(new, "failed", message)
                self._team.start(self._team.add(self._current().kit))

    def _change(self, new: Using, old: list[Member], stopped: threading.Event) -> None:
        first = min(old, key=Member.loss)
        self._team.send_away([first])
        first.gone.wait()
        with self._lock:
            if stopped.is_set():
                raise Left
            member = self._member = self._team.add(new.kit)
        rest: list[Member] = []

        def taken_over(engine: LoadableMaker) -> None:
            with self._lock:
                member.check()
                self._learn(new, engine)
                member.begin_with(engine)
                rest.extend(each for each in self._team.staying() if each is not member)
                # Before there are jobs for the new model, which they must not begin.
                self._team.send_away(rest)
                self._switch(new)
                self._tell(new, "rolling", new.model.status.message)

        try:
            loaded = new.model.load(lambda: self._made(new, member), taken_over)
        except Left:
            self._team.remove(member)
            raise
        if loaded is None:
            self._team.remove(member)
            self._give_up(new, stopped, new.model.status.message)
            return
        self._team.start(member)
        for each in sorted(rest, key=Member.loss):
            each.gone.wait()
            with self._lock:
                if stopped.is_set():
                    return
                later = self._team.add(new.kit)
            self._team.start(later)
            later.ready.wait()
        with self._lock:
            if not stopped.is_set():
                self._tell(new, "done", new.model.status.message)

    def _made(self, new: Using, member: Member) -> LoadableMaker:
        return new.kit.make(member.check)

    def _tell(self, new: Using, state: ChangeState, message: str) -> None:
        self._status = ChangeStatus(new.model.status.model, state, message)
