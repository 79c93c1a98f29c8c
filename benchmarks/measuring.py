"""What the benchmarks measure with: clips by stage, the device's matrix rate, counted FLOP."""

from __future__ import annotations

import resource
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers.utils import encode_video
from numpy.typing import NDArray
from torch.utils.flop_counter import FlopCounterMode

from ltx_ui.clip import Clip, Stage
from ltx_ui.engine.engine import Engine
from ltx_ui.engine.loading import Loaded
from ltx_ui.engine.models import ModelCard
from ltx_ui.engine.text import text_length
from ltx_ui.geometry import SPATIAL_COMPRESSION, grid_size, latent_frames, latent_size
from ltx_ui.media.mp4 import write_mp4
from ltx_ui.recipe import Recipe

CUDA = torch.cuda.is_available()


class Stopwatch:
    """Times stages."""

    def __init__(self) -> None:
        self.began: dict[str, float] = {}

    def progress(self, stage: Stage, step: int = 0, steps: int = 0) -> None:
        """Notes when a stage began, once the device has done what it was given."""
        if stage not in self.began:
            self.began[stage] = now()


class PreviewStopwatch(Stopwatch):
    """Times stages, and looks at previews as a studio does."""

    def preview(self, frames: NDArray[np.uint8], fps: float) -> None:
        """Keeps the last one."""
        self.seen = frames


def now() -> float:
    """Seconds, once the device has done what it was given."""
    if CUDA:
        torch.cuda.synchronize()
    return time.perf_counter()


def matrix_rate(dtype: torch.dtype) -> float:
    """FLOP a second that large matrix products reach here."""
    side = 8192 if CUDA else 2048
    device = "cuda" if CUDA else "cpu"
    a, b = (torch.randn(side, side, device=device, dtype=dtype) for _ in range(2))
    times = []
    for _ in range(8):
        began = now()
        a @ b
        times.append(now() - began)
    return 2 * side**3 / min(times)


@torch.no_grad()
def flop_of_clip(loaded: Loaded, card: ModelCard, recipe: Recipe) -> float:
    """FLOP of sampling and of decoding the pictures, counted on the meta device."""
    pipe = loaded.pipe
    with torch.device("meta"):
        transformer = type(pipe.transformer).from_config(pipe.transformer.config)
        vae = type(pipe.vae).from_config(pipe.vae.config)
        config = transformer.config
        width, height = latent_size(recipe.width, recipe.height)
        frames = latent_frames(recipe.num_frames)
        sounds = round(recipe.duration * 25)
        text = (1, text_length(pipe), config.caption_channels)
        one = torch.ones(1)
        with FlopCounterMode(display=False) as sampling:
            transformer(
                hidden_states=torch.empty(1, frames * height * width, config.in_channels),
                audio_hidden_states=torch.empty(1, sounds, config.audio_in_channels),
                encoder_hidden_states=torch.empty(text),
                audio_encoder_hidden_states=torch.empty(text),
                timestep=one,
                audio_timestep=one,
                sigma=one,
                num_frames=frames,
                height=height,
                width=width,
                audio_num_frames=sounds,
            )
        with FlopCounterMode(display=False) as decoding:
            vae.decode(torch.empty(1, 128, frames, height, width))
    flops: float = sampling.get_total_flops() * card.passes(recipe) + decoding.get_total_flops()
    return flops


def our_clip(
    engine: Engine, recipe: Recipe, folder: Path, watch: Stopwatch | None = None
) -> dict[str, float]:
    """Seconds by stage of one clip, from recipe to mp4."""
    watch = watch or PreviewStopwatch()
    clip: Clip = engine.generate(recipe, watch)
    decoded = now()
    write_mp4(clip, folder / "ours.mp4", {"recipe": recipe.model_dump()})
    began, ended = watch.began, now()
    steps = engine.card.steps(recipe.num_inference_steps)
    return {
        "text": began["sampling"] - began["text"],
        "step": (began["decoding"] - began["sampling"]) / steps,
        "decode": decoded - began["decoding"],
        "mux": ended - decoded,
        "total": ended - began["text"],
    }


def stock_clip(
    pipe: Any, recipe: Recipe, folder: Path, places: int | None = None, **guidance: Any
) -> float:
    """Seconds of one clip as the library makes it, with so many places for its text; by default as
    many as the model was made for."""
    width, height = grid_size(recipe.width, recipe.height, SPATIAL_COMPRESSION)
    began = now()
    video, audio = pipe(
        prompt=recipe.prompt,
        negative_prompt=recipe.negative_prompt,
        width=width,
        height=height,
        num_frames=recipe.num_frames,
        frame_rate=float(recipe.fps),
        num_inference_steps=recipe.num_inference_steps,
        generator=torch.Generator("cpu").manual_seed(recipe.seed),
        max_sequence_length=places or text_length(pipe),
        output_type="np",
        return_dict=False,
        **guidance,
    )
    encode_video(
        video[0],
        fps=recipe.fps,
        audio=audio[0].float().cpu(),
        audio_sample_rate=pipe.vocoder.config.output_sampling_rate,
        output_path=str(folder / "stock.mp4"),
    )
    return now() - began


def forget_peak() -> None:
    """Count the most memory of the device from now on; a process can't forget its own."""
    if CUDA:
        torch.cuda.reset_peak_memory_stats()


def peak_gb() -> float:
    """Most memory so far: of the device, or of the process where there is none."""
    return torch.cuda.max_memory_allocated() / 1e9 if CUDA else host_peak_gb()


def host_peak_gb() -> float:
    """Most memory of the process so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9
