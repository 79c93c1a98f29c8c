"""Whether a CUDA device makes the clips it should, from files on disk, in every placement.

    python benchmarks/gpu_road.py --seconds 200
    python benchmarks/gpu_road.py --wheels FOLDER --seconds 200          on a bare machine
    python benchmarks/gpu_road.py --rehearse

Two things are asked. The demo model's clips on the device, made in every way there is, are compared
with those of the CPU. And a checkpoint in the published form, with LTX-2's real widths, random
weights and a few of its blocks, is loaded and run in every placement: how long loading takes, how
much memory is taken at most beside what the plan says, what is left over, and how near the clip is
to the one of weights that stay on the device. ``--rehearse`` runs what it can on a CPU.
"""

from __future__ import annotations

import argparse
import gc
import shutil
import sys
import tempfile
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

# So that the studio is found from whatever folder the script is started in.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks import bare_machine
from ltx_ui import runtime

parser = argparse.ArgumentParser(description="Clips of a CUDA device, from files.")
parser.add_argument("--wheels", type=Path, help="what bare_machine.py has fetched")
parser.add_argument("--seconds", type=float, default=200.0, help="begin nothing after these")
parser.add_argument("--blocks", type=int, default=4, help="of the transformer, and text layers")
parser.add_argument("--parts", nargs="+", choices=("demo", "road"), default=("demo", "road"))
parser.add_argument("--rehearse", action="store_true", help="on a CPU, small")
given = parser.parse_args()
if given.wheels:
    bare_machine.unpack(given.wheels)
runtime.set_up()

import numpy as np
import torch

from benchmarks.measuring import CUDA, forget_peak, now, peak_gb
from ltx_ui.clip import Silent
from ltx_ui.engine.attention_kernels import KERNELS
from ltx_ui.engine.engine import Engine
from ltx_ui.engine.models import CARDS
from ltx_ui.engine.optimizations import Optimizations, default_optimizations
from ltx_ui.engine.placement import PLACEMENTS, Placement
from ltx_ui.errors import StudioError
from ltx_ui.inputs import InputData
from ltx_ui.lossy import Lossy
from ltx_ui.recipe import Recipe
from tests.rehearsal import checkpoint, stage, verdict
from tests.rehearsal.cases import CASES
from training.measure import psnr

if given.wheels:
    bare_machine.leave_pictures()
GB = 10**9
EAGER = Optimizations()
SIZE = (288, 512)
FAST = default_optimizations(sizes=[SIZE], compile=True)
GRAPHS = replace(EAGER, graphs=True)
PATTERN = (torch.randn(2**24, generator=torch.Generator().manual_seed(0)) * 0.02).bfloat16()
"""What weights are filled with, over and over."""
WAYS: dict[str, dict[str, Any]] = {
    "float32": {"precision": "float32", "optimizations": EAGER},
    "bfloat16": {"optimizations": EAGER},
    "graphs": {"optimizations": GRAPHS},
    "unfused": {"optimizations": replace(EAGER, fused_kernels=False)},
    **{
        name: {"optimizations": replace(EAGER, attention=name)}
        for name, kernel in KERNELS.items()
        if not kernel.module and name != "native"
    },
    **{name: {"optimizations": EAGER, "placement": name} for name in PLACEMENTS[1:]},
    "fp8-matmul": {"optimizations": EAGER, "lossy": Lossy(fp8_matmul=True)},
    "step-cache": {"optimizations": EAGER, "lossy": Lossy(step_cache=0.1)},
    "compiled, graphs": {"optimizations": FAST},
}
"""How the demo's clip is made on the device: arguments of the engine."""


def say(*parts: object) -> None:
    """Print at once."""
    print(*parts, flush=True)


class Peaks:
    """A listener that notes the most memory of each stage, in GB."""

    def __init__(self) -> None:
        self._stage, self._most = "text", dict[str, float]()
        forget_peak()

    def progress(self, stage: str, step: int = 0, steps: int = 0) -> None:
        """A stage's peak ends where the next begins."""
        if stage != self._stage:
            self.end()
            self._stage = stage
            forget_peak()

    def end(self) -> float:
        """The most of any stage, once the last one is over."""
        self._most[self._stage] = max(peak_gb(), self._most.get(self._stage, 0.0))
        return max(self._most.values())

    def __str__(self) -> str:
        return ", ".join(f"{name} {gb:.2f}" for name, gb in self._most.items())


def loaded(model: str, folder: Path, **arguments: Any) -> Engine:
    """An engine with its model on the device."""
    engine = Engine(model, folder, **arguments)
    engine.load(lambda message, fraction: None)
    return engine


def forget() -> None:
    """Give back what nobody holds any more."""
    gc.collect()
    if CUDA:
        torch.cuda.empty_cache()
        torch.cuda.set_per_process_memory_fraction(1.0)


def live_gb() -> float:
    """What is allocated on the device."""
    return torch.cuda.memory_allocated() / GB if CUDA else 0.0


@contextmanager
def part(title: str, deadline: float) -> Iterator[None]:
    """Says what fails inside, and goes on; does nothing once the time is over."""
    if time.monotonic() > deadline:
        say(f"{title}: left out, the time is over")
        raise TimeoutError
    try:
        yield
    except TimeoutError:
        raise
    except StudioError as error:
        say(f"{title}: {error}")
    except Exception:
        say(f"{title}:\n{traceback.format_exc()}")
    finally:
        forget()


def demo(folder: Path, deadline: float) -> None:
    """The demo's clip, in every way, beside the CPU's."""
    small = {"width": 128, "height": 128, "num_frames": 9} if given.rehearse else {}
    fields = {"prompt": CARDS["demo"].examples[0], "num_frames": 49, "num_inference_steps": 8}
    recipe = Recipe(**{**fields, **small, "seed": 3})
    exact = loaded("demo", folder, device="cpu", optimizations=EAGER).generate(recipe, Silent())
    near: Any = None
    for title, arguments in WAYS.items():
        with part(title, deadline):
            engine = loaded("demo", folder, **arguments)
            for _ in range(3):  # The first asks for compiled blocks, the second records them.
                began = now()
                clip = engine.generate(recipe, Silent())
                seconds = now() - began
                engine.finish_compiling()
            near = clip.frames if title == "bfloat16" else near
            beside = "" if near is None else f", {psnr(clip.frames, near):.1f} of bfloat16"
            sound = _sound_db(clip.waveform, exact.waveform)
            graphs = engine.optimized.graphs
            recorded = f", {len(graphs.kinds)} graphs" if graphs else ""
            say(
                f"{title}: {psnr(clip.frames, exact.frames):.1f} dB of the CPU's{beside}, "
                f"sound {sound:.1f}, {seconds:.2f} s{recorded} {' '.join(clip.notes)}"
            )
            del engine


def _sound_db(one: Any, other: Any) -> float:
    """Signal to difference of two sounds, in dB."""
    off = np.mean((one.astype(np.float64) - other) ** 2)
    return float(10 * np.log10(np.mean(other.astype(np.float64) ** 2) / off)) if off else np.inf


def write(folder: Path, blocks: int) -> None:
    """LTX-2 in its published form, with random weights and few blocks."""
    checkpoint.write("2.0", folder, blocks, blocks)
    pattern = memoryview(PATTERN.view(torch.uint8).numpy().tobytes())
    for file in (*folder.glob("*/*.safetensors"), *folder.glob("*.safetensors")):
        with file.open("r+b") as opened:
            begin = 8 + int.from_bytes(opened.read(8), "little")
            left = file.stat().st_size - begin
            opened.seek(begin)
            while left:
                left -= opened.write(pattern[:left])


def road(folder: Path, deadline: float) -> None:
    """The checkpoint in every placement."""
    began = time.monotonic()
    write(folder, given.blocks)
    say(f"\nwritten in {time.monotonic() - began:.1f} s")
    model = stage.model_of(folder)
    usual: dict[str, Any] = {}
    for placement in PLACEMENTS[:1] if given.rehearse else PLACEMENTS:
        with part(placement, deadline):
            forget_peak()
            began = now()
            engine = loaded(str(folder), folder, placement=placement, optimizations=EAGER)
            say(f"{placement}: loaded in {now() - began:.1f} s, {live_gb():.2f} GB")
            for name in ("text", "first and last frame", "HD"):
                with part(f"  {name}", deadline):
                    clip_of(engine, name, placement, model, usual)
            del engine
    if CUDA:
        with part("stepped down", deadline):
            stepped_down(folder)


def clip_of(engine: Engine, name: str, place: Placement, model: Any, usual: dict[str, Any]) -> None:
    """One clip of a case, and a line on it."""
    recipe = CASES[name].recipe()
    if given.rehearse:
        recipe = recipe.model_copy(update={"width": 128, "height": 128, "num_frames": 9})
    black = np.zeros((recipe.height, recipe.width, 3), np.uint8)
    data = InputData({image.at: black for image in recipe.inputs.images})
    before = live_gb()
    peaks = Peaks()
    began = now()
    clip = engine.generate(recipe, peaks, data)
    seconds, peak = now() - began, peaks.end()
    frames = usual.setdefault(name, clip.frames)
    plan = verdict.planned(name, place, model)[0] / GB
    gc.collect()
    say(
        f"  {name}: {seconds:.2f} s, peak {peak:.2f} GB, plan {plan:.2f}"
        f"{' EXCEEDED' if CUDA and peak > plan else ''} ({peaks}), "
        f"left over {live_gb() - before:.3f}, "
        f"{psnr(clip.frames, frames):.1f} dB of resident's, spread {clip.frames.std():.1f} "
        f"{' '.join(clip.notes)}"
    )


def stepped_down(folder: Path) -> None:
    """Memory that is too little for a clip where the weights are."""
    engine = loaded(str(folder), folder, placement="resident", optimizations=GRAPHS)
    short = CASES["text"].recipe()
    engine.generate(short, Silent())
    engine.generate(short, Silent())
    torch.cuda.empty_cache()
    total = torch.cuda.mem_get_info()[1]
    torch.cuda.set_per_process_memory_fraction((torch.cuda.memory_allocated() + GB // 4) / total)
    clip = engine.generate(short.model_copy(update={"num_frames": 121}), Silent())
    say(f"stepped down to {engine.placement}, {live_gb():.2f} GB: {' '.join(clip.notes)}")
    torch.cuda.set_per_process_memory_fraction(1.0)
    clip = engine.generate(short, Silent())
    say(f"and back to {engine.placement}, {live_gb():.2f} GB: {' '.join(clip.notes) or 'no note'}")


def main() -> None:
    """Both, within the time."""
    deadline = time.monotonic() + given.seconds
    shared = Path("/dev/shm")  # Memory: a disk may be slow, and that is not what is asked.
    room = shared.is_dir() and shutil.disk_usage(shared).free > 20 * GB
    with tempfile.TemporaryDirectory(dir=shared if room else None) as temporary:
        say(f"files in {temporary}")
        for name in given.parts:
            try:
                {"demo": demo, "road": road}[name](Path(temporary) / name, deadline)
            except TimeoutError:
                continue
            except Exception:
                say(traceback.format_exc())


if __name__ == "__main__":
    main()
