"""What many visitors cost the clip that is made, and how long they wait for answers.

    python benchmarks/load.py --visitors 200

Starts a studio with the demo model and makes the same clip in turns: on an idle server, and while
visitors, each with cookies of their own, have its page open and browse: each page has its stream,
some wait for a clip of their own, and everybody asks for lists, presets, the page and examples.
With --polls the pages have no stream and ask as often as the studio names.

Prints the median and the 99th percentile of each kind of answer, as the visitors saw it, and how
many the server itself counts above half a second; by how much sampling was slower (from the clip's
own seconds, as pairs within the run); what processor time the server took for the clip with and
without visitors; errors; and by how much memory grows. All of it goes through this machine's
loopback, and the visitors take their share of its processors: what they took is printed too. With
--nice 19 the clip goes before them, and their waits tell more of themselves than of the server.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import re
import statistics
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

import httpx

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.open_pages import RECIPE, Page
from benchmarks.serving import Held, Served, served, slope
from ltx_ui.web.examples import examples

PAUSE_SECONDS = 6.6
"""Between two things that a visitor asks for while their page waits, on average."""
KINDS = {"takes": 2, "presets": 1, "page": 1, "example": 1}
"""What visitors ask for, and how often among these."""
_PATHS = {"takes": "/api/v1/takes", "presets": "/api/v1/presets", "page": "/"}
SETTLE_SECONDS = 3.0
"""Until the answers are there that were asked for while all came at once."""
LOOKS = "page's look"
WAITING = 20
"""Visitors who wait for a clip of their own."""
_ANSWERED = re.compile(r'ltx_ui_http_answer_seconds_bucket\{le="(0\.5|\+Inf)",.*\} (\S+)')
SHORT = RECIPE | {"width": 128, "height": 128, "num_frames": 9, "num_inference_steps": 1}
LIVE = ("queued", "running", "cancelling")


class Visitor:
    """Somebody with cookies of their own, who has the page open and browses."""

    def __init__(self, url: str, config: dict[str, Any], *, polls: bool) -> None:
        # A browser has six connections; the stream takes one.
        self._http = httpx.AsyncClient(
            base_url=url, timeout=60, limits=httpx.Limits(max_connections=6), trust_env=False
        )
        self._page = Page(self._http, config, polls=polls)
        self._example = f"/examples/{examples()[0].name}.mp4"
        self._job = ""

    async def come(self) -> None:
        """Open the page, and get a name."""
        (await self._http.get("/")).raise_for_status()

    async def queue_up(self) -> None:
        """Ask for a clip."""
        answer = await self._http.post("/api/v1/jobs", json=SHORT)
        self._job = answer.raise_for_status().json()["href"]
        await self._page.look()

    async def give_up(self) -> None:
        """Want no clip any more."""
        if self._job:
            await self._http.delete(self._job)
            self._job = ""

    async def visit(self, done: asyncio.Event, crowd: Crowd) -> None:
        """Browse until it is done, with the page open."""
        await asyncio.gather(self._have_page_open(done, crowd), self._browse(done, crowd))

    async def leave(self) -> None:
        """Close all connections."""
        await self._http.aclose()

    async def _have_page_open(self, done: asyncio.Event, crowd: Crowd) -> None:
        try:
            await self._page.follow(done, crowd.waits[LOOKS])
        except httpx.HTTPError as error:
            crowd.errors[f"{LOOKS}: {type(error).__name__} {error}"] += 1

    async def _browse(self, done: asyncio.Event, crowd: Crowd) -> None:
        await asyncio.sleep(random.uniform(0, PAUSE_SECONDS))
        while not done.is_set():
            [kind] = random.choices(list(KINDS), list(KINDS.values()))
            began = time.perf_counter()
            try:
                answer = await self._http.get(_PATHS.get(kind, self._example))
                crowd.waits[kind].append(time.perf_counter() - began)
                if answer.status_code != 200:
                    crowd.errors[f"{kind}: {answer.status_code}"] += 1
            except httpx.HTTPError as error:
                crowd.errors[f"{kind}: {type(error).__name__}"] += 1
            await asyncio.sleep(random.uniform(0, 2 * PAUSE_SECONDS))


class Crowd:
    """Visitors, the seconds that each of their answers took, and what went wrong."""

    def __init__(self, url: str, count: int, config: dict[str, Any], *, polls: bool) -> None:
        self.waits: dict[str, list[float]] = {kind: [] for kind in (LOOKS, *KINDS)}
        self.kept: dict[str, list[float]] = {kind: [] for kind in self.waits}
        self.errors: Counter[str] = Counter()
        self.visitors = [Visitor(url, config, polls=polls) for _ in range(count)]

    async def come(self) -> None:
        """All come, one after the other."""
        for visitor in self.visitors:
            await visitor.come()

    @asynccontextmanager
    async def there(self, done: asyncio.Event) -> AsyncIterator[None]:
        """All are there until it is done. What happens inside begins once every page has asked for
        what there is, and only their waits from then on count."""
        visits = [asyncio.create_task(each.visit(done, self)) for each in self.visitors]
        while len(self.waits[LOOKS]) + self.errors.total() < len(visits):
            await asyncio.sleep(0.1)
        await asyncio.sleep(SETTLE_SECONDS)
        for waits in self.waits.values():
            waits.clear()
        yield
        for kind, waits in self.waits.items():
            self.kept[kind] += waits
        await asyncio.gather(*visits)
        for visitor in self.visitors[:WAITING]:
            await visitor.give_up()

    async def queue_up(self) -> None:
        """Some ask for a clip."""
        for visitor in self.visitors[:WAITING]:
            await visitor.queue_up()

    async def leave(self) -> None:
        """All go."""
        for visitor in self.visitors:
            await visitor.leave()


class Cost(NamedTuple):
    """What a clip took.

    Attributes:
        sampling: seconds of sampling.
        server, visitors: seconds of processor time, of the server and of this program.
        answers, slow: how many answers the server gave, and how many of them took it longer than
            half a second.
    """

    sampling: float
    server: float
    visitors: float
    answers: int
    slow: int


async def answers(http: httpx.AsyncClient) -> tuple[int, int]:
    """How many answers the server has given, and how many of them in half a second, by its own
    count and without streams."""
    counts = {"+Inf": 0, "0.5": 0}
    for line in (await http.get("/metrics")).text.splitlines():
        if (found := _ANSWERED.match(line)) and "/events" not in line:
            counts[found[1]] += int(float(found[2]))
    return counts["+Inf"], counts["0.5"]


async def made(
    http: httpx.AsyncClient, studio: Served, recipe: dict[str, Any], crowd: Crowd | None
) -> Cost:
    """Make the clip, and have those of the crowd who want one wait behind it."""
    before, own = studio.processor_seconds(), time.process_time()
    answered, quick = await answers(http)
    job = (await http.post("/api/v1/jobs", json=recipe)).raise_for_status().json()
    if crowd:
        await crowd.queue_up()
    while (job := (await http.get(job["href"])).json())["state"] in LIVE:
        await asyncio.sleep(0.5)
    took = studio.processor_seconds() - before, time.process_time() - own
    all_now, quick_now = await answers(http)
    count = all_now - answered
    take = (await http.get(job["takes"][0]["href"])).json()
    return Cost(take["timings"]["sampling"], *took, count, count - (quick_now - quick))


async def clip(
    http: httpx.AsyncClient, studio: Served, recipe: dict[str, Any], crowd: Crowd | None
) -> Cost:
    """Make the clip, beside the crowd if there is one."""
    if crowd is None:
        return await made(http, studio, recipe, None)
    done = asyncio.Event()
    async with crowd.there(done):
        try:
            return await made(http, studio, recipe, crowd)
        finally:
            done.set()


async def measure(studio: Served, options: argparse.Namespace) -> None:
    """Make the clips in turns and print what came out."""
    moments: list[Held] = []
    pairs: list[tuple[Cost, Cost]] = []
    recipe = RECIPE | {"num_inference_steps": options.steps}
    async with httpx.AsyncClient(base_url=studio.url, timeout=120, trust_env=False) as http:
        config = (await http.get("/config")).json()
        crowd = Crowd(studio.url, options.visitors, config, polls=options.polls)
        await crowd.come()
        await clip(http, studio, recipe, None)
        await clip(http, studio, recipe, crowd)
        for waits in crowd.kept.values():
            waits.clear()
        for number in range(options.rounds):
            idle = await clip(http, studio, recipe, None)
            busy = await clip(http, studio, recipe, crowd)
            pairs.append((idle, busy))
            moments.append(studio.held())
            told = f"{idle.sampling:.2f} s idle, {busy.sampling:.2f} s visited"
            print(f"round {number + 1}: sampling {told}", flush=True)
        await crowd.leave()
    report(options.visitors, pairs, crowd, moments)


def report(count: int, pairs: list[tuple[Cost, Cost]], crowd: Crowd, moments: list[Held]) -> None:
    """Print what came out."""
    slower = [100 * (busy.sampling / idle.sampling - 1) for idle, busy in pairs]
    low, middle, high = statistics.quantiles([*slower, *slower[-1:]], method="inclusive")
    print(
        f"{count} visitors; sampling slower by {middle:.0f} % (quartiles {low:.0f} to {high:.0f})"
    )
    idle, busy, visitors = (
        statistics.median(each)
        for each in zip(
            *((idle.server, busy.server, busy.visitors) for idle, busy in pairs), strict=True
        )
    )
    print(f"server's processor time for a clip: {idle:.2f} s idle, {busy:.2f} s visited")
    print(f"visitors' own: {visitors:.2f} s")
    count, slow = (sum(getattr(busy, name) for _, busy in pairs) for name in ("answers", "slow"))
    print(f"answers by the server's own count: {count}, of which {slow} took longer than 0.5 s")
    print("| answers | number | p50, ms | p99, ms |\n| --- | --- | --- | --- |")
    everything = [wait for waits in crowd.kept.values() for wait in waits]
    for kind, waits in (*sorted(crowd.kept.items()), ("all", everything)):
        ms = [1000 * wait for wait in (*waits, *waits[-1:])]  # Two at least.
        p99 = statistics.quantiles(ms, n=100, method="inclusive")[-1]
        print(f"| {kind} | {len(waits)} | {statistics.median(ms):.0f} | {p99:.0f} |")
    print(f"errors: {dict(crowd.errors) or 'none'}")
    print(f"memory: {moments[-1].megabytes:.0f} MB, {slope(moments):+.1f} MB a minute")


def main() -> None:
    """Start the studio and measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--visitors", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--nice", type=int, default=0, help="the visitors' own priority")
    parser.add_argument("--polls", action="store_true", help="pages that can have no stream")
    options = parser.parse_args()
    # With a proxy's name, who comes from this machine is a visitor as well.
    allowed = ("--visitor-minutes", "9999", "--visitor-clips", "20", "--max-queue", "40")
    with served("--allowed-host", "studio.example", *allowed) as studio:
        os.nice(options.nice)
        asyncio.run(measure(studio, options))


if __name__ == "__main__":
    main()
