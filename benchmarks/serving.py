"""A studio with the demo model for benchmarks of the server, in a process of its own, and what that
process holds."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil

from benchmarks.startup import ROOT, free_port


@dataclass(frozen=True)
class Held:
    """What a process holds at a moment.

    Attributes:
        seconds: when, by the monotonic clock.
        megabytes: of memory.
    """

    seconds: float
    megabytes: float
    threads: int
    files: int
    sockets: int


@dataclass(frozen=True)
class Served:
    """A studio that answers at ``url`` and has its model loaded."""

    url: str
    process: psutil.Process

    def processor_seconds(self) -> float:
        """Seconds of processor time that its process has taken."""
        taken = self.process.cpu_times()
        return float(taken.user + taken.system)

    def held(self) -> Held:
        """What its process holds now."""
        with self.process.oneshot():
            memory, threads = self.process.memory_info().rss / 1e6, self.process.num_threads()
        sockets = len(self.process.net_connections())
        files = self.process.num_fds() - sockets
        return Held(time.monotonic(), memory, threads, files, sockets)


@contextmanager
def served(*flags: str) -> Iterator[Served]:
    """Start a studio with the demo model, on a data folder of its own."""
    port = free_port()
    with tempfile.TemporaryDirectory() as data_dir:
        given = ["--model", "demo", "--port", str(port), "--data-dir", data_dir, *flags]
        with (Path(data_dir) / "log").open("w") as log:
            app = subprocess.Popen(
                [sys.executable, "app.py", *given], cwd=ROOT, stdout=log, stderr=log
            )
        try:
            url = f"http://127.0.0.1:{port}"
            while not _ready(url):
                if app.poll() is not None:
                    raise RuntimeError((Path(data_dir) / "log").read_text())
                time.sleep(0.1)
            yield Served(url, psutil.Process(app.pid))
        finally:
            app.kill()
            app.wait()


def slope(moments: list[Held]) -> float:
    """By how many MB a minute memory grows, by least squares."""
    minutes = [(each.seconds - moments[0].seconds) / 60 for each in moments]
    middle = sum(minutes) / len(minutes)
    average = sum(each.megabytes for each in moments) / len(moments)
    pairs = zip(minutes, moments, strict=True)
    products = sum((minute - middle) * (each.megabytes - average) for minute, each in pairs)
    return products / (sum((minute - middle) ** 2 for minute in minutes) or 1.0)


def _ready(url: str) -> bool:
    try:
        return httpx.get(f"{url}/ready", timeout=60, trust_env=False).status_code == 200
    except httpx.TransportError:
        return False
