"""Whether a studio stays as it is: many short jobs, some cancelled, heard of, hung up on or wrong.

    python benchmarks/soak.py --jobs 500

Prints how the jobs ended and what the process held, quarter by quarter. Ends with 1 if a job has no
final state, or if threads, files or sockets grew after the first quarter.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import sys
from collections import Counter
from contextlib import suppress
from pathlib import Path
from statistics import median
from typing import Any

import httpx

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.serving import Held, Served, served, slope

SMALL = {"prompt": "A red ball", "width": 128, "height": 128, "num_frames": 9}
BAD: tuple[dict[str, Any], ...] = (
    SMALL | {"fps": 7},
    SMALL | {"num_frames": 10},
    SMALL | {"prompt": ""},
    SMALL | {"image_start": "not a picture"},
    SMALL | {"image_start": "iVBORw0KGgo="},
)
"""Each is refused."""
FINAL = ("done", "failed", "cancelled")
AT_ONCE = 8
"""Clients that send one job after the other."""


class Soak:
    """Sends jobs and does something with each.

    Args:
        seed: of what is done with which job.
    """

    def __init__(self, studio: Served, jobs: int, seed: int) -> None:
        self._studio = studio
        self._random = random.Random(seed)
        self._left = jobs
        self.ended: Counter[str] = Counter()
        self.moments: list[Held] = []

    async def client(self) -> None:
        """Send jobs until all are sent."""
        url = self._studio.url
        async with httpx.AsyncClient(base_url=url, timeout=300, trust_env=False) as http:
            while self._left > 0:
                self._left -= 1
                does = self._random.choices(
                    (self._make, self._cancel, self._hang_up, self._err, self._listen),
                    (5, 2, 2, 1, 1),
                )[0]
                await does(http)
                self.moments.append(self._studio.held())

    async def _make(self, http: httpx.AsyncClient) -> None:
        await self._follow(http, await self._submitted(http))

    async def _cancel(self, http: httpx.AsyncClient) -> None:
        job = await self._submitted(http)
        await asyncio.sleep(self._random.uniform(0, 2))
        await http.delete(f"/jobs/{job}")
        await self._follow(http, job)

    async def _hang_up(self, http: httpx.AsyncClient) -> None:
        """Ask for a clip and close the connection before it is there."""
        seconds = self._random.uniform(0.05, 1.5)
        with suppress(httpx.TimeoutException):
            async with httpx.AsyncClient(base_url=str(http.base_url), trust_env=False) as other:
                answer = await other.post("/generate", json=self._recipe(), timeout=seconds)
                self.ended[f"answered with {answer.status_code} in time"] += 1
                return
        self.ended["hung up"] += 1

    async def _err(self, http: httpx.AsyncClient) -> None:
        answer = await http.post("/jobs", json=self._random.choice(BAD))
        self.ended["refused" if answer.status_code == 422 else f"? {answer.status_code}"] += 1

    async def _listen(self, http: httpx.AsyncClient) -> None:
        """Be told of news as a page is, and go before the clip is there."""
        async with http.stream("GET", "/session/events") as told:
            lines = told.aiter_lines()
            while await anext(lines) != "event: changed":
                pass
            job = await self._submitted(http)
        await self._follow(http, job)

    async def _submitted(self, http: httpx.AsyncClient) -> str:
        while (answer := await http.post("/jobs", json=self._recipe())).status_code == 503:
            await asyncio.sleep(1)
        return str(answer.raise_for_status().json()["id"])

    async def _follow(self, http: httpx.AsyncClient, job: str) -> None:
        for _ in range(600):
            state = (await http.get(f"/jobs/{job}")).json()["state"]
            if state in FINAL:
                self.ended[state] += 1
                return
            await asyncio.sleep(0.5)
        self.ended["no final state"] += 1

    def _recipe(self) -> dict[str, Any]:
        steps = self._random.choice((1, 2, 8))
        return SMALL | {"num_inference_steps": steps, "seed": self._random.randrange(1000)}


async def soak(studio: Served, jobs: int, seed: int) -> bool:
    """Send the jobs and print what came out; whether all is well."""
    run = Soak(studio, jobs, seed)
    await asyncio.gather(*(run.client() for _ in range(AT_ONCE)))
    async with httpx.AsyncClient(base_url=studio.url, timeout=60, trust_env=False) as http:
        while (left := (await http.get("/health")).json()["queue_length"]) > 0:  # Hung up on.
            print(f"{left} jobs are left", flush=True)
            await asyncio.sleep(1)
    for how, count in sorted(run.ended.items()):
        print(f"{count:5} {how}")
    print("| quarter | memory, MB | threads | files | sockets |\n| --- | --- | --- | --- | --- |")
    size = max(1, len(run.moments) // 4)
    quarters = [run.moments[first : first + size] for first in range(0, 4 * size, size)]
    figures = [
        [median(getattr(each, name) for each in quarter) for quarter in quarters if quarter]
        for name in ("megabytes", "threads", "files", "sockets")
    ]
    for number, row in enumerate(zip(*figures, strict=True), 1):
        print(f"| {number} | {' | '.join(f'{figure:.0f}' for figure in row)} |")
    print(f"memory grows by {slope(run.moments[size:] or run.moments):+.2f} MB a minute")
    grew = any(counts[-1] > counts[min(1, len(counts) - 1)] + 2 for counts in figures[1:])
    return not grew and not run.ended["no final state"]


def main() -> int:
    """Start the studio and send the jobs; the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=500)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    with served() as studio:
        return 0 if asyncio.run(soak(studio, options.jobs, options.seed)) else 1


if __name__ == "__main__":
    raise SystemExit(main())
