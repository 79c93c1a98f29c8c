"""Whether clips are made on smaller devices: each run is held to a share of this one's memory.

For each limit the placement is chosen as if no more were there, one clip is made, and one line says
what was chosen, what was noted, the time and the peak. It needs a CUDA device and has not been run
on one yet.

    python benchmarks/gpu_memory.py --model ltx-2-distilled --models-dir data/models --gb 12 24 48
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from pathlib import Path

import torch

# So that the studio is found from whatever folder the script is started in.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from ltx_ui.clip import Silent
from ltx_ui.engine.engine import Engine
from ltx_ui.engine.loading import free_memory
from ltx_ui.engine.placement import USUAL, Free, choose, working
from ltx_ui.errors import StudioError
from ltx_ui.recipe import Recipe

GB = 10**9
TEXT = 12 * GB // 10
"""Kept keys and values of one text, of the 19B."""
CONTEXT = GB // 2
"""What the CUDA context itself takes; it does not count as allocated."""


def one_limit(model: str, models_dir: Path, gb: float, frames: int) -> None:
    """Make a clip within ``gb`` and print the line."""
    total = torch.cuda.mem_get_info()[1]
    limit = min(total, round(gb * GB) - CONTEXT)
    torch.cuda.set_per_process_memory_fraction(limit / total)
    engine = Engine(model, models_dir)
    try:
        weights = engine.card.component_bytes
        free = Free(limit, free_memory().host)
        clips = 2 if engine.card.takes_guidance else 1
        beside = working(*USUAL, clips=clips, text=clips * TEXT)
        engine.placement = choose(engine.card.title, weights, free, beside)
        engine.load(lambda message, fraction: None)
        begin = time.perf_counter()
        clip = engine.generate(Recipe(prompt="A fox.", num_frames=frames, seed=1), Silent())
        outcome = f"{time.perf_counter() - begin:.1f} s {' '.join(clip.notes)}"
    except StudioError as error:
        outcome = str(error)
    peak = torch.cuda.max_memory_allocated() / GB
    print(f"{gb:5.0f} GB  {engine.placement}  peak {peak:.1f} GB  {outcome}", flush=True)


def main() -> None:
    """One process for each limit: a limit can't be raised once memory was taken."""
    parser = argparse.ArgumentParser(description="Clips within less device memory.")
    parser.add_argument("--model", default="ltx-2-distilled")
    parser.add_argument("--models-dir", type=Path, default=Path("data/models"))
    parser.add_argument("--frames", type=int, default=49)
    parser.add_argument("--gb", type=float, nargs="+", default=[12.0, 24.0, 48.0])
    given = parser.parse_args()
    if not torch.cuda.is_available():
        sys.exit("This needs a CUDA device.")
    if len(given.gb) == 1:
        one_limit(given.model, given.models_dir, given.gb[0], given.frames)
        return
    for gb in given.gb:
        flags = ["--model", given.model, "--models-dir", str(given.models_dir)]
        flags += ["--frames", str(given.frames), "--gb", str(gb)]
        subprocess.run([sys.executable, __file__, *flags], check=False)


if __name__ == "__main__":
    main()
