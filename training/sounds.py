"""What a scene sounds like.

Steady sounds have whole multiples of 100 Hz, the rate of the mel frames: the same wave then stands
in every frame, so that a small vocoder, which never sees a phase, can still draw it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from training.world import BOUNCE_PERIOD, Scene

SAMPLE_RATE = 24_000
HUM_HZ, TONE_HZ, BEEP_HZ, THUMP_HZ = 100, 900, 1400, 100
BEEPS_A_SECOND = 4
RAIN_HZ = (2000.0, 7000.0)
WAVES_HZ = (150.0, 700.0)


def waveforms(scenes: Sequence[Scene], samples: int, device: torch.device | str = "cpu") -> Tensor:
    """The sound of each scene: float32 (B, 2, samples) in -1…1 at 24 kHz, both sides alike."""
    seconds = torch.arange(samples, device=device) / SAMPLE_RATE
    mono = torch.stack([_SOUNDS[scene.sound](scene, seconds) for scene in scenes])
    return mono.unsqueeze(1).expand(-1, 2, -1)


def _silence(scene: Scene, t: Tensor) -> Tensor:
    return torch.zeros_like(t)


def _hum(scene: Scene, t: Tensor) -> Tensor:
    tremble = 1 + 0.1 * _wave(t, 3, scene.phase)
    return 0.22 * tremble * (_wave(t, HUM_HZ) + 0.5 * _wave(t, 2 * HUM_HZ))


def _tone(scene: Scene, t: Tensor) -> Tensor:
    return 0.25 * _wave(t, TONE_HZ)


def _beeps(scene: Scene, t: Tensor) -> Tensor:
    gate = torch.sigmoid(12 * _wave(t, BEEPS_A_SECOND, scene.phase))
    return 0.28 * gate * _wave(t, BEEP_HZ)


def _thumps(scene: Scene, t: Tensor) -> Tensor:
    since = (t / BOUNCE_PERIOD + scene.phase) % 1.0 * BOUNCE_PERIOD
    attack = (since / 0.01).clamp(max=1)
    return 0.6 * attack * torch.exp(-since / 0.07) * _wave(t, THUMP_HZ)


def _rain(scene: Scene, t: Tensor) -> Tensor:
    return 0.10 * _noise(scene, t, *RAIN_HZ)


def _waves(scene: Scene, t: Tensor) -> Tensor:
    swell = 0.6 + 0.4 * _wave(t, 0.5, scene.phase)
    return 0.16 * swell * _noise(scene, t, *WAVES_HZ)


_SOUNDS: dict[str, Callable[[Scene, Tensor], Tensor]] = {
    "silence": _silence,
    "hum": _hum,
    "tone": _tone,
    "beeps": _beeps,
    "thumps": _thumps,
    "rain": _rain,
    "waves": _waves,
}


def _wave(t: Tensor, hertz: float, phase: float = 0.0) -> Tensor:
    return (2 * math.pi * (hertz * t + phase)).sin()


def _noise(scene: Scene, t: Tensor, low: float, high: float) -> Tensor:
    """Noise of spread 1 between two frequencies; the same for the same scene."""
    generator = torch.Generator().manual_seed(int(scene.phase * 2**31))
    white = torch.randn(len(t), generator=generator).to(t.device)
    spectrum = torch.fft.rfft(white)
    hertz = torch.fft.rfftfreq(len(t), 1 / SAMPLE_RATE).to(t.device)
    edges = torch.sigmoid((hertz - low) / (0.08 * low)) * torch.sigmoid(
        (high - hertz) / (0.08 * high)
    )
    band: Tensor = torch.fft.irfft(spectrum * edges, n=len(t))
    loudness: Tensor = band.std()
    return band / loudness.clamp(min=1e-6)
