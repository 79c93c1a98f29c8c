"""What visitors may ask for: people whom the owner lets in without a name of their own."""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass

from ltx_ui.errors import InvalidRecipe, TooMuch
from ltx_ui.recipe import Recipe, check_volume
from ltx_ui.settings import VISITOR, Settings

DAY_SECONDS = 24 * 3600.0
CROWD = 4
"""Visitors' shares that one address may use: a household has one, and so has a program that comes
as somebody new each time."""

_Shares = defaultdict[str, list[tuple[float, float]]]
"""When, and for how many seconds, the studio has worked for somebody."""


def is_visitor(owner: str) -> bool:
    """Whether an owner of takes is a visitor."""
    return owner.startswith(VISITOR)


def crowd_of(visitor: str) -> str:
    """What the names of all visitors from one's address begin with."""
    return visitor.rpartition("-")[0] + "-"


def places_for(owner: str, places: int) -> int:
    """How many jobs may wait when an owner adds one. Visitors leave a quarter of the places, one at
    least, to who is none; of a single one they may have it."""
    return max(1, places - max(1, places // 4)) if is_visitor(owner) else places


@dataclass(frozen=True)
class Limits:
    """What a visitor may ask for.

    Attributes:
        volume: most width × height × frames of a clip.
        steps: most steps of a clip.
        clips: clips on the way at once.
        minutes: of work in a day.
        minutes_left: of today's, also by what all from the same address have used up.
    """

    volume: int
    steps: int
    clips: int
    minutes: float
    minutes_left: float


class Guard:
    """Holds visitors to the operator's limits, each by themselves and all from one address
    together: their names are ``visitor-ADDRESS-VISITOR``. Safe to call from any thread; what was
    spent is forgotten with a restart.

    Args:
        clock: seconds that only grow.
    """

    def __init__(self, settings: Settings, clock: Callable[[], float] = time.monotonic) -> None:
        self._settings = settings
        self._clock = clock
        self._lock = threading.Lock()
        self._spent: _Shares = defaultdict(list)

    def check(self, recipe: Recipe, owner: str, on_the_way: Callable[[str], int]) -> None:
        """Hold a recipe to what its owner may ask for. Everybody but a visitor may ask for
        anything.

        Args:
            on_the_way: tells how many takes wait or run of owners whose names begin so.

        Raises:
            InvalidRecipe: it is larger, or has more steps, than visitors may have.
            TooMuch: the visitor, or their address, has as many clips on the way as they may, or has
                used up the day's allowance.
        """
        if not is_visitor(owner):
            return
        allowed = self._settings
        check_volume(recipe, allowed.visitor_volume)
        if recipe.num_inference_steps > (most := allowed.visitor_steps):
            raise InvalidRecipe.because(
                "num_inference_steps",
                f"num_inference_steps: is {recipe.num_inference_steps}; visitors of this studio "
                f"may have up to {most}.",
            )
        for name, shares in _bounded(owner):
            most = shares * allowed.visitor_clips
            if (asked := on_the_way(name) + recipe.num_takes) > most:
                raise TooMuch(
                    f"{_who(shares)} may have {most} clips on the way at once, and with these it "
                    f"would be {asked}. Ask for fewer, wait for one, or cancel one."
                )
            self._check_allowance(name, shares)

    def spent(self, owner: str, seconds: float) -> None:
        """The studio has worked for somebody."""
        names = [name for name, _ in _bounded(owner)] if is_visitor(owner) else [owner]
        with self._lock:
            self._drop_old()
            for name in names:
                self._spent[name].append((self._clock(), seconds))

    def minutes(self, owner: str) -> float:
        """For how many minutes the studio has worked for somebody within a day."""
        with self._lock:
            self._drop_old()
            return sum(seconds for _, seconds in self._spent.get(owner, [])) / 60

    def limits(self, owner: str) -> Limits | None:
        """What :meth:`check` holds somebody to; None for who is no visitor."""
        if not is_visitor(owner):
            return None
        allowed = self._settings
        left = [
            shares * allowed.visitor_minutes - self.minutes(name)
            for name, shares in _bounded(owner)
        ]
        return Limits(
            volume=allowed.visitor_volume,
            steps=allowed.visitor_steps,
            clips=allowed.visitor_clips,
            minutes=allowed.visitor_minutes,
            minutes_left=max(0.0, min(left)),
        )

    def _check_allowance(self, name: str, shares: int) -> None:
        allowed = shares * self._settings.visitor_minutes
        with self._lock:
            self._drop_old()
            spent = self._spent.get(name, [])
        if sum(seconds for _, seconds in spent) < allowed * 60:
            return
        hours = max(1, round((spent[0][0] + DAY_SECONDS - self._clock()) / 3600))
        raise TooMuch(
            f"{_who(shares)} may have {allowed:g} minutes of work in a day, and they are used up. "
            f"Come back in about {hours} {'hour' if hours == 1 else 'hours'}.",
            hours * 3600,
        )

    def _drop_old(self) -> None:
        """Forget what does not count any more, and visitors of whom nothing does."""
        since = self._clock() - DAY_SECONDS
        recent = {who: [s for s in shares if s[0] > since] for who, shares in self._spent.items()}
        self._spent = defaultdict(list, {who: shares for who, shares in recent.items() if shares})


def _bounded(owner: str) -> list[tuple[str, int]]:
    """Beginnings of names whose owners are bounded together, and how many visitors' shares they
    may have."""
    return [(owner, 1), (crowd_of(owner), CROWD)]


def _who(shares: int) -> str:
    if shares == 1:
        return "A visitor of this studio"
    return "All visitors from your address together"
