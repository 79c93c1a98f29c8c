"""Clips made fit for posting, in pixels and waveform, and over HTTP."""

from __future__ import annotations

import re
import subprocess
import threading
import time
from pathlib import Path
from typing import Any

import av
import httpx
import imageio_ffmpeg
import numpy as np
import pytest
from numpy.typing import NDArray
from running import RunningApp
from v1 import SMALL, TAKES, ended, problem, submit, visitor

from ltx_ui.clip import Clip
from ltx_ui.errors import MediaError
from ltx_ui.media.metadata import read_metadata
from ltx_ui.media.mp4 import write_mp4
from ltx_ui.media.posting import Post, Stopped, write_post
from ltx_ui.presets import load_presets
from ltx_ui.publishing import seconds_for
from ltx_ui.web.made_films import MOST_WAITING

RATE = 24000
FRAMES = 25
SIZE = (108, 192)


def film(
    folder: Path, waveform: NDArray[np.float32] | None = None, frames: int = FRAMES, fps: int = 24
) -> Path:
    """A wide white picture that gets darker from frame to frame."""
    levels = np.linspace(250, 50, frames).astype(np.uint8)
    pixels = np.broadcast_to(levels[:, None, None, None], (frames, 96, 160, 3))
    path = folder / "film.mp4"
    write_mp4(Clip(pixels, fps, waveform, RATE), path, {"recipe": {"prompt": "a secret"}})
    return path


def tone(volume: float, seconds: float = FRAMES / 24) -> NDArray[np.float32]:
    moments = np.arange(round(seconds * RATE)) / RATE
    return np.stack([np.sin(2 * np.pi * 440.3 * moments) * volume] * 2).astype(np.float32)


def made(folder: Path, source: Path, **wanted: Any) -> Path:
    target = folder / "post.mp4"
    write_post(source, target, Post(*SIZE, **wanted), threading.Event())
    return target


def shown(path: Path) -> NDArray[np.uint8]:
    with av.open(str(path)) as container:
        return np.stack([f.to_ndarray(format="gray") for f in container.decode(video=0)])


def heard(path: Path) -> NDArray[np.float32]:
    with av.open(str(path)) as container:
        return np.concatenate([f.to_ndarray() for f in container.decode(audio=0)], axis=1)


def loudness(path: Path) -> tuple[float, float]:
    """LUFS and the true peak in dB, as ffmpeg's meter tells them."""
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-hide_banner", "-nostats", "-i", str(path)]
    command += ["-af", "ebur128=peak=true:framelog=quiet", "-f", "null", "-"]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stderr
    lufs, peak = (re.findall(rf"{name}:\s+(\S+) ", told)[-1] for name in ("I", "Peak"))
    return float(lufs), float(peak)


def test_a_post_plays_everywhere_and_has_the_size_and_no_recipe(tmp_path: Path) -> None:
    post = made(tmp_path, film(tmp_path, tone(0.1)))
    with av.open(str(post)) as container:
        video, audio = container.streams.video[0], container.streams.audio[0]
        assert (video.width, video.height, video.frames, video.average_rate) == (*SIZE, FRAMES, 24)
        assert (video.codec_context.name, video.pix_fmt) == ("h264", "yuv420p")
        assert (audio.codec_context.name, audio.rate) == ("aac", 48_000)
    data = post.read_bytes()
    assert 0 < data.index(b"moov") < data.index(b"mdat")
    assert b"secret" not in data


def test_a_post_keeps_its_recipe_where_that_is_wished(tmp_path: Path) -> None:
    with made(tmp_path, film(tmp_path), recipe=True).open("rb") as file:
        assert read_metadata(file)["recipe"] == {"prompt": "a secret"}


@pytest.mark.parametrize(("fill", "edge"), [("crop", 250), ("bars", 0), ("blur", 250)])
def test_another_shape_is_filled_as_asked_for(tmp_path: Path, fill: str, edge: int) -> None:
    first = shown(made(tmp_path, film(tmp_path), fill=fill))[0].astype(int)
    assert abs(first[96, 54] - 250) <= 4
    assert np.abs(first[[2, -3]] - edge).max() <= 4


def test_a_loop_begins_again(tmp_path: Path) -> None:
    frames = shown(made(tmp_path, film(tmp_path), extend="loop", seconds=3)).astype(int)
    levels = frames[:, 96, 54]
    assert len(frames) == 3 * FRAMES
    assert np.abs(levels[FRAMES : 2 * FRAMES] - levels[:FRAMES]).max() <= 3


def test_a_boomerang_goes_back_the_way_it_came(tmp_path: Path) -> None:
    frames = shown(made(tmp_path, film(tmp_path), extend="boomerang", seconds=3)).astype(int)
    levels, turn = frames[:, 96, 54], FRAMES - 1
    assert len(frames) == 2 * 2 * turn
    assert np.abs(levels[turn : 2 * turn] - levels[turn:0:-1]).max() <= 3
    # Neither end is seen twice.
    assert np.abs(np.diff(levels)).min() >= 4


def test_what_is_long_enough_stays_as_long(tmp_path: Path) -> None:
    assert len(shown(made(tmp_path, film(tmp_path), extend="loop", seconds=1))) == FRAMES


@pytest.mark.parametrize("extend", ["loop", "boomerang"])
def test_the_sound_begins_again_without_a_click(tmp_path: Path, extend: str) -> None:
    source = film(tmp_path, tone(0.3))
    post = made(tmp_path, source, extend=extend, seconds=3)
    sound, frames = heard(post), len(shown(post))
    assert abs(sound.shape[1] / 48_000 - frames / 24) < 0.03
    steepest = 0.3 * 2 * np.pi * 440.3 / 48_000
    inside = sound[0, 2400 : 48_000 * frames // 24 - 2400]
    assert np.abs(np.diff(inside)).max() < 1.6 * steepest
    once = round(FRAMES / 24 * 48_000)
    for join in range(once, len(inside), once):
        assert np.abs(sound[0, join + 4000 : join + 8000]).max() > 0.25


@pytest.mark.parametrize("volume", [0.05, 0.9])
def test_the_sound_is_as_loud_as_others(tmp_path: Path, volume: float) -> None:
    post = made(tmp_path, film(tmp_path, tone(volume)), lufs=-16.0)
    lufs, peak = loudness(post)
    assert lufs == pytest.approx(-16, abs=0.7)
    assert peak <= -1


def test_peaks_are_turned_down_and_not_clipped(tmp_path: Path) -> None:
    waveform = tone(0.05)
    for start in range(2000, 24000, 6000):
        waveform[:, start : start + 600] *= 18
    post = made(tmp_path, film(tmp_path, waveform), lufs=-16.0)
    lufs, peak = loudness(post)
    assert lufs == pytest.approx(-16, abs=1)
    assert peak <= -1
    # A clipped wave stays at its top for many samples.
    sound = np.abs(heard(post)[0])
    assert (sound > 0.98 * sound.max()).mean() < 0.02


def test_silence_stays_silent(tmp_path: Path) -> None:
    sound = heard(made(tmp_path, film(tmp_path, tone(0.0)), lufs=-16.0))
    assert np.abs(sound).max() < 1e-3


@pytest.mark.parametrize("frames", [1, 9])
def test_a_clip_too_short_to_measure_is_made_all_the_same(tmp_path: Path, frames: int) -> None:
    source = film(tmp_path, tone(0.3, frames / 24), frames)
    post = made(tmp_path, source, extend="boomerang", seconds=1, lufs=-16.0)
    assert len(shown(post)) >= 24
    assert len(shown(made(tmp_path, source, lufs=-16.0))) == frames


@pytest.mark.parametrize("muted", [True, False])
def test_a_post_without_sound_is_a_film(tmp_path: Path, muted: bool) -> None:
    source = film(tmp_path, tone(0.3) if muted else None)
    post = made(tmp_path, source, sound=not muted, lufs=-16.0, extend="loop", seconds=2)
    with av.open(str(post)) as container:
        assert not container.streams.audio
    assert len(shown(post)) == 2 * FRAMES


def test_few_frames_a_second_are_shown_more_often(tmp_path: Path) -> None:
    with av.open(str(made(tmp_path, film(tmp_path, fps=12)))) as container:
        video = container.streams.video[0]
        assert (video.average_rate, video.frames) == (24, 2 * FRAMES)


def test_work_that_nobody_waits_for_ends_and_leaves_nothing(tmp_path: Path) -> None:
    source, stop = film(tmp_path, frames=97), threading.Event()
    folder = tmp_path / "posts"
    threading.Timer(0.3, stop.set).start()
    with pytest.raises(Stopped):
        write_post(source, folder / "post.mp4", Post(2160, 3840, "blur"), stop)
    assert not list(folder.iterdir())
    with pytest.raises(Stopped):
        write_post(source, folder / "post.mp4", Post(*SIZE), stop)


def test_what_is_no_film_is_told(tmp_path: Path) -> None:
    broken = tmp_path / "film.mp4"
    broken.write_bytes(b"nothing")
    with pytest.raises(MediaError, match="damaged"):
        made(tmp_path, broken)


def test_each_platform_says_what_it_takes_and_where() -> None:
    presets = load_presets()
    least = {each.id: seconds_for(each, presets) for each in presets.posting}
    assert least == {"tiktok": 3, "reels": 3, "shorts": 3, "x": 0.5}
    assert all(each.source.startswith("https://") for each in presets.posting)


@pytest.fixture(scope="module")
def take(ada: httpx.Client) -> str:
    job = ended(ada, submit(ada, SMALL | {"prompt": "a secret ball", "seed": 7}))
    return str(job["takes"][0]["href"]).rpartition("/")[2]


def test_a_take_is_exported_over_http_and_stays_as_it_is(
    ada: httpx.Client, take: str, tmp_path: Path
) -> None:
    before = ada.get(f"{TAKES}/{take}").json(), ada.get(f"/takes/{take}.mp4").content
    asked = {"for": "x", "extend": "loop", "fill": "blur", "loudness": "on"}
    answer = ada.get(f"{TAKES}/{take}/export", params=asked)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "video/mp4"
    name = f"ltx2-7-{take[:8]}-x.mp4"
    assert answer.headers["content-disposition"] == f'attachment; filename="{name}"'
    file = tmp_path / name
    file.write_bytes(answer.content)
    assert shown(file).shape == (18, 1280, 720)
    assert b"secret" not in answer.content
    assert before == (ada.get(f"{TAKES}/{take}").json(), ada.get(f"/takes/{take}.mp4").content)


def test_what_can_not_be_exported_is_told(app: RunningApp, ada: httpx.Client, take: str) -> None:
    at = f"{TAKES}/{take}/export"
    told = problem(ada.get(at, params={"for": "vine"}), 422, "invalid-request")
    assert "tiktok, reels, shorts, x" in told["detail"]
    for wrong in ({}, {"for": "x", "fill": "stretch"}, {"for": "x", "speed": "2"}):
        assert ada.get(at, params=wrong).status_code == 422
    with visitor(app) as bob:
        problem(bob.get(at, params={"for": "x"}), 404, "not-found")
        assert bob.get(f"/takes/{take}/posting").status_code == 404
    problem(ada.get(f"{TAKES}/{'0' * 32}/export", params={"for": "x"}), 404, "not-found")


def test_a_client_that_hangs_up_stops_the_work(ada: httpx.Client, take: str) -> None:
    at, asked = f"{TAKES}/{take}/export", {"for": "tiktok", "extend": "loop", "fill": "blur"}
    for _ in range(2 * MOST_WAITING):
        with pytest.raises(httpx.ReadTimeout):
            ada.get(at, params=asked, timeout=0.05)
    # Otherwise all of those that were let in would be made first.
    end = time.monotonic() + 5
    while (answer := ada.get(at, params={"for": "x"})).status_code == 409:
        assert time.monotonic() < end
        time.sleep(0.1)
    assert answer.status_code == 200
    assert time.monotonic() < end
