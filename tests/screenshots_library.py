"""Pictures of libraries of every size: ``PYTHONPATH=.:tests python tests/screenshots_library.py
FOLDER``.

Starts the studio with the demo model on a folder with so many takes, and writes a PNG of Create and
of the Gallery for each window and colour scheme.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from chromium import launched
from kept import keep, open_library
from playwright.sync_api import Page
from running import RunningApp
from screenshots import LOOKS, Look, tab, visiting

from ltx_ui.clip import Clip
from ltx_ui.studio.clip_files import Files
from ltx_ui.studio.library import Library

COUNTS = (0, 1, 60, 3000)
ALL_LOOKS = tuple(
    Look(look.width, look.height, scheme)
    for look in LOOKS
    if look.scheme == "light"
    for scheme in ("light", "dark")
)
SIZES = ((288, 512), (768, 432), (512, 512), (704, 1280), (384, 672))
CLIPS = 20
PROMPTS = (
    "A red ball bounces up and down by the sea. A thump at each bounce.",
    "In a green forest, a blue box drifts slowly to the left. The sound of rain.",
    "水の上を白い鳥がゆっくりと飛ぶ。波の音。",
    "A long shot: " + "the camera pans slowly across the scene, " * 12,
)


def fill(library: Library, count: int) -> None:
    """Put takes into a library, of few clips in many colours."""
    made = [_clip(library, number) for number in range(min(count, CLIPS))]
    for number in range(count):
        width, height = SIZES[number % len(SIZES)]
        name, prompt = f"take{number}", PROMPTS[number % len(PROMPTS)]
        settings: dict[str, Any] = {"width": width, "height": height}
        settings["num_frames"] = (9, 49, 121)[number % 3]
        files = made[number % len(made)]
        keep(library, name, "local", number, prompt=prompt, files=files, **settings)
        if number % 7 == 0:
            library.set_favourite(name, "local", True)
        if number % 11 == 0:
            library.set_name(name, "local", f"Scene {number}, take two")
            library.set_tags([name], "local", add=["sea", "night shoot"])


def _clip(library: Library, number: int) -> Files:
    """A clip whose colours run from corner to corner."""
    width, height = (side // 2 // 16 * 16 for side in SIZES[number % len(SIZES)])
    across, down = np.meshgrid(np.linspace(0, 1, width), np.linspace(0, 1, height))
    hue = np.random.default_rng(number).uniform(0, 255, (2, 3))
    part = ((across + down) / 2)[..., None]
    frame = (hue[0] * (1 - part) + hue[1] * part).astype(np.uint8)
    return library.write(Clip(np.repeat(frame[None], 9, 0), 24, None, 24000), {})


def take_all(folder: Path, counts: tuple[int, ...]) -> None:
    """Write a picture of each tab in each look, with each number of takes."""
    folder.mkdir(parents=True, exist_ok=True)
    for count in counts:
        with tempfile.TemporaryDirectory() as data, launched() as browser:
            fill(open_library(Path(data)), count)
            with RunningApp(Path(data), "--model", "demo") as app:
                app.wait_ready()
                for look in ALL_LOOKS:
                    with visiting(browser, app, look) as page:
                        _take(page, look, folder, count)


def _take(page: Page, look: Look, folder: Path, count: int) -> None:
    page.wait_for_timeout(1500)
    page.screenshot(path=folder / f"create-{count}-{look.name}.png")
    tab("Gallery")(page, look)
    page.wait_for_timeout(1500)
    page.screenshot(path=folder / f"gallery-{count}-{look.name}.png")
    if count > 60:
        page.mouse.move(look.width / 2, look.height / 2)
        page.mouse.wheel(0, 4000)
        page.wait_for_timeout(2500)
        page.screenshot(path=folder / f"scrolled-{count}-{look.name}.png")
    print(f"{count} {look.name}", flush=True)


def main() -> int:
    """Take the pictures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="where to put them")
    parser.add_argument("--takes", type=int, action="append", help="only with so many takes")
    asked = parser.parse_args()
    take_all(asked.folder, tuple(asked.takes or COUNTS))
    return 0


if __name__ == "__main__":
    sys.exit(main())
