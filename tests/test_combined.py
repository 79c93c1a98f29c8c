"""What a clip may be made from, together: none takes another's effect."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from lora_files import save_lora
from sounds import beats

from ltx_ui.clip import Clip, Silent
from ltx_ui.engine.engine import Engine
from ltx_ui.engine.loras import read_header
from ltx_ui.inputs import (
    ImageInput,
    InputData,
    Inputs,
    LoraData,
    Picture,
    RetakeInput,
    Sound,
    SoundInput,
)
from ltx_ui.loras import LoraInput
from ltx_ui.recipe import Recipe

FRAMES, SIDE = 17, 128
SETTINGS: dict[str, dict[str, Any]] = {
    "HD": {"two_stage": True},
    "high": {"mode": "high"},
    "slow": {"motion_speed": 0.5},
    "loop": {"loop": True},
}
PART = RetakeInput(digest="sha256:" + "7" * 64, frames=FRAMES, start=1, end=9)
PLACES = {"first": 0, "keyframe": 8, "last": -1}
COMBINED = (
    ("first", "sound", "LoRA", "HD"),
    ("first", "keyframe", "last", "sound", "LoRA", "high", "slow"),
    ("keyframe", "sound", "HD", "slow"),
    ("keyframe", "LoRA", "high", "HD"),
    ("retake", "keyframe", "LoRA", "HD"),
    ("retake", "high", "slow"),
    ("loop", "sound", "LoRA", "HD"),
    ("loop", "keyframe", "high", "slow"),
)


@pytest.fixture(scope="module")
def lora(tmp_path_factory: pytest.TempPathFactory) -> LoraData:
    path = save_lora(tmp_path_factory.mktemp("loras") / "grain.safetensors")
    return LoraData(path.stem, path, "0" * 64, 1.0, read_header(path).numbers)


def picture(place: int) -> Picture:
    return np.random.default_rng(place + 2).integers(0, 256, (SIDE, SIDE, 3), np.uint8)


def asked(names: Sequence[str], lora: LoraData, seeds: int = 1) -> tuple[list[Recipe], InputData]:
    """Recipes with all that is named, and what their files hold."""
    places = [place for name, place in PLACES.items() if name in names]
    settings = {k: v for name in names for k, v in SETTINGS.get(name, {}).items()}
    small = {"width": SIDE, "height": SIDE, "num_frames": FRAMES, "num_inference_steps": 2}
    inputs = Inputs(
        images=tuple(ImageInput(digest=f"sha256:{place + 2:064x}", at=place) for place in places),
        audio=SoundInput(digest="sha256:" + "5" * 64) if "sound" in names else None,
        loras=(LoraInput(name=lora.name),) if "LoRA" in names else (),
        retake=PART if "retake" in names else None,
    )
    recipe = Recipe.model_validate(
        {"prompt": "A red ball bounces.", "seed": 1, **small, **settings, "inputs": inputs}
    )
    data = InputData(
        pictures={place: picture(place) for place in places},
        sound=Sound(beats(FRAMES / 24, 440.0)) if {"sound", "retake"} & set(names) else None,
        film=np.stack([picture(place) for place in range(FRAMES)]) if "retake" in names else None,
        loras=(lora,) if "LoRA" in names else (),
    )
    return recipe.model_copy(update={"num_takes": seeds}).takes(), data


def made(engine: Engine, names: Sequence[str], lora: LoraData, seeds: int = 1) -> list[Clip]:
    takes, data = asked(names, lora, seeds)
    return list(engine.generate_many(takes, Silent(), data))


@pytest.mark.parametrize("names", COMBINED, ids="+".join)
def test_each_of_several_counts_beside_the_others(
    engine: Engine, lora: LoraData, names: tuple[str, ...]
) -> None:
    clip, other = made(engine, names, lora, 2)
    assert clip.frames.shape == other.frames.shape == (FRAMES, SIDE, SIDE, 3)
    assert not np.array_equal(clip.frames, other.frames)
    if "sound" in names and "loop" not in names:
        assert clip.waveform is not None
        given = beats(FRAMES / 24, 440.0)
        assert np.allclose(clip.waveform[:, : given.shape[1]], given, atol=1e-4)
    for left_out in names:
        [without] = made(engine, [name for name in names if name != left_out], lora)
        assert not np.array_equal(without.frames, clip.frames), left_out
    [again] = made(engine, names, lora)
    assert np.array_equal(again.frames, clip.frames)
