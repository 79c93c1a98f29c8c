"""Which frames and which sound of a joined film are whose."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from films import encoded, film

from ltx_ui.clip import Clip
from ltx_ui.engine.remade import staying_sound
from ltx_ui.inputs import Direction, FilmInput, RetakeInput
from ltx_ui.media.joining import Joint
from ltx_ui.media.remaking import Remade
from ltx_ui.recipe import Recipe

DIGEST = "sha256:" + "1" * 64


@pytest.mark.parametrize("direction", ["after", "before"])
def test_a_films_pixels_pass_over_into_the_new_ones(tmp_path: Path, direction: Direction) -> None:
    path = tmp_path / "film.mp4"
    path.write_bytes(encoded(np.full((33, 128, 128, 3), 40, np.uint8)))
    clip = Clip(np.full((25, 128, 128, 3), 200, np.uint8), 24, None, 24_000)
    named = FilmInput(digest=DIGEST, frames=33, overlap=9, direction=direction)
    levels = [float(frame.mean()) for frame in Joint(path, named).frames(clip)]
    if direction == "before":
        levels.reverse()
    assert len(levels) == 33 + 25 - 9
    assert levels[:24] == pytest.approx([40] * 24, abs=3)
    assert np.diff(levels[23:34]) == pytest.approx([16] * 10, abs=3)
    assert levels[33:] == [200] * 16


def test_the_sound_around_a_part_stays_in_the_latents() -> None:
    recipe = Recipe(prompt="a ball", width=128, height=128, num_frames=49)
    part = RetakeInput(digest=DIGEST, frames=60, start=18, end=34, first=1)
    stays = staying_sound(recipe, part, torch.zeros(1, 8, 98, 16)).flatten()
    # Two latents a frame; frames 18 to 33 are 17 to 32 of those that are sampled.
    assert stays.tolist() == [1.0] * 34 + [0.0] * 32 + [1.0] * 32


def test_beside_a_part_the_sound_passes_over_without_a_click(tmp_path: Path) -> None:
    film(tmp_path / "film.mp4", 33)
    part = RetakeInput(digest=DIGEST, frames=33, start=17, end=25)
    silent = np.zeros((2, 33_000), np.float32)
    clip = Clip(np.zeros((33, 128, 128, 3), np.uint8), 24, silent, 24_000)
    joined = Remade(tmp_path / "film.mp4", part, 33).sound(clip)
    assert joined is not None and np.abs(joined[:, 17_010:24_990]).max() < 1e-6
    jumps = np.abs(np.diff(joined)).max(axis=0)
    assert jumps[16_000:26_000].max() <= 1.2 * jumps[2000:14_000].max()
