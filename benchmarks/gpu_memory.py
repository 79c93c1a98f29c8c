"""Whether clips are made on smaller devices: each run is held to a share of this one's memory.

For each limit the placement is chosen as if no more were there, two clips are made, and one row
says what was chosen, what the takes noted, the times and the peaks. It needs a CUDA device. With
random weights the 19B waits in host memory (69 GB), and is made for each limit anew.

    python benchmarks/gpu_memory.py --random-weights --gb 12 24 48
    python benchmarks/gpu_memory.py --model ltx-2 --models-dir data/models --gb 12 24 48
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

# So that the studio is found from whatever folder the script is started in.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from ltx_ui import runtime

runtime.set_up()

import torch

from benchmarks import random_weights
from benchmarks.measuring import host_peak_gb, peak_gb
from ltx_ui.clip import Silent
from ltx_ui.engine.choosing import Free, choose
from ltx_ui.engine.engine import Engine
from ltx_ui.engine.loading import (
    DEMO_FOLDER,
    Loaded,
    Schedule,
    place,
)
from ltx_ui.engine.machine import CPU, free_memory, pick_device
from ltx_ui.engine.models import ModelCard
from ltx_ui.engine.placement import IN_8_BITS, USUAL, WAITING, Placement, working
from ltx_ui.engine.quantization import Float8, quantize_transformer
from ltx_ui.errors import StudioError
from ltx_ui.recipe import Recipe

GB = 10**9
TEXT = 12 * GB // 10
"""Kept keys and values of one text, of the 19B."""
ROOM = 75 * GB
"""Free memory of a device that all weights are made on."""
CONTEXT = GB // 2
"""What the CUDA context itself takes; it does not count as allocated."""


def one_limit(model: str, models_dir: Path | None, gb: float, frames: int, steps: int) -> None:
    """Make two clips within ``gb`` and print the row; without a folder, with random weights."""
    total = torch.cuda.mem_get_info()[1]
    limit = min(total, round(gb * GB) - CONTEXT)
    if models_dir is not None:
        torch.cuda.set_per_process_memory_fraction(limit / total)
    with tempfile.TemporaryDirectory() as folder:
        engine = Engine(model, models_dir or Path(folder))
        recipe = Recipe(prompt="A fox.", num_frames=frames, num_inference_steps=steps, seed=1)
        times, notes = [time.perf_counter()], ""
        try:
            engine.placement = placement(engine.card, limit)
            if models_dir is None:
                pipe = drawn()
                torch.cuda.set_per_process_memory_fraction(limit / total)
                times[0] = time.perf_counter()
                engine.adopt(placed(engine.card, pipe, engine.placement))
            else:
                engine.load(lambda message, fraction: None)
            times.append(time.perf_counter())
            for _ in range(2):
                notes = " ".join(engine.generate(recipe, Silent()).notes)
                times.append(time.perf_counter())
        except StudioError as error:
            notes = str(error)
    seconds = [f"{end - begin:.1f}" for begin, end in pairwise(times)] + ["–"] * 3
    cells = [f"{gb:g} GB", engine.card.title, str(engine.placement), *seconds[:3]]
    cells += [f"{peak_gb():.1f}", f"{host_peak_gb():.0f}", notes]
    print(f"| {' | '.join(cells)} |", flush=True)


def drawn() -> Any:
    """LTX-2 19B with random weights, in host memory. They are made on the device where it has room
    for them, which takes seconds instead of minutes."""
    where = "cuda" if torch.cuda.mem_get_info()[0] > ROOM else "cpu"
    pipe = random_weights.ltx_2(where, DEMO_FOLDER / "tokenizer").to("cpu")
    for name in ("vision_tower", "multi_modal_projector"):  # Loading from files leaves them out.
        setattr(pipe.text_encoder.model, name, None)
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats()
    return pipe


def placement(card: ModelCard, device: int) -> Placement:
    """The one for so many bytes of the device."""
    clips = 2 if card.takes_guidance else 1
    beside = working(*USUAL, clips=clips, text=clips * TEXT)
    return choose(card.title, card.component_bytes, Free(device, free_memory(CPU).host), beside)


def placed(card: ModelCard, pipe: Any, placement: Placement) -> Loaded:
    """A pipeline in host memory, driven as the card says and brought to where it shall live."""
    pipe.scheduler = Schedule.from_config(pipe.scheduler.config, **card.scheduler)
    if placement in IN_8_BITS:
        waits = "transformer" in WAITING[placement]
        quantize_transformer(pipe.transformer, Float8, pick_device(), waits=waits)
    place(pipe, placement, pick_device())
    return Loaded(card, pipe, placement)


def main() -> None:
    """One process for each limit: a limit can't be raised once memory was taken."""
    parser = argparse.ArgumentParser(description="Clips within less device memory.")
    parser.add_argument("--model", default="ltx-2-distilled")
    weights = parser.add_mutually_exclusive_group(required=True)
    weights.add_argument("--models-dir", type=Path, help="where the weights are")
    weights.add_argument("--random-weights", action="store_true", help="make them")
    parser.add_argument("--frames", type=int, default=49)
    parser.add_argument("--steps", type=int, default=40, help="of a model that is not distilled")
    parser.add_argument("--gb", type=float, nargs="+", default=[12.0, 24.0, 48.0])
    given = parser.parse_args()
    if not torch.cuda.is_available():
        sys.exit("This needs a CUDA device.")
    if len(given.gb) == 1:
        one_limit(given.model, given.models_dir, given.gb[0], given.frames, given.steps)
        return
    columns = ["limit", "model", "placement", "loading s", "first clip s", "second clip s"]
    columns += ["device peak GB", "host peak GB", "notes"]
    print(f"| {' | '.join(columns)} |\n|{' --- |' * len(columns)}", flush=True)
    source = ["--random-weights"] if given.random_weights else ["--models-dir", given.models_dir]
    for gb in given.gb:
        flags = ["--model", given.model, *source, "--frames", given.frames, "--steps", given.steps]
        command = [sys.executable, __file__, *flags, "--gb", gb]
        subprocess.run([str(part) for part in command], check=False)


if __name__ == "__main__":
    main()
