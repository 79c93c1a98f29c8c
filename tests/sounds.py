"""Sounds to make clips to, as files."""

from __future__ import annotations

import io

import av
import numpy as np
from av import AudioFrame
from numpy.typing import NDArray

RATE = 48_000


def beats(seconds: float, hertz: float = 440.0, rate: int = RATE) -> NDArray[np.float32]:
    """Half a second of a tone, half a second of little: float32, 2×T."""
    time = np.arange(round(seconds * rate)) / rate
    mono = 0.4 * np.sin(2 * np.pi * hertz * time) * np.where(time % 1.0 < 0.5, 1.0, 0.05)
    return np.stack([mono, 0.5 * mono]).astype(np.float32)


def sound_file(
    waveform: NDArray[np.float32],
    kind: str = "wav",
    codec: str = "pcm_s16le",
    rate: int = RATE,
    options: dict[str, str] | None = None,
) -> bytes:
    """A waveform, C×T, as a file of FFmpeg's format and codec.

    Args:
        options: of the format.
    """
    target = io.BytesIO()
    layout = {1: "mono", 2: "stereo", 7: "6.1"}[len(waveform)]
    with av.open(target, "w", format=kind, options=options or {}) as container:
        stream = container.add_stream(codec, rate=rate, layout=layout)
        for first in range(0, waveform.shape[1], 1024):
            frame = AudioFrame.from_ndarray(
                np.ascontiguousarray(waveform[:, first : first + 1024]), "fltp", layout
            )
            frame.sample_rate = rate
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return target.getvalue()
