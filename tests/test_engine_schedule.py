"""The noise levels of a run are those that the model's authors sample with."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from families import pipeline, save

from ltx_ui.clip import Silent
from ltx_ui.engine.loading import DEMO_FOLDER, Schedule, load
from ltx_ui.engine.models import CARDS, SCHEDULES, ModelCard
from ltx_ui.engine.resolving import read_json
from ltx_ui.engine.sampling import sample
from ltx_ui.engine.text import PromptEncoder
from ltx_ui.geometry import video_tokens
from ltx_ui.recipe import Recipe

SIZES = [(128, 128, 9), (288, 512, 49), (1280, 704, 121)]
UNDISTILLED = [CARDS[id] for id in ("ltx-2", "ltx-2.3", "ltx-2.5-full")]


def authors_sigmas(steps: int, count: int = 4096) -> list[float]:
    """``LTX2Scheduler`` of Lightricks/LTX-2 (``packages/ltx-core``, ``components/schedulers.py``),
    as its code describes it: evenly spaced levels have a shift added to their logit, which grows
    with the video tokens (0.95 at 1024, 2.05 at 4096); then they are stretched so that the last
    before 0 is 0.1. Without a latent it counts on 4096 tokens, and so do the authors' one-stage and
    two-stage pipelines."""
    shift = 0.95 + (2.05 - 0.95) * (count - 1024) / (4096 - 1024)
    even = [1 - i / steps for i in range(steps)]
    shifted = [1.0, *(1 / (1 + math.exp(-math.log(s / (1 - s)) - shift)) for s in even[1:])]
    stretch = (1 - shifted[-1]) / (1 - 0.1)
    return [*(1 - (1 - sigma) / stretch for sigma in shifted), 0.0]


def sampled_sigmas(
    pipe: Any, card: ModelCard, size: tuple[int, int, int], steps: int
) -> list[float]:
    """The noise levels of a run, which is stopped at its first step."""

    def stop(*_: Any) -> None:
        raise InterruptedError

    width, height, num_frames = size
    recipe = Recipe(
        prompt="x",
        width=width,
        height=height,
        num_frames=num_frames,
        num_inference_steps=steps,
        guidance_scale=1.0,
        seed=1,
    )
    handle = pipe.transformer.register_forward_pre_hook(stop)
    try:
        with torch.inference_mode(), pytest.raises(InterruptedError):
            sample(pipe, card, PromptEncoder(pipe), recipe, Silent())
    finally:
        handle.remove()
    sigmas: list[float] = pipe.scheduler.sigmas.tolist()
    return sigmas


@pytest.mark.parametrize("steps", [8, 40])
@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("schedule", ["authors", "diffusers"])
def test_sigmas_are_the_authors_for_4096_tokens_or_stocks_for_the_clips_own(
    schedule: Any, size: tuple[int, int, int], steps: int
) -> None:
    pipe = pipeline("2.0")
    card = replace(CARDS["ltx-2"], schedule=schedule)
    pipe.scheduler = Schedule.from_config(pipe.scheduler.config, **card.scheduler)
    expected = authors_sigmas(steps, 4096 if schedule == "authors" else video_tokens(*size))
    # float32, divided by what little the last level is from 1: 0.0008 at 16 720 tokens.
    assert sampled_sigmas(pipe, card, size, steps) == pytest.approx(expected, abs=1e-4)


def test_at_a_small_size_the_authors_stay_longer_at_high_noise() -> None:
    high = [sum(s > 0.9 for s in authors_sigmas(40, count)) for count in (4096, 1008)]
    assert high == [18, 10]


@pytest.mark.parametrize("card", UNDISTILLED, ids=lambda card: card.id)
def test_undistilled_cards_are_loaded_with_the_authors_schedule(
    card: ModelCard, tmp_path: Path
) -> None:
    family: Any = "2.5" if "2.5" in card.id else "2.3" if "2.3" in card.id else "2.0"
    folder = save(family, tmp_path / "model", full=True)
    config = folder / "scheduler" / "scheduler_config.json"
    # As the repo of LTX-2.5 ships it, for its distilled transformer.
    config.write_text(
        config.read_text()
        .replace('"use_dynamic_shifting": true', '"use_dynamic_shifting": false')
        .replace('"shift_terminal": 0.1', '"shift_terminal": null')
    )
    local = replace(card, source=str(folder))
    loaded = load(local, tmp_path, lambda message, fraction: None).pipe.scheduler.config
    assert {name: loaded[name] for name in SCHEDULES["authors"]} == SCHEDULES["authors"]


def test_the_demo_keeps_the_schedule_that_it_learnt() -> None:
    shipped = read_json(DEMO_FOLDER / "scheduler" / "scheduler_config.json")
    assert CARDS["demo"].scheduler.items() <= shipped.items()
    assert CARDS["demo"].schedule == "diffusers"
