"""How well a demo model follows the prompt, read from its pixels and its waveform.

Captions are of combinations that training never saw; the clips are made by the app's own engine at
288x512, 25 frames unless told otherwise. Each rate stands beside what guessing would reach. Then,
for some of the captions: guidance 1, 5 steps, and how near the first and the last frame come to a
reference image. At last what the video VAE alone keeps of held-out clips.

    python benchmarks/demo_quality.py
    python benchmarks/demo_quality.py --model runs/model
    python benchmarks/demo_quality.py --frames 49 --clips 100
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

# So that the studio is found from whatever folder the script is started in.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from ltx_ui import runtime

runtime.set_up()

import torch
from diffusers import AutoencoderKLLTX2Video

from ltx_ui.clip import Clip, Silent
from ltx_ui.engine.engine import Engine
from ltx_ui.engine.loading import DEMO_FOLDER
from ltx_ui.inputs import FIELDS, NO_INPUTS, InputData, Place, digest_of
from ltx_ui.request import parse_recipe
from training import measure, video_vae
from training.captions import caption
from training.pictures import Size, film
from training.world import CAMERAS, COLOURS, MOTIONS, PLACES, SOUNDS, SUBJECTS, Scene, draw_scenes

CHOICES: dict[str, Sequence[Any]] = {
    "colour": COLOURS,
    "place": PLACES,
    "motion": MOTIONS,
    "subject": SUBJECTS,
    "sound": SOUNDS,
    "camera": CAMERAS,
}
TARGETS = {"colour": 0.90, "place": 0.90, "motion": 0.85, "subject": 0.75, "sound": 0.85}
RECONSTRUCTION_DB = 26.0
REFERENCE_DB = 24.0
WIDTH, HEIGHT = 288, 512


def right(scene: Scene, clip: Clip) -> dict[str, bool]:
    """Which attributes of the scene the clip shows and sounds."""
    seen = measure.look(torch.from_numpy(clip.frames), clip.fps)
    found = {
        name: getattr(seen, name) == getattr(scene, name) for name in CHOICES if name != "sound"
    }
    assert clip.waveform is not None
    heard = measure.listen(torch.from_numpy(clip.waveform), clip.sample_rate)
    return found | {"sound": heard == scene.sound}


def make(
    engine: Engine,
    scene: Scene,
    seed: int,
    frames: int,
    inputs: InputData = NO_INPUTS,
    **fields: Any,
) -> Clip:
    """A clip of the scene's caption, with 20 steps and guidance 3 unless told otherwise."""
    usual = {
        "prompt": caption(scene, random.Random(seed), whole=True),
        "width": WIDTH,
        "height": HEIGHT,
        "num_frames": frames,
        "num_inference_steps": 20,
        "guidance_scale": 3.0,
        "seed": seed,
    }
    return engine.generate(parse_recipe(usual | fields), Silent(), inputs)


def makes(engine: Engine, scenes: Sequence[Scene], frames: int, **fields: Any) -> Iterator[Clip]:
    """One clip after the other; each scene's number is its seed."""
    return (make(engine, scene, index, frames, **fields) for index, scene in enumerate(scenes))


def rates(scenes: Sequence[Scene], clips: Iterable[Clip]) -> dict[str, float]:
    """The share of clips that show each attribute as asked for."""
    counts: Counter[str] = Counter()
    for scene, clip in zip(scenes, clips, strict=True):
        counts.update(name for name, ok in right(scene, clip).items() if ok)
    return {name: counts[name] / len(scenes) for name in CHOICES}


def nearness(
    engine: Engine, scenes: Sequence[Scene], plain: Sequence[Clip], image: str, frame: int
) -> dict[str, float]:
    """Mean PSNR in dB of a clip's frame to that of the scene itself, which is given as a reference
    image (``image_start`` or ``image_end``) of two strengths, and not given (``plain``)."""
    totals: defaultdict[str, float] = defaultdict(float)
    for index, scene in enumerate(scenes):
        frames = len(plain[index].frames)
        picture = film(scene, Size(WIDTH, HEIGHT, frames))[frame].numpy()
        digest = digest_of(picture.tobytes())
        place: Place = 0 if image == FIELDS[0] else -1
        data, named = InputData({place: picture}), {image: digest}
        clips = {
            "strength 1": make(engine, scene, index, frames, data, **named),
            "strength 0.5": make(engine, scene, index, frames, data, **named, image_strength=0.5),
            "no image": plain[index],
        }
        for name, clip in clips.items():
            totals[name] += measure.psnr(clip.frames[frame], picture)
    return {name: total / len(scenes) for name, total in totals.items()}


def mean(found: dict[str, float]) -> float:
    """The mean share of clips that follow, over the attributes that have a target."""
    return sum(found[name] for name in TARGETS) / len(TARGETS)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="demo", help="demo, or a folder that training made")
    parser.add_argument("--clips", type=int, default=200)
    parser.add_argument("--frames", type=int, default=25, help="of every clip; aims are for 25")
    parser.add_argument("--compare", type=int, default=50, help="clips of the comparisons")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as models_dir:
        engine = Engine(chosen.model, Path(models_dir))
        engine.load(lambda message, fraction: None)
    scenes = draw_scenes(100, chosen.clips, benchmark=True)
    few = scenes[: chosen.compare]
    frames = chosen.frames
    plain = list(makes(engine, few, frames))
    rest = (make(engine, scenes[index], index, frames) for index in range(len(few), len(scenes)))
    found = rates(scenes, chain(plain, rest))
    length = f"{frames} frames, 20 steps, guidance 3, on {engine.device}"
    print(f"{chosen.clips} held-out captions, {length}", flush=True)
    for name, choices in CHOICES.items():
        target = f"target {TARGETS[name]:.0%}" if name in TARGETS else ""
        print(
            f"{name:<8} {found[name]:6.1%}   guessing {1 / len(choices):6.1%}   {target}",
            flush=True,
        )
    for steps, guidance, clips in (
        (20, 3, plain),
        (20, 1, makes(engine, few, frames, guidance_scale=1.0)),
        (5, 3, makes(engine, few, frames, num_inference_steps=5)),
    ):
        score = mean(rates(few, clips))
        print(f"mean of {len(few)} at {steps} steps, guidance {guidance}: {score:.1%}", flush=True)
    for image, frame in (("image_start", 0), ("image_end", -1)):
        found = nearness(engine, few, plain, image, frame)
        near = ", ".join(f"{db:.1f} dB ({given})" for given, db in found.items())
        print(
            f"{image}, in {len(few)} clips: {near}; target {REFERENCE_DB:g} dB (strength 1)",
            flush=True,
        )
    folder = DEMO_FOLDER if chosen.model == "demo" else Path(chosen.model)
    vae = AutoencoderKLLTX2Video.from_pretrained(folder, subfolder="vae", dtype=torch.float32)
    kept = video_vae.reconstruction(vae, torch.device("cpu"))
    print(
        f"video VAE: {kept:.1f} dB on held-out clips, target {RECONSTRUCTION_DB:g} dB", flush=True
    )


if __name__ == "__main__":
    main()
