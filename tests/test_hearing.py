"""Models that can't make clips to a sound say so before one is made."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from families import save
from safetensors.torch import load_file, save_file
from sounds import beats

from ltx_ui.clip import Silent
from ltx_ui.engine.engine import Engine
from ltx_ui.engine.hearing import can_hear
from ltx_ui.engine.models import CARDS
from ltx_ui.errors import InvalidRecipe
from ltx_ui.inputs import InputData, Inputs, PictureInput, Sound, SoundInput
from ltx_ui.recipe import Recipe

DEMO = Path(__file__).parent.parent / "ltx_ui/engine/demo"
DIGEST = "sha256:" + "5" * 64


def to_sound(strength: float = 1.0, **inputs: PictureInput) -> Recipe:
    given = SoundInput(digest=DIGEST, strength=strength)
    return Recipe(prompt="A ball", inputs=Inputs(audio=given, **inputs))


def without_encoder(folder: Path) -> Path:
    """The demo model as somebody may publish it who made no use of the encoder."""
    shutil.copytree(DEMO, folder)
    file = folder / "audio_vae/diffusion_pytorch_model.safetensors"
    weights = load_file(file)
    save_file({name: each for name, each in weights.items() if "encoder." not in name}, file)
    return folder


def test_what_is_no_checkpoint_can_not_hear(tmp_path: Path) -> None:
    assert can_hear(DEMO)
    assert not can_hear(tmp_path)


@pytest.mark.parametrize("family", ["2.3", "2.5"])
def test_the_published_families_hear(family: str, tmp_path: Path) -> None:
    assert can_hear(save(family, tmp_path))  # type: ignore[arg-type]


def for_other_frames(folder: Path) -> Path:
    """The demo model with an encoder of another kind."""
    shutil.copytree(DEMO, folder)
    file = folder / "audio_vae/config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"sample_rate": 48_000}))
    return folder


@pytest.mark.parametrize("spoilt", [without_encoder, for_other_frames])
def test_a_model_that_can_not_hear_makes_clips_and_refuses_a_sound(
    tmp_path: Path, engine: Engine, spoilt: Callable[[Path], Path]
) -> None:
    folder = spoilt(tmp_path / "deaf")
    assert not can_hear(folder)
    deaf = Engine(str(folder), tmp_path)
    deaf.load(lambda message, fraction: None)
    assert engine.card.hears and not deaf.card.hears
    with pytest.raises(InvalidRecipe, match=r"^audio: "):
        deaf.generate(to_sound(), Silent(), InputData(sound=Sound(beats(2.0))))
    small: dict[str, Any] = {"width": 128, "height": 128, "num_frames": 9, "num_inference_steps": 1}
    clip = deaf.generate(Recipe(prompt="A ball", **small), Silent())
    assert clip.waveform is not None


def test_a_model_that_can_not_hear_refuses_a_sound_in_words() -> None:
    card = replace(CARDS["ltx-2.5"], hears=False)
    with pytest.raises(
        InvalidRecipe, match=r"^audio: LTX-2.5 .* can't make a clip to a given sound"
    ):
        card.check(to_sound())
    film = PictureInput(digest=DIGEST)
    card.check(to_sound(picture=film))  # A film gets it as it is: nobody has to hear it.
    with pytest.raises(InvalidRecipe):
        card.check(to_sound(0.5, picture=film))
    CARDS["ltx-2.5"].check(to_sound())
