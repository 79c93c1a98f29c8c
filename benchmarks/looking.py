"""What a page's look at a running job costs, against encoding its preview for each look.

The demo model makes a clip; meanwhile rounds of looks and rounds of encodings of that clip's
preview take turns in the same process. Prints both medians in milliseconds and, last, their ratio.

    python benchmarks/looking.py --rounds 20
"""

from __future__ import annotations

import argparse
import io
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image, ImageSequence

# So that the studio is found from whatever folder the script is started in.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from ltx_ui.media.animation import animated_webp
from ltx_ui.recipe import Recipe
from ltx_ui.settings import Settings
from ltx_ui.studio.studio import Studio

LOOKS = 20
"""Looks, or encodings, that are timed together."""
RECIPE = Recipe(prompt="A red ball by the sea.", seed=7, num_inference_steps=100)


def milliseconds(work: Callable[[], object]) -> float:
    """Wall time of one call, of several in a row."""
    began = time.perf_counter()
    for _ in range(LOOKS):
        work()
    return 1000 * (time.perf_counter() - began) / LOOKS


def main() -> None:
    """Print what a look costs, what encoding costs, and their ratio."""
    parser = argparse.ArgumentParser(description="What a look at a running job costs.")
    parser.add_argument("--rounds", type=int, default=20)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        studio = Studio(Settings(data_dir=Path(folder), model="demo"))
        studio.start()
        job = studio.submit(RECIPE, "somebody")
        while (seen := studio.session("somebody").preview) is None:
            time.sleep(0.05)
        looks, encodings = measure(studio, seen, given.rounds)
        studio.cancel(job.id, "somebody")
        studio.wait(job.id, "somebody")
        studio.close()
    print(f"a look     {looks:8.3f} ms")
    print(f"encoding   {encodings:8.3f} ms")
    print(f"ratio      {looks / encodings:8.4f}")


def measure(studio: Studio, preview: bytes, rounds: int) -> tuple[float, float]:
    """Medians of a look and of an encoding, in milliseconds."""
    with Image.open(io.BytesIO(preview)) as picture:
        small = (picture.width // 16, picture.height // 16)
        frames = [f.convert("RGB").resize(small) for f in ImageSequence.Iterator(picture)]
    pixels = np.stack([np.asarray(frame) for frame in frames])
    looks, encodings = [], []
    for _ in range(rounds):
        looks.append(milliseconds(lambda: studio.session("somebody")))
        encodings.append(milliseconds(lambda: animated_webp(pixels, 3.0)))
    return statistics.median(looks), statistics.median(encodings)


if __name__ == "__main__":
    main()
