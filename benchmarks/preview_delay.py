"""By how much previews delay sampling: clips with and without them in turn, in the same run.

Each pair is one clip of either kind, right after each other and in changing order; what else the
machine does meets both alike, and the median of the pairs' ratios passes over the rest. Beside the
wall clock it counts the process's own CPU time, which says more on a busy machine. The last line is
the time between a step's end and its preview, as a share of sampling: it has no noise to speak of,
but leaves out what a preview may cost the next step.

    python benchmarks/preview_delay.py --pairs 10 --steps 40
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from pathlib import Path

# So that the studio is found from whatever folder the script is started in.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from ltx_ui import runtime

runtime.set_up()

import numpy as np
import torch
from numpy.typing import NDArray

from ltx_ui.clip import Stage
from ltx_ui.engine.engine import Engine
from ltx_ui.errors import Cancelled
from ltx_ui.recipe import Recipe


def now() -> tuple[float, float]:
    """Seconds of wall clock and of CPU time, once the device has done what it was given."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter(), time.process_time()


class Sampling:
    """Times sampling, and stops the clip before it is decoded."""

    def progress(self, stage: Stage, step: int = 0, steps: int = 0) -> None:
        """Notes the first step's beginning, the last one's end, and when it was called."""
        if stage == "sampling" and step == 0:
            self.began = now()
        if stage == "sampling" and step == steps:
            self.ended = now()
            raise Cancelled
        self.heard = now()

    @property
    def seconds(self) -> tuple[float, float]:
        """Wall clock and CPU time of sampling."""
        return self.ended[0] - self.began[0], self.ended[1] - self.began[1]


class PreviewedSampling(Sampling):
    """Times sampling while previews are asked for, as the studio does."""

    def __init__(self) -> None:
        self.took: list[float] = []

    def preview(self, frames: NDArray[np.uint8], fps: float) -> None:
        """Notes how long it was in the making."""
        self.took.append(now()[0] - self.heard[0])


def sampled(engine: Engine, recipe: Recipe, listener: Sampling) -> Sampling:
    """Sample a clip."""
    try:
        engine.generate(recipe, listener)
    except Cancelled:
        return listener
    raise RuntimeError("the clip was not stopped after its last step")


def quartiles(ratios: list[float]) -> str:
    """Median and quartiles as percent beyond 1."""
    low, middle, high = (100 * (q - 1) for q in statistics.quantiles(ratios, n=4))
    return f"{middle:+.2f} % (quartiles {low:+.2f} to {high:+.2f} %)"


def main() -> None:
    """Print what previews add, by the wall clock and in CPU time."""
    parser = argparse.ArgumentParser(description="What previews add to sampling.")
    parser.add_argument("--model", default="demo")
    parser.add_argument("--models-dir", type=Path, help="where weights are; none: a new folder")
    parser.add_argument("--pairs", type=int, default=10)
    parser.add_argument("--steps", type=int, default=40)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        engine = Engine(given.model, given.models_dir or root / "models", root / "cache")
        engine.load(lambda message, fraction: None)
        measure(engine, given.pairs, given.steps)


def measure(engine: Engine, pairs: int, steps: int) -> None:
    """Warm up, then the pairs."""
    recipe = Recipe(prompt="A red ball by the sea.", seed=7, num_inference_steps=steps)
    sampled(engine, recipe.model_copy(update={"num_inference_steps": 2}), PreviewedSampling())
    walls: list[float] = []
    processors: list[float] = []
    took: list[float] = []
    total = 0.0
    for pair in range(pairs):
        with_previews, without = PreviewedSampling(), Sampling()
        both = (with_previews, without) if pair % 2 else (without, with_previews)
        for listener in both:
            sampled(engine, recipe, listener)
        ratios = (a / b for a, b in zip(with_previews.seconds, without.seconds, strict=True))
        for kept, ratio in zip((walls, processors), ratios, strict=True):
            kept.append(ratio)
            print(f"pair {pair + 1} of {pairs}: {ratio:.3f}", flush=True)
        took += with_previews.took
        total += with_previews.seconds[0]
    print(
        f"{engine.card.title} on {engine.device}: 288x512, 49 frames, {steps} steps, {pairs} pairs"
    )
    print(f"{len(took)} previews in {total:.1f} s of sampling")
    print(f"wall clock {quartiles(walls)}")
    print(f"CPU time   {quartiles(processors)}")
    share = 100 * sum(took) / total
    print(f"made in    {1000 * statistics.median(took):.1f} ms each, {share:.2f} % of sampling")


if __name__ == "__main__":
    main()
