"""The mp4: what a player finds in it, and that it appears whole or not at all."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
import time
from datetime import UTC, datetime, timedelta, timezone
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import imageio_ffmpeg
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from streams import packets
from studios import PATIENCE

from ltx_ui import __version__
from ltx_ui.clip import Clip
from ltx_ui.errors import MediaError
from ltx_ui.media.files import sweep
from ltx_ui.media.metadata import read_metadata
from ltx_ui.media.mp4 import without_recipe, write_mp4, write_poster

RATE = 24000
CET = timezone(timedelta(hours=2))
COLOURS = [(230, 20, 20), (20, 200, 30), (30, 40, 220)]


def three_stripes(frames: int = 25, width: int = 96, height: int = 128) -> NDArray[np.uint8]:
    picture = np.zeros((frames, height, width, 3), np.uint8)
    for index, colour in enumerate(COLOURS):
        picture[:, :, index * width // 3 : (index + 1) * width // 3] = colour
    return picture


def tone(seconds: float, rate: int = RATE) -> NDArray[np.float32]:
    time_axis = np.arange(round(seconds * rate)) / rate
    return np.stack([np.sin(2 * np.pi * 440 * time_axis) * 0.3] * 2).astype(np.float32)


def decoded_sound(path: Path) -> NDArray[np.float32]:
    with av.open(str(path)) as container:
        return np.concatenate([f.to_ndarray() for f in container.decode(audio=0)], axis=1)


def decoded_frames(path: Path) -> list[NDArray[Any]]:
    with av.open(str(path)) as container:
        return [f.to_ndarray(format="rgb24") for f in container.decode(video=0)]


@pytest.mark.parametrize("fps", [24, 25, 30])
def test_every_player_can_play_it(tmp_path: Path, fps: int) -> None:
    path = tmp_path / "clip.mp4"
    write_mp4(Clip(three_stripes(49), fps, tone(49 / fps), RATE), path, {})
    with av.open(str(path)) as container:
        video, audio = container.streams.video[0], container.streams.audio[0]
        assert (video.codec_context.name, video.profile) == ("h264", "High")
        assert video.pix_fmt == "yuv420p"
        assert (video.width, video.height) == (96, 128)
        assert video.average_rate == video.base_rate == fps
        context = video.codec_context
        bt709 = 1
        assert context.colorspace == context.color_primaries == context.color_trc == bt709
        assert (audio.codec_context.name, audio.profile) == ("aac", "LC")
        assert (audio.rate, audio.channels) == (RATE, 2)
        assert video.duration * video.time_base == Fraction(49, fps)
    with av.open(str(path)) as container:
        stamps = [frame.pts for frame in container.decode(video=0)]
    assert len(stamps) == 49
    assert len(set(np.diff(stamps))) == 1


def test_the_index_stands_in_front_of_the_pictures(tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    write_mp4(Clip(three_stripes(), 24, tone(25 / 24), RATE), path, {})
    data = path.read_bytes()
    assert 0 < data.index(b"moov") < data.index(b"mdat")


def test_colours_come_back_as_they_went_in(tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    write_mp4(Clip(three_stripes(), 24, None, RATE), path, {})
    middle = decoded_frames(path)[12]
    for index, colour in enumerate(COLOURS):
        assert np.abs(middle[64, 16 + 32 * index].astype(int) - colour).max() <= 4


@pytest.mark.parametrize("seconds", [0.5, 25 / 24, 2.0])
def test_the_sound_is_heard_and_exactly_as_long_as_the_picture(
    tmp_path: Path, seconds: float
) -> None:
    path = tmp_path / "clip.mp4"
    write_mp4(Clip(three_stripes(), 24, tone(seconds), RATE), path, {})
    with av.open(str(path)) as container:
        video, audio = container.streams.video[0], container.streams.audio[0]
        assert audio.duration * audio.time_base == video.duration * video.time_base
    sound = decoded_sound(path)
    assert np.sqrt((sound[:, : round(0.4 * RATE)] ** 2).mean()) == pytest.approx(0.212, abs=0.02)
    spectrum = np.abs(np.fft.rfft(sound[0, 2048:10048]))
    assert spectrum.argmax() * RATE / 8000 == pytest.approx(440, abs=3)


def test_a_waveform_with_holes_and_peaks_makes_a_clean_sound(tmp_path: Path) -> None:
    waveform = tone(25 / 24)
    waveform[:, 100] = np.nan
    waveform[:, 200] = np.inf
    waveform[:, 300] = 40.0
    path = tmp_path / "clip.mp4"
    write_mp4(Clip(three_stripes(), 24, waveform, RATE), path, {})
    sound = decoded_sound(path)
    assert np.isfinite(sound).all()
    assert np.abs(sound).max() < 1.5


def test_a_loud_waveform_is_turned_down_with_a_note(tmp_path: Path) -> None:
    loud, path = tone(25 / 24) / 0.3 * 2, tmp_path / "clip.mp4"
    notes = write_mp4(Clip(three_stripes(), 24, loud, RATE), path, {})
    assert notes == ("The sound was too loud and was turned down by 7.0 dB.",)
    sound = decoded_sound(path)[0, 2048:-2048]
    assert np.abs(sound).max() == pytest.approx(0.891, abs=0.02)
    assert np.sqrt((sound**2).mean()) == pytest.approx(0.891 / 2**0.5, abs=0.02), "not clipped"


def test_a_waveform_that_fits_is_left_as_it_is(tmp_path: Path) -> None:
    whole = tone(25 / 24) / 0.3
    assert write_mp4(Clip(three_stripes(), 24, whole, RATE), tmp_path / "a.mp4", {}) == ()


def test_sound_that_ends_before_the_picture_fades_out(tmp_path: Path) -> None:
    path, end = tmp_path / "clip.mp4", round((25 / 24 - 0.045) * RATE)
    steady = np.full((2, end), 0.5, np.float32)
    write_mp4(Clip(three_stripes(), 24, steady, RATE), path, {})
    sound = decoded_sound(path)[0]
    delay = sound.size - round(25 / 24 * RATE) if sound.size > round(25 / 24 * RATE) else 0
    assert delay < 2048
    steps = np.abs(np.diff(sound[end - RATE // 20 :]))
    assert steps.max() < 0.05, "a hard stop is a step of 0.5"


STANDARD_TAGS = {"recipe": {"prompt": "A red ball. " * 40, "seed": 7}}


def test_the_standard_tags_say_what_when_and_by_what(tmp_path: Path) -> None:
    path, made_at = tmp_path / "clip.mp4", datetime(2026, 5, 4, 5, 2, 1, tzinfo=CET)
    write_mp4(Clip(three_stripes(9), 24, None, RATE), path, STANDARD_TAGS, made_at=made_at)
    with av.open(str(path)) as container:
        tags = container.metadata
    assert tags["creation_time"] == "2026-05-04T03:02:01.000000Z"
    assert tags["title"].startswith("A red ball. A red ball.")
    assert tags["title"].endswith("…")
    assert len(tags["title"]) <= 100
    assert tags["encoder"] == f"LTX-2 Studio {__version__}"
    assert json.loads(tags["comment"]) == STANDARD_TAGS


def test_a_clip_was_made_now_unless_said_otherwise(tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    write_mp4(Clip(three_stripes(9), 24, None, RATE), path, {})
    with av.open(str(path)) as container:
        made_at = datetime.fromisoformat(container.metadata["creation_time"])
    assert made_at.date() - datetime.now(UTC).date() in (timedelta(0), timedelta(-1))


@pytest.mark.parametrize("ways", [["mp4"], ["mov"], ["mkv", "mp4"]], ids="-".join)
def test_the_recipe_survives_copies_into_other_containers(tmp_path: Path, ways: list[str]) -> None:
    path = tmp_path / "clip.mp4"
    write_mp4(Clip(three_stripes(9), 24, tone(9 / 24), RATE), path, STANDARD_TAGS)
    ffmpeg = [imageio_ffmpeg.get_ffmpeg_exe(), "-loglevel", "error"]
    for container in ways:
        copy = tmp_path / f"copy.{container}"
        subprocess.run([*ffmpeg, "-i", path, "-c", "copy", copy], check=True)
        path = copy
    assert read_metadata(path) == STANDARD_TAGS


def test_the_recipe_survives_a_copy_by_another_program(tmp_path: Path) -> None:
    path, copy = tmp_path / "clip.mp4", tmp_path / "copy.mp4"
    write_mp4(Clip(three_stripes(9), 24, tone(9 / 24), RATE), path, STANDARD_TAGS)
    with av.open(str(path)) as source, av.open(str(copy), "w") as target:
        target.metadata.update(source.metadata)
        streams = {each: target.add_stream_from_template(each) for each in source.streams}
        for packet in source.demux():
            if packet.dts is not None:
                packet.stream = streams[packet.stream]
                target.mux(packet)
    assert packets(copy) != [] and read_metadata(copy) == STANDARD_TAGS


def test_a_copy_without_recipe_has_the_same_streams_and_no_words(tmp_path: Path) -> None:
    path, copy = tmp_path / "clip.mp4", tmp_path / "copy.mp4"
    write_mp4(Clip(three_stripes(), 24, tone(1), RATE), path, STANDARD_TAGS)
    without_recipe(path, copy)
    assert packets(copy) == packets(path)
    assert b"red ball" not in copy.read_bytes()
    with av.open(str(copy)) as plain, av.open(str(path)) as full:
        assert plain.metadata["creation_time"] == full.metadata["creation_time"]
        assert plain.metadata.keys().isdisjoint({"title", "comment"})
    with pytest.raises(MediaError, match="holds no recipe"):
        read_metadata(copy)


def test_a_film_that_is_gone_can_not_be_copied(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match=r"clip\.mp4 is not here any more"):
        without_recipe(tmp_path / "clip.mp4", tmp_path / "copy.mp4")


@pytest.mark.parametrize(
    ("mode", "says"),
    [(None, "is missing"), (0o600, "may not be executed"), (0o700, "Exec format error")],
)
def test_an_ffmpeg_that_can_not_be_started_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: int | None, says: str
) -> None:
    tool, folder = tmp_path / "ffmpeg", tmp_path / "takes"
    if mode is not None:
        tool.write_bytes(b"\x7fELF but not really")
        tool.chmod(mode)
    monkeypatch.setenv("IMAGEIO_FFMPEG_EXE", str(tool))
    with pytest.raises(MediaError, match=says) as caught:
        write_mp4(Clip(three_stripes(9), 24, tone(0.3), RATE), folder / "clip.mp4", {})
    assert "IMAGEIO_FFMPEG_EXE" in str(caught.value)
    assert "permissions" not in str(caught.value)
    assert list(folder.iterdir()) == []


def test_a_clip_without_sound_has_no_audio_track(tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    write_mp4(Clip(three_stripes(), 24, None, RATE), path, {})
    with av.open(str(path)) as container:
        assert not container.streams.audio
        assert len(container.streams.video) == 1


def test_the_recipe_comes_back_from_the_file(tmp_path: Path) -> None:
    metadata = {
        "recipe": {"prompt": 'A "fox" = ; # \\ \n größer 🦊' + "x" * 4000, "seed": 2**32 - 1},
        "versions": {"torch": "2.13.0"},
    }
    path = tmp_path / "clip.mp4"
    write_mp4(Clip(three_stripes(9), 24, None, RATE), path, metadata)
    assert read_metadata(path) == metadata


def test_a_file_that_is_not_ours_says_so(tmp_path: Path) -> None:
    path = tmp_path / "holiday.mp4"
    path.write_text("not a video")
    with pytest.raises(MediaError, match=r"holiday\.mp4 is no mp4"):
        read_metadata(path)


def test_the_same_clip_gives_the_same_streams_and_another_does_not(tmp_path: Path) -> None:
    clip = Clip(three_stripes(), 24, tone(25 / 24), RATE)
    other = Clip(three_stripes()[:, ::-1, ::-1], 24, clip.waveform, RATE)
    paths = [tmp_path / name for name in ("a.mp4", "b.mp4", "c.mp4")]
    for path, made in zip(paths, (clip, clip, other), strict=True):
        write_mp4(made, path, {"seed": 7})
    first, second, third = (packets(path) for path in paths)
    assert first == second
    assert first != third


def test_the_poster_shows_the_middle_or_the_brightest_frame(tmp_path: Path) -> None:
    frames = three_stripes(9)
    frames[4] = 120
    write_poster(Clip(frames, 24, None, RATE), tmp_path / "grey.jpg", {})
    frames[4] = 0
    frames[7] = 250
    write_poster(Clip(frames, 24, None, RATE), tmp_path / "bright.jpg", {})
    for name, level in (("grey.jpg", 120), ("bright.jpg", 250)):
        with Image.open(tmp_path / name) as poster:
            assert poster.size == (96, 128)
            assert np.abs(np.asarray(poster).astype(int) - level).max() <= 2


def test_a_size_h264_cannot_hold_leaves_no_file(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match="could not be written as mp4"):
        write_mp4(Clip(three_stripes(9, width=99), 24, None, RATE), tmp_path / "odd.mp4", {})
    assert list(tmp_path.iterdir()) == []


WRITER = """
    import sys, resource
    from pathlib import Path
    import numpy as np
    from ltx_ui.clip import Clip
    from ltx_ui.errors import MediaError
    from ltx_ui.media.mp4 import write_mp4

    frames, limit, path = int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3])
    if limit:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    noise = np.random.default_rng(0).integers(0, 255, (1, 256, 256, 3), dtype=np.uint8)
    sound = np.zeros((2, 1000), np.float32)
    clip = Clip(np.broadcast_to(noise, (frames, 256, 256, 3)), 24, sound, 24000)
    try:
        write_mp4(clip, path, {})
    except MediaError as error:
        sys.exit(f"MediaError: {error}")
"""


def writer(frames: int, limit: int, path: Path) -> list[str]:
    return [sys.executable, "-c", textwrap.dedent(WRITER), str(frames), str(limit), str(path)]


@pytest.mark.skipif(sys.platform == "win32", reason="file size limits are POSIX")
@pytest.mark.parametrize("limit", [40_000, 1_000], ids=["picture", "sound"])
def test_a_full_disk_is_named_and_leaves_no_file(tmp_path: Path, limit: int) -> None:
    done = subprocess.run(
        writer(97, limit, tmp_path / "clip.mp4"), capture_output=True, text=True, check=False
    )
    assert "MediaError: There is no room left" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_killed_writer_leaves_no_file_under_the_final_name(tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    process = subprocess.Popen(writer(100_000, 0, path))
    try:
        deadline = time.monotonic() + PATIENCE
        while not any(f.stat().st_size > 100_000 for f in tmp_path.iterdir()):
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.02)
    finally:
        process.kill()
        process.wait()
    assert not path.exists()
    assert list(tmp_path.iterdir())
    sweep(tmp_path)
    assert list(tmp_path.iterdir()) == []
