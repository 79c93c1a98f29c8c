"""What lossy speed gains and what it costs: time and PSNR against exact clips of the demo model.

    python benchmarks/lossy.py --clips 6

Each way of being lossy makes the same clips as the exact engine, 288x512, 25 frames, 20 steps,
guidance 3, right after the exact ones. The share of blocks that are computed depends on no machine.
PSNR is of all frames, against the exact clip of the same seed; beside it stands that of another
seed's clip, which has nothing in common with it but what was asked for. 8-bit products are computed
as on a GPU; a CPU has no fast arithmetic for them, so their time says nothing.
"""

from __future__ import annotations

import argparse
import math
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

from ltx_ui.clip import Clip, Silent
from ltx_ui.engine.engine import Engine
from ltx_ui.engine.float8_matmul import multiply_in_float8
from ltx_ui.engine.models import CARDS
from ltx_ui.lossy import Lossy, parse_lossy
from ltx_ui.recipe import Recipe
from training.measure import psnr

WAYS = (
    "skip-guidance=0.4",
    "skip-guidance=0.6",
    "skip-guidance=0.8",
    "step-cache=0.1",
    "step-cache=0.2",
    "step-cache=0.3",
    "fp8-matmul",
    "skip-guidance=0.6,step-cache=0.1",
)


def engine_of(folder: Path, lossy: Lossy) -> Engine:
    """An engine with the demo model. It multiplies in 8 bits on a CPU too, where users can't."""
    products, others = lossy.fp8_matmul, Lossy(False, lossy.skip_guidance, lossy.step_cache)
    engine = Engine("demo", folder, lossy=others)
    engine.load(lambda message, fraction: None)
    if products:
        multiply_in_float8(engine.pipe.transformer)
    return engine


def made(engine: Engine, recipe: Recipe) -> tuple[Clip, float, int]:
    """A clip, the seconds it took, and how often a block was computed for a clip in its batch."""
    blocks: list[int] = []
    handles = [
        block.register_forward_hook(lambda _, __, found: blocks.append(len(found[0])))
        for block in engine.pipe.transformer.transformer_blocks
    ]
    began = time.perf_counter()
    clip = engine.generate(recipe, Silent())
    seconds = time.perf_counter() - began
    for handle in handles:
        handle.remove()
    return clip, seconds, sum(blocks)


def sound_off(clip: Clip, exact: Clip) -> float:
    """How far the sound is from the exact one: the difference's root mean square in dB relative to
    the exact sound's."""
    assert clip.waveform is not None and exact.waveform is not None
    off = float(np.square(clip.waveform - exact.waveform).mean())
    return 10 * math.log10(max(off, 1e-20) / max(float(np.square(exact.waveform).mean()), 1e-20))


def main() -> None:
    """Print each clip as it is made, then the table."""
    parser = argparse.ArgumentParser(description="Lossy speed against exact.")
    parser.add_argument("--clips", type=int, default=6, help="of each way")
    parser.add_argument("--frames", type=int, default=25)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--ways", nargs="+", default=list(WAYS), metavar="LOSSY")
    chosen = parser.parse_args()
    prompts = CARDS["demo"].examples
    recipes = [
        Recipe(
            prompt=prompts[seed % len(prompts)],
            width=288,
            height=512,
            num_frames=chosen.frames,
            num_inference_steps=chosen.steps,
            seed=seed,
        )
        for seed in range(chosen.clips)
    ]
    with tempfile.TemporaryDirectory() as name:
        measure(Path(name), recipes, [parse_lossy(way) for way in chosen.ways])


def measure(folder: Path, recipes: list[Recipe], ways: list[Lossy]) -> None:
    """Make every clip in every way, and print the table of their medians and means."""
    exact = engine_of(folder, Lossy())
    engines = {", ".join(lossy.names): engine_of(folder, lossy) for lossy in ways}
    print(f"{len(recipes)} clips on {exact.device}", flush=True)
    made(exact, recipes[0])  # To warm up.
    table: dict[str, list[tuple[float, ...]]] = {}
    for recipe in recipes:
        wanted, usual, every = made(exact, recipe)
        print(f"seed {recipe.seed}: exact {usual:.1f} s", flush=True)
        other = recipe.model_copy(update={"seed": recipe.seed + 1000})
        cases = [("another seed", exact, other)]
        cases += [(name, engine, recipe) for name, engine in engines.items()]
        for name, engine, changed in cases:
            clip, seconds, blocks = made(engine, changed)
            db = psnr(clip.frames, wanted.frames)
            table.setdefault(name, []).append(
                (blocks / every, seconds / usual, db, sound_off(clip, wanted))
            )
            print(f"  {name}: {seconds / usual:.2f} of its time, {db:.1f} dB", flush=True)
    print("| | blocks | time | PSNR | lowest | sound |")
    print("| --- | --- | --- | --- | --- | --- |")
    for name, found in table.items():
        blocks_, times, near, sounds = zip(*found, strict=True)
        cells = [
            f"{statistics.mean(blocks_):.2f}",
            f"{statistics.median(times):.2f}",
            f"{statistics.mean(near):.1f} dB",
            f"{min(near):.1f} dB",
            f"{statistics.mean(sounds):.0f} dB",
        ]
        print(f"| {name} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
