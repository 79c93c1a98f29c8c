"""A Clip as an mp4 that plays everywhere, with its recipe inside; its poster; and the way back."""

from __future__ import annotations

import json
import logging
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

import imageio_ffmpeg
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ltx_ui.clip import Clip
from ltx_ui.errors import MediaError
from ltx_ui.media.files import no_room, says_full, scratch, whole

_log = logging.getLogger(__name__)

PRESET, CRF = "superfast", 19
"""x264's speed and quality. On 49 noise-like frames of 288x512, ``superfast`` took 0.20 s where
``veryfast`` took 0.31 s; it keeps grain that ``veryfast`` smooths away, in larger files."""
AUDIO_BITRATE = "192k"
DARK = 16
"""A mean below this (of 255) makes a poor poster: black is 0, a night scene about 30."""


def write_mp4(clip: Clip, path: Path, metadata: Mapping[str, Any]) -> None:
    """Write H.264 High, yuv420p, BT.709, constant frame rate and AAC-LC, the index in front.

    The same clip and metadata give the same bytes. The sound is cut or padded with silence to the
    picture's length. The file appears under its name when it is complete, or not at all.

    Args:
        clip: frames of even width and height.
        path: the file's final name.
        metadata: kept as JSON in the file's comment.

    Raises:
        MediaError: the disk is full, the folder can't be written, or ffmpeg failed (then the log
            says why).
    """
    with whole(path) as target:
        if clip.waveform is None:
            _encode(clip, None, metadata, target)
        else:
            with scratch(path) as sound:
                sound.write_bytes(_exact_samples(clip, clip.waveform).data)
                _encode(clip, sound, metadata, target)


def write_poster(clip: Clip, path: Path) -> None:
    """Write a JPEG of the clip's middle frame, or of its brightest one where that is dark.

    Raises:
        MediaError: the disk is full, or the folder can't be written.
    """
    with whole(path) as target:
        Image.fromarray(clip.frames[_poster_frame(clip.frames)]).save(target, "JPEG", quality=88)


def without_recipe(path: Path, target: Path) -> None:
    """Write a copy of an mp4 without its metadata; picture and sound stay as they are.

    Raises:
        MediaError: the disk is full, the folder can't be written, or ffmpeg failed.
    """
    with whole(target) as copy, tempfile.TemporaryFile() as log:
        arguments = ["-hide_banner", "-loglevel", "error", "-nostats", "-y", "-i", str(path)]
        arguments += ["-map", "0", "-c", "copy", "-map_metadata", "-1", "-fflags", "+bitexact"]
        arguments += ["-movflags", "+faststart", "-f", "mp4", str(copy)]
        done = subprocess.run(
            [imageio_ffmpeg.get_ffmpeg_exe(), *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=log,
            check=False,
        )
        if done.returncode != 0:
            raise _failure(log, target.parent)


def read_metadata(path: Path) -> dict[str, Any]:
    """What :func:`write_mp4` kept in the file.

    Raises:
        MediaError: it is not an mp4, or not one of ours.
    """
    import av  # Loads FFmpeg's libraries, which nothing else in this room needs.

    try:
        with av.open(str(path)) as container:
            found = json.loads(container.metadata["comment"])
        if not isinstance(found, dict):
            raise ValueError(found)
    except (av.FFmpegError, OSError, KeyError, ValueError) as error:
        raise MediaError(
            f"{path.name} holds no recipe: it was not made here, or was re-encoded since."
        ) from error
    return found


def _encode(clip: Clip, sound: Path | None, metadata: Mapping[str, Any], target: Path) -> None:
    # The log goes to a file: nobody has to read it while the frames are being written.
    with tempfile.TemporaryFile() as log:
        # Signals stay as Python has them, so that a file size limit is an error and not a death.
        process = subprocess.Popen(
            [imageio_ffmpeg.get_ffmpeg_exe(), *_arguments(clip, sound, metadata, target)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=log,
            restore_signals=False,
        )
        try:
            _feed(process, clip.frames)
        except BaseException:
            process.kill()
            raise
        finally:
            status = process.wait()
        if status != 0:
            raise _failure(log, target.parent)


def _feed(process: subprocess.Popen[bytes], frames: NDArray[np.uint8]) -> None:
    assert process.stdin is not None
    try:
        with process.stdin as pipe:
            for frame in frames:
                pipe.write(np.ascontiguousarray(frame).data)
    except BrokenPipeError:
        _log.debug("ffmpeg stopped reading; its exit status says why.")


def _failure(log: IO[bytes], folder: Path) -> MediaError:
    log.seek(0)
    text = log.read().decode(errors="replace")
    _log.error("ffmpeg failed:\n%s", text[-2000:])
    if says_full(text):
        return no_room(folder)
    return MediaError(
        "The clip was made but could not be written as mp4; the log says why. Try again."
    )


def _arguments(
    clip: Clip, sound: Path | None, metadata: Mapping[str, Any], target: Path
) -> list[str]:
    _, height, width, _ = clip.frames.shape
    comment = json.dumps(metadata, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    arguments = ["-hide_banner", "-loglevel", "error", "-nostats", "-y"]
    arguments += ["-f", "rawvideo", "-pix_fmt", "rgb24", "-video_size", f"{width}x{height}"]
    arguments += ["-framerate", str(clip.fps), "-i", "pipe:0"]
    if sound is not None and clip.waveform is not None:
        arguments += ["-f", "f32le", "-ar", str(clip.sample_rate)]
        arguments += ["-ac", str(len(clip.waveform)), "-i", str(sound)]
        arguments += ["-c:a", "aac", "-profile:a", "aac_low", "-b:a", AUDIO_BITRATE]
    arguments += _video_arguments()
    # Without these two the muxer writes its version and, for some inputs, the time of day.
    arguments += ["-map_metadata", "-1", "-fflags", "+bitexact"]
    arguments += ["-flags:v", "+bitexact", "-flags:a", "+bitexact"]
    arguments += ["-metadata", f"comment={comment}"]
    return [*arguments, "-movflags", "+faststart", "-f", "mp4", str(target)]


def _video_arguments() -> list[str]:
    """H.264 High, yuv420p. The conversion is told BT.709: swscale's own default is BT.601, and
    players would show its colours shifted.
    """
    convert = "scale=out_color_matrix=bt709:out_range=tv:flags=bilinear+accurate_rnd"
    colours = "setparams=range=tv:color_primaries=bt709:color_trc=bt709:colorspace=bt709"
    arguments = ["-vf", f"{convert},format=yuv420p,{colours}", "-fps_mode", "cfr"]
    arguments += ["-c:v", "libx264", "-profile:v", "high"]
    return [*arguments, "-preset", PRESET, "-crf", str(CRF)]


def _exact_samples(clip: Clip, waveform: NDArray[np.float32]) -> NDArray[np.float32]:
    """The sound interleaved (T×C), within -1…1, exactly as long as the picture."""
    samples = round(clip.duration * clip.sample_rate)
    exact = np.zeros((samples, len(waveform)), np.float32)
    heard = waveform[:, :samples].T
    exact[: len(heard)] = np.clip(np.nan_to_num(heard, posinf=0.0, neginf=0.0), -1.0, 1.0)
    return exact


def _poster_frame(frames: NDArray[np.uint8]) -> int:
    middle = len(frames) // 2
    brightness = frames[:, ::8, ::8].mean(axis=(1, 2, 3))
    return middle if brightness[middle] >= DARK else int(brightness.argmax())
