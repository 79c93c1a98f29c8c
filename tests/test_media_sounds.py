"""Sounds come in as they are, and what can't be used is refused with a sentence."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable

import av
import numpy as np
import pytest
from numpy.typing import NDArray
from sounds import RATE, beats, sound_file

from ltx_ui.errors import InvalidRecipe
from ltx_ui.media.sounds import read_sound, seconds_of, take_in_sound

KINDS = {
    ".wav": ("wav", "pcm_s16le"),
    ".mp3": ("mp3", "libmp3lame"),
    ".flac": ("flac", "flac"),
    ".m4a": ("ipod", "aac"),
    ".ogg": ("ogg", "libopus"),
    ".webm": ("webm", "libopus"),
}
MOST = 1_000_000


@pytest.mark.parametrize("suffix", KINDS)
def test_each_format_is_kept_as_it_came_and_heard(suffix: str) -> None:
    waveform = beats(1.5)
    data = sound_file(waveform, *KINDS[suffix])
    sound = take_in_sound(data, MOST)
    assert (sound.data, sound.suffix) == (data, suffix)
    assert sound.seconds == pytest.approx(1.5, abs=0.1)
    heard = read_sound(data, 0.0, 1.0)
    assert heard.waveform.shape == (2, RATE)
    assert heard.beyond == pytest.approx(0.5, abs=0.1)
    levels = [float(np.sqrt(np.mean(side**2))) for side in (heard.waveform, waveform[:, :RATE])]
    assert levels[0] == pytest.approx(levels[1], rel=0.1)


def test_a_part_begins_where_it_is_told_to_the_sample() -> None:
    waveform = beats(3.0)
    data = sound_file(waveform)
    part = read_sound(data, 1.25, 0.5)
    assert np.allclose(part.waveform, waveform[:, 60_000:84_000], atol=1e-4)
    rest = read_sound(data, 2.75, 1.0)
    assert rest.waveform.shape[1] == RATE // 4 and not rest.beyond
    assert part.beyond >= 1
    with pytest.raises(InvalidRecipe, match=r"audio_start: is 4 s; the sound is 3.00 s long"):
        read_sound(data, 4.0, 1.0)


@pytest.mark.parametrize(("channels", "rate"), [(7, RATE), (1, 192_000), (2, 8000)])
def test_any_usual_form_becomes_stereo_at_one_rate(channels: int, rate: int) -> None:
    mono = beats(0.5, rate=rate)[:1]
    waveform = np.repeat(mono, channels, axis=0)
    data = sound_file(waveform, "flac", "flac", rate=rate)
    take_in_sound(data, MOST)
    assert read_sound(data, 0.0, 0.25).waveform.shape == (2, RATE // 4)


def test_a_file_that_claims_more_sound_than_it_can_have_is_not_opened() -> None:
    data = bytearray(sound_file(beats(1.0), "ipod", "aac"))
    at = data.index(b"stsz") + 12
    struct.pack_into(">I", data, at, 2**31 - 1)
    with pytest.raises(InvalidRecipe, match="audio: is damaged"):
        take_in_sound(bytes(data), MOST)


RECORDED = {"Firefox": ("ogg", "libopus"), "others": ("webm", "libopus")}
"""What browsers record."""
TONE = beats(1.0)


def recorded(waveform: NDArray[np.float32], browser: str) -> bytes:
    """A sound as a browser's recorder writes it: what it could not know before its end is left
    out."""
    live = {"live": "1"} if browser == "others" else {}
    return sound_file(waveform, *RECORDED[browser], options=live)


@pytest.mark.parametrize("browser", RECORDED)
def test_a_recording_is_taken_as_a_file_is(browser: str) -> None:
    data = recorded(TONE, browser)
    sound = take_in_sound(data, MOST)
    assert sound.seconds == seconds_of(data) == pytest.approx(1.0, abs=0.05)
    assert read_sound(data, 0.25, 0.5).waveform.shape == (2, RATE // 2)
    take_in_sound(recorded(np.repeat(TONE[:1], 7, axis=0), browser), MOST)


@pytest.mark.parametrize("browser", RECORDED)
@pytest.mark.parametrize(
    ("spoilt", "said"),
    [
        (lambda browser: recorded(TONE[:, :1], browser), "at least 0.1 s"),
        (lambda browser: recorded(TONE * 0, browser), "is silent"),
        (lambda browser: recorded(TONE, browser)[:100], "damaged|0.000 s|no sound in it"),
        (lambda browser: recorded(TONE, browser)[:60] + bytes(4000), "damaged|0.000 s|no sound"),
        (lambda browser: recorded(beats(30.0, 3000.0), browser) * 9, r"MB; at most 1 MB"),
    ],
    ids=["one sample", "silent", "cut", "broken", "too large"],
)
def test_a_recording_that_can_not_be_used_is_refused(
    browser: str, spoilt: Callable[[str], bytes], said: str
) -> None:
    with pytest.raises(InvalidRecipe, match=rf"^audio: .*({said})"):
        take_in_sound(spoilt(browser), MOST)


@pytest.mark.parametrize("browser", RECORDED)
def test_too_long_a_recording_is_refused(browser: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ltx_ui.media.sounds.MOST_SECONDS", 0.5)
    with pytest.raises(InvalidRecipe, match="longer than"):
        take_in_sound(recorded(TONE, browser), MOST)


def test_matroska_may_have_other_codecs_and_rates() -> None:
    fast = sound_file(beats(0.5, rate=192_000)[:1], "matroska", rate=192_000)
    assert take_in_sound(fast, MOST).seconds == pytest.approx(0.5, abs=0.01)


def test_no_more_is_read_than_a_file_can_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    data = sound_file(TONE, "webm", "libopus")
    monkeypatch.setattr("ltx_ui.media.sounds.SPARE_BYTES", -2 * len(data))
    with pytest.raises(InvalidRecipe, match="damaged"):
        take_in_sound(data, MOST)


def film_without_sound() -> bytes:
    target = io.BytesIO()
    with av.open(target, "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=24, width=64, height=64, pix_fmt="yuv420p")
        container.mux(stream.encode(av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8))))
        container.mux(stream.encode(None))
    return target.getvalue()


def protected() -> bytes:
    """An M4A whose codec is that of songs that were sold protected."""
    return sound_file(beats(0.5), "ipod", "aac").replace(b"mp4a", b"drms")


def with_channels(count: int) -> bytes:
    data = bytearray(sound_file(beats(0.5)))
    at = data.index(b"fmt ") + 10
    data[at : at + 2] = struct.pack("<H", count)
    return bytes(data)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"RIFF0000WAVEnothing", "damaged"),
        (sound_file(beats(0.5))[:30], "damaged"),
        (sound_file(beats(0.5), "ogg", "libopus")[:200], "damaged|0.000 s"),
        (b"%PDF-1.7 and so on", "is not a WAV, MP3, FLAC, M4A or OGG sound"),
        (b"", "is not a WAV"),
        (sound_file(beats(1 / RATE)), "at least 0.1 s"),
        (sound_file(np.zeros((2, RATE), np.float32)), "is silent"),
        (film_without_sound(), "has no sound in it"),
        (protected(), "protected|damaged"),
        (with_channels(64), "64 channels; 1 to 8|damaged"),
        (sound_file(beats(6.0)), r"1.2 MB; at most 1 MB"),
    ],
)
def test_what_cannot_be_used_is_refused_with_a_sentence(data: bytes, said: str) -> None:
    with pytest.raises(InvalidRecipe, match=rf"^audio: .*({said})"):
        take_in_sound(data, MOST)


def test_a_small_file_with_hours_of_sound_is_not_decoded_to_its_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("ltx_ui.media.sounds.MOST_SECONDS", 1.0)
    with pytest.raises(InvalidRecipe, match="longer than"):
        take_in_sound(sound_file(beats(2.0), "flac", "flac"), MOST)
