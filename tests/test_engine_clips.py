"""What a recipe becomes: size, length, sound, and the same clip again."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from ltx_ui.clip import Clip, Stage
from ltx_ui.engine.engine import Engine
from ltx_ui.errors import Cancelled, OutOfMemory
from ltx_ui.recipe import Recipe

SMALL: dict[str, Any] = {
    "prompt": "A red ball rests quietly over the ocean. The sound of rain.",
    "width": 128,
    "height": 128,
    "num_frames": 9,
    "num_inference_steps": 2,
    "seed": 1,
}


class Diary:
    """Writes down what it hears, and cancels at one entry if told to."""

    def __init__(self, cancel_at: tuple[Stage, int] | None = None) -> None:
        self.entries: list[tuple[Stage, int, int]] = []
        self.cancel_at = cancel_at

    def progress(self, stage: Stage, step: int = 0, steps: int = 0) -> None:
        self.entries.append((stage, step, steps))
        if (stage, step) == self.cancel_at:
            raise Cancelled


def recipe(**changes: Any) -> Recipe:
    return Recipe(**{**SMALL, **changes})


def make(engine: Engine, **changes: Any) -> Clip:
    return engine.generate(recipe(**changes), Diary())


def difference(one: Clip, other: Clip) -> float:
    """Mean difference of the pictures, in levels of 255."""
    return float(np.abs(one.frames.astype(int) - other.frames).mean())


def loudness(clip: Clip) -> float:
    """RMS of the sound in dBFS."""
    assert clip.waveform is not None
    return float(20 * np.log10(np.sqrt(np.mean(clip.waveform**2))))


@pytest.fixture(scope="module")
def clip(engine: Engine) -> Clip:
    return make(engine)


def test_the_same_recipe_gives_the_same_clip(engine: Engine, clip: Clip) -> None:
    again = make(engine)
    assert np.array_equal(again.frames, clip.frames)
    assert clip.waveform is not None and again.waveform is not None
    assert np.array_equal(again.waveform, clip.waveform)


@pytest.mark.parametrize(
    "change",
    [
        {"seed": 2},
        {"prompt": "Two dogs run along the beach at dawn."},
        {"negative_prompt": "At night."},
        {"guidance_scale": 1.0},
        {"num_inference_steps": 8},
    ],
    ids=lambda change: next(iter(change)),
)
def test_every_setting_can_be_seen(engine: Engine, clip: Clip, change: dict[str, Any]) -> None:
    assert difference(make(engine, **change), clip) > 1.0


def test_the_seed_changes_the_sound_too(engine: Engine, clip: Clip) -> None:
    other = make(engine, seed=2)
    assert other.waveform is not None and clip.waveform is not None
    assert np.abs(other.waveform - clip.waveform).max() > 0.01


def test_the_global_random_state_is_left_alone(engine: Engine, clip: Clip) -> None:
    torch.manual_seed(5)
    before = torch.get_rng_state()
    again = make(engine)
    assert torch.equal(torch.get_rng_state(), before)
    assert np.array_equal(again.frames, clip.frames)


def test_pictures_are_colourful(clip: Clip) -> None:
    assert clip.frames.std() > 20
    channels = clip.frames.reshape(-1, 3).astype(int)
    assert np.abs(channels[:, 0] - channels[:, 1]).mean() > 10


def test_frames_are_exactly_as_asked(engine: Engine) -> None:
    clip = make(engine, width=768, height=432, num_inference_steps=1)
    assert clip.frames.shape == (9, 432, 768, 3)
    assert clip.frames.dtype == np.uint8
    assert clip.frames.flags.c_contiguous


@pytest.mark.parametrize(("num_frames", "fps"), [(9, 24), (17, 25), (33, 30)])
def test_the_sound_is_exactly_as_long_as_the_pictures(
    engine: Engine, num_frames: int, fps: int
) -> None:
    clip = make(engine, num_frames=num_frames, fps=fps, num_inference_steps=1)
    assert len(clip.frames) == num_frames
    assert clip.waveform is not None
    assert clip.waveform.shape == (2, round(num_frames / fps * 24000))
    assert clip.waveform.dtype == np.float32
    assert (clip.fps, clip.sample_rate) == (fps, 24000)


def test_the_sound_is_audible_and_not_clipped(clip: Clip) -> None:
    assert -40 < loudness(clip) < -12
    assert clip.waveform is not None
    assert np.abs(clip.waveform).max() < 0.99


def test_without_sound_the_pictures_are_the_same(engine: Engine, clip: Clip) -> None:
    silent = make(engine, include_audio=False)
    assert silent.waveform is None
    assert np.array_equal(silent.frames, clip.frames)


def test_any_writing_system_can_be_a_prompt(engine: Engine) -> None:
    chinese, arabic = (
        make(engine, prompt=text) for text in ("雪中的红狐 🦊", "ثعلب أحمر في الثلج")
    )
    assert difference(chinese, arabic) > 1.0


def test_a_very_long_prompt_is_cut_not_refused(engine: Engine) -> None:
    assert len(make(engine, prompt="fox " * 1000).frames) == 9


def test_progress_goes_from_text_through_every_step_to_decoding(engine: Engine) -> None:
    diary = Diary()
    engine.generate(recipe(num_inference_steps=3), diary)
    sampling = [entry for entry in diary.entries if entry[0] == "sampling"]
    assert sampling == [("sampling", step, 3) for step in range(4)]
    stages = list(dict.fromkeys(stage for stage, _, _ in diary.entries))
    assert stages == ["text", "sampling", "decoding"]


@pytest.mark.parametrize("place", [("text", 0), ("sampling", 0), ("sampling", 2), ("decoding", 1)])
def test_a_cancelled_clip_stops_there_and_the_next_one_works(
    engine: Engine, clip: Clip, place: tuple[Stage, int]
) -> None:
    diary = Diary(cancel_at=place)
    with pytest.raises(Cancelled):
        engine.generate(recipe(num_inference_steps=6), diary)
    assert diary.entries[-1][:2] == place
    assert np.array_equal(make(engine).frames, clip.frames)


def test_a_full_device_gives_advice_and_the_next_clip_works(engine: Engine, clip: Clip) -> None:
    def full(*_: Any) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory.")

    hook = engine.pipe.vae.decoder.register_forward_pre_hook(full)
    try:
        with pytest.raises(OutOfMemory, match=r"128x128 with 9 frames.*shorter length"):
            make(engine)
    finally:
        hook.remove()
    assert np.array_equal(make(engine).frames, clip.frames)


def test_other_errors_of_the_device_are_not_taken_for_a_full_one(engine: Engine) -> None:
    def broken(*_: Any) -> None:
        raise RuntimeError("shapes do not match")

    hook = engine.pipe.vae.decoder.register_forward_pre_hook(broken)
    try:
        with pytest.raises(RuntimeError, match="shapes"):
            make(engine)
    finally:
        hook.remove()


def test_the_engine_says_what_runs_where(engine: Engine) -> None:
    assert engine.card.id == "demo"
    assert set(engine.versions) == {"ltx_ui", "torch", "diffusers", "transformers"}
    assert engine.device == "cpu" or engine.device.startswith("cuda:0 ")


def test_half_the_speed_of_motion_moves_half_as_far(engine: Engine) -> None:
    moving = {"prompt": "A red ball moves to the left above the ocean. Static camera.", "seed": 1}
    size = {"width": 256, "height": 256, "num_frames": 25, "num_inference_steps": 8}

    def moved(speed: float) -> float:
        frames = make(engine, **moving | size, motion_speed=speed).frames.astype(int)
        return float(np.abs(np.diff(frames, axis=0)).mean())

    usual = moved(1.0)
    assert 0.3 * usual < moved(0.5) < 0.75 * usual
