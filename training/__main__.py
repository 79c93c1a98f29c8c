"""From nothing to weights in one command:

    python -m training --folder runs --minutes 25

It goes through four stages (video VAE, audio VAE, vocoder, flow) and saves ``runs/model``, a
diffusers folder in half precision. Run it again after an interruption and it goes on where it was.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

import torch
from diffusers import LTX2ConditionPipeline

from training import audio, flow, model, video_vae
from training.pictures import Size
from training.pool import SIZES, Pool
from training.run import Budget, Run

_SHARES = {"video_vae": 0.42, "audio_vae": 0.05, "vocoder": 0.08, "flow": 0.45}
_NO_LIMIT = 10_000_000


@dataclass(frozen=True)
class Scale:
    """How much a device is given at a time.

    Attributes:
        windows, sounds: clips in a batch of the VAEs and the vocoder.
        tokens: in a batch of the transformer; ``room`` such batches are kept and each is used about
            ``uses`` times.
        clips: on which the spread of the latents is measured.
    """

    windows: int
    sounds: int
    tokens: int
    uses: int
    room: int
    clips: int = 32
    sizes: tuple[tuple[Size, int], ...] = SIZES


SCALES = {
    "cuda": Scale(windows=96, sounds=48, tokens=40_000, uses=8, room=128),
    "cpu": Scale(windows=16, sounds=8, tokens=4_000, uses=6, room=48),
    "test": Scale(2, 2, tokens=600, uses=2, room=2, clips=2, sizes=((Size(96, 96, 9), 1),)),
}


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m training", description=__doc__)
    parser.add_argument("--folder", type=Path, required=True, help="checkpoints, curves, model/")
    parser.add_argument("--minutes", type=float, default=25, help="of all stages together")
    parser.add_argument("--steps", type=int, default=_NO_LIMIT, help="of each stage, at most")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--scale", choices=SCALES, help="batch sizes; the device's if not given")
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args()
    device = torch.device(chosen.device)
    scale = SCALES[chosen.scale or device.type]
    torch.backends.cuda.matmul.allow_tf32 = True
    torch.backends.cudnn.allow_tf32 = True
    torch.backends.cudnn.benchmark = True
    train(chosen.folder, device, scale, chosen.minutes, chosen.steps, chosen.seed)


def train(
    folder: Path,
    device: torch.device,
    scale: Scale,
    minutes: float,
    steps: int = _NO_LIMIT,
    seed: int = 0,
) -> LTX2ConditionPipeline:
    """Every stage that is not complete yet, then ``folder/model``."""
    torch.manual_seed(seed)
    pipe = model.pipeline()

    def stage(name: str, part: torch.nn.Module, batch: int, learning_rate: float) -> Run:
        budget = Budget(steps, minutes * _SHARES[name], batch, learning_rate)
        return Run(name, folder, part, budget, device, seed)

    run = stage("video_vae", pipe.vae, scale.windows, 1.5e-3)
    video_vae.train(run)
    run.use_average()
    video_vae.normalise(pipe.vae, device, clips=scale.clips)
    run = stage("audio_vae", pipe.audio_vae, scale.sounds, 2e-3)
    audio.train_vae(run)
    run.use_average()
    audio.normalise(pipe.audio_vae, device, clips=scale.clips)
    run = stage("vocoder", pipe.vocoder, scale.sounds, 2e-3)
    audio.train_vocoder(run, pipe.audio_vae)
    run.use_average()
    run = stage("flow", flow.trained_parts(pipe), 1, 1e-3)
    pool = Pool(
        pipe, device, tokens=scale.tokens, uses=scale.uses, room=scale.room, sizes=scale.sizes
    )
    flow.train(run, pipe, pool)
    run.use_average()
    save(pipe, folder / "model")
    return pipe


def save(pipe: LTX2ConditionPipeline, folder: Path) -> None:
    """The pipeline as an ordinary diffusers folder in half precision."""
    pipe.to("cpu", torch.float16)
    pipe.save_pretrained(folder)


if __name__ == "__main__":
    main()
