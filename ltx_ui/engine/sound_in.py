"""Clips made to a given sound: its latents are kept while the picture is sampled.

The waveform becomes log-mel frames, and those become latents by the audio VAE's encoder, as in the
authors' ``a2vid_two_stage.py``. At strength 1 the transformer sees them clean, at timestep 0 in
every step, and the clip gets the sound as it was given.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any

import torch
from torch import Tensor
from transformers.audio_utils import mel_filter_bank

from ltx_ui.engine import compat
from ltx_ui.engine.film import shared_sound
from ltx_ui.engine.models import ModelCard
from ltx_ui.engine.remade import staying_sound
from ltx_ui.inputs import SOUND_RATE, InputData, Sound
from ltx_ui.recipe import Recipe

_FLOOR = 1e-5
_ZERO_CROSSINGS, _ROLLOFF = 6, 0.99


@dataclass(frozen=True)
class LogMel:
    """How a waveform becomes log-mel frames.

    The defaults are the authors' (``AudioProcessor`` in Lightricks/LTX-2,
    ``packages/ltx-core/.../audio_vae/ops.py``).

    Attributes:
        rate: samples a second of the waveform; :data:`SOUND_RATE` is a multiple of it.
        window, hop: samples that a frame sees, and from one frame to the next.
        bins: mel bins.
        top: Hz of the highest bin's end.
        slaney: Slaney's mel scale, each filter of area 1; else 2595 log10(1 + f/700), each filter
            of height 1 and the spectrum scaled so that a full sine is 1.
    """

    rate: int = 16_000
    window: int = 1024
    hop: int = 160
    bins: int = 64
    top: float = 8000.0
    slaney: bool = True


DEMO = LogMel(rate=24_000, window=1536, hop=240, slaney=False)
"""What the demo model's audio VAE was trained on, in ``training/audio.py``."""


@dataclass(frozen=True, eq=False)
class KeptSound:
    """A sound that a clip is made to.

    Attributes:
        sound: as it was given; None where it is a film's, which has it itself.
        latents: denormalised audio latents, 1×C×L×M, float32.
        strength: how closely they are kept, 0…1.
        staying: which of their frames are kept, 1×L×1, where the others are made anew; None for all
            of them.
    """

    sound: Sound | None
    latents: Tensor
    strength: float
    staying: Tensor | None = None

    @property
    def frozen(self) -> bool:
        """Whether the latents stay as they are."""
        return self.strength == 1.0 and self.staying is None


def kept_sound(pipe: Any, card: ModelCard, recipe: Recipe, inputs: InputData) -> KeptSound | None:
    """The sound that a recipe's clip is made to, or that of a film that it goes on from or of which
    it makes a part again; None where there is none, or the model can't hear."""
    given, again, film = recipe.inputs.audio, recipe.inputs.retake, recipe.inputs.film
    if inputs.sound is None or not inputs.sound.waveform.size or not card.hears:
        return None
    latents = sound_latents(pipe, card, inputs.sound, recipe.num_frames / recipe.fps)
    if given is not None and again is None:
        return KeptSound(inputs.sound, latents, given.strength)
    if again is not None:
        staying = None if again.sound == "keep" else staying_sound(recipe, again, latents)
        return KeptSound(None, latents, 1.0, staying)
    return KeptSound(None, latents, 1.0, shared_sound(recipe, film, latents)) if film else None


def sound_latents(pipe: Any, card: ModelCard, sound: Sound, seconds: float) -> Tensor:
    """The latents of a sound that is cut, or padded with silence, to a clip's length.

    Returns:
        Denormalised, 1×C×L×M, float32, with as many frames as the pipeline gives such a clip.
    """
    how = DEMO if card.demo else LogMel()
    waveform = torch.zeros(2, round(seconds * SOUND_RATE))
    heard = torch.from_numpy(sound.waveform)[:, : waveform.shape[1]]
    waveform[:, : heard.shape[1]] = heard
    frames = log_mel(decimated(waveform, SOUND_RATE // how.rate), how)[None]
    vae = pipe.audio_vae
    frames = frames.to(compat.execution_device(pipe), vae.dtype)
    latents: Tensor = vae.encode(frames).latent_dist.mode().float()
    rate = (
        pipe.audio_sampling_rate / pipe.audio_hop_length / pipe.audio_vae_temporal_compression_ratio
    )
    return latents[:, :, : round(seconds * rate)].contiguous()


def decimated(waveform: Tensor, factor: int) -> Tensor:
    """A waveform, C×T, with a ``factor``-th of the samples: through a Hann-windowed sinc, as
    torchaudio's ``resample`` has it by default."""
    if factor == 1:
        return waveform
    reach = math.ceil(_ZERO_CROSSINGS * factor / _ROLLOFF)
    time = torch.arange(-reach, reach + 1) * (_ROLLOFF / factor)
    time = time.clamp(-_ZERO_CROSSINGS, _ZERO_CROSSINGS)
    window = torch.cos(time * math.pi / (2 * _ZERO_CROSSINGS)) ** 2
    kernel = torch.sinc(time) * window * (_ROLLOFF / factor)
    padded = torch.nn.functional.pad(waveform[:, None], (reach, reach))
    fewer: Tensor = torch.nn.functional.conv1d(padded, kernel[None, None], stride=factor)
    return fewer[:, 0]


def log_mel(waveform: Tensor, how: LogMel) -> Tensor:
    """Log-mel frames, C×T×bins, of a waveform, C×samples, at ``how.rate``; frames are centred on
    their first sample, and the waveform is mirrored at its ends."""
    window = torch.hann_window(how.window)
    spectrum = torch.stft(
        waveform, how.window, how.hop, window=window, center=True, return_complex=True
    ).abs()
    if not how.slaney:
        spectrum = spectrum * (2 / window.sum())
    return torch.einsum("mf,cft->ctm", _filters(how), spectrum).clamp(min=_FLOOR).log()


@cache
def _filters(how: LogMel) -> Tensor:
    """Triangles, bins×frequencies."""
    scale, norm = ("slaney", "slaney") if how.slaney else ("htk", None)
    frequencies = how.window // 2 + 1
    filters = mel_filter_bank(frequencies, how.bins, 0.0, how.top, how.rate, norm, scale)
    return torch.from_numpy(filters.T).float()


@contextmanager
def following(pipe: Any, kept: KeptSound | None) -> Iterator[None]:
    """Let the pipeline keep a sound inside the block; without one, nothing is changed.

    To be entered after what draws the noise, and with the latents of the stage before as the
    pipeline's argument where there is one.
    """
    if kept is None:
        yield
        return
    own, patched = pipe.audio_scheduler, vars(pipe).get("prepare_audio_latents")
    device = compat.execution_device(pipe)
    staying = None if kept.staying is None else kept.staying.to(device)
    keep = kept.strength if staying is None else staying
    schedule = _KeptSchedule(pipe, kept.strength, staying)
    draw = pipe.prepare_audio_latents

    def prepare(batch_size: int, *, noise_scale: float, **named: Any) -> Tensor:
        noise: Tensor = draw(batch_size, noise_scale=noise_scale, **(named | {"latents": None}))
        before = kept.latents if kept.frozen or named["latents"] is None else named["latents"]
        clean = _packed(pipe, before).to(noise)
        schedule.clean = clean = clean.expand_as(noise)
        share = (1.0 - keep) * noise_scale
        return clean.clone() if kept.frozen else noise * share + clean * (1 - share)

    pipe.audio_scheduler, pipe.prepare_audio_latents = schedule, prepare
    try:
        with _timesteps(pipe.transformer, staying):
            yield
    finally:
        pipe.audio_scheduler = own
        if patched is None:
            del pipe.prepare_audio_latents
        else:
            pipe.prepare_audio_latents = patched


@contextmanager
def _timesteps(transformer: Any, staying: Tensor | None) -> Iterator[None]:
    """Give each frame of the sound a timestep of its own inside the block, 0 to those that stay, as
    the pipeline does with the picture's. Does nothing where that is None."""
    if staying is None:
        yield
        return
    answering = compat.answering_call(transformer)
    call = answering or compat.plain_call(transformer)

    def with_timesteps(*args: Any, **named: Any) -> Any:
        each = named["audio_timestep"].unsqueeze(-1) * (1 - staying[..., 0])
        return call(*args, **named | {"audio_timestep": each})

    compat.call_instead(transformer, with_timesteps)
    try:
        yield
    finally:
        compat.call_instead(transformer, answering)


def _packed(pipe: Any, latents: Tensor) -> Tensor:
    """Denormalised latents, 1×C×L×M, as the transformer takes them: normalised, 1×L×CM."""
    packed = latents.transpose(1, 2).flatten(2)
    vae = pipe.audio_vae
    mean, spread = vae.latents_mean.to(packed), vae.latents_std.to(packed)
    normalised: Tensor = (packed - mean) / spread
    return normalised


class _KeptSchedule:
    """A scheduler for the sound. As pictures are kept, so is the sound: its noise is that of the
    video times 1 - strength, and so are its timesteps; in each step the denoised sound is blended
    with the given one. Where only some of its frames are kept, the others have the video's."""

    def __init__(self, pipe: Any, strength: float, staying: Tensor | None = None) -> None:
        self._pipe = pipe
        self._keep: float | Tensor = strength if staying is None else staying
        self._scale = 1 - strength if staying is None else 1.0
        self._frozen = staying is None and strength == 1.0
        self.clean: Tensor
        self.sigmas: Tensor
        self.timesteps: Tensor
        self._step = 0

    def set_timesteps(
        self,
        num_inference_steps: int | None = None,
        device: Any = None,
        sigmas: Any = None,
        mu: float | None = None,
        timesteps: Any = None,
    ) -> None:
        """As of the video's scheduler."""
        schedule = copy.deepcopy(self._pipe.scheduler)
        named = {"sigmas": sigmas, "mu": mu, "timesteps": timesteps}
        schedule.set_timesteps(num_inference_steps, device=device, **named)
        self.sigmas = schedule.sigmas * self._scale
        self.timesteps = schedule.timesteps * self._scale
        self._step = 0

    def step(
        self, model_output: Tensor, timestep: Any, sample: Tensor, return_dict: bool = False
    ) -> tuple[Tensor]:
        """The sound after one step, given its velocity."""
        now, then = self.sigmas[self._step], self.sigmas[self._step + 1]
        self._step += 1
        if self._frozen:
            return (sample,)
        denoised = sample - model_output * now
        kept = denoised * (1 - self._keep) + self.clean * self._keep
        ratio = then / now
        return (sample * ratio + kept * (1 - ratio),)
