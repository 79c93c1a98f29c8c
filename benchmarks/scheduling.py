"""Who waits how long on many runners: the studio's turns beside first come, first served, and
shortest first.

    python benchmarks/scheduling.py --runners 1000 --jobs 100000

Simulates runners that pull jobs by :mod:`ltx_ui.studio.scheduling`, the very code that the studio's
queue uses. People come at random, more at some times of an hour than at others, and send series of
drafts, clips and long clips, mostly of one prompt; one greedy owner sends a tenth of all jobs at
once. Prints, for each way to choose, waits by kind, how evenly people were served, how busy the
runners were, and for how many jobs a runner had the text, the LoRA or the shape at hand.

Serving is even where everybody gets their max-min fair share: of each minute in which not all that
is asked for can be done, people get equal parts, but nobody more than they ask for. Jain's index is
of what each got in relation to that; 1 is even.
"""

from __future__ import annotations

import argparse
import heapq
import math
import random
import sys
import time
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from ltx_ui.studio.scheduling import Line, Ready, Waiter, Wants

Floats = NDArray[np.float64]

KINDS = {"draft": (0.70, 8.0), "clip": (0.25, 60.0), "long": (0.05, 600.0)}
"""The share of each kind, and its median seconds; they vary by a log-normal with sigma 0.4."""
LOAD = 0.95
"""Work that is asked for, beside what all runners can do."""
SWING = 0.4
"""By how much more people come at an hour's busiest time, and fewer at its quietest."""
PEOPLE_A_RUNNER = 10
SERIES = 5
"""Jobs that are sent one after the other, in the mean, and seconds between two."""
BETWEEN = 15.0
GREEDY = 0.1
"""The greedy owner's share of all jobs. They come after a quarter of the time."""
SAME_TEXT, SAME_KIND = 0.7, 0.8
"""How often the next job of a series has the text of the one before, and how often its kind."""
WITH_LORA, LORAS, SHAPES = 0.2, 20, 8
TEXT, LORA, SHAPE = 1.0, 3.0, 2.0
"""Seconds that a job takes longer whose text, LoRA or shape is not at hand."""
MINUTE = 60.0


class Waiting(Protocol):
    """Jobs that wait, in some order."""

    def add(self, waiter: Waiter) -> None:
        """One more."""

    def next(self, ready: Ready | None) -> Waiter | None:
        """The one to begin, for a runner that has this at hand; it waits no longer."""


class FirstCome:
    """First come, first served."""

    def __init__(self) -> None:
        self._jobs: deque[Waiter] = deque()

    def add(self, waiter: Waiter) -> None:
        """One more."""
        self._jobs.append(waiter)

    def next(self, ready: Ready | None) -> Waiter | None:
        """The one that came first."""
        return self._jobs.popleft() if self._jobs else None


class ShortestFirst:
    """The shortest of all."""

    def __init__(self) -> None:
        self._jobs: list[tuple[float, int, Waiter]] = []
        self._came = 0

    def add(self, waiter: Waiter) -> None:
        """One more."""
        self._came += 1
        heapq.heappush(self._jobs, (waiter.cost, self._came, waiter))

    def next(self, ready: Ready | None) -> Waiter | None:
        """The one that costs least."""
        return heapq.heappop(self._jobs)[2] if self._jobs else None


WAYS: dict[str, type[Waiting]] = {
    "the studio's": Line,
    "first come": FirstCome,
    "shortest first": ShortestFirst,
}


@dataclass
class Job:
    """One that is asked for.

    Attributes:
        at: when, in seconds.
        seconds: that it takes with everything at hand.
        begun, ended: when; set by :func:`simulate`.
    """

    at: float
    owner: int
    kind: str
    seconds: float
    wants: Wants
    begun: float = math.nan
    ended: float = math.nan

    @property
    def wait(self) -> float:
        """Seconds until it was begun."""
        return self.begun - self.at


@dataclass
class Outcome:
    """What came of a way to choose.

    Attributes:
        hits: the shares of jobs whose text, LoRA and shape were at hand.
        jain: how evenly people were served, up to 1.
        busy: the share of the runners' time until the last job came.
        choosing: processor seconds that adding and choosing a job took, in the mean.
    """

    jobs: list[Job]
    hits: tuple[float, float, float]
    jain: float
    busy: float
    choosing: float

    def waits(self, kind: str) -> Floats:
        """Seconds until jobs of a kind were begun, but for the greedy owner's."""
        those = (job for job in self.jobs if job.kind == kind and job.owner != 0)
        return np.array([job.wait for job in those])


def asked_for(count: int, runners: int, seed: int) -> list[Job]:
    """Jobs in the order in which they come."""
    draw = random.Random(seed)
    mean = sum(share * seconds * math.exp(0.4**2 / 2) for share, seconds in KINDS.values())
    rate = LOAD * runners / mean
    greedy = int(count * GREEDY)
    # The greedy owner's jobs come on top of the others', who alone would make less than the load.
    coming, now, jobs = rate * (1 - GREEDY) / SERIES, 0.0, list[Job]()
    while len(jobs) < count - greedy:
        now += draw.expovariate(coming * (1 + SWING))
        if draw.random() * (1 + SWING) < 1 + SWING * math.sin(now / 3600 * math.tau):
            jobs += series(draw, now, 1 + draw.randrange(runners * PEOPLE_A_RUNNER))
    jobs = sorted(jobs, key=lambda job: job.at)[: count - greedy]
    rush = jobs[len(jobs) // 4].at
    while len(jobs) < count:
        jobs.append(one(draw, rush, 0, text(draw), some_kind(draw)))
    return sorted(jobs, key=lambda job: job.at)


def series(draw: random.Random, at: float, owner: int) -> Iterator[Job]:
    """What somebody sends who has come."""
    words, kind = text(draw), some_kind(draw)
    while True:
        yield one(draw, at, owner, words, kind)
        if draw.random() < 1 / SERIES:
            return
        at += draw.expovariate(1 / BETWEEN)
        words = words if draw.random() < SAME_TEXT else text(draw)
        kind = kind if draw.random() < SAME_KIND else some_kind(draw)


def one(draw: random.Random, at: float, owner: int, words: str, kind: str) -> Job:
    """A job."""
    seconds = KINDS[kind][1] * draw.lognormvariate(0, 0.4)
    lora = draw.randrange(LORAS) if draw.random() < WITH_LORA else None
    shape = min(int(draw.expovariate(0.6)), SHAPES - 1)
    return Job(at, owner, kind, seconds, Wants(frozenset({words}), lora, shape))


def some_kind(draw: random.Random) -> str:
    """One of the kinds, as often as it is asked for."""
    return draw.choices([*KINDS], [share for share, _ in KINDS.values()])[0]


def text(draw: random.Random) -> str:
    """A text that nobody else has."""
    return f"{draw.getrandbits(64):x}"


def simulate(way: type[Waiting], asked: Sequence[Job], runners: int, *, told: bool) -> Outcome:
    """Let runners make all jobs, each the one that it is given when it is free.

    Args:
        told: print how far it is.
    """
    waiting, draw, choosing = way(), random.Random(0), 0.0
    jobs = [Job(job.at, job.owner, job.kind, job.seconds, job.wants) for job in asked]
    free, ready = list(range(runners)), [Ready() for _ in range(runners)]
    busy: list[tuple[float, int]] = []
    hits, coming, now, begun_jobs = [0, 0, 0], 0, 0.0, 0
    while begun_jobs < len(jobs):
        arrival = jobs[coming].at if coming < len(jobs) else math.inf
        if busy and busy[0][0] <= arrival:
            now, runner = heapq.heappop(busy)
            free.append(runner)
        else:
            now, job = arrival, jobs[coming]
            began = time.thread_time()
            waiting.add(Waiter(str(coming), str(job.owner), job.seconds, job.wants))
            choosing += time.thread_time() - began
            coming += 1
        if not free:
            continue
        # Which one of several free runners pulls is chance.
        at = draw.randrange(len(free))
        began = time.thread_time()
        given = waiting.next(ready[free[at]])
        choosing += time.thread_time() - began
        if given is None:
            continue
        runner, free[at] = free[at], free[-1]
        free.pop()
        job, has = jobs[int(given.id)], ready[runner]
        found = has.at_hand(job.wants)
        hits = [count + hit for count, hit in zip(hits, found, strict=True)]
        missing = sum(s for s, hit in zip((TEXT, LORA, SHAPE), found, strict=True) if not hit)
        has.begins(job.wants)
        job.begun, job.ended = now, now + job.seconds + missing
        heapq.heappush(busy, (job.ended, runner))
        begun_jobs += 1
        if told and begun_jobs % max(1, len(jobs) // 5) == 0:
            print(f"  {begun_jobs} begun, {now / 60:.0f} minutes", flush=True)
    last = jobs[-1].at
    worked = sum(min(job.ended, last) - min(job.begun, last) for job in jobs)
    text, lora, shape = (count / len(jobs) for count in hits)
    share = worked / last / runners
    return Outcome(jobs, (text, lora, shape), jain(jobs), share, choosing / len(jobs))


def jain(jobs: Sequence[Job]) -> float:
    """How evenly people were served while not all could be, up to 1."""
    minutes = int(max(job.ended for job in jobs) // MINUTE) + 1
    people = max(job.owner for job in jobs) + 1
    wanted, got = np.zeros((minutes, people)), np.zeros((minutes, people))
    for job in jobs:
        _spread(wanted[:, job.owner], job.at, job.ended)
        _spread(got[:, job.owner], job.begun, job.ended)
    fair, given = np.zeros(people), np.zeros(people)
    for want, had in zip(wanted, got, strict=True):
        if want.sum() > had.sum() * 1.01:
            fair += fair_shares(want, had.sum())
            given += had
    served = given[fair > 0] / fair[fair > 0]
    return float(served.sum() ** 2 / len(served) / (served**2).sum()) if len(served) else 1.0


def _spread(minutes: Floats, begin: float, end: float) -> None:
    """Add the seconds from one time to another to the minutes in which they lie."""
    first, last = int(begin // MINUTE), int(end // MINUTE)
    minutes[first : last + 1] += MINUTE
    minutes[first] -= begin - first * MINUTE
    minutes[last] -= (last + 1) * MINUTE - end


def fair_shares(wanted: Floats, total: float) -> Floats:
    """Equal parts of a total, but for each no more than they want."""
    order = np.sort(wanted)
    left = total - np.concatenate(([0.0], np.cumsum(order)[:-1]))
    parts = left / np.arange(len(order), 0, -1)
    reached = np.flatnonzero(order >= parts)
    most = float(parts[reached[0]] if len(reached) else order[-1])
    return np.clip(wanted, None, most)


def row(name: str, outcome: Outcome) -> str:
    """A row of the table."""
    waits = []
    for kind in KINDS:
        seconds = outcome.waits(kind)
        p50, p99 = np.percentile(seconds, [50, 99])
        waits.append(f"{p50:.0f} / {p99:.0f} / {seconds.max():.0f}")
    hits = " / ".join(f"{100 * share:.0f}" for share in outcome.hits)
    figures = (f"{outcome.jain:.3f}", f"{100 * outcome.busy:.1f} %", hits)
    return f"| {' | '.join((name, *waits, *figures, f'{outcome.choosing * 1e6:.0f}'))} |"


def main() -> None:
    """Simulate each way, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runners", type=int, default=1000)
    parser.add_argument("--jobs", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    asked = asked_for(args.jobs, args.runners, args.seed)
    hours, owners = asked[-1].at / 3600, len({job.owner for job in asked})
    print(f"{len(asked)} jobs of {owners} owners in {hours:.1f} hours, {args.runners} runners")
    rows = []
    for name, way in WAYS.items():
        print(name, flush=True)
        rows.append(row(name, simulate(way, asked, args.runners, told=True)))
        print(rows[-1], flush=True)
    kinds = [f"{kind}: p50 / p99 / max" for kind in KINDS]
    heads = [
        "seconds waited",
        *kinds,
        "Jain",
        "busy",
        "at hand: text / LoRA / shape, %",
        "µs a job",
    ]
    print("", f"| {' | '.join(heads)} |", "| --- " * len(heads) + "|", *rows, sep="\n")


if __name__ == "__main__":
    main()
