"""The sound's way: waveform → mel frames → audio VAE → mel frames → vocoder → waveform."""

from __future__ import annotations

import random
from collections.abc import Sequence
from functools import cache

import torch
from diffusers import AutoencoderKLLTX2Audio
from diffusers.pipelines.ltx2.vocoder import LTX2Vocoder
from torch import Tensor

from training.model import MEL_BINS
from training.run import Run
from training.sounds import SAMPLE_RATE, waveforms
from training.world import Scene, draw_scene, draw_scenes

HOP = 240
"""Samples a mel frame: 100 frames a second, as LTX-2's 160 at 16 kHz."""

_WINDOW = 1536
"""Samples seen by a mel frame: as long as LTX-2's 1024 at 16 kHz."""

_TOP_HZ = 8000.0
_FLOOR = 1e-5
_LATENT_FRAMES, _VOCODER_FRAMES = (10, 18, 26), (6, 10)
_WAVE_WEIGHT = 20
_NOISE = frozenset({"rain", "waves"})
_LATENT_NOISE, _LATENT_WEIGHT = 0.1, 1e-4


def audio_latents(seconds: float) -> int:
    """Audio latents of a clip, as the pipeline counts them: 25 a second."""
    return round(seconds * 25)


def samples_of(latents: int) -> int:
    """Samples that so many latents decode to: the causal decoder makes 4n-3 mel frames of n."""
    return (4 * latents - 3) * HOP


def mel(waveform: Tensor) -> Tensor:
    """Log-mel frames, (B, C, T, 64), of waveforms (B, C, samples) at 24 kHz: one for each `HOP`
    samples, centred on their first."""
    batch, channels, samples = waveform.shape
    window = torch.hann_window(_WINDOW, device=waveform.device)
    spectrum = torch.stft(
        waveform.reshape(-1, samples).float(), _WINDOW, HOP, window=window, return_complex=True
    )
    loudness = spectrum.abs()[..., : samples // HOP] * (2 / window.sum())
    bins = torch.einsum("mf,bft->btm", _filters().to(waveform.device), loudness)
    return bins.clamp(min=_FLOOR).log().view(batch, channels, -1, MEL_BINS)


@cache
def _filters() -> Tensor:
    """Triangles on the mel scale (2595 log10(1 + f/700)), (64, bins of the spectrum)."""
    hertz = torch.fft.rfftfreq(_WINDOW, 1 / SAMPLE_RATE)
    top = 2595 * torch.tensor(1 + _TOP_HZ / 700).log10()
    edges = 700 * (10 ** (torch.linspace(0, 1, MEL_BINS + 2) * top / 2595) - 1)
    low, middle, high = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    return torch.minimum((hertz - low) / (middle - low), (high - hertz) / (high - middle)).clamp(0)


def train_vae(run: Run) -> None:
    """Spend the run's budget on the audio VAE: mel frames in, mel frames out."""
    vae: AutoencoderKLLTX2Audio = run.model
    for rng in run.steps():
        frames = mel(_sounds(rng, run, _LATENT_FRAMES)[1])
        with run.autocast():
            latents = vae.encode(frames).latent_dist.mode()
            noise = _LATENT_NOISE * torch.randn_like(latents)
            heard = vae.decode(latents + noise).sample
        error = heard.float() - frames
        size = latents.float().square().mean()
        run.learn(
            error.abs().mean() + 0.1 * error.square().mean() + _LATENT_WEIGHT * size,
            l1=error.abs().mean(),
            size=size,
        )


def train_vocoder(run: Run, vae: AutoencoderKLLTX2Audio) -> None:
    """Spend the run's budget on the vocoder; half of the mel frames it learns from went through
    the audio VAE, since that is what it will be given.

    Noise has no wave that could be repeated: there only the spectra count, those of both sides
    together among them, or the two cancel each other out.
    """
    vocoder: LTX2Vocoder = run.model
    for rng in run.steps():
        scenes, sound = _sounds(rng, run, _VOCODER_FRAMES)
        frames = mel(sound)
        if rng.random() < 0.5:
            with torch.no_grad():
                frames = vae.decode(vae.encode(frames).latent_dist.mode()).sample
        heard = vocoder(frames)
        steady = torch.tensor([s.sound not in _NOISE for s in scenes], device=run.device)
        wave = ((heard - sound).abs().mean(dim=(1, 2)) * steady).mean()
        spectra = _spectral_difference(_with_middle(heard), _with_middle(sound))
        run.learn(_WAVE_WEIGHT * wave + spectra, wave=wave, spectra=spectra)


def _with_middle(waveform: Tensor) -> Tensor:
    return torch.cat([waveform, waveform.mean(dim=1, keepdim=True)], dim=1)


def _sounds(rng: random.Random, run: Run, lengths: Sequence[int]) -> tuple[Sequence[Scene], Tensor]:
    scenes = [draw_scene(rng) for _ in range(run.budget.batch)]
    samples = samples_of(rng.choice(lengths))
    return scenes, waveforms(scenes, samples, run.device).contiguous()


def _spectral_difference(heard: Tensor, sound: Tensor) -> Tensor:
    """Mean absolute difference of log spectra at three resolutions (Yamamoto et al., Parallel
    WaveGAN, 2020)."""
    total = heard.new_zeros(())
    for length in (240, 600, 1536):
        window = torch.hann_window(length, device=heard.device)
        pair = [
            torch.stft(
                w.reshape(-1, w.shape[-1]), length, length // 4, window=window, return_complex=True
            ).abs()
            * (2 / window.sum())
            for w in (heard, sound)
        ]
        logs = [spectrum.clamp(min=1e-4).log() for spectrum in pair]
        total = total + (logs[0] - logs[1]).abs().mean() + 5 * (pair[0] - pair[1]).abs().mean()
    return total


@torch.no_grad()
def normalise(vae: AutoencoderKLLTX2Audio, device: torch.device, *, clips: int) -> None:
    """Set ``latents_mean`` and ``latents_std``, one number for each of the 32 packed channels."""
    sound = waveforms(draw_scenes(7, clips), samples_of(26), device)
    latents = vae.encode(mel(sound)).latent_dist.mode().float()
    packed = latents.transpose(1, 2).flatten(2).flatten(0, 1)
    vae.latents_mean.copy_(packed.mean(dim=0))
    vae.latents_std.copy_(packed.std(dim=0).clamp(min=1e-3))
