"""What many visitors cost the clip that is made, and how long they wait for answers.

    python benchmarks/load.py --visitors 200

Starts a studio with the demo model and makes the same clip in turns: on an idle server, and while
visitors, each with cookies of their own, follow it on the page, browse and ask the API. Prints the
median and the 99th percentile of each kind of answer, by how much sampling was slower (from the
studio's own count of its seconds, as pairs within the run), errors, and by how much memory grows.
All of it goes through this machine's loopback; the visitors' work takes its share of the processor.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import re
import statistics
import sys
import time
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import httpx

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.open_pages import RECIPE, Page
from benchmarks.serving import Held, Served, served, slope

PAUSE_SECONDS = 3.0
"""How long a visitor looks at what came, on average."""
KINDS = {"page's poll": 6, "takes": 2, "presets": 1, "page": 1, "example": 1}
"""What visitors ask for, and how often among these."""
_PATHS = {"takes": "/api/v1/takes", "presets": "/api/v1/presets", "page": "/"}
_SAMPLING = re.compile(r'stage_seconds_total\{stage="sampling"\} (\S+)')


class Crowd:
    """Visitors, the seconds that each of their answers took, and what went wrong."""

    def __init__(self, url: str, count: int, config: dict[str, Any], example: str) -> None:
        self.waits: dict[str, list[float]] = defaultdict(list)
        self.errors: Counter[str] = Counter()
        self._example = example
        limits = httpx.Limits(max_connections=1)
        self._visitors = [
            httpx.AsyncClient(base_url=url, timeout=60, limits=limits, trust_env=False)
            for _ in range(count)
        ]
        self._pages = [Page(each, config) for each in self._visitors]

    async def come(self) -> None:
        """Each opens the page once, and gets a name."""
        for visitor in self._visitors:
            (await visitor.get("/")).raise_for_status()

    async def visit(self, done: asyncio.Event, job: str) -> None:
        """All browse until it is done."""
        everybody = zip(self._visitors, self._pages, strict=True)
        await asyncio.gather(*(self._browse(each, page, done, job) for each, page in everybody))

    async def leave(self) -> None:
        """All close their connections."""
        for visitor in self._visitors:
            await visitor.aclose()

    async def _browse(
        self, visitor: httpx.AsyncClient, page: Page, done: asyncio.Event, job: str
    ) -> None:
        await asyncio.sleep(random.uniform(0, PAUSE_SECONDS))
        while not done.is_set():
            [kind] = random.choices(list(KINDS), list(KINDS.values()))
            began = time.perf_counter()
            try:
                if kind == "page's poll":
                    answer = await page.look(job)
                else:
                    answer = await visitor.get(_PATHS.get(kind, self._example))
                self.waits[kind].append(time.perf_counter() - began)
                if answer.status_code != 200:
                    self.errors[f"{kind}: {answer.status_code}"] += 1
            except httpx.HTTPError as error:
                self.errors[f"{kind}: {type(error).__name__}"] += 1
            await asyncio.sleep(random.uniform(0, 2 * PAUSE_SECONDS))


async def sampled(http: httpx.AsyncClient) -> float:
    """Seconds that the studio has sampled so far."""
    found = _SAMPLING.search((await http.get("/metrics")).text)
    return float(found[1]) if found else 0.0


async def clip(http: httpx.AsyncClient, crowd: Crowd | None) -> float:
    """Make the clip, beside the crowd if there is one; the seconds that sampling took."""
    before, done = await sampled(http), asyncio.Event()
    job = (await http.post("/jobs", json=RECIPE)).raise_for_status().json()["id"]

    async def follow() -> None:
        while (await http.get(f"/jobs/{job}")).json()["state"] in ("queued", "running"):
            await asyncio.sleep(0.5)
        done.set()

    visiting = [crowd.visit(done, job)] if crowd else []
    await asyncio.gather(follow(), *visiting)
    return await sampled(http) - before


async def measure(studio: Served, count: int, rounds: int) -> None:
    """Make the clips in turns and print what came out."""
    moments: list[Held] = []
    async with httpx.AsyncClient(base_url=studio.url, timeout=120, trust_env=False) as http:
        config = (await http.get("/config")).json()
        found = re.search(r"/examples/[\w-]+\.mp4", str(config))
        crowd = Crowd(studio.url, count, config, found[0] if found else "/api/v1/models")
        await crowd.come()
        await clip(http, None)
        await clip(http, crowd)
        crowd.waits.clear()
        ratios = []
        for number in range(rounds):
            idle = await clip(http, None)
            busy = await clip(http, crowd)
            ratios.append(busy / idle)
            moments.append(studio.held())
            print(f"round {number + 1}: {idle:.2f} s idle, {busy:.2f} s visited", flush=True)
        await crowd.leave()
    print(f"{count} visitors; sampling slower by {100 * (statistics.median(ratios) - 1):.0f} %")
    print("| answers | number | p50, ms | p99, ms |\n| --- | --- | --- | --- |")
    everything = [wait for waits in crowd.waits.values() for wait in waits]
    for kind, waits in (*sorted(crowd.waits.items()), ("all", everything)):
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
    options = parser.parse_args()
    # With a proxy's name, who comes from this machine is a visitor as well.
    with served("--allowed-host", "studio.example", "--visitor-minutes", "9999") as studio:
        asyncio.run(measure(studio, options.visitors, options.rounds))


if __name__ == "__main__":
    main()
