"""Films from elsewhere: what they are, the frames that a clip shares with them, their sound.

Nothing in such a file is trusted: ``claims.py`` looks at it before FFmpeg does.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from io import BytesIO
from itertools import islice
from pathlib import Path
from typing import BinaryIO

import av
import numpy as np
from av.video.reformatter import Colorspace
from numpy.typing import NDArray

from ltx_ui.errors import MediaError
from ltx_ui.given_films import MOST_SECONDS, RATES, Film, check_film
from ltx_ui.inputs import FilmInput
from ltx_ui.media.claims import Damaged, check_claims

_MOST_SAMPLES = 20_000
"""Frames, or packets of sound, that a film may claim: a minute at 30 fps are 1800, of sound at 96
kHz 5600."""
_MOST_SIDE = 4096


def look_at(data: bytes) -> Film:
    """What a film is. All of its frames are decoded once.

    Raises:
        ValueError: it can't be used; says why as the end of a sentence that begins with
            what it is called.
    """
    file = BytesIO(data)
    try:
        check_claims(file, _MOST_SAMPLES)
        film = _looked_at(file)
    except (av.FFmpegError, ArithmeticError, MemoryError, IndexError, Damaged):
        raise ValueError(
            "is damaged, incomplete, or of a kind that can't be read here. Send an MP4 or MOV film "
            "(H.264) as it was downloaded."
        ) from None
    check_film(film)
    return film


def _looked_at(file: BinaryIO) -> Film:
    with _opened(file) as container:
        if not container.streams.video:
            raise ValueError("has no pictures. Send a film.")
        stream = container.streams.video[0]
        rate = stream.average_rate or Fraction(0)
        width, height = stream.codec_context.width, stream.codec_context.height
        if max(width, height) > _MOST_SIDE:
            raise ValueError(f"is {width}x{height}; at most {_MOST_SIDE} pixels are allowed.")
        fps = next((each for each in RATES if abs(float(rate) - each) < 0.02), None)
        if fps is None:
            raise ValueError(
                f"has {float(rate):.2f} frames a second; allowed are {_listed(RATES)}. Save it "
                "with one of these."
            )
        frames = 0
        for frame in container.decode(stream):
            frames += 1
            if (frame.width, frame.height) != (width, height):
                raise ValueError("changes its size. Send a film of one size.")
            if frame.rotation % 360:
                raise ValueError("is stored turned, as phones do. Save it upright first.")
            if frames > MOST_SECONDS * fps:
                raise ValueError(f"is longer than {MOST_SECONDS} s. Cut it first.")
        return Film(width, height, fps, frames, sound=bool(container.streams.audio))


def shared_frames(path: Path, film: FilmInput) -> NDArray[np.uint8]:
    """The frames of a film that a clip which goes on from it begins or ends with: uint8, F×H×W×3.

    Raises:
        MediaError: the file can't be read.
    """
    if film.direction == "before":
        return frames_in(path, film.overlap)
    found = deque(frames_of(path), film.overlap)
    if len(found) != film.overlap:
        raise MediaError(f"The film {path.name} has fewer frames than it had.")
    return np.stack(found)


def frames_in(path: Path, count: int, first: int = 0) -> NDArray[np.uint8]:
    """So many frames of a film, from one on: uint8, F×H×W×3.

    Raises:
        MediaError: the file can't be read, or has fewer.
    """
    found = list(islice(frames_of(path), first, first + count))
    if len(found) != count:
        raise MediaError(f"The film {path.name} has fewer frames than it had.")
    return np.stack(found)


def frames_of(path: Path) -> Iterator[NDArray[np.uint8]]:
    """The frames of a film that :func:`look_at` has let through, one at a time: uint8, H×W×3, RGB.

    Raises:
        MediaError: the file can't be read.
    """
    try:
        with _opened(path) as container:
            for frame in container.decode(video=0):
                yield frame.to_ndarray(
                    format="rgb24",
                    src_colorspace=Colorspace.ITU709,
                    dst_colorspace=Colorspace.ITU709,
                )
    except av.FFmpegError as error:
        raise MediaError(f"The film {path.name} can't be read: {error}") from error


def can_be_copied(path: Path) -> bool:
    """Whether a film's picture is as this program writes them, and begins with the film.

    Raises:
        MediaError: the file can't be read.
    """
    try:
        with _opened(path) as container:
            stream = container.streams.video[0]
            frame = next(container.decode(stream))
            found = stream.codec_context.name, frame.format.name, frame.colorspace, frame.pts
            return found == ("h264", "yuv420p", Colorspace.ITU709, 0)
    except (av.FFmpegError, StopIteration) as error:
        raise MediaError(f"The film {path.name} can't be read: {error}") from error


def sound_of(path: Path, sample_rate: int) -> NDArray[np.float32] | None:
    """A film's sound, 2×T; None where it has none.

    Raises:
        MediaError: the file can't be read.
    """
    parts: list[NDArray[np.float32]] = []
    most = MOST_SECONDS * sample_rate
    try:
        with _opened(path) as container:
            if not container.streams.audio:
                return None
            resampler = av.AudioResampler(format="fltp", layout="stereo", rate=sample_rate)
            for frame in container.decode(audio=0):
                parts += [each.to_ndarray() for each in resampler.resample(frame)]
                if sum(part.shape[1] for part in parts) > most:
                    break
            else:
                parts += [each.to_ndarray() for each in resampler.resample(None)]
    except av.FFmpegError as error:
        raise MediaError(f"The sound of {path.name} can't be read: {error}") from error
    return np.concatenate(parts, axis=1)[:, :most] if parts else None


@contextmanager
def _opened(source: Path | BinaryIO) -> Iterator[av.container.InputContainer]:
    if not isinstance(source, Path):
        source.seek(0)
    with av.open(str(source) if isinstance(source, Path) else source, format="mp4") as container:
        yield container


def _listed(numbers: tuple[int, ...]) -> str:
    *most, last = map(str, numbers)
    return f"{', '.join(most)} and {last}"
