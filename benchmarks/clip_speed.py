"""How long clips take, beside what the device could do at best, and beside stock diffusers.

    python benchmarks/clip_speed.py --model demo --rows 9/5 25/20
    python benchmarks/clip_speed.py --random-weights ltx-2 --minutes 9

Each row is a clip of the source document's tables: frames/steps, at 288x512 unless a size is given.
The floor is what the arithmetic of sampling and of the video decoder would take at the matrix rate
that this device reaches in the same run. Stock is ``LTX2Pipeline`` with plain guidance (two
forwards a step) and with the library's defaults (four), decoded and written by the library itself.
Everything is warm; numbers are medians in seconds. What counts most is measured first, and each row
is printed when it is there, so that a run which is cut short has told what it knows.
"""

from __future__ import annotations

import argparse
import inspect
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

# So that the studio is found from whatever folder the script is started in.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from ltx_ui import runtime

runtime.set_up()

from diffusers import LTX2Pipeline

from benchmarks import random_weights
from benchmarks.measuring import (
    CUDA,
    PreviewStopwatch,
    Stopwatch,
    flop_of_clip,
    forget_peak,
    matrix_rate,
    now,
    our_clip,
    peak_gb,
    stock_clip,
)
from ltx_ui.engine.engine import Engine
from ltx_ui.engine.loading import DEMO_FOLDER, Loaded, Schedule, load
from ltx_ui.engine.models import CARDS, ModelCard
from ltx_ui.engine.optimizations import Optimizations, default_optimizations
from ltx_ui.engine.resolving import resolve
from ltx_ui.engine.sampling import guidance_arguments
from ltx_ui.media.mp4 import write_mp4
from ltx_ui.recipe import Recipe
from ltx_ui.studio.jobs import Job, Queued
from ltx_ui.studio.saver import Made, Saver

ROWS = (
    "49/40",
    "9/5",
    "121/40",
    "25/20",
    "49/30",
    "49/40@384x672",
    "49/40@512x512",
    "49/40@768x432",
)
DISTILLED_ROWS = ("49/8", "9/8", "121/8")
PROMPT = "A red fox crosses a snowy street at dusk, snow crunching under its paws."
STOCK = Optimizations(drop_masks=False, keep_text=False, plain_attention=False, pinned=False)
"""No optimization at all."""
IN_A_ROW = 4


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


def table(title: str, *columns: str) -> None:
    """Print the head of one."""
    print(f"\n{title}\n\n| {' | '.join(columns)} |\n|{' --- |' * len(columns)}", flush=True)


def row(name: str, *cells: float) -> None:
    """Print a row."""
    print(f"| {name} | {' | '.join(f'{cell:.3f}' for cell in cells)} |", flush=True)


class Bench:
    """One model in memory, driven our way and stock's way in turn.

    Args:
        rounds: clips of which the median is taken.
        deadline: when no further measurement is begun, on the clock of ``time.monotonic``.
    """

    def __init__(self, loaded: Loaded, root: Path, rounds: int, deadline: float) -> None:
        self.loaded, self.root, self.rounds, self.deadline = loaded, root, rounds, deadline
        pipe = loaded.pipe
        names = inspect.signature(LTX2Pipeline).parameters
        parts = {name: part for name, part in pipe.components.items() if name in names}
        self.stock = LTX2Pipeline(**parts)
        self.stock.set_progress_bar_config(disable=True)
        self.connectors, self.scheduler = pipe.connectors, pipe.scheduler
        self.engine = Engine("demo", root / "models", root / "cache", optimizations=STOCK)
        self.rate = matrix_rate(pipe.transformer.dtype)

    def drive(self, card: ModelCard) -> None:
        """Make clips with the same weights as this card says."""
        pipe = self.loaded.pipe
        pipe.connectors = self.connectors
        pipe.scheduler = Schedule.from_config(self.scheduler.config, **card.scheduler)
        self.engine.adopt(replace(self.loaded, card=card))

    def median_of(self, work: Callable[[], float]) -> float:
        """The median of what the rounds measure."""
        return statistics.median(work() for _ in range(self.rounds))

    def in_time(self, name: str) -> bool:
        """Whether there is time left; says what is left out where there is none."""
        left = time.monotonic() < self.deadline
        if not left:
            print(f"| {name} | left out: the time is over |", flush=True)
        return left

    def ours(self, rows: Sequence[str]) -> dict[str, float]:
        """The table of our clips by stage; the totals by row."""
        columns = ("text", "s/step", "decode", "mux", "total", "peak GB", "floor", "total/floor")
        card = self.engine.card
        table(f"{card.title}: clips, seconds", "clip", *columns)
        totals = {}
        self.engine.use(default_optimizations())
        for name in rows:
            if not self.in_time(name):
                continue
            recipe = parse_row(name)
            for _ in range(2):
                our_clip(self.engine, recipe, self.root)
                self.engine.finish_compiling()
            forget_peak()
            made = [our_clip(self.engine, recipe, self.root) for _ in range(self.rounds)]
            cells = {stage: statistics.median(m[stage] for m in made) for stage in made[0]}
            floor = flop_of_clip(self.loaded, card, recipe) / self.rate
            totals[name] = cells["total"]
            row(name, *cells.values(), peak_gb(), floor, cells["total"] / floor)
        self.engine.use(STOCK)
        return totals

    def stocks(self, ours: dict[str, float], guidance: str) -> None:
        """The table of stock's clips, with ``plain`` guidance or its ``default``."""
        table(f"Stock with {guidance} guidance, seconds", "clip", "stock", "ours/stock")
        for name, total in ours.items():
            if not self.in_time(name):
                continue
            recipe = parse_row(name)
            arguments = guidance_arguments(recipe, self.engine.card) if guidance == "plain" else {}
            clip = partial(stock_clip, self.stock, recipe, self.root, **arguments)
            if not CUDA:
                clip()
            seconds = self.median_of(clip)
            row(name, seconds, total / seconds)

    def optimizations(self, name: str) -> None:
        """The table of what each optimization brings: without it, beside all of them."""
        best = default_optimizations()
        variants: dict[str, tuple[Optimizations, type[Stopwatch]]] = {
            "all": (best, PreviewStopwatch)
        }
        if best.compile:
            variants["not compiled"] = (replace(best, compile=False), PreviewStopwatch)
        variants |= {
            "no previews": (best, Stopwatch),
            "text not kept": (replace(best, keep_text=False), PreviewStopwatch),
            "masks and text as stock": (
                replace(best, drop_masks=False, keep_text=False),
                PreviewStopwatch,
            ),
        }
        if CUDA:
            variants["not pinned"] = (replace(best, pinned=False), PreviewStopwatch)
        # Compiling again takes long, and where that is done little else disturbs.
        rounds, clips = (1, self.rounds) if best.compile else (self.rounds, 1)
        made: dict[str, list[dict[str, float]]] = {}
        for _ in range(rounds):
            for variant, (optimizations, watch) in variants.items():
                if not self.in_time(variant):
                    continue
                self.engine.use(optimizations)
                for _ in range(2):
                    our_clip(self.engine, parse_row(name), self.root)
                    self.engine.finish_compiling()
                made.setdefault(variant, []).extend(
                    our_clip(self.engine, parse_row(name), self.root, watch()) for _ in range(clips)
                )
        self.engine.use(STOCK)
        table(
            f"Optimizations, {name}, seconds",
            "variant",
            "s/step",
            "to all",
            "decode",
            "to all",
        )
        usual = None
        for variant, clips_made in made.items():
            step, decode = (
                statistics.median(m[stage] for m in clips_made) for stage in ("step", "decode")
            )
            usual = usual or (step, decode)
            row(variant, step, step / usual[0], decode, decode / usual[1])

    def takes_in_a_row(self, name: str) -> None:
        """The table of what saving beside the next take brings."""
        self.engine.use(default_optimizations())
        recipe = parse_row(name)
        our_clip(self.engine, recipe, self.root)
        self.engine.finish_compiling()
        takes = [recipe.model_copy(update={"seed": seed}) for seed in range(IN_A_ROW)]
        job = Job("0" * 32, "", recipe, datetime.now(UTC), Queued(1))

        def save(made: Made) -> None:
            write_mp4(made.clip, self.root / "take.mp4", {"recipe": made.recipe.model_dump()})

        def between() -> float:
            began = now()
            for take in takes:
                clip = self.engine.generate(take, Stopwatch())
                save(Made(job, job.id, take, clip, {}))
            return now() - began

        def beside() -> float:
            began, saver = now(), Saver(save)
            for take in takes:
                clip = self.engine.generate(take, Stopwatch())
                saver.hand_over(Made(job, job.id, take, clip, {}), lambda: None)
            saver.wait_for(job)
            seconds = now() - began
            saver.close()
            return seconds

        table(f"{IN_A_ROW} takes of {name}, seconds", "mp4 written", "all takes", "to beside")
        usual = self.median_of(beside)
        row("beside the next take", usual, 1)
        after = self.median_of(between)
        row("between the takes", after, after / usual)
        self.engine.use(STOCK)


def brought(arguments: argparse.Namespace, root: Path) -> Loaded:
    """The model that was asked for, in memory."""
    if arguments.random_weights:
        pipe = random_weights.ltx_2("cuda" if CUDA else "cpu", DEMO_FOLDER / "tokenizer")
        return Loaded(CARDS["ltx-2"], pipe, "resident")
    models_dir = arguments.models_dir or root / "models"
    return load(resolve(arguments.model, CUDA), models_dir, lambda message, fraction: None)


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description="Seconds by stage, beside the floor and stock.")
    parser.add_argument("--model", default="auto")
    parser.add_argument("--models-dir", type=Path, help="where weights are; none: a new folder")
    parser.add_argument(
        "--random-weights", choices=["ltx-2"], help="the real size, without weights"
    )
    parser.add_argument("--rows", nargs="+", default=list(ROWS), metavar="FRAMES/STEPS[@WxH]")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--minutes", type=float, default=1e6, help="begin nothing after these")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        measure(arguments, Path(name))


def measure(arguments: argparse.Namespace, root: Path) -> None:
    """Load once, then every table."""
    deadline = time.monotonic() + 60 * arguments.minutes
    began = now()
    loaded = brought(arguments, root)
    seconds = now() - began
    bench = Bench(loaded, root, arguments.rounds, deadline)
    print(
        f"{loaded.card.title} on {bench.engine.device}, {loaded.pipe.transformer.dtype}", flush=True
    )
    print(f"loaded in {seconds:.1f} s; matrix rate {bench.rate / 1e12:.2f} TFLOP/s", flush=True)
    print(
        ", ".join(f"{name} {number}" for name, number in bench.engine.versions.items()), flush=True
    )
    if arguments.random_weights:
        bench.drive(CARDS["ltx-2-distilled"])
        bench.ours(DISTILLED_ROWS)
    bench.drive(loaded.card)
    totals = bench.ours(arguments.rows)
    if not loaded.card.distilled:
        bench.stocks(totals, "plain")
    first = arguments.rows[0]
    if bench.in_time("optimizations"):
        bench.optimizations(first)
    if bench.in_time("takes in a row"):
        bench.takes_in_a_row(first)
    if not loaded.card.distilled:
        bench.stocks(totals, "default")


if __name__ == "__main__":
    main()
