"""How quick a large library is: a page of the gallery, the next one, filters and searches.

    python benchmarks/library.py --takes 10000 --screens 20

Fills a library with takes whose prompts are made of a thousand words, starts the app with the demo
model and asks it for what the page asks for, in turns. Prints the median milliseconds of each
answer with its kilobytes, and its ratio to the plain list's first page; and what deleting takes.
With ``--screens`` a browser also scrolls the wall. Printed are the milliseconds to its first
posters and, on the way, the script's memory after it was cleared up, and what is on the page.
"""

from __future__ import annotations

import argparse
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import httpx
import numpy as np
from playwright.sync_api import sync_playwright

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.startup import ROOT, free_port
from ltx_ui.clip import Clip
from ltx_ui.recipe import Recipe
from ltx_ui.studio.database import Database
from ltx_ui.studio.library import Library

OWNER = "local"
WORDS = 1000
PROMPT_WORDS = 50
SIZES = ((768, 512), (512, 768), (512, 512), (1280, 704), (704, 1280))
PRESET = {"num_frames": 49, "num_inference_steps": 30, "guidance_scale": 3.0}
PRESET |= {"width": 288, "height": 512}
"""Settings of every third take: those of the preset `balanced`."""
POSTERS = """() => [...document.querySelectorAll('#gallery .card img')]
  .filter(poster => poster.complete && poster.naturalWidth).length >= 10"""
"""Whether the wall shows posters."""
SYLLABLES = [first + last for first in "bdfgklmnprstvxz" for last in "aeiou"]


def fill(data_dir: Path, takes: int) -> list[str]:
    """Put takes into a new library, all with the same files; returns the words of the last one."""
    draw = random.Random(1)
    vocabulary = ["".join(draw.choices(SYLLABLES, k=draw.randint(2, 4))) for _ in range(WORDS)]
    library = Library(Database(data_dir / "library.sqlite3"), data_dir / "takes")
    files = library.write(Clip(np.zeros((9, 128, 128, 3), np.uint8), 24, None, 24_000), {})
    words: list[str] = []
    for number in range(takes):
        words = draw.choices(vocabulary, k=PROMPT_WORDS)
        width, height = SIZES[number % len(SIZES)]
        size = {"width": width, "height": height, "num_frames": 25 + 24 * (number % 9)}
        settings = PRESET if number % 3 == 0 else {"num_inference_steps": number % 40 + 1, **size}
        recipe = Recipe(prompt=" ".join(words), seed=number, **settings)
        library.keep(
            f"{number:032x}",
            OWNER,
            recipe,
            files,
            timings={"sampling": 2.0},
            versions={},
            model="demo" if number % 4 else "another",
            device="cpu",
        )
        if number % 10 == 0:
            library.set_favourite(f"{number:032x}", OWNER, True)
    return words


class Gallery:
    """The gallery's events, as its page sends them."""

    def __init__(self, http: httpx.Client) -> None:
        self._http = http
        config = http.get("/config").raise_for_status().json()
        self._events = config["dependencies"]
        ids = {each["props"].get("elem_id"): each["id"] for each in config["components"]}
        self._field, self._wall = ids["gallery-filter"], ids["gallery"]

    def ask(self, trigger: str, sought: dict[str, Any], **data: Any) -> bytes:
        """What the studio answers to an event."""
        target = [self._wall, trigger]
        event = next(each for each in self._events if target in each["targets"])
        values = [sought if id_ == self._field else None for id_ in event["inputs"]]
        asked = {"fn_index": event["id"], "data": values, "event_data": data}
        answer = self._http.post("/gradio_api/run/predict", json=asked | {"session_hash": "bench"})
        return answer.raise_for_status().content


def measure(gallery: Gallery, takes: int, words: list[str], rounds: int) -> None:
    """Print the table."""
    asks: dict[str, tuple[str, dict[str, Any], dict[str, Any]]] = {
        "first page": ("seek", {}, {}),
        "next page": ("more", {}, {"after": [0, takes // 2]}),
        "favourites": ("seek", {"favourites": True}, {}),
        "long of one": ("seek", {"length": "long", "model": "another"}, {}),
        "a preset": ("seek", {"preset": "balanced"}, {}),
        "own settings": ("seek", {"preset": "own"}, {}),
        "longest": ("seek", {"order": "longest"}, {}),
        "loved first": ("seek", {"order": "favourites"}, {}),
        "one letter": ("seek", {"search": words[0][0]}, {}),
        "a word": ("seek", {"search": words[0]}, {}),
        "three words": ("seek", {"search": " ".join(words[-3:])}, {}),
        "nothing": ("seek", {"search": "nothing-of-this"}, {}),
        "a heart": ("heart", {}, {"takes": [f"{takes // 3:032x}"], "on": True}),
    }
    times: dict[str, list[float]] = {name: [] for name in asks}
    sizes = {}
    for _ in range(rounds):
        for name, (trigger, sought, data) in asks.items():
            began = time.perf_counter()
            sizes[name] = len(gallery.ask(trigger, sought, **data))
            times[name].append(1000 * (time.perf_counter() - began))
    plain = statistics.median(times["first page"])
    for name, taken in times.items():
        median = statistics.median(taken)
        kilobytes = sizes[name] / 1000
        print(f"{name:12} {median:7.1f} ms {kilobytes:7.1f} kB  ratio {median / plain:5.2f}")


def scrolling(address: str, screens: int) -> None:
    """Print how soon the wall shows posters, and what it takes while it is scrolled."""
    with sync_playwright() as playwright:
        chromium = shutil.which("chromium")
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        page.goto(address)
        page.wait_for_selector("#generate:not([disabled])", timeout=120_000)
        page.wait_for_timeout(2000)
        began = time.perf_counter()
        page.get_by_role("tab", name="Gallery").click()
        page.wait_for_function(POSTERS)
        print(f"first posters {1000 * (time.perf_counter() - began):6.0f} ms")
        watch = page.context.new_cdp_session(page)
        watch.send("Performance.enable")
        for screen in range(screens + 1):
            if screen % 5 == 0:
                page.wait_for_timeout(500)
                watch.send("HeapProfiler.collectGarbage")
                told = watch.send("Performance.getMetrics")["metrics"]
                taken = {each["name"]: each["value"] for each in told}
                megabytes = taken["JSHeapUsedSize"] / 1e6
                shown = page.locator("#gallery .card").count()
                print(
                    f"{screen:3} screens {megabytes:6.1f} MB of script {taken['Nodes']:6.0f} nodes "
                    f"{shown:4} cards"
                )
            page.mouse.wheel(0, 900)
            page.wait_for_timeout(250)
        browser.close()


def deleting(data_dir: Path, takes: int, rounds: int) -> None:
    """Print what deleting a take takes, beside setting a favourite."""
    library = Library(Database(data_dir / "library.sqlite3"), data_dir / "takes")
    times: dict[str, list[float]] = {"favourite": [], "delete": []}
    for number in range(takes - rounds, takes):
        began = time.perf_counter()
        library.set_favourite(f"{number:032x}", OWNER, True)
        between = time.perf_counter()
        library.delete([f"{number:032x}"], OWNER)
        times["favourite"].append(1000 * (between - began))
        times["delete"].append(1000 * (time.perf_counter() - between))
    for name, taken in times.items():
        print(f"{name:12} {statistics.median(taken):7.1f} ms")


def main() -> None:
    """Fill a library, start the app and measure."""
    parser = argparse.ArgumentParser(description="How quick a large library is.")
    parser.add_argument("--takes", type=int, default=3000)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--screens", type=int, default=0, help="how far a browser scrolls")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        words = fill(Path(folder), given.takes)
        port = free_port()
        command = [sys.executable, "app.py", "--model", "demo", "--port", str(port)]
        app = subprocess.Popen([*command, "--data-dir", folder], cwd=ROOT)
        try:
            with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as http:
                while not _ready(http):
                    time.sleep(0.2)
                measure(Gallery(http), given.takes, words, given.rounds)
            if given.screens:
                scrolling(f"http://127.0.0.1:{port}", given.screens)
        finally:
            app.terminate()
            app.wait()
        deleting(Path(folder), given.takes, given.rounds)


def _ready(http: httpx.Client) -> bool:
    try:
        return bool(http.get("/health").json()["model"]["state"] == "ready")
    except httpx.TransportError:
        return False


if __name__ == "__main__":
    main()
