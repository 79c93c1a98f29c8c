"""How long clips take, beside what the device could do at best, and beside stock diffusers.

    python benchmarks/clip_speed.py --model demo --rows 9/5 25/20
    python benchmarks/clip_speed.py --random-weights ltx-2

Each row is a clip of the source document's tables: frames/steps, at 288x512 unless a size is given.
The floor is what the arithmetic of sampling and of the video decoder would take at the matrix rate
that this device reaches in the same run. Stock is ``LTX2Pipeline`` with the library's defaults
(four forwards a step) and with plain guidance (two), decoded and written by the library itself.
Everything is warm; numbers are medians in seconds.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers import LTX2Pipeline
from diffusers.utils import encode_video
from numpy.typing import NDArray
from torch.utils.flop_counter import FlopCounterMode

# So that the studio is found from whatever folder the script is started in.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks import random_weights
from ltx_ui.clip import Clip, Stage
from ltx_ui.engine.engine import Engine
from ltx_ui.engine.loading import DEMO_FOLDER, Loaded, load
from ltx_ui.engine.models import CARDS, resolve
from ltx_ui.engine.sampling import grid_size, guidance_arguments
from ltx_ui.engine.speed import Speed, default_speed
from ltx_ui.engine.text import text_length
from ltx_ui.media.mp4 import write_mp4
from ltx_ui.recipe import Recipe

ROWS = (
    "9/5",
    "25/20",
    "49/30",
    "49/40",
    "121/40",
    "49/40@384x672",
    "49/40@512x512",
    "49/40@768x432",
)
PROMPT = "A red fox crosses a snowy street at dusk, snow crunching under its paws."
CUDA = torch.cuda.is_available()


class Stopwatch:
    """Times stages."""

    def __init__(self) -> None:
        self.began: dict[str, float] = {}

    def progress(self, stage: Stage, step: int = 0, steps: int = 0) -> None:
        """Notes when a stage began, once the device has done what it was given."""
        if stage not in self.began:
            self.began[stage] = now()


class Watching(Stopwatch):
    """Times stages, and looks at previews as a studio does."""

    def preview(self, frames: NDArray[np.uint8], fps: float) -> None:
        """Keeps the last one."""
        self.seen = frames


def now() -> float:
    """Seconds, once the device has done what it was given."""
    if CUDA:
        torch.cuda.synchronize()
    return time.perf_counter()


def parse_row(text: str) -> Recipe:
    """``frames/steps[@WIDTHxHEIGHT]`` as a recipe."""
    counts, _, size = text.partition("@")
    frames, _, steps = counts.partition("/")
    width, _, height = (size or "288x512").partition("x")
    return Recipe(
        prompt=PROMPT,
        seed=7,
        num_frames=int(frames),
        num_inference_steps=int(steps),
        width=int(width),
        height=int(height),
    )


def matrix_rate(dtype: torch.dtype) -> float:
    """FLOP a second that large matrix products reach here."""
    side = 8192 if CUDA else 2048
    device = "cuda" if CUDA else "cpu"
    a, b = (torch.randn(side, side, device=device, dtype=dtype) for _ in range(2))
    times = []
    for _ in range(8):
        began = now()
        a @ b
        times.append(now() - began)
    return 2 * side**3 / min(times)


@torch.no_grad()
def flop_of_clip(loaded: Loaded, recipe: Recipe) -> float:
    """FLOP of sampling and of decoding the pictures, counted on the meta device."""
    card, pipe = loaded.card, loaded.pipe
    with torch.device("meta"):
        transformer = type(pipe.transformer).from_config(pipe.transformer.config)
        vae = type(pipe.vae).from_config(pipe.vae.config)
        config = transformer.config
        width, height = (side // 32 for side in grid_size(recipe, card.grid))
        frames = (recipe.num_frames - 1) // 8 + 1
        sounds = round(recipe.duration * 25)
        text = (1, text_length(pipe), config.caption_channels)
        one = torch.ones(1)
        with FlopCounterMode(display=False) as sampling:
            transformer(
                hidden_states=torch.empty(1, frames * height * width, config.in_channels),
                audio_hidden_states=torch.empty(1, sounds, config.audio_in_channels),
                encoder_hidden_states=torch.empty(text),
                audio_encoder_hidden_states=torch.empty(text),
                timestep=one,
                audio_timestep=one,
                sigma=one,
                num_frames=frames,
                height=height,
                width=width,
                audio_num_frames=sounds,
            )
        with FlopCounterMode(display=False) as decoding:
            vae.decode(torch.empty(1, 128, frames, height, width))
    return sampling.get_total_flops() * card.passes(recipe) + decoding.get_total_flops()


def our_clip(
    engine: Engine, recipe: Recipe, folder: Path, watch: Stopwatch | None = None
) -> dict[str, float]:
    """Seconds by stage of one clip, from recipe to mp4."""
    watch = watch or Watching()
    clip: Clip = engine.generate(recipe, watch)
    decoded = now()
    write_mp4(clip, folder / "ours.mp4", {"recipe": recipe.model_dump()})
    began, ended = watch.began, now()
    return {
        "text": began["sampling"] - began["text"],
        "step": (began["decoding"] - began["sampling"]) / recipe.num_inference_steps,
        "decode": decoded - began["decoding"],
        "mux": ended - decoded,
        "total": ended - began["text"],
    }


def stock_clip(pipe: Any, recipe: Recipe, folder: Path, **guidance: Any) -> float:
    """Seconds of one clip as the library makes it."""
    width, height = grid_size(recipe, 32)
    began = now()
    video, audio = pipe(
        prompt=recipe.prompt,
        negative_prompt=recipe.negative_prompt,
        width=width,
        height=height,
        num_frames=recipe.num_frames,
        frame_rate=float(recipe.fps),
        num_inference_steps=recipe.num_inference_steps,
        generator=torch.Generator("cpu").manual_seed(recipe.seed),
        max_sequence_length=text_length(pipe),
        output_type="np",
        return_dict=False,
        **guidance,
    )
    encode_video(
        video[0],
        fps=recipe.fps,
        audio=audio[0].float().cpu(),
        audio_sample_rate=pipe.vocoder.config.output_sampling_rate,
        output_path=str(folder / "stock.mp4"),
    )
    return now() - began


def median_of(rounds: int, work: Callable[[], float]) -> float:
    """Median of a few, after one that warms up."""
    work()
    return statistics.median(work() for _ in range(rounds))


def peak_gb() -> float:
    """Most memory so far: of the device, or of the process where there is none."""
    if CUDA:
        return torch.cuda.max_memory_allocated() / 1e9
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9


def brought(arguments: argparse.Namespace, root: Path) -> Loaded:
    """The model that was asked for, in memory."""
    if arguments.random_weights:
        tokenizer = DEMO_FOLDER / "tokenizer"
        pipe = random_weights.ltx_2("cuda" if CUDA else "cpu", tokenizer)
        return Loaded(CARDS["ltx-2"], pipe, "resident")
    return load(resolve(arguments.model, CUDA), root, lambda message, fraction: None)


def compare_shortcuts(engine: Engine, recipe: Recipe, rounds: int, folder: Path) -> None:
    """Seconds a step with every shortcut and previews, and with each of them left out, in turn."""
    best = default_speed()
    variants: dict[str, tuple[Speed, type[Stopwatch]]] = {
        "all": (best, Watching),
        "no previews": (best, Stopwatch),
        "text not kept": (replace(best, keep_text=False), Watching),
        "masks and text as stock": (replace(best, drop_masks=False, keep_text=False), Watching),
    }
    if best.compile:
        variants["not compiled"] = (replace(best, compile=False), Watching)
    steps: dict[str, list[float]] = {name: [] for name in variants}
    for _ in range(rounds + 1):
        for name, (speed, watch) in variants.items():
            engine.use(speed)
            if speed.compile:
                our_clip(engine, recipe, folder)
                engine.finish_compiling()
            steps[name].append(our_clip(engine, recipe, folder, watch())["step"])
    print("\nShortcuts, seconds a step\n| variant | s/step | to all |\n| --- | --- | --- |")
    usual = statistics.median(steps["all"][1:])
    for name, seconds in steps.items():
        median = statistics.median(seconds[1:])
        print(f"| {name} | {median:.4f} | {median / usual:.3f} |", flush=True)
    engine.use(best)


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description="Seconds by stage, beside the floor and stock.")
    parser.add_argument("--model", default="auto")
    parser.add_argument(
        "--random-weights", choices=["ltx-2"], help="the real size, without weights"
    )
    parser.add_argument("--rows", nargs="+", default=list(ROWS), metavar="FRAMES/STEPS[@WxH]")
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        measure(arguments, Path(name))


def measure(arguments: argparse.Namespace, root: Path) -> None:
    """Load once, then stock and ours for every row."""
    began = now()
    loaded = brought(arguments, root / "models")
    engine = Engine("demo", root / "models", root / "cache")
    rate = matrix_rate(loaded.pipe.transformer.dtype)
    print(f"{loaded.card.title} on {engine.device}, {loaded.pipe.transformer.dtype}")
    print(f"loaded in {now() - began:.1f} s; matrix rate {rate / 1e12:.2f} TFLOP/s")
    print(", ".join(f"{name} {number}" for name, number in engine.versions.items()))
    names = LTX2Pipeline._get_signature_keys(LTX2Pipeline)[0]
    parts = {name: part for name, part in loaded.pipe.components.items() if name in names}
    stock = LTX2Pipeline(**parts)
    stock.set_progress_bar_config(disable=True)
    recipes = {row: parse_row(row) for row in arguments.rows}
    stocks = {}
    for row, recipe in recipes.items():
        plain = guidance_arguments(recipe, loaded.card)
        stocks[row] = [
            median_of(arguments.rounds, lambda g=g, r=recipe: stock_clip(stock, r, root, **g))
            for g in ({}, plain)
        ]
    engine.adopt(loaded)
    head = (
        "| clip | text | s/step | decode | mux | total | peak GB | floor | total/floor | stock | "
    )
    print(f"\nClips, seconds\n{head}stock, plain | ours/plain |\n|{' --- |' * 12}")
    for row, recipe in recipes.items():
        our_clip(engine, recipe, root)
        made = [our_clip(engine, recipe, root) for _ in range(arguments.rounds)]
        ours = {stage: statistics.median(m[stage] for m in made) for stage in made[0]}
        floor = flop_of_clip(loaded, recipe) / rate
        cells = [ours["text"], ours["step"], ours["decode"], ours["mux"], ours["total"]]
        cells += [peak_gb(), floor, ours["total"] / floor, *stocks[row]]
        numbers = " | ".join(f"{cell:.3f}" for cell in (*cells, ours["total"] / stocks[row][1]))
        print(f"| {row} | {numbers} |", flush=True)
    compare_shortcuts(engine, recipes[arguments.rows[0]], arguments.rounds, root)


if __name__ == "__main__":
    main()
