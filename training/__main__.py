"""From nothing to weights in one command:

    python -m training --folder runs --minutes 25

It goes through five stages (video VAE, audio VAE, vocoder, upsampler, flow) and saves
``runs/model``, a diffusers folder in half precision. Run it again after an interruption and it goes
on where it was.

With ``--start ltx_ui/engine/demo`` all parts are taken from a finished folder, and the flow is
trained further.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from diffusers import LTX2ConditionPipeline
from diffusers.pipelines.ltx2.latent_upsampler import LTX2LatentUpsamplerModel
from torch import nn

from ltx_ui.engine.placement import UPSAMPLER
from training import audio, flow, model, video_vae
from training import upsampler as upsampling
from training.pictures import Size
from training.pool import SIZES, Pool
from training.run import Budget, Run, kernels

_SHARES = {"video_vae": 0.30, "audio_vae": 0.04, "vocoder": 0.06, "upsampler": 0.02, "flow": 0.58}
_NO_LIMIT = 10_000_000
_FURTHER_RATE = 1e-3
"""The learning rate of a flow that has learnt before: two thirds of a fresh one's."""


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
    "cpu": Scale(windows=16, sounds=8, tokens=4_000, uses=30, room=200),
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
    parser.add_argument("--start", type=Path, help="a diffusers folder that this command saved")
    chosen = parser.parse_args()
    device = torch.device(chosen.device)
    scale = SCALES[chosen.scale or device.type]
    torch.backends.cuda.matmul.allow_tf32 = True
    torch.backends.cudnn.allow_tf32 = True
    torch.backends.cudnn.benchmark = True
    train(chosen.folder, device, scale, chosen.minutes, chosen.steps, chosen.seed, chosen.start)


def train(
    folder: Path,
    device: torch.device,
    scale: Scale,
    minutes: float,
    steps: int = _NO_LIMIT,
    seed: int = 0,
    start: Path | None = None,
) -> LTX2ConditionPipeline:
    """Every stage that is not complete yet, then ``folder/model``.

    Args:
        start: a folder that :func:`save` made; its flow alone is trained then.
    """
    torch.manual_seed(seed)

    def stage(
        name: str, part: nn.Module, batch: int, matrices: Sequence[nn.Parameter] | None = None
    ) -> Run:
        share, rate = _SHARES[name], Budget.learning_rate
        if start is not None:
            share, rate = 1.0, _FURTHER_RATE
        budget = Budget(steps, minutes * share, batch, rate)
        apart = kernels(part) if matrices is None else matrices
        return Run(name, folder, part, budget, device, seed, apart)

    if start is None:
        pipe = model.pipeline()
        upsampler = _train_all_but_flow(pipe, stage, device, scale)
    else:
        pipe = LTX2ConditionPipeline.from_pretrained(start, dtype=torch.float32).to(device)
        upsampler = LTX2LatentUpsamplerModel.from_pretrained(start / UPSAMPLER)
    run = stage("flow", flow.trained_parts(pipe), 1, flow.matrices(pipe))
    pool = Pool(
        pipe, device, tokens=scale.tokens, uses=scale.uses, room=scale.room, sizes=scale.sizes
    )
    flow.train(run, pipe, pool)
    run.use_average()
    save(pipe, upsampler, folder / "model")
    return pipe


def _train_all_but_flow(
    pipe: LTX2ConditionPipeline, stage: Callable[..., Run], device: torch.device, scale: Scale
) -> LTX2LatentUpsamplerModel:
    run = stage("video_vae", pipe.vae, scale.windows)
    video_vae.train(run)
    run.use_average()
    video_vae.normalise(pipe.vae, device, clips=scale.clips)
    run = stage("audio_vae", pipe.audio_vae, scale.sounds)
    audio.train_vae(run)
    run.use_average()
    audio.normalise(pipe.audio_vae, device, clips=scale.clips)
    run = stage("vocoder", pipe.vocoder, scale.sounds)
    audio.train_vocoder(run, pipe.audio_vae)
    run.use_average()
    upsampler = model.upsampler()
    run = stage("upsampler", upsampler, scale.windows)
    upsampling.train(run, pipe.vae)
    run.use_average()
    return upsampler


def save(pipe: LTX2ConditionPipeline, upsampler: LTX2LatentUpsamplerModel, folder: Path) -> None:
    """All parts as an ordinary diffusers folder in half precision."""
    pipe.to("cpu", torch.float16)
    # A fast tokenizer saves how it was last called.
    pipe.tokenizer.backend_tokenizer.no_padding()
    pipe.tokenizer.backend_tokenizer.no_truncation()
    pipe.save_pretrained(folder)
    upsampler.to("cpu", torch.float16).save_pretrained(folder / UPSAMPLER)


if __name__ == "__main__":
    main()
