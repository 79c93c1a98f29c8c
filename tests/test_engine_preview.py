"""While a clip is sampled it can be seen: roughly, cheaply, and without being changed by it."""

from __future__ import annotations

import io
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from streams import frame_count

from ltx_ui.clip import Silent, Stage
from ltx_ui.engine.engine import Engine
from ltx_ui.engine.preview import (
    Colours,
    Previews,
    colours_of,
    estimate,
    fit,
    latents_and_colours,
    scenes,
)
from ltx_ui.media.animation import animated_webp
from ltx_ui.recipe import Recipe

RECIPE = Recipe(
    prompt="a red ball", width=128, height=160, num_frames=17, num_inference_steps=4, seed=5
)


class PreviewLog:
    """Keeps what it is shown."""

    def __init__(self) -> None:
        self.shown: list[NDArray[np.uint8]] = []

    def progress(self, stage: Stage, step: int = 0, steps: int = 0) -> None:
        """Lets every clip through."""

    def preview(self, frames: NDArray[np.uint8], fps: float) -> None:
        """Keeps the frames."""
        self.shown.append(frames)


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Engine:
    root = tmp_path_factory.mktemp("preview")
    made = Engine("demo", root / "models", root / "cache")
    made.load(lambda message, fraction: None)
    return made


@torch.inference_mode()
def test_colours_come_from_latents_of_scenes_it_was_not_fitted_on(engine: Engine) -> None:
    vae = engine.pipe.vae
    colours = fit(vae)
    latents, wanted = latents_and_colours(vae, scenes(8, 128, 1, seed=9))
    missed = (latents @ colours.weights + colours.offset - wanted).pow(2).mean()
    assert missed < 0.8 * (wanted - wanted.mean(0)).pow(2).mean()


def test_the_map_is_fitted_once_and_kept(engine: Engine, tmp_path: Path) -> None:
    assert engine.cache_dir is not None
    kept = list(engine.cache_dir.glob("preview-*.npz"))
    assert len(kept) == 1
    np.savez(kept[0], weights=np.zeros((128, 3), np.float32), offset=np.ones(3, np.float32))
    assert colours_of(engine.pipe.vae, engine.cache_dir).offset.tolist() == [1, 1, 1]
    fitted = colours_of(engine.pipe.vae, tmp_path)
    np.savez(kept[0], weights=fitted.weights.numpy(), offset=fitted.offset.numpy())


def test_two_points_of_a_step_give_the_clean_latents_it_was_heading_for() -> None:
    clean, noise = torch.randn(2, 6, 4, generator=torch.Generator().manual_seed(0)).unbind()
    before, after = (clean + sigma * (noise - clean) for sigma in (0.9, 0.6))
    assert torch.allclose(estimate(before, after, 0.9, 0.6), clean, atol=1e-5)


def test_a_listener_that_wants_to_see_is_shown_the_clip_in_small(engine: Engine) -> None:
    log = PreviewLog()
    engine.generate(RECIPE, log)
    assert log.shown
    assert {frames.shape for frames in log.shown} == {(3, 5, 4, 3)}
    assert log.shown[0].dtype == np.uint8


def test_seeing_does_not_change_the_clip(engine: Engine) -> None:
    seen = engine.generate(RECIPE, PreviewLog()).frames
    assert np.array_equal(seen, engine.generate(RECIPE, Silent()).frames)


def test_a_two_stage_clip_is_seen_in_both_sizes(engine: Engine) -> None:
    log = PreviewLog()
    colours = Colours(torch.zeros(128, 3), torch.zeros(3))
    recipe = RECIPE.model_copy(update={"width": 128, "height": 192})
    for rows, columns in ((3, 2), (6, 4)):
        previews = Previews(log, colours, recipe, grid=64)
        latents = torch.randn(1, 3 * rows * columns, 128)
        for step in range(2):
            previews.see(step, latents, torch.tensor([1.0, 0.5, 0.0]))
    assert [frames.shape for frames in log.shown] == [(3, 3, 2, 3), (3, 6, 4, 3)]


def test_previews_come_twice_a_second_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter(step / 10 for step in range(100))
    monkeypatch.setattr(time, "monotonic", lambda: next(clock))
    log = PreviewLog()
    previews = Previews(log, Colours(torch.zeros(128, 3), torch.zeros(3)), RECIPE, grid=32)
    for step in range(31):
        previews.see(step, torch.randn(1, 60, 128), torch.linspace(1, 0, 32))
    assert len(log.shown) == 6


def test_frames_become_a_moving_picture_that_a_page_can_show() -> None:
    frames = np.zeros((3, 5, 4, 3), np.uint8)
    frames[1], frames[2] = 120, 255
    moving = animated_webp(frames, 3.0)
    assert frame_count(moving) == 3
    with Image.open(io.BytesIO(moving)) as picture:
        assert picture.info["loop"] == 0
        assert picture.size == (4 * 51, 5 * 51)
        picture.seek(2)
        assert np.asarray(picture.convert("RGB")).mean() > 250
