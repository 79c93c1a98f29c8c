"""What thousands of connections that stand still cost, and how long the others wait beside them.

    python benchmarks/connections.py --connections 3000

Starts a studio with the demo model and opens connections from five addresses of this machine: that
send nothing, half a head, or a body that stops after its first byte. Each that the server closes is
opened again at the end of a round. Prints how the owner's calls fare meanwhile, and what memory the
server takes before, during and after. Ends with 1 if a call was not answered with 200.
"""

from __future__ import annotations

import argparse
import asyncio
import resource
import statistics
import sys
import time
from collections import Counter
from pathlib import Path

import httpx

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.serving import Held, Served, served

JSON = "Host: localhost\r\nContent-Type: application/json\r\n"
STALLED = {
    "nothing": b"",
    "half a head": f"GET / HTTP/1.1\r\n{JSON}".encode(),
    "half a body": f"POST /jobs HTTP/1.1\r\n{JSON}Content-Length: 9000\r\n\r\n{{".encode(),
}
ADDRESSES = 5
ROUNDS = 2
CALLS = 10
"""Of the owner, in each round."""


class Crowd:
    """Connections that stand still."""

    def __init__(self, port: int, count: int, sends: bytes) -> None:
        self._port, self._sends = port, sends
        self._links: list[asyncio.StreamWriter | None] = [None] * count
        self.failed: Counter[str] = Counter()

    async def stand(self) -> None:
        """Open all that are not open."""
        for number, link in enumerate(self._links):
            if link is None or link.transport.is_closing():
                try:
                    self._links[number] = await self._opened(number)
                except OSError as error:
                    self.failed[type(error).__name__] += 1

    async def go(self) -> None:
        """Close all."""
        for link in self._links:
            if link is not None:
                link.transport.abort()

    async def _opened(self, number: int) -> asyncio.StreamWriter:
        source = (f"127.0.0.{1 + number % ADDRESSES}", 0)
        _, link = await asyncio.open_connection("127.0.0.1", self._port, local_addr=source)
        link.write(self._sends)
        return link


async def called(url: str, statuses: Counter[int]) -> list[float]:
    """Milliseconds of the owner's calls, each by a connection of its own."""
    waits = []
    for _ in range(CALLS):
        began = time.perf_counter()
        async with httpx.AsyncClient(base_url=url, timeout=60, trust_env=False) as http:
            statuses[(await http.get("/api/v1/takes")).status_code] += 1
        waits.append(1000 * (time.perf_counter() - began))
    return waits


async def measure(studio: Served, count: int) -> bool:
    """Measure with each kind of connection; whether every call was answered."""
    port, statuses = httpx.URL(studio.url).port or 80, Counter[int]()
    alone = await called(studio.url, statuses)
    told("| connections send | calls: p50, ms | longest, ms | memory, MB | sockets | not opened |")
    told("| --- | --- | --- | --- | --- | --- |")
    row("none", alone, studio.held(), Counter())
    for name, sends in STALLED.items():
        crowd, waits = Crowd(port, count, sends), list[float]()
        for _ in range(ROUNDS):
            await crowd.stand()
            waits += await called(studio.url, statuses)
        row(name, waits, studio.held(), crowd.failed)
        await crowd.go()
    await asyncio.sleep(2)
    row("none again", await called(studio.url, statuses), studio.held(), Counter())
    told(f"the owner's answers: {dict(statuses)}")
    return set(statuses) == {200}


def row(name: str, waits: list[float], held: Held, failed: Counter[str]) -> None:
    """Print what came out with one kind of connection."""
    middle, longest = statistics.median(waits), max(waits)
    figures = f"{middle:.0f} | {longest:.0f} | {held.megabytes:.0f} | {held.sockets}"
    told(f"| {name} | {figures} | {dict(failed) or 0} |")


def told(line: str) -> None:
    """Print a line at once."""
    print(line, flush=True)


def main() -> int:
    """Start the studio and open the connections; the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--connections", type=int, default=3000)
    options = parser.parse_args()
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    with served() as studio:
        return 0 if asyncio.run(measure(studio, options.connections)) else 1


if __name__ == "__main__":
    raise SystemExit(main())
