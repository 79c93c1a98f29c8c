"""Who is next: turns between owners, short jobs before long ones within bounds, and of those that
are equally due the one for which a runner has most at hand.

Nothing here knows of threads, clocks or databases, so that :mod:`benchmarks.scheduling` can try the
same rules on a thousand runners.
"""

from __future__ import annotations

import math
from bisect import bisect_left, insort
from collections import Counter
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from copy import copy, deepcopy
from dataclasses import dataclass, field
from operator import attrgetter
from typing import NamedTuple

SHORT = 2
"""A job is short beside another one whose cost is at least so many powers of two above its own:
about a quarter."""
AHEAD = 2
"""Short jobs of one owner that are begun before one long job."""
PASSES = 2
"""How often another job of the same turn may be begun first because a runner is ready for it."""
TIES = 32
"""Jobs of one turn that are held against what a runner has."""
TEXTS, SHAPES = 64, 4
"""Texts and shapes for which a runner is thought to be ready: those that it had last."""


@dataclass(frozen=True, slots=True)
class Wants:
    """What a runner can have at hand for a job.

    Attributes:
        texts: that have to be encoded.
        loras: in the model.
        shape: of what is sampled.
    """

    texts: frozenset[str] = frozenset()
    loras: Hashable = ()
    shape: Hashable = None


class Ready:
    """What a runner has at hand from the jobs that it began."""

    def __init__(self) -> None:
        self._texts: dict[Hashable, None] = {}
        self._shapes: dict[Hashable, None] = {}
        self._loras: Hashable = ()

    def begins(self, wants: Wants) -> None:
        """The runner begins a job."""
        _keep(self._texts, sorted(wants.texts), TEXTS)
        _keep(self._shapes, [wants.shape], SHAPES)
        self._loras = wants.loras

    def at_hand(self, wants: Wants) -> tuple[bool, bool, bool]:
        """Whether the texts, the LoRAs and the shape are."""
        texts = all(text in self._texts for text in wants.texts)
        return texts, wants.loras == self._loras, wants.shape in self._shapes

    def suits(self, wants: Wants) -> int:
        """How much of it is at hand. LoRAs count most, for the model has to be changed for them,
        then the texts, then the shape."""
        texts, loras, shape = self.at_hand(wants)
        return 4 * loras + 2 * texts + shape


@dataclass(slots=True, eq=False)
class Waiter:
    """A job that waits.

    Attributes:
        cost: what it costs the machine, in a unit that all have in common.
        place: in the line: its turn, and within that a number, which is greater for who came later.
        has_turn: whether it may be begun; if not, it has a place in the line all the same.
        level: the cost as a power of two.
    """

    id: str
    owner: str
    cost: float
    wants: Wants = field(default_factory=Wants)
    has_turn: bool = True
    place: tuple[int, int] = (0, 0)
    level: int = field(init=False)

    def __post_init__(self) -> None:
        self.level = math.frexp(self.cost)[1]

    @property
    def turn(self) -> int:
        """When it is due, counted in turns of everybody's."""
        return self.place[0]


_place = attrgetter("place")

Heads = Mapping[int, Sequence[Waiter]]
"""Each owner's first job by level, in the order of their places."""


class Choice(NamedTuple):
    """What is begun next, and before whom.

    Attributes:
        delayed: the job whose turn it is and others that let shorter ones pass; none if its turn is
            taken.
        asked: what is begun if no runner has anything at hand.
        begun: what is begun.
    """

    delayed: tuple[Waiter, ...]
    asked: Waiter
    begun: Waiter


@dataclass
class Delay:
    """What was begun before a job though it was due.

    Attributes:
        cost: of short jobs that were.
        owners: how many of each owner's.
        passed: how often a job was preferred to it for what a runner had at hand.
    """

    cost: float = 0.0
    owners: Counter[str] = field(default_factory=Counter)
    passed: int = 0


NONE = Delay()


def choose(heads: Heads, delays: Mapping[str, Delay], ready: Ready | None) -> Choice:
    """The job to begin. There has to be one.

    It is the one whose turn it is. If that is long, the first short one is begun instead, two of
    each owner's at most, until those have cost as much as the long one itself; so nobody waits more
    than twice as long for it. The short one lets still shorter ones pass by the same rule. Among
    equals, which are of the same turn and level, one is preferred for which the runner has more at
    hand.

    Args:
        delays: by job.
        ready: what the runner has; None: prefer nobody.
    """
    delayed: list[Waiter] = []
    asked: Waiter | None = min((line[0] for line in heads.values()), key=_place)
    while asked is not None:
        delayed.append(asked)
        asked = _shorter(heads, delays, delayed)
    asked = delayed.pop()
    if ready is None or delays.get(asked.id, NONE).passed >= PASSES:
        return Choice(tuple(delayed), asked, asked)
    line = heads[asked.level]
    begin = bisect_left(line, asked.place, key=_place)
    equals = (each for each in line[begin : begin + TIES] if each.turn == asked.turn)
    fit = (each for each in equals if _may_pass(each, delays, delayed))
    return Choice(tuple(delayed), asked, max(fit, key=lambda each: ready.suits(each.wants)))


def _shorter(heads: Heads, delays: Mapping[str, Delay], before: Sequence[Waiter]) -> Waiter | None:
    """The first job that is short beside the last one of these and may be begun before them."""
    room = min(each.cost - delays.get(each.id, NONE).cost for each in before)
    # Of a level that is above the room no job can have enough.
    most = min(before[-1].level - SHORT, math.frexp(max(0.0, room))[1])
    short = (line for level, line in heads.items() if level <= most)
    may = (next((each for each in line if _may_pass(each, delays, before)), None) for line in short)
    return min(filter(None, may), key=_place, default=None)


def _may_pass(waiter: Waiter, delays: Mapping[str, Delay], before: Sequence[Waiter]) -> bool:
    known = ((each.cost, delays.get(each.id, NONE)) for each in before)
    return all(
        waiter.cost <= cost - delay.cost and delay.owners[waiter.owner] < AHEAD
        for cost, delay in known
    )


class Line:
    """All that wait. The answers depend on what was called before, and on nothing else."""

    def __init__(self) -> None:
        self._all: dict[str, Waiter] = {}
        self._in_turn: list[Waiter] = []
        self._levels = Counter[int]()
        self._own: dict[str, list[Waiter]] = {}
        self._heads: dict[int, list[Waiter]] = {}
        self._delays: dict[str, Delay] = {}
        self._served: str | None = None
        self._number = 0

    def __len__(self) -> int:
        """How many may be begun."""
        return len(self._in_turn)

    def __iter__(self) -> Iterator[Waiter]:
        """All, by their places."""
        return iter(sorted(self._all.values(), key=_place))

    def of(self, owner: str) -> list[Waiter]:
        """An owner's, by their places."""
        return sorted((each for each in self._all.values() if each.owner == owner), key=_place)

    def add(self, waiter: Waiter, *, first: bool = False) -> None:
        """Let a job wait for its owner's next turn, or be begun before all others.

        Whoever has no other one waiting comes behind the first of everybody's, and their next ones
        a turn later each; the owner whose job was begun last has had a turn already. So nobody is
        kept waiting by how many jobs another has, and whoever waits is overtaken a few times only.
        """
        self._number += 1
        if first:
            turn = min((line[0].turn for line in self._heads.values()), default=0) - 1
            self._delays[waiter.id] = Delay(cost=math.inf, passed=PASSES)
        else:
            turn = self._next_turn(waiter.owner)
        waiter.place = turn, self._number
        self._put(waiter)

    def _next_turn(self, owner: str) -> int:
        if own := self._own.get(owner):
            return own[-1].turn + 1
        turns = [self._latest(line) for line in self._heads.values()]
        latest = max((turn for turn in turns if turn is not None), default=None)
        if latest is None:  # Nobody's but of the owner who was served last.
            heads = [line[0].turn - 1 for line in self._heads.values()]
            latest = min(heads, default=0)
        return latest + (owner == self._served)

    def _latest(self, line: Sequence[Waiter]) -> int | None:
        """The latest turn among the heads of one level, but for the head of who was served last."""
        return next((each.turn for each in line[:-3:-1] if each.owner != self._served), None)

    def remove(self, job_id: str) -> bool:
        """A job waits no longer. Returns whether it did."""
        waiter = self._all.pop(job_id, None)
        if waiter is None:
            return False
        if waiter.has_turn:
            self._take_out(waiter)
        self._delays.pop(job_id, None)
        return True

    def next(self, ready: Ready | None = None) -> Waiter | None:
        """Remove the job that is begun next; None if none may be.

        Args:
            ready: what the runner that asks has at hand.
        """
        if not self._heads:
            return None
        delayed, asked, begun = choose(self._heads, self._delays, ready)
        self.remove(begun.id)
        for each in delayed:
            delay = self._delays.setdefault(each.id, Delay())
            delay.cost += begun.cost
            delay.owners[begun.owner] += 1
        if begun is not asked:
            self._delays.setdefault(asked.id, Delay()).passed += 1
        self._served = begun.owner
        return begun

    def in_order(self) -> Iterator[Waiter]:
        """Those that may be begun, in the order in which they are if no other comes and no runner
        prefers one."""
        if not self._levels or max(self._levels) - min(self._levels) < SHORT:
            yield from self._in_turn
            return
        left = copy(self).apart()
        while (waiter := left.next()) is not None:
            yield waiter

    def set_order(self, job_ids: Sequence[str]) -> None:
        """Give all jobs places in this order."""
        turn, turns = 0, Counter[str]()
        waiters = [self._all[job_id] for job_id in job_ids]
        for number, waiter in enumerate(waiters):
            turn = max(turn, turns[waiter.owner])
            turns[waiter.owner] += waiter.has_turn
            waiter.place = turn, number
        self._number = len(waiters)
        self._sort()

    def have_turns(self, has_turn: Mapping[str, bool]) -> None:
        """Which jobs may be begun from now on. They keep their places."""
        for waiter in self._all.values():
            waiter.has_turn = has_turn[waiter.id]
        self._sort()

    def _sort(self) -> None:
        waiters, self._all, self._own, self._heads = self._all, {}, {}, {}
        self._in_turn, self._levels = [], Counter()
        for waiter in sorted(waiters.values(), key=_place):
            self._put(waiter)

    def _put(self, waiter: Waiter) -> None:
        self._all[waiter.id] = waiter
        if not waiter.has_turn:
            return
        insort(self._in_turn, waiter, key=_place)
        self._levels[waiter.level] += 1
        own = self._own.setdefault(waiter.owner, [])
        before = own[0] if own else None
        insort(own, waiter, key=_place)
        if own[0] is waiter:
            if before is not None:
                self._head_gone(before)
            self._head_came(waiter)

    def _take_out(self, waiter: Waiter) -> None:
        self._levels[waiter.level] -= 1
        if not self._levels[waiter.level]:
            del self._levels[waiter.level]
        _take(self._in_turn, waiter)
        own = self._own[waiter.owner]
        at = _take(own, waiter)
        if at == 0:
            self._head_gone(waiter)
            if own:
                self._head_came(own[0])
            else:
                del self._own[waiter.owner]

    def _head_came(self, waiter: Waiter) -> None:
        insort(self._heads.setdefault(waiter.level, []), waiter, key=_place)

    def _head_gone(self, waiter: Waiter) -> None:
        line = self._heads[waiter.level]
        _take(line, waiter)
        if not line:
            del self._heads[waiter.level]

    def apart(self) -> Line:
        """This line, with lists of its own in place of those that it shares with the one of which
        it is a copy."""
        self._all, self._in_turn = self._all.copy(), self._in_turn.copy()
        self._levels = self._levels.copy()
        self._own = {owner: own.copy() for owner, own in self._own.items()}
        self._heads = {level: line.copy() for level, line in self._heads.items()}
        self._delays = deepcopy(self._delays)
        return self


def _take(line: list[Waiter], waiter: Waiter) -> int:
    """Take one out of a list that is in the order of their places; returns where it was."""
    at = bisect_left(line, waiter.place, key=_place)
    del line[at]
    return at


def _keep(kept: dict[Hashable, None], new: Iterable[Hashable], most: int) -> None:
    """Put keys at the end, and let those go that were put there longest ago."""
    for key in new:
        kept.pop(key, None)
        kept[key] = None
    for key in list(kept)[: max(0, len(kept) - most)]:
        del kept[key]
