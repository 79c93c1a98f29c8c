"""What open pages cost the clip that is made, and how long they wait for an answer.

    python benchmarks/open_pages.py --pages 100

Starts the app with the demo model and makes the same clip in turns: alone, beside pages that wait
for nothing, and beside pages that all follow it, each with the page's own event and at the
interval that the studio asks for. Prints the clip's seconds, their ratio to the clip alone, and the
median and the 99th percentile of the pages' waits.
"""

from __future__ import annotations

import argparse
import asyncio
import secrets
import statistics
import sys
import time
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


class Page:
    """A page as the studio sees it: one session that asks how far a job is."""

    def __init__(self, http: httpx.AsyncClient, config: dict[str, Any]) -> None:
        self._http = http
        self._session = secrets.token_hex(6)
        tick = next(
            each
            for each in config["dependencies"]
            if any(event == "tick" for _, event in each["targets"])
        )
        names = {each["id"]: each["props"].get("storage_key", "") for each in config["components"]}
        self._event, self._inputs = tick["id"], [names[each] for each in tick["inputs"]]
        timer = next(each["id"] for each in config["components"] if each["type"] == "timer")
        self._timer = tick["outputs"].index(timer)

    async def look(self, job_id: str) -> httpx.Response:
        """Ask once how far the job is."""
        data = [job_id if name.endswith("-job") else None for name in self._inputs]
        asked = {"data": data, "fn_index": self._event, "session_hash": self._session}
        return await self._http.post("/gradio_api/run/predict", json=asked)

    async def follow(self, job_id: str, waits: list[float]) -> None:
        """Look at the job until the studio says that there is nothing more to wait for."""
        seconds, active = 0.5, True
        while active:
            began = time.perf_counter()
            answer = await self.look(job_id)
            waits.append(time.perf_counter() - began)
            timer = answer.raise_for_status().json()["data"][self._timer]
            active, seconds = timer["active"], timer.get("value", seconds)
            await asyncio.sleep(seconds)


async def clip(http: httpx.AsyncClient, pages: list[Page], *, follow: bool) -> list[float]:
    """Make the clip beside these pages; the waits of those that follow it."""
    job = (await http.post("/jobs", json=RECIPE)).raise_for_status().json()
    waits: list[float] = []
    following = [page.follow(job["id"], waits) for page in pages] if follow else []
    await asyncio.gather(*following, ended(http, job["id"]))
    return waits


async def ended(http: httpx.AsyncClient, job_id: str) -> None:
    """Return when the job is done."""
    while (await http.get(f"/jobs/{job_id}")).json()["state"] != "done":
        await asyncio.sleep(0.25)


async def measure(url: str, count: int, rounds: int) -> None:
    """Make the clips in turns and print the table."""
    limits = httpx.Limits(max_connections=count + 10)
    async with httpx.AsyncClient(base_url=url, timeout=120, limits=limits) as http:
        config = (await http.get("/config")).json()
        pages = [Page(http, config) for _ in range(count)]
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
    options = parser.parse_args()
    with served() as studio:
        asyncio.run(measure(studio.url, options.pages, options.rounds))


if __name__ == "__main__":
    main()
