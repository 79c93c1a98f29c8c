"""What a model computes in: bfloat16 gives nearly the same clip, and says that it did."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import torch
from studios import PATIENCE, OpenStudio

from ltx_ui.clip import Silent
from ltx_ui.engine import loading
from ltx_ui.engine.decoding import to_uint8
from ltx_ui.engine.engine import Engine
from ltx_ui.engine.models import CARDS
from ltx_ui.recipe import Recipe
from training.measure import psnr

RECIPE = Recipe(
    prompt="A red ball in a studio. It stays still.",
    width=128,
    height=128,
    num_frames=9,
    num_inference_steps=4,
    seed=1,
)


def test_bfloat16_gives_nearly_the_same_clip_and_says_so(engine: Engine, models_dir: Path) -> None:
    half = Engine("demo", models_dir, precision="bfloat16")
    half.load(lambda message, fraction: None)
    assert (engine.device, half.device) == ("cpu", "cpu, bfloat16")
    one, other = engine.generate(RECIPE, Silent()), half.generate(RECIPE, Silent())
    assert 20 < psnr(one.frames, other.frames) < math.inf
    assert other.waveform is not None and np.isfinite(other.waveform).all()


def test_previews_of_bfloat16_leave_the_weights_as_they_were(
    models_dir: Path, tmp_path: Path
) -> None:
    plain, with_previews = (
        Engine("demo", models_dir, c, precision="bfloat16") for c in (None, tmp_path)
    )
    for each in (plain, with_previews):
        each.load(lambda message, fraction: None)
    assert list(tmp_path.glob("preview-*"))
    kept = with_previews.pipe.vae.state_dict()
    for name, weights in plain.pipe.vae.state_dict().items():
        assert weights.dtype == kept[name].dtype and torch.equal(weights, kept[name]), name


def test_a_model_in_bfloat16_takes_half_the_room() -> None:
    card, stored = CARDS["ltx-2.3"], {"transformer": {"BF16": 50}, "vocoder": {"F32": 5, "I64": 1}}
    whole = loading.part_bytes(card, stored, torch.float32)
    half = loading.part_bytes(card, stored, torch.bfloat16)
    assert (whole["transformer"], whole["vocoder"]) == (200, 28)
    assert (half["transformer"], half["vocoder"]) == (100, 28), (
        "it computes in float32 all the same"
    )


def test_pictures_are_rounded_in_float32_whatever_they_were_decoded_in() -> None:
    drawn = torch.rand(3, 2, 16, 16, generator=torch.Generator().manual_seed(0)) * 2 - 1
    video = drawn.to(torch.bfloat16)
    exact = ((video.double() + 1) * 127.5).round().to(torch.uint8).permute(1, 2, 3, 0).numpy()
    assert np.abs(to_uint8(video.clone()).astype(int) - exact).max() == 0


def test_the_studio_computes_in_what_it_was_told(open_studio: OpenStudio) -> None:
    studio = open_studio(precision="bfloat16")
    job = studio.submit(RECIPE, "ada")
    studio.wait(job.id, "ada", PATIENCE)
    assert studio.library.take(job.id, "ada").device == "cpu, bfloat16"
