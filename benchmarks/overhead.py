"""How much of stock diffusers' time a clip takes here, from recipe to mp4 on disk.

Both ways run in the same process, in turn, warm, with the demo model: 288x512, 49 frames, 5 steps,
guidance 3. Stock is ``LTX2ConditionPipeline`` with the same explicit guidance and numpy output,
then ``diffusers.utils.encode_video``: with as many places for text as the model was made for, with
diffusers' default of 1024, and with all its defaults, whose guidance is four forwards a step. Both
ways also in bfloat16, where the processor has arithmetic for it: elsewhere that would take minutes
for each clip. The last line is ours over stock's, of the medians, both in float32 and with the same
guidance and places.

    python benchmarks/overhead.py --rounds 7
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

# So that the studio is found from whatever folder the script is started in.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from ltx_ui import runtime

runtime.set_up()

import torch
from diffusers import LTX2ConditionPipeline

from benchmarks.measuring import Stopwatch, our_clip, stock_clip
from ltx_ui.engine.engine import Engine
from ltx_ui.engine.loading import DEMO_FOLDER
from ltx_ui.engine.machine import multiplies_bfloat16, pick_device
from ltx_ui.engine.sampling import guidance_arguments
from ltx_ui.engine.text import text_length
from ltx_ui.recipe import Recipe

RECIPE = Recipe(prompt="A red fox crosses a snowy street at dusk.", seed=7, num_inference_steps=5)


def stock_pipeline(dtype: torch.dtype) -> Any:
    """The library's own pipeline, on the device that the engine uses."""
    pipe = LTX2ConditionPipeline.from_pretrained(DEMO_FOLDER, dtype=dtype)
    pipe.to("cuda" if torch.cuda.is_available() else "cpu")
    pipe.set_progress_bar_config(disable=True)
    return pipe


def recipe(text: str) -> Recipe:
    """The recipe, with these words."""
    return RECIPE.model_copy(update={"prompt": text})


def seconds(work: Callable[[], None]) -> float:
    """Wall time of one call."""
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


def main() -> None:
    """Print the medians, and ours over stock's as the last line."""
    parser = argparse.ArgumentParser(description="Our overhead beside stock diffusers.")
    parser.add_argument("--rounds", type=int, default=7, help="clips of each kind")
    rounds = parser.parse_args().rounds
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        engine = Engine("demo", root / "models")
        engine.load(lambda message, fraction: None)
        float32 = stock_pipeline(torch.float32)
        places, guidance = text_length(float32), guidance_arguments(RECIPE, engine.card)

        def stock(pipe: Any, text: str, places: int, guidance: dict[str, Any] = guidance) -> None:
            stock_clip(pipe, recipe(text), root, places, **guidance)

        def ours(engine: Engine, text: str) -> None:
            our_clip(engine, recipe(text), root, Stopwatch())

        ways: dict[str, Callable[[str], None]] = {
            "stock": lambda text: stock(float32, text, places),
            "stock, 1024": lambda text: stock(float32, text, 1024),
            "stock, defaults": lambda text: stock(float32, text, 1024, {}),
            "new prompt": lambda text: ours(engine, text),
            "same prompt": lambda text: ours(engine, RECIPE.prompt),
        }
        if multiplies_bfloat16(pick_device()):
            half = Engine("demo", root / "models", precision="bfloat16")
            half.load(lambda message, fraction: None)
            bfloat16 = stock_pipeline(torch.bfloat16)
            ways["stock, bfloat16"] = lambda text: stock(bfloat16, text, places)
            ways["bfloat16"] = lambda text: ours(half, RECIPE.prompt)
        else:
            print("bfloat16 is left out: this processor has no arithmetic for it", flush=True)
        for name, way in ways.items():
            print(f"{name:15} {seconds(partial(way, RECIPE.prompt)):6.3f} s, cold", flush=True)
        times: dict[str, list[float]] = {name: [] for name in ways}
        for round_ in range(rounds):
            for name, way in ways.items():
                fresh = f"{RECIPE.prompt} Take {round_}."
                times[name].append(seconds(partial(way, fresh)))
            print(f"round {round_ + 1} of {rounds}", flush=True)
    medians = {name: statistics.median(values) for name, values in times.items()}
    for name, median in medians.items():
        print(f"{name:15} {median:6.3f} s  {median / medians['stock']:.2f} of stock")
    print(f"device {engine.device}, torch threads {torch.get_num_threads()}")
    print(f"ratio {medians['same prompt'] / medians['stock']:.2f}")


if __name__ == "__main__":
    main()
