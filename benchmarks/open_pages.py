"""What open pages cost the clip that is made, and how long they wait for an answer.

    python benchmarks/open_pages.py --pages 100

Starts the app with the demo model and makes the same clip in turns: alone, beside pages that wait
for nothing, and beside pages that all follow it, each with the page's own event whenever its stream
says that there is something new, or at the interval that the studio names where it has none. All of
them are one person's, who may have twelve streams. Prints the clip's seconds, their ratio to the
clip alone, and the median and the 99th percentile of the pages' waits.
"""

from __future__ import annotations

import argparse
import asyncio
import secrets
import statistics
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.serving import served

RECIPE = {
    "prompt": "A red ball bounces up and down on the beach, steady low tone",
    "num_frames": 49,
    "num_inference_steps": 40,
    "seed": 1,
}


POLL_SECONDS = 1.0
"""Between two looks at whether a page has something to ask for."""


class Page:
    """A page as the studio sees it: one session that asks what is new, when a stream or the time
    says so.

    Args:
        polls: whether it asks at the interval that the studio names, as where it has no stream.
    """

    def __init__(
        self, http: httpx.AsyncClient, config: dict[str, Any], *, polls: bool = False
    ) -> None:
        self._http = http
        self._polls = polls
        self._session = secrets.token_hex(6)
        look = next(
            each
            for each in config["dependencies"]
            if any(event == "due" for _, event in each["targets"])
        )
        self._event, self._inputs, self._outputs = look["id"], look["inputs"], look["outputs"]
        named = {each["props"].get("elem_id"): each["id"] for each in config["components"]}
        self._seen = named["seen"]
        self._known: dict[int, Any] = {}

    async def look(self) -> httpx.Response:
        """Ask once what is new."""
        data = [self._known.get(each) for each in self._inputs]
        asked = {"data": data, "fn_index": self._event, "session_hash": self._session}
        answer = await self._http.post("/gradio_api/run/predict", json=asked)
        if answer.status_code == 200:
            told = zip(self._outputs, answer.json()["data"], strict=True)
            self._known |= {each: value for each, value in told if not _is_update(value)}
        return answer

    async def follow(self, done: asyncio.Event, waits: list[float]) -> None:
        """Look whenever there may be something new, until it is done."""
        asking = asyncio.create_task(self._poll(waits) if self._polls else self._listen(waits))
        ends = asyncio.create_task(done.wait())
        await asyncio.wait([asking, ends], return_when=asyncio.FIRST_COMPLETED)
        ends.cancel()
        asking.cancel()
        with suppress(asyncio.CancelledError):
            await asking

    async def _poll(self, waits: list[float]) -> None:
        await self._timed(waits)
        while True:
            every = self._known[self._seen]["every"]
            await asyncio.sleep(every or POLL_SECONDS)
            if every:
                await self._timed(waits)

    async def _listen(self, waits: list[float]) -> None:
        async with self._http.stream("GET", "/session/events", timeout=None) as told:
            if told.status_code == 200:
                async for line in told.aiter_lines():
                    if line == "event: changed":
                        await self._timed(waits)
        await self._poll(waits)

    async def _timed(self, waits: list[float]) -> None:
        began = time.perf_counter()
        (await self.look()).raise_for_status()
        waits.append(time.perf_counter() - began)


def _is_update(value: Any) -> bool:
    return isinstance(value, dict) and value.get("__type__") == "update"


async def clip(http: httpx.AsyncClient, pages: list[Page], *, follow: bool) -> list[float]:
    """Make the clip beside these pages; the waits of those that follow it."""
    job = (await http.post("/jobs", json=RECIPE)).raise_for_status().json()
    waits: list[float] = []
    done = asyncio.Event()
    following = [page.follow(done, waits) for page in pages] if follow else []
    await asyncio.gather(*following, ended(http, job["id"], done))
    return waits


async def ended(http: httpx.AsyncClient, job_id: str, done: asyncio.Event) -> None:
    """Return when the job is done, and say so."""
    while (await http.get(f"/jobs/{job_id}")).json()["state"] != "done":
        await asyncio.sleep(0.25)
    done.set()


async def measure(url: str, count: int, rounds: int, *, polls: bool) -> None:
    """Make the clips in turns and print the table."""
    limits = httpx.Limits(max_connections=2 * count + 10)
    async with httpx.AsyncClient(base_url=url, timeout=120, limits=limits) as http:
        config = (await http.get("/config")).json()
        pages = [Page(http, config, polls=polls) for _ in range(count)]
        await clip(http, [], follow=False)
        kinds = {"alone": ([], False), "idle": (pages, False), "following": (pages, True)}
        seconds: dict[str, list[float]] = {kind: [] for kind in kinds}
        waits: list[float] = []
        for number in range(rounds):
            for kind, (open_pages, follow) in kinds.items():
                began = time.perf_counter()
                waits += await clip(http, open_pages, follow=follow)
                seconds[kind].append(time.perf_counter() - began)
                print(f"round {number + 1}, {kind}: {seconds[kind][-1]:.2f} s", flush=True)
    alone = statistics.median(seconds["alone"])
    for kind in kinds:
        middle = statistics.median(seconds[kind])
        print(f"{count} pages {kind:10} {middle:6.2f} s  ratio {middle / alone:.2f}")
    p50, p99 = statistics.median(waits), statistics.quantiles(waits, n=100)[-1]
    print(f"{len(waits)} looks: p50 {p50 * 1000:.0f} ms, p99 {p99 * 1000:.0f} ms")


def main() -> None:
    """Start the app and measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pages", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--polls", action="store_true", help="pages that can have no stream")
    options = parser.parse_args()
    with served() as studio:
        asyncio.run(measure(studio.url, options.pages, options.rounds, polls=options.polls))


if __name__ == "__main__":
    main()
