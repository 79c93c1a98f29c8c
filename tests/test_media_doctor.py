"""The doctor finds what is wrong with a clip, and nothing in a healthy one."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any, get_args

import av
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from studios import PATIENCE, OpenStudio, leave, quick

from ltx_ui.clip import Clip, Finding, Silent
from ltx_ui.media.doctor import examine
from ltx_ui.presets import load_presets
from ltx_ui.request import parse_recipe

if TYPE_CHECKING:
    from ltx_ui.engine.engine import Engine

FRAMES, HEIGHT, WIDTH, RATE = 49, 256, 160, 24_000


def png(colour: str) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (128, 128), colour).save(buffer, "PNG")
    return buffer.getvalue()


Frames = NDArray[np.uint8]
Sound = NDArray[np.float32]


def moving(dark: int = 60, bright: int = 200) -> Frames:
    """A square that crosses a grey picture."""
    frames = np.full((FRAMES, HEIGHT, WIDTH, 3), dark, np.uint8)
    for number, frame in enumerate(frames):
        frame[100:160, 2 * number : 2 * number + 60] = bright
    return frames


def lit(frames: Frames, light: Any) -> Frames:
    """The frames with their brightness multiplied, each by its own number."""
    each = np.asarray(light, np.float64).reshape(-1, 1, 1, 1)
    return (frames * each).clip(0, 255).astype(np.uint8)


def tone(level: float = 0.3) -> Sound:
    time = np.arange(FRAMES * RATE // 24) / RATE
    wave = (level * np.sin(2 * np.pi * 440 * time)).clip(-1, 1)
    return np.stack([wave, wave]).astype(np.float32)


def found(
    frames: Frames | None = None, sound: Sound | None = None, wants_sound: bool = True
) -> tuple[str, ...]:
    pictures = moving() if frames is None else frames
    clip = Clip(pictures, 24, tone() if sound is None else sound, RATE)
    return examine(clip, wants_sound=wants_sound)


def test_in_a_healthy_clip_it_finds_nothing() -> None:
    assert found() == ()
    assert found(moving(dark=5, bright=240)) == (), "a light in the night"
    assert found(sound=tone(1.0)) == (), "as loud as can be, and not distorted"
    for light in (np.linspace(0.5, 1.2, FRAMES), np.linspace(1.2, 0.5, FRAMES)):
        assert found(lit(moving(), light)) == (), "dawn or dusk"


@pytest.mark.parametrize("sound", [tone(0.0), tone(0.0013), np.zeros((2, 0), np.float32)])
def test_sound_that_nobody_hears(sound: Sound) -> None:
    assert found(sound=sound) == ("silent",)
    assert found(sound=sound, wants_sound=False) == ()
    assert found(sound=tone(0.004)) == ()


def test_sound_that_is_missing() -> None:
    assert examine(Clip(moving(), 24, None, RATE), wants_sound=True) == ("silent",)
    assert examine(Clip(moving(), 24, None, RATE), wants_sound=False) == ()


def test_sound_that_is_cut_off() -> None:
    assert found(sound=tone(1.6)) == ("clipped",)
    click = tone()
    click[:, 1000:1010] = 1.0
    assert found(sound=click) == ()


def test_a_picture_that_stands_still() -> None:
    still = np.repeat(moving()[:1], FRAMES, axis=0)
    assert found(still) == ("frozen",)
    noise = np.random.default_rng(1).integers(0, 3, still.shape, np.uint8)
    assert found(still + noise) == ()


def test_a_picture_that_is_black() -> None:
    noise = np.random.default_rng(1).integers(0, 20, moving().shape).astype(np.uint8)
    assert found(noise) == ("black",)
    assert found(np.zeros_like(noise)) == ("black",)
    dim = lit(np.full_like(noise, 24), np.linspace(4, 0, FRAMES).clip(0, 1))
    assert found(dim) == ("black",), "and not that it goes dark as well"


def test_a_picture_that_flashes() -> None:
    each_third = np.where(np.arange(FRAMES) % 6 < 3, 1.0, 2.0)
    assert found(lit(moving(), each_third)) == ("flashing",)
    twice_a_second = np.where(np.arange(FRAMES) % 12 < 6, 1.0, 2.0)
    assert found(lit(moving(), twice_a_second)) == ()
    corner = moving()
    corner[:, :90, :90] = lit(corner[:, :90, :90], each_third)
    assert found(corner) == (), "less than a quarter of the picture"


def test_a_picture_that_goes_dark_at_the_end() -> None:
    fade = np.linspace(4.0, 0.0, FRAMES).clip(0, 1)
    assert found(lit(moving(), fade)) == ("fades_out",)
    from_black = found(lit(moving(), fade[::-1]))
    assert from_black == (), "a fade in is none"


def test_a_large_clip_is_examined_like_a_small_one() -> None:
    large = moving().repeat(4, axis=1).repeat(4, axis=2)
    assert found(large) == ()
    assert found(large[:1].repeat(9, axis=0), tone(1.6)) == ("clipped", "frozen")


@pytest.mark.parametrize(
    "prompt",
    [
        "A green star rests quietly at night. A low hum. Static camera.",
        "A white ball bounces up and down at night. Dull thumps.",
        "A red ring spins in the desert. The sound of rain. Handheld camera.",
        "A blue box rests quietly in a plain grey studio. Beeps. Static camera.",
    ],
)
def test_in_the_demos_ordinary_clips_it_finds_nothing(engine: Engine, prompt: str) -> None:
    small = {"num_frames": 25, "num_inference_steps": 6, "seed": 3}
    clip = engine.generate(parse_recipe({"prompt": prompt, **small}), Silent())
    assert examine(clip, wants_sound=True) == ()


def test_a_take_keeps_what_was_found(open_studio: OpenStudio) -> None:
    studio = open_studio()
    night = studio.add_image(png("black")).digest
    both = {"image_start": night, "image_end": night, "guidance_scale": 1.0}
    job = studio.submit(quick(prompt="At night. A low hum.", **both), "ada")
    studio.wait(job.id, "ada", PATIENCE)
    assert studio.library.take(job.id, "ada").findings == ("black",)
    leave(studio)
    assert open_studio(start=False).session("ada").takes[0].findings == ("black",)


def test_silence_that_was_asked_for_is_no_fault(open_studio: OpenStudio) -> None:
    studio = open_studio()
    sized = {"width": 288, "height": 512, "num_inference_steps": 12}
    job = studio.submit(quick(prompt="A red ball at night. Complete silence.", **sized), "ada")
    studio.wait(job.id, "ada", PATIENCE)
    take = studio.library.take(job.id, "ada")
    with av.open(str(take.video)) as film:
        heard = np.concatenate([part.to_ndarray() for part in film.decode(audio=0)], axis=1)
    assert np.sqrt(np.square(heard).mean()) < 0.001
    assert take.findings == ()


def test_presets_have_a_remedy_for_all_that_can_be_found() -> None:
    assert set(load_presets().doctor) == set(get_args(Finding))
