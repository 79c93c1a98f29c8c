"""Pictures of libraries of every size: ``PYTHONPATH=.:tests python tests/screenshots_library.py
FOLDER``.

Starts the studio with the demo model on a folder with so many takes, and writes a PNG of Create and
of each state of :mod:`pictured_library` for each window and colour scheme.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from chromium import launched
from kept import keep, open_library
from pictured_library import FEW, GONE, MANY, MOST, ONE
from PIL import Image
from playwright.sync_api import Page
from running import RunningApp
from screenshots import LOOKS, Look, visiting

from ltx_ui.clip import Clip
from ltx_ui.studio.characters import Character, Characters
from ltx_ui.studio.clip_files import Files
from ltx_ui.studio.database import Database
from ltx_ui.studio.input_store import InputStore
from ltx_ui.studio.jobs import Origin
from ltx_ui.studio.library import Library
from ltx_ui.studio.shelves import Marks

STATES = {0: FEW, 1: ONE, 60: MANY, 3000: MOST}
"""What is looked at with so many takes."""
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
    "قارب صغير يطفو ببطء على البحر عند الغروب. صوت الأمواج 🌊",
    "Donaudampfschifffahrtsgesellschaftskapitänsmützenabzeichen" * 3,
)
NAMES = (
    "Scene {number}, take two",
    "Die Überfahrt bei Nacht, mit dem Leuchtturm im Hintergrund und viel Nebel 🌫️",
    "مشهد الشاطئ {number}",
    "海边 {number} 👩‍🚀🚀",
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
        origin = Origin("take0", "variation") if number in (1, 2) else None
        keep(
            library,
            name,
            "local",
            number % 50,
            prompt=prompt,
            files=files,
            origin=origin,
            **settings,
        )
        if number % 7 == 0:
            library.set_favourite(name, "local", True)
        if number % 11 == 0 or number == 7:
            words = NAMES[number % len(NAMES)].format(number=number)
            library.mark(name, "local", Marks(name=words, note=f"{words}: keep this one."))
            library.set_tags([name], "local", add=["sea", "night shoot", words[:40]])
    if count > GONE:
        library.take(f"take{GONE}", "local").video.unlink()


def cast(folder: Path) -> None:
    """Put characters on their shelf."""
    database = Database(folder / "library.sqlite3")
    inputs = InputStore(folder / "references", 10**7, database)
    picture = BytesIO()
    Image.linear_gradient("L").resize((256, 384)).convert("RGB").save(picture, "PNG")
    face = inputs.add(picture.getvalue(), "images", "local").digest
    people = Characters(database, inputs)
    looks = "the lighthouse keeper, in a yellow coat"
    for name, words, images in (
        ("Aiko", looks, (face,)),
        ("Bartholomäus-Maximilian-von-der-Küste", f"{looks} " * 9, ()),
        ("ليلى", PROMPTS[4], ()),
    ):
        people.save(Character(name, words, images, seed=7 if images else None), "local")


def _clip(library: Library, number: int) -> Files:
    """A clip whose colours run from corner to corner."""
    width, height = (side // 2 // 16 * 16 for side in SIZES[number % len(SIZES)])
    across, down = np.meshgrid(np.linspace(0, 1, width), np.linspace(0, 1, height))
    hue = np.random.default_rng(number).uniform(0, 255, (2, 3))
    part = ((across + down) / 2)[..., None]
    frame = (hue[0] * (1 - part) + hue[1] * part).astype(np.uint8)
    return library.write(Clip(np.repeat(frame[None], 9, 0), 24, None, 24000), {})


def take_all(folder: Path, counts: tuple[int, ...], looks: tuple[Look, ...], locale: str) -> None:
    """Write a picture of each state in each look, with each number of takes."""
    folder.mkdir(parents=True, exist_ok=True)
    for count in counts:
        with tempfile.TemporaryDirectory() as data, launched() as browser:
            fill(open_library(Path(data)), count)
            if count > 1:
                cast(Path(data))
            with RunningApp(Path(data), "--model", "demo") as app:
                app.wait_ready()
                for look in looks:
                    with visiting(browser, app, look, locale) as page:
                        _take(page, folder, f"{count}-{look.name}", STATES[count])


def _take(page: Page, folder: Path, name: str, states: Sequence[Callable[[Page], None]]) -> None:
    page.wait_for_timeout(1500)
    page.screenshot(path=folder / f"create-{name}.png")
    for bring_about in states:
        bring_about(page)
        page.wait_for_timeout(600)
        page.screenshot(path=folder / f"{bring_about.__name__}-{name}.png")
    print(name, flush=True)


def main() -> int:
    """Take the pictures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="where to put them")
    known = tuple(STATES)
    parser.add_argument(
        "--takes", type=int, action="append", choices=known, help="only with so many takes"
    )
    parser.add_argument("--look", help="only this one, such as 390x844-dark")
    parser.add_argument("--locale", default="en-US", help="the browser's language")
    asked = parser.parse_args()
    looks = tuple(look for look in ALL_LOOKS if asked.look in (None, look.name))
    take_all(asked.folder, tuple(asked.takes or STATES), looks, asked.locale)
    return 0


if __name__ == "__main__":
    sys.exit(main())
