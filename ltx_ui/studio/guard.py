"""What visitors may ask for: people whom the owner lets in without a name of their own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ltx_ui.errors import InvalidRecipe, TooMuch
from ltx_ui.recipe import Recipe, check_volume
from ltx_ui.settings import VISITOR, Settings
from ltx_ui.studio.database import Database
from ltx_ui.studio.spent import DAY, Clock, Share, Spent, now

CROWD = 4
"""Visitors' shares that one address may use: a household has one, and so has a program that comes
as somebody new each time."""


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
    together: their names are ``visitor-ADDRESS-VISITOR``. Safe to call from any thread.

    Args:
        clock: tells the time, in UTC.

    Attributes:
        spent: for how long the studio has worked for whom.
    """

    def __init__(self, settings: Settings, database: Database, clock: Clock = now) -> None:
        self._settings = settings
        self._clock = clock
        self.spent = Spent(database, clock)

    def check_size(self, recipe: Recipe, owner: str) -> None:
        """Hold a recipe to the size that its owner may ask for. Everybody but a visitor may ask for
        any that the studio makes.

        Raises:
            InvalidRecipe: it is larger, or has more steps, than this studio or visitors may have.
        """
        allowed = self._settings
        check_volume(recipe, allowed.max_volume)
        if not is_visitor(owner):
            return
        check_volume(recipe, allowed.visitor_volume)
        if recipe.num_inference_steps > (most := allowed.visitor_steps):
            raise InvalidRecipe.because(
                "num_inference_steps",
                f"num_inference_steps: is {recipe.num_inference_steps}; visitors of this studio "
                f"may have up to {most}.",
            )

    def check(self, recipe: Recipe, owner: str, on_the_way: Callable[[str], int]) -> None:
        """Hold a visitor to how much they may ask for.

        Args:
            on_the_way: tells how many takes wait or run of owners whose names begin so.

        Raises:
            TooMuch: the visitor, or their address, has as many clips on the way as they may, or has
                used up the day's allowance.
        """
        for name, shares in _bounded(owner) if is_visitor(owner) else ():
            most = shares * self._settings.visitor_clips
            if (asked := on_the_way(name) + recipe.num_takes) > most:
                raise TooMuch(
                    f"{_who(shares)} may have {most} clips on the way at once, and with these it "
                    f"would be {asked}. Ask for fewer, wait for one, or cancel one."
                )
            self._check_allowance(name, shares)

    def check_work(self, owner: str) -> None:
        """Refuse whose allowance, or whose address's, is used up.

        Raises:
            TooMuch: it is.
        """
        for name, shares in _bounded(owner) if is_visitor(owner) else ():
            self._check_allowance(name, shares)

    def minutes(self, owner: str) -> float:
        """For how many minutes the studio has worked for somebody within a day.

        Raises:
            MediaError: the library can't be read.
        """
        return _minutes(self.spent.of(owner))

    def limits(self, owner: str) -> Limits | None:
        """What :meth:`check` holds somebody to; None for who is no visitor."""
        if not is_visitor(owner):
            return None
        allowed = self._settings
        left = [
            shares * allowed.visitor_minutes - _minutes(self._worked(name))
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
        worked = self._worked(name)
        if _minutes(worked) < allowed:
            return
        first = min(until for until, _ in worked)
        hours = max(1, round((first + DAY - self._clock()).total_seconds() / 3600))
        raise TooMuch(
            f"{_who(shares)} may have {allowed:g} minutes of work in a day, and they are used up. "
            f"Come back in about {hours} {'hour' if hours == 1 else 'hours'}.",
            hours * 3600,
        )

    def _worked(self, name: str) -> list[Share]:
        return self.spent.of_all(name) if name.endswith("-") else self.spent.of(name)


def _bounded(owner: str) -> list[tuple[str, int]]:
    """Beginnings of names whose owners are bounded together, and how many visitors' shares they
    may have."""
    return [(owner, 1), (crowd_of(owner), CROWD)]


def _minutes(worked: list[Share]) -> float:
    return sum(seconds for _, seconds in worked) / 60


def _who(shares: int) -> str:
    if shares == 1:
        return "A visitor of this studio"
    return "All visitors from your address together"
