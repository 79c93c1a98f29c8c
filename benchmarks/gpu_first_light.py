"""The most that can be learnt of LTX-2 19B on a bare GPU machine in eight minutes.

    python benchmarks/gpu_first_light.py --wheels FOLDER --seconds 470
    python benchmarks/gpu_first_light.py --rehearse

No checkpoint is needed: transformer, VAEs and vocoder have random weights, on which neither speed
nor memory depends, and the embeddings of a text are random numbers, so there is no text encoder.
What counts most comes first, everything is printed when it is known, and what fails says so and
lets the rest go on. ``FOLDER`` is what ``bare_machine.py`` has fetched. ``--rehearse`` runs all of
it on a CPU with two blocks of full width and a tiny clip, to see that nothing in it fails.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

# So that the studio is found from whatever folder the script is started in.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks import bare_machine
from ltx_ui import runtime

parser = argparse.ArgumentParser(description="First figures of a GPU, in minutes.")
parser.add_argument("--wheels", type=Path, help="what bare_machine.py has fetched")
parser.add_argument("--seconds", type=float, default=470.0, help="begin nothing after these")
parser.add_argument("--rehearse", action="store_true", help="on a CPU, with a tiny model")
given = parser.parse_args()
if given.wheels:
    bare_machine.unpack(given.wheels)
runtime.set_up()

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.functional import scaled_dot_product_attention

from benchmarks import random_weights
from benchmarks.measuring import CUDA, Stopwatch, forget_peak, matrix_rate, now, peak_gb
from ltx_ui.clip import Silent
from ltx_ui.engine.engine import Engine
from ltx_ui.engine.graphs import CudaRecorder
from ltx_ui.engine.loading import DEMO_FOLDER, Loaded, Schedule
from ltx_ui.engine.memory_fallback import free_caches
from ltx_ui.engine.models import CARDS
from ltx_ui.engine.optimizations import Optimizations, default_optimizations
from ltx_ui.recipe import Recipe

STEPS = 10
KERNELS = 25
EAGER = Optimizations()
AS_CALLED = Optimizations(keep_text=False, one_timestep=False)
"""So that the transformer gets all that the pipeline gives."""
COMPILED = Optimizations(compile=True, exact_sizes=frozenset({(9, 16)}))
BEST = EAGER if given.rehearse else default_optimizations()
STEP_TFLOP, CLIP_TFLOP = 56.1, 2_265.0
"""The arithmetic of a guided step of 288x512 with 49 frames whose text is kept, with one timestep,
and of a clip of 40 such steps with one text and the decoding; counted by ``tests/rehearsal``."""
SHAPES = {
    "video, 49 frames": (1008, 1008, 128),
    "video, 121 frames": (2304, 2304, 128),
    "video to text": (1008, 1024, 128),
    "sound": (51, 51, 64),
    "video to sound": (1008, 51, 64),
}
"""Places of queries and keys, and channels of each of 32 heads."""
BACKENDS = ("FLASH_ATTENTION", "CUDNN_ATTENTION", "EFFICIENT_ATTENTION", "MATH")
LIMITS = (12, 24, 48, 80)
"""Gigabytes of the devices that are imitated."""


def say(*parts: object) -> None:
    """Print at once."""
    print(*parts, flush=True)


def milliseconds(work: Callable[[], Any], rounds: int) -> float:
    """The median of some rounds, once the first is over."""
    work()
    times = []
    for _ in range(rounds):
        began = now()
        work()
        times.append(now() - began)
    return 1000 * statistics.median(times)


class Squeeze:
    """A listener that lets memory run out when a stage is first reached."""

    def __init__(self, stage: str) -> None:
        self._stage, self._seen = stage, False

    def progress(self, stage: str, step: int = 0, steps: int = 0) -> None:
        """Runs out of memory when a stage begins; when it begins again, there is room."""
        if stage != self._stage or step:
            return
        first, self._seen = not self._seen, True
        if CUDA:
            # Decoding is not told of again: then tiles have room, and the whole clip has none.
            room = 2**28 if stage != "decoding" else 2**29
            limit(torch.cuda.memory_allocated() + room if first else None)
        elif first and stage != "decoding":  # of which nothing is tried again from here
            raise torch.OutOfMemoryError("CUDA out of memory.")


def limit(size: int | None) -> None:
    """Let this process have so many bytes of the device, or all of them."""
    torch.cuda.empty_cache()
    total = torch.cuda.mem_get_info()[1]
    torch.cuda.set_per_process_memory_fraction(1.0 if size is None else min(1.0, size / total))


class Light:
    """The measurements, in their order."""

    def __init__(self) -> None:
        self.deadline = time.monotonic() + given.seconds
        self.recipe = Recipe(prompt="A fox.", num_frames=49, num_inference_steps=40, seed=7)
        if given.rehearse:
            tiny = {"width": 128, "height": 128, "num_frames": 9, "num_inference_steps": 2}
            self.recipe = self.recipe.model_copy(update=tiny)
        self.engine: Engine
        self.kwargs: dict[str, Any]

    def parts(self) -> tuple[Callable[[], None], ...]:
        """What is measured; each part's docstring is its title."""
        return (
            self.versions,
            self.attention,
            self.load,
            self.eager,
            self.graph_over_eager,
            self.compiled,
            self.graph_over_compiled,
            self.clips,
            self.distilled,
            self.top_kernels,
            self.out_of_memory,
            self.given_up,
            self.within_limits,
        )

    def run(self) -> int:
        """Everything there is time for.

        Returns:
            How many parts failed.
        """
        failed = 0
        for part in self.parts():
            title = (part.__doc__ or "").strip().rstrip(".")
            if time.monotonic() > self.deadline:
                say(f"\n## {title}\nleft out: the time is over")
                continue
            say(f"\n## {title} ({self.deadline - time.monotonic():.0f} s left)")
            try:
                with torch.inference_mode():
                    part()
            except Exception:
                failed += 1
                say(traceback.format_exc())
        return failed

    def versions(self) -> None:
        """Versions and matrix rate."""
        say(
            "python", sys.version.split()[0], "torch", torch.__version__, "cuda", torch.version.cuda
        )
        if CUDA:
            free, total = torch.cuda.mem_get_info()
            say(torch.cuda.get_device_name(0), f"{free / 1e9:.1f} of {total / 1e9:.1f} GB free")
        say(f"matrix rate {matrix_rate(self.dtype) / 1e12:.1f} TFLOP/s in {self.dtype}")

    @property
    def dtype(self) -> torch.dtype:
        """What is computed in."""
        return torch.bfloat16 if CUDA else torch.float32

    def attention(self) -> None:
        """Microseconds of attention by backend, two clips with 32 heads."""
        heads, rounds = (1, 1) if given.rehearse else (32, 9)
        for name, (queries, keys, channels) in SHAPES.items():
            shapes = ((2, heads, places, channels) for places in (queries, keys))
            q, k = (torch.randn(s, dtype=self.dtype, device=self.place) for s in shapes)
            cells = []
            for backend in BACKENDS:
                try:
                    with sdpa_kernel(getattr(SDPBackend, backend)):
                        call = partial(scaled_dot_product_attention, q, k, k)
                        cells.append(f"{backend} {1000 * milliseconds(call, rounds):.0f}")
                except RuntimeError as error:
                    cells.append(f"{backend} refused ({str(error).splitlines()[0][:40]})")
            say(f"{name}: {', '.join(cells)}")

    @property
    def place(self) -> str:
        """Where tensors are made."""
        return "cuda" if CUDA else "cpu"

    def load(self) -> None:
        """Random weights, and the arguments of one forward."""
        began = now()
        blocks = 2 if given.rehearse else 48
        pipe = random_weights.ltx_2_without_text(
            self.place, DEMO_FOLDER / "tokenizer", blocks, self.dtype
        )
        if given.rehearse:  # Whose decoder takes no minutes on a CPU.
            pipe.vae = type(pipe.vae).from_pretrained(DEMO_FOLDER / "vae")
        say(f"made in {now() - began:.1f} s, {peak_gb():.1f} GB at most")
        self.connectors, self.scheduler = pipe.connectors, pipe.scheduler
        self.engine = Engine("demo", DEMO_FOLDER, optimizations=AS_CALLED)
        self.pipe = pipe
        self.drive("ltx-2")
        caught: list[dict[str, Any]] = []
        handle = pipe.transformer.register_forward_pre_hook(
            lambda _, args, kwargs: caught.append(dict(kwargs)), with_kwargs=True
        )
        try:
            self.engine.generate(
                self.recipe.model_copy(update={"num_inference_steps": 1}), Silent()
            )
        finally:
            handle.remove()
        self.kwargs = caught[-1]

    def drive(self, card: str) -> None:
        """Make clips with the same weights as this card says."""
        known = CARDS[card]
        self.pipe.connectors = self.connectors
        self.pipe.scheduler = Schedule.from_config(self.scheduler.config, **known.scheduler)
        self.engine.adopt(Loaded(known, self.pipe, "resident"))

    def forward(self) -> Any:
        """One guided step's forward."""
        return self.pipe.transformer(**self.kwargs)

    def eager(self) -> None:
        """Ten steps, eager."""
        self._steps("eager", EAGER)

    def graph_over_eager(self) -> None:
        """Ten steps, a graph over eager, and whether it gives the same."""
        self._graph(EAGER)

    def compiled(self) -> None:
        """Ten steps, compiled for these shapes."""
        self._steps("compiled", COMPILED)

    def graph_over_compiled(self) -> None:
        """Ten steps, a graph over compiled, and whether it gives the same."""
        self._graph(COMPILED)

    def _graph(self, beneath: Optimizations) -> None:
        plain = [part.clone() for part in self._steps("without", beneath)]
        recorded = self._steps("graph", replace(beneath, graphs=True))
        graphs = self.engine.optimized.graphs
        say(f"{len(graphs.kinds) if graphs else 0} recorded, {peak_gb():.1f} GB at most")
        say("equal" if all(map(torch.equal, recorded, plain)) else "NOT EQUAL")

    def _steps(self, name: str, optimizations: Optimizations) -> tuple[torch.Tensor, ...]:
        """Time steps with these optimizations; what the last one gave."""
        if optimizations.compile and given.rehearse:
            optimizations = replace(optimizations, backend="eager")
        self.engine.use(optimizations)
        optimized = self.engine.optimized
        with optimized.clip(one_timestep=True):
            if optimizations.compile:
                began = now()
                self.forward()
                self.engine.finish_compiling()
                say(f"compiled in {now() - began:.1f} s")
            self.forward()  # As it is. The next is recorded, where there are graphs.
            time_ = milliseconds(self.forward, 1 if given.rehearse else STEPS)
            result: tuple[torch.Tensor, ...] = self.forward()
        say(f"{name}: {time_:.1f} ms a step, {STEP_TFLOP / time_ * 1000:.0f} TFLOP/s")
        return result

    def clips(self) -> None:
        """The whole clip, twice, with decoding."""
        self.engine.use(BEST)
        for _ in range(2):  # The first asks for compiled blocks, the second records them.
            few = self.recipe.model_copy(update={"num_inference_steps": 2})
            self.engine.generate(few, Silent())
            self.engine.finish_compiling()
        self._twice(CLIP_TFLOP)

    def distilled(self) -> None:
        """The whole clip, distilled, twice."""
        self.drive("ltx-2-distilled")
        self.engine.use(BEST)
        try:
            for _ in range(2):
                self.engine.generate(self.recipe, Silent())
                self.engine.finish_compiling()
            self._twice(None)
        finally:
            self.drive("ltx-2")

    def _twice(self, tflop: float | None) -> None:
        for seed in (1, 2):
            forget_peak()
            watch, began = Stopwatch(), now()
            self.engine.generate(self.recipe.model_copy(update={"seed": seed}), watch)
            total = now() - began
            sampling = watch.began["decoding"] - watch.began["sampling"]
            rate = f", {tflop / total:.0f} TFLOP/s" if tflop else ""
            say(f"{total:.2f} s, sampling {sampling:.2f} s, {peak_gb():.1f} GB at most{rate}")

    def top_kernels(self) -> None:
        """What takes longest in one eager step."""
        self.engine.use(EAGER)
        kinds = torch.profiler.ProfilerActivity
        activities = [kinds.CUDA if CUDA else kinds.CPU]
        with self.engine.optimized.clip(one_timestep=True):
            self.forward()
            with torch.profiler.profile(activities=activities) as profile:
                self.forward()
        key = "self_device_time_total" if CUDA else "self_cpu_time_total"
        say(profile.key_averages().table(sort_by=key, row_limit=KERNELS, max_name_column_width=80))

    def out_of_memory(self) -> None:
        """Memory runs out in each stage."""
        self.engine.use(replace(EAGER, graphs=True))
        recipe = self.recipe.model_copy(update={"num_inference_steps": 3})
        for stage in ("text", "sampling", "decoding"):
            with unlimited():
                clip = self.engine.generate(recipe, Squeeze(stage))
            say(f"{stage}: {clip.frames.shape} {' '.join(clip.notes) or 'nothing ran out'}")

    def given_up(self) -> None:
        """A recording that CUDA gives up, and whether memory is given back afterwards."""
        if not CUDA:
            say("left out: no CUDA device")
            return
        numbers = [torch.ones(2**28, device="cuda")]  # A gigabyte.
        try:
            CudaRecorder()(lambda: (numbers[0] * numbers[0][0].item(),))
            say("recorded all the same")
        except RuntimeError as error:
            say(str(error).splitlines()[0])
        numbers.clear()
        before = torch.cuda.memory_reserved()
        free_caches()
        say(f"{(before - torch.cuda.memory_reserved()) / 1e9:.1f} GB given back, of at least 1.1")

    def within_limits(self) -> None:
        """Peaks of each placement, within less memory."""
        del self.engine, self.kwargs, self.pipe
        if not CUDA:
            say("left out: no CUDA device")
            return
        free_caches()
        script = Path(__file__).with_name("gpu_memory.py")
        for gb in LIMITS:
            left = self.deadline - time.monotonic()
            if left < 20:
                say(f"{gb} GB left out: the time is over")
                continue
            command = [sys.executable, "-u", str(script), "--random-weights", "--gb", str(gb)]
            environment = {"PYTHONPATH": ":".join(sys.path)}
            try:
                subprocess.run(
                    command, check=False, timeout=left, env={**os.environ, **environment}
                )
            except subprocess.TimeoutExpired:
                say(f"{gb} GB cut short: the time is over")


@contextmanager
def unlimited() -> Iterator[None]:
    """Whatever limit is set inside ends with it."""
    try:
        yield
    finally:
        if CUDA:
            limit(None)


if __name__ == "__main__":
    sys.exit(Light().run())
