"""How often a finished clip keeps what its draft showed, for ways of making a draft cheap.

Each prompt leaves something open, which the seed decides. From each seed a finished clip is made
(49 frames, 40 steps) and a draft in each way. Counted is how often both show the same subject,
colour, place and motion and sound alike, read as the tests of the demo model read them
(``training/measure.py``), and how often the draft is the nearest, among the drafts of all seeds of
the prompt, to the finished clip: its first frame by its mean colours in squares of 32 pixels. Each
share stands beside that of drafts of another seed, which is what the prompt alone decides, and
chance.

    python benchmarks/drafts.py
    python benchmarks/drafts.py --seeds 2 --noise clip
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, median
from typing import Any

# So that the studio is found from whatever folder the script is started in.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from ltx_ui import runtime

runtime.set_up()

import numpy as np
import torch
from numpy.typing import NDArray

from ltx_ui.clip import Clip, Silent
from ltx_ui.engine.engine import Engine
from ltx_ui.request import parse_recipe
from training import measure

PROMPTS = (
    "A red ball.",
    "A box over the ocean.",
    "Something green moves to the left.",
    "In a plain grey studio.",
    "The ring rises slowly.",
    "Blue.",
)
SIZE = {"width": 288, "height": 512, "guidance_scale": 3.0}
FINISH = {"num_frames": 49, "num_inference_steps": 40}
WAYS: Mapping[str, Mapping[str, int]] = {
    "49 frames, 5 steps": {"num_frames": 49, "num_inference_steps": 5},
    "49 frames, 10 steps": {"num_frames": 49, "num_inference_steps": 10},
    "9 frames, 5 steps": {"num_frames": 9, "num_inference_steps": 5},
}
ATTRIBUTES = ("subject", "colour", "place", "motion", "sound")
SQUARE = 32


@dataclass(frozen=True)
class Found:
    """What a clip shows, and how long it took.

    Attributes:
        attributes: by name, as ``training/measure.py`` calls them.
        layout: the first frame's mean colours in squares, float, h×w×3.
        seconds: of making it.
    """

    attributes: Mapping[str, Any]
    layout: NDArray[np.float64]
    seconds: float


def made(engine: Engine, **fields: Any) -> Found:
    """Make a clip and look at it."""
    began = time.perf_counter()
    clip = engine.generate(parse_recipe({**SIZE, **fields}), Silent())
    seconds = time.perf_counter() - began
    return Found(attributes(clip), layout(clip), seconds)


def attributes(clip: Clip) -> dict[str, Any]:
    """What is seen and heard of a clip."""
    seen = measure.look(torch.from_numpy(clip.frames), clip.fps)
    assert clip.waveform is not None
    heard = measure.listen(torch.from_numpy(clip.waveform), clip.sample_rate)
    return {name: getattr(seen, name, heard) for name in ATTRIBUTES}


def layout(clip: Clip) -> NDArray[np.float64]:
    """Where in a clip's first frame which colour is."""
    height, width, _ = clip.frames[0].shape
    squares = clip.frames[0].reshape(height // SQUARE, SQUARE, width // SQUARE, SQUARE, 3)
    means: NDArray[np.float64] = squares.mean(axis=(1, 3), dtype=np.float64)
    return means


def kept(drafts: Sequence[Found], finished: Sequence[Found], other: int) -> dict[str, float]:
    """Shares of the seeds of one prompt whose finished clip is as the draft of that seed, or of the
    ``other``-th after it."""
    shares: dict[str, float] = {}
    pairs = [(drafts[(i + other) % len(drafts)], clip) for i, clip in enumerate(finished)]
    for name in ATTRIBUTES:
        shares[name] = mean(d.attributes[name] == c.attributes[name] for d, c in pairs)
    shares["layout"] = mean(nearest(clip, drafts) is draft for draft, clip in pairs)
    return shares


def nearest(clip: Found, drafts: Sequence[Found]) -> Found:
    """The draft whose layout is most like a clip's."""
    return min(drafts, key=lambda draft: float(np.square(draft.layout - clip.layout).mean()))


def row(name: str, shares: Sequence[Mapping[str, float]], time: str) -> str:
    """A line of the table: means over the prompts, in percent."""
    cells = [f"{mean(share[column] for share in shares):.0%}" for column in shares[0]]
    return f"| {name} | {time} | {' | '.join(cells)} |"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=5, help="of each prompt; at least 2")
    parser.add_argument("--prompts", type=int, default=len(PROMPTS), help="of the prompts")
    parser.add_argument("--noise", choices=("frame", "clip"), default="frame")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as models_dir:
        engine = Engine("demo", Path(models_dir))
        engine.load(lambda message, fraction: None)
    clips: dict[str, list[list[Found]]] = {name: [] for name in ("finished", *WAYS)}
    for prompt in PROMPTS[: chosen.prompts]:
        for name, settings in (("finished", FINISH), *WAYS.items()):
            shared = {"prompt": prompt, "noise": chosen.noise, **settings}
            clips[name].append([made(engine, seed=n, **shared) for n in range(chosen.seeds)])
        print(f"{prompt} made", file=sys.stderr, flush=True)
    finished = clips.pop("finished")
    print(f"{chosen.prompts} prompts, {chosen.seeds} seeds, noise {chosen.noise}")
    print(f"| draft | time, of the finished clip's | {' | '.join((*ATTRIBUTES, 'layout'))} |")
    print("| --- " * (len(ATTRIBUTES) + 3) + "|")
    for name, drafts in clips.items():
        pairs = [p for d, f in zip(drafts, finished, strict=True) for p in zip(d, f, strict=True)]
        time = f"{median(draft.seconds / clip.seconds for draft, clip in pairs):.0%}"
        for label, other in ((name, 0), (f"{name}, another seed's", 1)):
            shares = [kept(d, f, other) for d, f in zip(drafts, finished, strict=True)]
            print(row(label, shares, "" if other else time), flush=True)


if __name__ == "__main__":
    main()
