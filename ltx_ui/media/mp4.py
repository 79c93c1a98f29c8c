"""A Clip as an mp4 that plays everywhere, and its poster, each with the recipe inside."""

from __future__ import annotations

import errno
import logging
import math
import subprocess
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

import imageio_ffmpeg
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ltx_ui.clip import Clip
from ltx_ui.errors import MediaError
from ltx_ui.media.files import no_room, says_full, scratch, whole
from ltx_ui.media.metadata import TOOL, as_comment, as_exif

_log = logging.getLogger(__name__)

PRESET, CRF = "superfast", 19
"""x264's speed and quality. On 49 noise-like frames of 288x512, ``superfast`` took 0.20 s where
``veryfast`` took 0.31 s; it keeps grain that ``veryfast`` smooths away, in larger files."""
AUDIO_BITRATE = "192k"
FULL_SCALE_PEAK = 10 ** (-1 / 20)
"""-1 dBFS, what a louder waveform is brought to: AAC may overshoot a little."""
FADE_SECONDS = 0.02
"""How long sound that ends before the picture takes to end."""
TITLE_LENGTH = 100
DARK = 16
"""A mean below this (of 255) makes a poor poster: black is 0, a night scene about 30."""


def write_mp4(
    clip: Clip, path: Path, metadata: Mapping[str, Any], *, made_at: datetime | None = None
) -> tuple[str, ...]:
    """Write H.264 High, yuv420p, BT.709, constant frame rate and AAC-LC, the index in front.

    The same clip, metadata and time give the same bytes. The sound is cut to the picture's length,
    or faded out where it is shorter and padded with silence; one that peaks above 1 is turned down.
    The file appears under its name when it is complete, or not at all.

    Args:
        clip: frames of even width and height.
        path: the file's final name.
        metadata: kept as JSON in the file's comment; its recipe's prompt becomes the title.
        made_at: when the clip was made; None for now.

    Returns:
        What had to be done otherwise than usual, a sentence each, as :attr:`Clip.notes`.

    Raises:
        MediaError: the disk is full, the folder can't be written, or ffmpeg can't be started or
            failed (then the log says why).
    """
    tags = _tags(metadata, made_at or datetime.now(UTC))
    with whole(path) as target:
        waveform = clip.joint.sound(clip) if clip.joint else clip.waveform
        if waveform is None:
            _encode(clip, [], tags, target)
            return ()
        samples, notes = _exact_samples(clip, waveform)
        with scratch(path) as sound:
            sound.write_bytes(samples.data)
            heard = ["-f", "f32le", "-ar", str(clip.sample_rate), "-ac", str(len(waveform))]
            _encode(clip, [*heard, "-i", str(sound)], tags, target)
        return notes


def without_recipe(path: Path, target: Path) -> None:
    """Write a copy of an mp4 that tells nothing of how it was made: no recipe, no title. Pictures
    and sound are the same, bit for bit; so is the time it was made at.

    Raises:
        MediaError: as :func:`write_mp4`; or ``path`` is gone, or no film.
    """
    import av  # Loads FFmpeg's libraries, which nothing else in this room needs.

    try:
        with av.open(str(path)) as container:
            made_at = container.metadata.get("creation_time")
    except (av.FFmpegError, OSError) as error:
        raise MediaError(f"{path.name} is not here any more, or is damaged.") from error
    tags = {} if made_at is None else {"creation_time": made_at}
    with whole(target) as temporary:
        run(
            ["-i", str(path), "-map", "0", "-c", "copy", *container_arguments(tags, temporary)],
            temporary,
        )


def write_poster(clip: Clip, path: Path, metadata: Mapping[str, Any] | None = None) -> None:
    """Write a JPEG of the clip's middle frame, or of its brightest one where that is dark.

    Args:
        metadata: as :func:`write_mp4` takes it; kept in the EXIF comment. None: nothing is.

    Raises:
        MediaError: the disk is full, or the folder can't be written.
    """
    with whole(path) as target:
        picture = Image.fromarray(clip.frames[_poster_frame(clip.frames)])
        picture.save(target, "JPEG", quality=88, exif=as_exif(metadata) if metadata else b"")


def _encode(clip: Clip, sound: Sequence[str], tags: Mapping[str, str], target: Path) -> None:
    _, height, width, _ = clip.frames.shape
    arguments = ["-f", "rawvideo", "-pix_fmt", "rgb24", "-video_size", f"{width}x{height}"]
    arguments += ["-framerate", str(clip.fps), "-i", "pipe:0"]
    if sound:
        arguments += [*sound, "-c:a", "aac", "-profile:a", "aac_low", "-b:a", AUDIO_BITRATE]
    frames = clip.joint.frames(clip) if clip.joint else clip.frames
    run([*arguments, *video_arguments(), *container_arguments(tags, target)], target, frames)


def run(arguments: Sequence[str], target: Path, frames: Iterable[NDArray[np.uint8]] = ()) -> None:
    """Let ffmpeg write a file, from frames that it reads where there are some.

    Raises:
        MediaError: as :func:`write_mp4`; what the frames raise passes through.
    """
    # The log goes to a file: nobody has to read it while the frames are being written.
    with tempfile.TemporaryFile() as log:
        process = started(arguments, log)
        try:
            _feed(process, frames)
        except BaseException:
            process.kill()
            raise
        finally:
            status = process.wait()
        if status != 0:
            raise failed(log, target.parent)


def started(arguments: Sequence[str], log: IO[bytes]) -> subprocess.Popen[bytes]:
    """ffmpeg, started with these arguments.

    Args:
        log: where it writes what goes wrong.

    Raises:
        MediaError: it can't be started.
    """
    quiet = ("-hide_banner", "-loglevel", "error", "-nostats", "-y")
    try:
        # Signals stay as Python has them, so that a file size limit is an error and not a death.
        return subprocess.Popen(
            [imageio_ffmpeg.get_ffmpeg_exe(), *quiet, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=log,
            restore_signals=False,
        )
    except FileNotFoundError as error:
        raise _no_ffmpeg(f"{error.filename} is missing") from error
    except PermissionError as error:
        raise _no_ffmpeg(f"{error.filename} may not be executed") from error
    except OSError as error:
        if error.errno in (errno.EMFILE, errno.ENFILE):
            raise  # Whoever writes the file tells that too many are open.
        raise _no_ffmpeg(str(error)) from error  # Not a binary of this system.
    except RuntimeError as error:  # No binary for this system.
        raise _no_ffmpeg(str(error)) from error


def _no_ffmpeg(reason: str) -> MediaError:
    return MediaError(
        f"The clip was made but ffmpeg, which writes the mp4, can't be started: {reason}. "
        "Install imageio-ffmpeg again (pip install --force-reinstall imageio-ffmpeg), or let "
        "IMAGEIO_FFMPEG_EXE name an ffmpeg that works."
    )


def _feed(process: subprocess.Popen[bytes], frames: Iterable[NDArray[np.uint8]]) -> None:
    assert process.stdin is not None
    try:
        with process.stdin as pipe:
            for frame in frames:
                pipe.write(np.ascontiguousarray(frame).data)
    except BrokenPipeError:
        _log.debug("ffmpeg stopped reading; its exit status says why.")


def failed(log: IO[bytes], folder: Path) -> MediaError:
    """The error for an ffmpeg that failed; what it wrote goes to our log.

    Args:
        folder: where it was to write.
    """
    log.seek(0)
    text = log.read().decode(errors="replace")
    _log.error("ffmpeg failed:\n%s", text[-2000:])
    if says_full(text):
        return no_room(folder)
    return MediaError(
        "The clip was made but could not be written as mp4; the log says why. Try again."
    )


def _tags(metadata: Mapping[str, Any], made_at: datetime) -> dict[str, str]:
    """The file's standard tags by ffmpeg's names."""
    title = " ".join(str(dict(metadata.get("recipe") or {}).get("prompt", "")).split())
    if len(title) > TITLE_LENGTH:
        title = f"{title[: TITLE_LENGTH - 1].rstrip()}…"
    return {
        "creation_time": made_at.astimezone(UTC).isoformat(timespec="seconds"),
        "title": title.replace("\0", ""),
        "encoding_tool": TOOL,
        "comment": as_comment(metadata),
    }


def container_arguments(tags: Mapping[str, str], target: Path) -> list[str]:
    """An mp4 with these tags and no others, its index in front."""
    # Without the flags the muxer writes its version and, for some inputs, the time of day.
    arguments = ["-map_metadata", "-1", "-map_chapters", "-1", "-fflags", "+bitexact"]
    arguments += ["-flags:v", "+bitexact", "-flags:a", "+bitexact"]
    for name, value in tags.items():
        arguments += ["-metadata", f"{name}={value}"]
    return [*arguments, "-movflags", "+faststart", "-f", "mp4", str(target)]


def video_arguments() -> list[str]:
    """H.264 High, yuv420p. The conversion is told BT.709: swscale's own default is BT.601, and
    players would show its colours shifted.
    """
    convert = "scale=out_color_matrix=bt709:out_range=tv:flags=bilinear+accurate_rnd"
    colours = "setparams=range=tv:color_primaries=bt709:color_trc=bt709:colorspace=bt709"
    arguments = ["-vf", f"{convert},format=yuv420p,{colours}", "-fps_mode", "cfr"]
    arguments += ["-c:v", "libx264", "-profile:v", "high"]
    return [*arguments, "-preset", PRESET, "-crf", str(CRF)]


def _exact_samples(
    clip: Clip, waveform: NDArray[np.float32]
) -> tuple[NDArray[np.float32], tuple[str, ...]]:
    """The sound interleaved (T×C), within -1…1, exactly as long as the picture; and what was done
    to it."""
    samples = round(clip.duration * clip.sample_rate)
    exact = np.zeros((samples, len(waveform)), np.float32)
    heard = exact[: waveform.shape[1]]
    heard[:] = np.nan_to_num(waveform[:, :samples].T, posinf=0.0, neginf=0.0)
    if len(heard) < samples:
        fade = min(len(heard), round(FADE_SECONDS * clip.sample_rate))
        heard[len(heard) - fade :] *= np.linspace(1.0, 0.0, fade, dtype=np.float32)[:, None]
    peak = float(np.abs(exact).max(initial=0.0))
    if peak <= 1.0:
        return exact, ()
    exact *= FULL_SCALE_PEAK / peak
    quieter = 20 * math.log10(peak / FULL_SCALE_PEAK)
    return exact, (f"The sound was too loud and was turned down by {quieter:.1f} dB.",)


def _poster_frame(frames: NDArray[np.uint8]) -> int:
    middle = len(frames) // 2
    brightness = frames[:, ::8, ::8].mean(axis=(1, 2, 3))
    return middle if brightness[middle] >= DARK else int(brightness.argmax())
