"""Films joined end to end into one, frame by frame: none of them is ever in memory as a whole, and
of the sound only one film's.

Where one film ends and the next one begins the sound fades out and in within a few milliseconds, so
that nothing clicks.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Event

import av
import numpy as np
from numpy.typing import NDArray

from ltx_ui.errors import DiskFull, MediaError
from ltx_ui.inputs import SOUND_RATE
from ltx_ui.media.files import free_bytes, scratch, whole
from ltx_ui.media.films import frames_of, sound_of
from ltx_ui.media.mp4 import AUDIO_BITRATE, container_arguments, run, video_arguments
from ltx_ui.media.posting import SPARE_BYTES, Stopped

FADE_SECONDS = 0.008
"""How long the sound takes to end, and to begin, where two films meet."""


@dataclass(frozen=True)
class Piece:
    """A film of those that are joined.

    Attributes:
        skipped: frames at its beginning that are left out, with their sound: those that the film
            before it ends with.
    """

    path: Path
    skipped: int = 0


@dataclass(frozen=True)
class _Shape:
    width: int
    height: int
    fps: int
    frames: int


def splice(pieces: Sequence[Piece], target: Path, title: str, stop: Event) -> None:
    """Write one film from several: H.264 High, yuv420p, AAC-LC, the index in front. Nothing in it
    tells how it was made.

    Args:
        pieces: mp4 files that :func:`ltx_ui.media.mp4.write_mp4` wrote, of one size and number of
            frames a second; at least one.
        target: the file's name; it appears when it is complete, or not at all.
        title: what players show.
        stop: once it is set the work ends.

    Raises:
        Stopped: ``stop`` was set.
        MediaError: a film is gone or damaged, the disk is full, or ffmpeg failed.
    """
    if free_bytes(target.parent) < SPARE_BYTES:
        raise DiskFull(target.parent)
    shape = _shape(pieces[0].path)
    source = ["-f", "rawvideo", "-pix_fmt", "rgb24", "-video_size", f"{shape.width}x{shape.height}"]
    source += ["-framerate", str(shape.fps), "-i", "pipe:0"]
    tags = {"title": title.replace("\0", "")} if title else {}
    with scratch(target) as sound, whole(target) as file:
        heard = _write_sound(pieces, sound, shape.fps, stop)
        if heard:
            source += ["-f", "f32le", "-ar", str(SOUND_RATE), "-ac", "2", "-i", str(sound)]
            source += ["-c:a", "aac", "-profile:a", "aac_low", "-b:a", AUDIO_BITRATE]
        frames = _frames(pieces, stop)
        run([*source, *video_arguments(), *container_arguments(tags, file)], file, frames)


def _shape(path: Path) -> _Shape:
    try:
        with av.open(str(path)) as container:
            video = container.streams.video[0]
            rate = video.average_rate or 0
            return _Shape(video.width, video.height, round(rate), video.frames)
    except (av.FFmpegError, OSError, IndexError) as error:
        raise MediaError(f"{path.name} is not here any more, or is damaged.") from error


def _frames(pieces: Sequence[Piece], stop: Event) -> Iterator[NDArray[np.uint8]]:
    for piece in pieces:
        for number, frame in enumerate(frames_of(piece.path)):
            if stop.is_set():
                raise Stopped
            if number >= piece.skipped:
                yield frame


def _write_sound(pieces: Sequence[Piece], target: Path, fps: int, stop: Event) -> bool:
    """Write the sound of all films, T×2 float32; returns whether one of them has any."""
    heard = False
    frames = written = 0
    fade = round(FADE_SECONDS * SOUND_RATE)
    rising = np.linspace(0, 1, fade, dtype=np.float32)
    with target.open("wb") as file:
        for number, piece in enumerate(pieces):
            if stop.is_set():
                raise Stopped
            frames += _shape(piece.path).frames - piece.skipped
            exact = np.zeros((2, round(frames / fps * SOUND_RATE) - written), np.float32)
            found = sound_of(piece.path, SOUND_RATE)
            if found is not None:
                heard = True
                start = round(piece.skipped / fps * SOUND_RATE)
                kept = found[:, start : start + exact.shape[1]]
                exact[:, : kept.shape[1]] = kept
                if number:
                    exact[:, :fade] *= rising
                if number < len(pieces) - 1:
                    end = kept.shape[1]
                    exact[:, max(0, end - fade) : end] *= rising[::-1][-min(fade, end) :]
            written += exact.shape[1]
            file.write(np.ascontiguousarray(exact.T).data)
    return heard
