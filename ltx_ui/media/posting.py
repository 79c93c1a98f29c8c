"""A film made fit for a platform: another size, longer, as loud as others; the film stays."""

from __future__ import annotations

import math
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from threading import Event
from typing import IO, Literal

import numpy as np
from numpy.typing import NDArray

from ltx_ui.errors import DiskFull, MediaError
from ltx_ui.media.files import free_bytes, scratch, whole
from ltx_ui.media.loudness import PEAK, SAMPLE_RATE, Level
from ltx_ui.media.mp4 import AUDIO_BITRATE, container_arguments, failed, started

Fill = Literal["crop", "blur", "bars"]
"""How a picture of another shape fills the frame: cut at its edges, or whole, with itself blurred
or black around it."""
Extend = Literal["none", "loop", "boomerang"]
"""How a film that is too short gets longer: from its start again, or back and forth. Always in
whole rounds, so that it goes on without a jump where it is played over and over."""

MOST_SECONDS = 180
"""What the work on one film may take."""
SPARE_BYTES = 500_000_000
"""Room that must be there; a file of 1080x1920 and 20 seconds of noise has 100 MB."""
CROSSFADE_SECONDS = 0.05


@dataclass(frozen=True)
class Post:
    """What is to become of a film.

    Attributes:
        seconds: how long it is at least to be, if ``extend`` is not ``none``.
        fps: the fewest and the most frames a second.
        lufs: how loud it is made; None: as it is.
        peak: the highest true peak in dB, where the loudness is set.
        sound: whether it keeps its sound.
        recipe: whether the file tells how it was made, as the film does.
    """

    width: int
    height: int
    fill: Fill = "crop"
    extend: Extend = "none"
    seconds: float = 0.0
    fps: tuple[int, int] = (23, 60)
    lufs: float | None = None
    peak: float = PEAK
    sound: bool = True
    recipe: bool = False


@dataclass(frozen=True)
class _Film:
    frames: int
    fps: Fraction
    tags: dict[str, str]
    waveform: NDArray[np.float32] | None
    sample_rate: int


class Stopped(Exception):
    """Nobody waits for the file any more."""


def write_post(film: Path, target: Path, post: Post, stop: Event) -> None:
    """Write a film as a platform takes it: H.264 High, yuv420p, AAC-LC, the index in front.

    Args:
        film: an mp4 that :func:`ltx_ui.media.mp4.write_mp4` wrote.
        target: the file's name; it appears when it is complete, or not at all.
        stop: once it is set the work ends.

    Raises:
        Stopped: ``stop`` was set.
        MediaError: the film is gone or damaged, the disk is full, the work took longer than
            :data:`MOST_SECONDS`, or ffmpeg failed.
    """
    if stop.is_set():
        raise Stopped
    if free_bytes(target.parent) < SPARE_BYTES:
        raise DiskFull(target.parent)
    read, work = _read(film, post.sound), _Work(stop, target.parent)
    rounds, one_round = _rounds(read, post)
    arguments = ["-i", str(film)]
    tags = read.tags if post.recipe else {}
    picture = ["-filter_complex", f"{_longer(read, post, rounds)},{_shaped(read, post)}[v]"]
    picture += ["-map", "[v]", "-c:v", "libx264", "-profile:v", "high", "-preset", "veryfast"]
    picture += ["-crf", "18", "-fps_mode", "cfr"]
    with whole(target) as file:
        if read.waveform is None:
            work.run([*arguments, *picture, *container_arguments(tags, file)])
            return
        with scratch(target) as raw:
            sound = _repeated(read, one_round * rounds)
            raw.write_bytes(np.ascontiguousarray(sound.T).data)
            source = ["-f", "f32le", "-ar", str(read.sample_rate), "-ac", str(len(sound))]
            source += ["-i", str(raw)]
            heard = ["-map", "1:a", "-af", _heard(source, post, work)]
            heard += ["-c:a", "aac", "-profile:a", "aac_low", "-b:a", AUDIO_BITRATE]
            work.run([*arguments, *source, *picture, *heard, *container_arguments(tags, file)])


class _Work:
    """Programs that run until they end, nobody waits for them, or their time is over."""

    def __init__(self, stop: Event, folder: Path) -> None:
        self._stop = stop
        self._folder = folder
        self._end = time.monotonic() + MOST_SECONDS

    def run(self, arguments: Sequence[str]) -> str:
        """Let ffmpeg do its work; returns what it wrote to its log."""
        with tempfile.TemporaryFile() as log:
            process = started(arguments, log)
            assert process.stdin is not None
            process.stdin.close()
            try:
                while process.poll() is None:
                    self._may_go_on()
                    self._stop.wait(0.05)
            finally:
                if process.poll() is None:
                    process.kill()
                status = process.wait()
            if status != 0:
                raise failed(log, self._folder)
            return _text(log)

    def _may_go_on(self) -> None:
        if self._stop.is_set():
            raise Stopped
        if time.monotonic() > self._end:
            raise MediaError(
                f"This took longer than {MOST_SECONDS} seconds, so it was stopped. Try again when "
                "the machine has less to do."
            )


def _text(log: IO[bytes]) -> str:
    log.seek(0)
    return log.read().decode(errors="replace")


def _read(path: Path, with_sound: bool) -> _Film:
    import av  # Loads FFmpeg's libraries, which nothing else in this room needs.

    try:
        with av.open(str(path)) as container:
            video = container.streams.video[0]
            tags = {
                name: container.metadata[name]
                for name in ("creation_time", "title", "comment")
                if name in container.metadata
            }
            rate = video.average_rate
            if not rate or not video.frames:
                raise MediaError(f"{path.name} holds no film.")
            sounds = container.streams.audio if with_sound else ()
            pieces = [frame.to_ndarray() for frame in container.decode(sounds[0])] if sounds else []
            waveform = np.concatenate(pieces, axis=1) if pieces else None
            sample_rate = sounds[0].rate if sounds else SAMPLE_RATE
            return _Film(video.frames, Fraction(rate), tags, waveform, sample_rate)
    except (av.FFmpegError, OSError, IndexError) as error:
        raise MediaError(f"{path.name} is not here any more, or is damaged.") from error


def _rounds(film: _Film, post: Post) -> tuple[int, int]:
    """How often the film is to be seen, and frames of each time."""
    if post.extend == "none" or film.frames / film.fps >= post.seconds:
        return 1, film.frames
    back = film.frames - 2 if post.extend == "boomerang" else 0
    one_round = film.frames + max(0, back)
    return math.ceil(Fraction(post.seconds) * film.fps / one_round), one_round


def _longer(film: _Film, post: Post, rounds: int) -> str:
    """The filters that make the picture so long."""
    _, one_round = _rounds(film, post)
    again = f"loop=loop={rounds - 1}:size={one_round}:start=0,setpts=N/({film.fps})/TB"
    if one_round == film.frames:
        return f"[0:v:0]{again}"
    # Neither end is seen twice, also where the next round begins.
    back = f"reverse,trim=start_frame=1:end_frame={film.frames - 1},setpts=PTS-STARTPTS"
    return f"[0:v:0]split[on][turned];[turned]{back}[back];[on][back]concat=n=2,{again}"


def _shaped(film: _Film, post: Post) -> str:
    """The filters that give the picture its size and its frames a second."""
    size = f"{post.width}:{post.height}"
    covering = f"scale={size}:force_original_aspect_ratio=increase:flags=lanczos,crop={size}"
    within = f"scale={size}:force_original_aspect_ratio=decrease:force_divisible_by=2:flags=lanczos"
    fill = {
        "crop": covering,
        "bars": f"{within},pad={size}:(ow-iw)/2:(oh-ih)/2",
        "blur": f"split[near][far];[far]{_far(post)}[behind];[near]{within}[before];"
        "[behind][before]overlay=(W-w)/2:(H-h)/2",
    }[post.fill]
    least, most = post.fps
    fps = min(Fraction(most), film.fps * max(1, math.ceil(least / film.fps)))
    colours = "setparams=range=tv:color_primaries=bt709:color_trc=bt709:colorspace=bt709"
    return f"{fill},setsar=1,fps={fps},format=yuv420p,{colours}"


def _far(post: Post) -> str:
    """The picture out of focus over the whole frame: blurred at an eighth, where that is cheap."""
    small = f"{post.width // 16 * 2}:{post.height // 16 * 2}"
    covering = f"scale={small}:force_original_aspect_ratio=increase:flags=area,crop={small}"
    return f"{covering},gblur=sigma=5,scale={post.width}:{post.height}:flags=bicubic"


def _repeated(film: _Film, frames: int) -> NDArray[np.float32]:
    """The sound over so many frames: from its start again as often as it takes.

    Where it begins again, its end goes on backwards for a moment and fades out while the start
    fades in: so there is no click, and no moment is lost by which it would run ahead of the
    picture.
    """
    assert film.waveform is not None
    rate = film.sample_rate
    once, all_samples = (round(n / film.fps * rate) for n in (film.frames, frames))
    sound = np.zeros((len(film.waveform), once), np.float32)
    kept = np.nan_to_num(film.waveform[:, :once])
    sound[:, : kept.shape[1]] = kept
    if all_samples <= once:
        return sound
    fade = min(once, round(CROSSFADE_SECONDS * rate))
    rising = np.linspace(0, 1, fade, dtype=np.float32)
    again = sound.copy()
    again[:, :fade] = sound[:, :fade] * rising + sound[:, : -fade - 1 : -1] * (1 - rising)
    times = math.ceil(all_samples / once) - 1
    return np.concatenate([sound, *[again] * times], axis=1)[:, :all_samples]


def _heard(source: Sequence[str], post: Post, work: _Work) -> str:
    """The filters that make the sound as loud as asked for."""
    if post.lufs is None:
        return f"aresample={SAMPLE_RATE}"
    return Level.of(source, work.run, post.lufs, post.peak).filters
