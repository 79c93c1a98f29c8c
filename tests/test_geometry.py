"""Pixels, frames, the grid and latents."""

from __future__ import annotations

import pytest

from ltx_ui.geometry import (
    Margins,
    grid_size,
    latent_frames,
    latent_size,
    margins,
    video_tokens,
    whole_frames,
)


@pytest.mark.parametrize(("frames", "latents"), [(1, 1), (9, 2), (49, 7), (257, 33)])
def test_a_latent_frame_holds_eight_frames_after_the_first(frames: int, latents: int) -> None:
    assert latent_frames(frames) == latents


@pytest.mark.parametrize(("frames", "whole"), [(0, -7), (1, 1), (8, 1), (9, 9), (56, 49)])
def test_frames_are_rounded_down_to_one_more_than_eights(frames: int, whole: int) -> None:
    assert whole_frames(frames) == whole


def test_tokens_cover_a_picture_that_is_off_the_grid() -> None:
    assert latent_size(768, 432) == (24, 14)
    assert video_tokens(768, 432, 49) == 24 * 14 * 7


def test_a_picture_stands_in_the_centre_of_the_one_on_the_grid() -> None:
    assert grid_size(768, 432, 32) == (768, 448)
    assert margins(768, 432, 32) == Margins(left=0, top=8, right=0, bottom=8)
    assert margins(150, 131, 32) == Margins(left=5, top=14, right=5, bottom=15)
    assert margins(512, 256, 64) == Margins(0, 0, 0, 0)
