"""Sounds in: from the bytes a visitor sends to the samples that a clip is made to."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO

import av
import numpy as np
from av.audio.resampler import AudioResampler
from av.container import InputContainer
from av.error import FFmpegError
from av.stream import Discard
from numpy.typing import NDArray

from ltx_ui.errors import InvalidRecipe
from ltx_ui.inputs import SOUND_FORMATS, SOUND_RATE, Sound
from ltx_ui.media.claims import Damaged, check_claims

MOST_SECONDS = 600.0
"""The longest sound that is taken: some two seconds of decoding."""
LEAST_SECONDS = 0.1
MOST_CHANNELS = 8
MOST_RATE = 192_000
MOST_PACKETS = 200_000
"""That an M4A or a film may claim of one track: ten minutes of AAC at 192 kHz have 112 500."""
SILENT_PEAK = 1e-4
"""A sound whose peak is below this, -80 dBFS, has nothing in it that a clip could follow."""
SPARE_BYTES = 100_000
"""Bytes by which a small file's packets may be more than the file: headers that they share are
stored once."""
_PADDING = SOUND_RATE // 20
"""Samples by which a sound may outlast a clip and still be as long: encoders fill their last
frames, which are 1024 or 2048 samples long."""

_AHEAD = SOUND_RATE
"""Samples after a part that are looked at, to tell by how much the sound goes on: more than any
steps that clips' lengths have."""

_CONTAINERS = {"wav": ".wav", "mp3": ".mp3", "flac": ".flac", "ogg": ".ogg", "mov": ".m4a"} | {
    "matroska": ".webm"
}
"""FFmpeg's readers that a file may be given to, with the endings that such files are stored by."""
_STARTS = {b"ID3": "mp3", b"fLaC": "flac", b"OggS": "ogg", b"\x1aE\xdf\xa3": "matroska"}
SUFFIXES = frozenset(_CONTAINERS.values())

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class IncomingSound:
    """A sound as it is to be stored: the file that came.

    Attributes:
        suffix: its file name ending, such as ``.mp3``.
        seconds: how long it is.
    """

    data: bytes
    suffix: str
    seconds: float


def take_in_sound(data: bytes, max_bytes: int, field: str = "audio") -> IncomingSound:
    """A sound that a visitor sent, ready to be stored as it came. All of it is decoded, to see that
    it can be; of a film it is the sound track.

    Args:
        max_bytes: the largest file allowed.
        field: the recipe's field it came in, for the error.

    Raises:
        InvalidRecipe: too large a file, of another format, damaged, protected, silent, too short,
            too long, or with more channels or samples a second than are taken.
    """
    if len(data) > max_bytes:
        raise _refusal(
            field,
            f"is {len(data) / 1e6:.1f} MB; at most {max_bytes / 1e6:g} MB are allowed. "
            "Send it as MP3 or M4A, or cut it.",
        )
    kind = _kind(data, field)
    seconds, peak = _measured(data, kind, field)
    if seconds < LEAST_SECONDS:
        raise _refusal(field, f"is {seconds:.3f} s long; at least {LEAST_SECONDS:g} s are needed.")
    if not peak >= SILENT_PEAK:
        raise _refusal(field, "is silent: there is nothing in it that a clip could follow.")
    return IncomingSound(data, _CONTAINERS[kind], seconds)


def read_sound(data: bytes, start: float, seconds: float, field: str = "audio") -> Sound:
    """A part of a sound that :func:`take_in_sound` has taken.

    Args:
        start: seconds into the file where the part begins.
        seconds: how long the part is at most; it is shorter where the file ends.

    Raises:
        InvalidRecipe: the file ends before the part begins, or was damaged since.
    """
    first = round(start * SOUND_RATE)
    last = first + round(seconds * SOUND_RATE)
    found: list[NDArray[np.float32]] = []
    place = 0
    for part in _decoded(data, _kind(data, field), field):
        found.append(part[:, max(0, first - place) : max(0, last - place)])
        place += part.shape[1]
        if place > last + _AHEAD:
            break
    waveform = np.concatenate(found, axis=1) if found else np.zeros((2, 0), np.float32)
    if not waveform.shape[1]:
        raise _refusal(
            f"{field}_start",
            f"is {start:g} s; the sound is {place / SOUND_RATE:.2f} s long. Begin before its end.",
        )
    beyond = (place - last) / SOUND_RATE if place > last + _PADDING else 0.0
    return Sound(np.ascontiguousarray(waveform), beyond)


def seconds_of(data: bytes, field: str = "audio") -> float:
    """How long a sound is that :func:`take_in_sound` has taken, or that of a film.

    Raises:
        InvalidRecipe: it has none, or was damaged since.
    """
    return _measured(data, _kind(data, field), field)[0]


def _measured(data: bytes, kind: str, field: str) -> tuple[float, float]:
    """How many seconds a sound has, and its peak."""
    samples, peak = 0, 0.0
    for part in _decoded(data, kind, field):
        samples += part.shape[1]
        peak = max(peak, float(np.abs(part).max(initial=0.0)))
        if samples > MOST_SECONDS * SOUND_RATE:
            raise _refusal(field, f"is longer than {MOST_SECONDS / 60:g} minutes. Cut it.")
    return samples / SOUND_RATE, peak


def _kind(data: bytes, field: str) -> str:
    """FFmpeg's reader for a file, by how the file begins: it is not left to guess among all."""
    head = data[:12]
    if head.startswith((b"RIFF", b"RF64")) and head[8:] == b"WAVE":
        return "wav"
    for start, kind in _STARTS.items():
        if head.startswith(start):
            return kind
    if head[4:8] == b"ftyp":
        return "mov"
    if head[:1] == b"\xff" and head[1:2] >= b"\xe0":
        return "mp3"
    raise _refusal(field, f"is not a {SOUND_FORMATS} sound. Save the sound as one of these.")


def _decoded(data: bytes, kind: str, field: str) -> Iterator[NDArray[np.float32]]:
    """The sound, piece by piece: float32, 2×T, at :data:`SOUND_RATE`."""
    try:
        if kind == "mov":
            check_claims(BytesIO(data), MOST_PACKETS)
        with av.open(BytesIO(data), format=kind) as container:
            if not container.streams.audio:
                raise _refusal(field, "has no sound in it. Send a file with sound.")
            stream = container.streams.audio[0]
            _check_stream(stream, field)
            resampler = AudioResampler("fltp", "stereo", SOUND_RATE)
            for other in container.streams:
                if other is not stream:
                    other.discard = Discard.all
            for packet in _packets(container, stream, len(data)):
                for frame in packet.decode():
                    frame.pts = None
                    yield from (_samples(each) for each in resampler.resample(frame))
            yield from (_samples(each) for each in resampler.resample(None))
    except (FFmpegError, ValueError, OverflowError, MemoryError, Damaged) as error:
        _log.info("A sound could not be decoded: %s", error)
        raise _refusal(
            field, "is damaged or cut off, so that it can't be decoded. Save the sound again."
        ) from None


def _packets(
    container: InputContainer, stream: av.AudioStream, size: int
) -> Iterator[av.Packet[av.AudioStream]]:
    """A sound's packets, no more than a file of this size has: Matroska's may be compressed once
    more, and an M4A may name the same bytes again and again."""
    read = 0
    for packet in container.demux(stream):
        read += packet.size
        if read > 2 * size + SPARE_BYTES:
            raise Damaged
        yield packet


def _samples(frame: av.AudioFrame) -> NDArray[np.float32]:
    found = np.asarray(frame.to_ndarray(), np.float32)
    return np.nan_to_num(found, nan=0.0, posinf=0.0, neginf=0.0)


def _check_stream(stream: av.AudioStream, field: str) -> None:
    codec = stream.codec_context
    if codec is None or stream.codec_tag in ("drms", "enca"):
        raise _refusal(
            field,
            "is in a codec that can't be decoded here, or protected against copying. "
            f"Send it as {SOUND_FORMATS}.",
        )
    if not codec.channels:
        raise _refusal(field, "does not say how many channels it has. Save the sound again.")
    if codec.channels > MOST_CHANNELS:
        raise _refusal(field, f"has {codec.channels} channels; 1 to {MOST_CHANNELS} are allowed.")
    if not 1 <= codec.sample_rate <= MOST_RATE:
        raise _refusal(
            field,
            f"has {codec.sample_rate} samples a second; at most {MOST_RATE} are allowed.",
        )


def _refusal(field: str, sentence: str) -> InvalidRecipe:
    return InvalidRecipe.because(field, f"{field}: {sentence}")
