"""How close clips with quantized weights come to exact ones, with the demo model.

python benchmarks/quantization.py --clips 6
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from ltx_ui import runtime

runtime.set_up()

import numpy as np
from numpy.typing import NDArray

from ltx_ui.clip import Silent
from ltx_ui.engine.engine import Engine
from ltx_ui.engine.models import CARDS
from ltx_ui.engine.placement import Placement, Quantize
from ltx_ui.recipe import Recipe
from training.measure import psnr

WAYS: tuple[tuple[str, Placement, Quantize], ...] = (
    ("8 bits, transformer", "fp8", "none"),
    ("4 bits, text encoder", "resident", "text"),
    ("4 bits, text encoder and transformer", "resident", "all"),
)


def frames(placement: Placement, quantize: Quantize, clips: int) -> list[NDArray[Any]]:
    """The frames of the card's examples, each F×H×W×3 uint8."""
    with tempfile.TemporaryDirectory() as folder:
        engine = Engine("demo", Path(folder), placement=placement, quantize=quantize)
        engine.load(lambda message, fraction: None)
        recipes = [
            Recipe(prompt=prompt, num_frames=49, num_inference_steps=8, seed=seed)
            for seed, prompt in enumerate(CARDS["demo"].examples[:clips])
        ]
        return [engine.generate(recipe, Silent()).frames for recipe in recipes]


def main() -> None:
    """Make the clips each way and print a row for each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clips", type=int, default=6, help="at most 6")
    given = parser.parse_args()
    exact = frames("resident", "none", given.clips)
    print("| weights | PSNR, median | lowest |\n| --- | --- | --- |", flush=True)
    for title, placement, quantize in WAYS:
        made = frames(placement, quantize, given.clips)
        found = [psnr(one, other) for one, other in zip(made, exact, strict=True)]
        print(f"| {title} | {np.median(found):.1f} dB | {min(found):.1f} dB |", flush=True)


if __name__ == "__main__":
    main()
