"""Films for tests, and what is seen and heard in them."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from ltx_ui.clip import Clip
from ltx_ui.media.mp4 import write_mp4

RATE = 24000


def moving(frames: int, width: int = 128, height: int = 128) -> NDArray[np.uint8]:
    """A bright bar that goes to the right over a grey gradient."""
    film = np.zeros((frames, height, width, 3), np.uint8)
    film[:] = np.linspace(40, 120, width, dtype=np.uint8)[None, None, :, None]
    for number in range(frames):
        at = 8 + 2 * number % (width - 24)
        film[number, height // 3 : height // 2, at : at + 16] = (220, 60, 60)
    return film


def tone(seconds: float, pitch: float = 220.0) -> NDArray[np.float32]:
    """A quiet tone, 2×T."""
    times = np.arange(round(seconds * RATE)) / RATE
    return np.tile(0.2 * np.sin(2 * np.pi * pitch * times), (2, 1)).astype(np.float32)


def film(path: Path, frames: int = 33, *, fps: int = 24, sound: bool = True, **size: int) -> bytes:
    """An mp4 as the studio writes them."""
    waveform = tone(frames / fps) if sound else None
    write_mp4(Clip(moving(frames, **size), fps, waveform, RATE), path, {})
    return path.read_bytes()


def encoded(pictures: NDArray[np.uint8], rate: Any = 24, container: str = "mp4") -> bytes:
    """A film of any kind, written by FFmpeg's libraries."""
    target = BytesIO()
    with av.open(target, "w", format=container) as output:
        stream = output.add_stream("mpeg4", rate=rate)
        stream.height, stream.width = pictures.shape[1:3]
        stream.pix_fmt = "yuv420p"
        for picture in pictures:
            output.mux(stream.encode(av.VideoFrame.from_ndarray(picture, "rgb24")))
        output.mux(stream.encode(None))
    return target.getvalue()


def seen(path: Path) -> NDArray[np.float32]:
    """All frames of a film: F×H×W×3."""
    with av.open(str(path)) as container:
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    return np.stack(frames).astype(np.float32)


def heard(path: Path) -> NDArray[np.float32] | None:
    """The sound of a film: C×T."""
    with av.open(str(path)) as container:
        if not container.streams.audio:
            return None
        parts = [frame.to_ndarray() for frame in container.decode(audio=0)]
    return np.concatenate(parts, axis=1)


def steps(frames: NDArray[np.float32]) -> NDArray[np.float32]:
    """How much each frame differs from the one before, on average."""
    return np.asarray(np.abs(np.diff(frames, axis=0)).mean(axis=(1, 2, 3)), np.float32)


def psnr(one: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    """How alike two pictures are, in dB."""
    return float(10 * np.log10(255**2 / max(1e-9, float(((one - other) ** 2).mean()))))
