"""How long it takes until a model can make clips, with and without what makes loading faster.

Each start is a process of its own, after one that brings the files into the system's cache: so this
compares what the process does, not the disk. The model is one of yours, or LTX-2's parts at their
real widths with random weights, a few of their 48 blocks and layers.

    python benchmarks/loading.py --model demo
    python benchmarks/loading.py --blocks 8 --layers 4
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

# So that the studio is found from whatever folder the script is started in.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from ltx_ui import runtime

runtime.set_up()

import torch

PARALLEL = "HF_ENABLE_PARALLEL_LOADING"
SHARD = "2GB"


def seconds_of_loading(model: str, models_dir: Path, *, direct: bool) -> float:
    """From weights on disk to an engine that is ready, in this process."""
    from ltx_ui.engine.engine import Engine
    from ltx_ui.engine.optimizations import Optimizations

    engine = Engine(model, models_dir, optimizations=Optimizations(direct_loading=direct))
    began = time.perf_counter()
    engine.load(lambda message, fraction: None)
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter() - began


def started(model: str, models_dir: Path, *, parallel: bool, direct: bool) -> float:
    """Seconds to load a model in a process of its own, where no file is read yet.

    Args:
        parallel: read files in several threads.
        direct: read weights straight to the device.
    """
    command = [sys.executable, __file__, "--model", model, "--models-dir", str(models_dir)]
    command += ["--once", "direct" if direct else "by way of the host"]
    environment = {**os.environ, PARALLEL: "yes" if parallel else "no"}
    run = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    return float(run.stdout)


def save_random(folder: Path, blocks: int, layers: int) -> None:
    """LTX-2 with random weights and fewer blocks, as its authors publish it."""
    from benchmarks import random_weights
    from ltx_ui.engine.loading import DEMO_FOLDER

    pipe = random_weights.ltx_2("cpu", DEMO_FOLDER / "tokenizer", blocks, layers)
    pipe.save_pretrained(folder, max_shard_size=SHARD)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description="Seconds of loading.")
    parser.add_argument("--model", default="demo")
    parser.add_argument("--models-dir", type=Path, default=Path("data/models"))
    parser.add_argument("--blocks", type=int, help="of the transformer: random weights")
    parser.add_argument("--layers", type=int, default=4, help="of the text encoder, likewise")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--once", choices=["direct", "by way of the host"], help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.once:
        direct = given.once == "direct"
        print(seconds_of_loading(given.model, given.models_dir, direct=direct), flush=True)
        return
    with tempfile.TemporaryDirectory() as folder:
        if given.blocks:
            save_random(Path(folder), given.blocks, given.layers)
            given.model = folder
        compare(given.model, given.models_dir, given.rounds)


def compare(model: str, models_dir: Path, rounds: int) -> None:
    """Every way in turn, ``rounds`` times."""
    cuda = torch.cuda.is_available()
    ways = [
        (parallel, direct)
        for direct in ([True, False] if cuda else [True])
        for parallel in (True, False)
    ]
    started(model, models_dir, parallel=True, direct=True)
    times: dict[tuple[bool, bool], list[float]] = {way: [] for way in ways}
    for _ in range(rounds):
        for parallel, direct in ways:
            times[parallel, direct].append(
                started(model, models_dir, parallel=parallel, direct=direct)
            )
    usual = statistics.median(times[True, True])
    print(
        "| files | to the device | seconds | to the first |\n| --- | --- | --- | --- |", flush=True
    )
    for (parallel, direct), seconds in times.items():
        median = statistics.median(seconds)
        files = "in parallel" if parallel else "one by one"
        way = "straight" if direct else "by way of the host"
        print(
            f"| {files} | {way if cuda else '–'} | {median:.2f} | {median / usual:.2f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
