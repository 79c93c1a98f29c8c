"""Memory that runs out while a clip is decoded costs time or a little quality, never the clip."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from ltx_ui.clip import Clip, Silent
from ltx_ui.engine.decoding import decode
from ltx_ui.engine.engine import Engine
from ltx_ui.engine.memory_fallback import OVERLAP, Exhausted, free_caches, tile_side, tiled
from ltx_ui.engine.sampling import Latents, sample
from ltx_ui.recipe import Recipe
from ltx_ui.runtime import settle
from training.measure import psnr

RECIPE = Recipe(
    prompt="A fox in the snow.", width=128, height=512, num_frames=49, num_inference_steps=1, seed=1
)


@contextmanager
def full(module: nn.Module, when: Callable[[tuple[int, ...]], bool]) -> Iterator[list[int]]:
    """The module runs out of memory whenever ``when`` holds of its input's shape. Yields the number
    of elements of every input that was tried."""
    tried: list[int] = []

    def hook(_: nn.Module, inputs: tuple[torch.Tensor, ...]) -> None:
        tried.append(inputs[0].numel())
        if when(tuple(inputs[0].shape)):
            raise torch.OutOfMemoryError("CUDA out of memory.")

    handle = module.register_forward_pre_hook(hook)
    try:
        yield tried
    finally:
        handle.remove()


def once() -> Callable[[tuple[int, ...]], bool]:
    answers = iter([True])
    return lambda shape: next(answers, False)


def test_what_was_loaded_and_is_garbage_now_is_freed_as_well() -> None:
    class Part:
        def __init__(self) -> None:
            self.of = self

    part = Part()
    left = weakref.ref(part)
    settle()
    del part
    free_caches()
    assert left() is None


@pytest.fixture(scope="module")
def latents(engine: Engine) -> Latents:
    with torch.inference_mode():
        return sample(engine.pipe, engine.card, engine.encoder, RECIPE, Silent())


@pytest.fixture
def decoded(engine: Engine, latents: Latents) -> Callable[..., Clip]:
    def decoded(**options: Any) -> Clip:
        with torch.inference_mode():
            return decode(engine.pipe, engine.card, latents, RECIPE, Silent(), **options)

    return decoded


@pytest.fixture(scope="module")
def plain(engine: Engine, latents: Latents) -> Clip:
    with torch.inference_mode():
        return decode(engine.pipe, engine.card, latents, RECIPE, Silent())


def test_with_memory_enough_nothing_is_noted(plain: Clip) -> None:
    assert plain.notes == ()


def test_after_a_passing_shortage_the_clip_is_exactly_the_same(
    engine: Engine, decoded: Callable[..., Clip], plain: Clip
) -> None:
    with full(engine.pipe.vae.decoder, once()):
        clip = decoded()
    assert clip.notes == ("Freed memory and decoded again.",)
    assert np.array_equal(clip.frames, plain.frames)


def test_a_clip_too_large_to_decode_whole_is_decoded_in_tiles(
    engine: Engine, decoded: Callable[..., Clip], plain: Clip
) -> None:
    vae = engine.pipe.vae
    with full(vae.decoder, lambda shape: max(shape[-2:]) > 10) as tried:
        clip = decoded()
    assert clip.notes == ("Decoded in tiles: less memory.",)
    assert clip.frames.shape == plain.frames.shape
    assert psnr(clip.frames, plain.frames) > 20
    assert max(tried[2:]) < tried[0] / 1.5
    assert np.array_equal(decoded().frames, plain.frames), "tiling stayed on"


def test_where_tiles_are_too_large_they_hold_a_few_frames_at_a_time(
    engine: Engine, decoded: Callable[..., Clip], plain: Clip
) -> None:
    vae = engine.pipe.vae
    with full(vae.decoder, lambda shape: shape[2] > 5):
        clip = decoded()
    assert clip.notes == ("Decoded in tiles, a few frames at a time: less memory.",)
    assert clip.frames.shape == plain.frames.shape
    assert psnr(clip.frames, plain.frames) > 16
    assert not vae.use_tiling and not vae.use_framewise_decoding


def test_a_full_device_leaves_the_decoding_to_the_cpu(
    engine: Engine, decoded: Callable[..., Clip], plain: Clip
) -> None:
    with full(engine.pipe.vae.decoder, lambda shape: True):
        clip = decoded(has_spare_cpu=True)
    assert clip.notes == ("Decoded on the CPU: the device was full.",)
    assert psnr(clip.frames, plain.frames) > 16


def test_sound_that_finds_no_room_is_decoded_on_the_cpu(
    engine: Engine, decoded: Callable[..., Clip], plain: Clip
) -> None:
    with full(engine.pipe.vocoder, lambda shape: True):
        clip = decoded(has_spare_cpu=True)
    assert clip.notes == ("Decoded the sound on the CPU: the device was full.",)
    assert np.array_equal(clip.frames, plain.frames)
    assert clip.waveform is not None and plain.waveform is not None
    assert np.allclose(clip.waveform, plain.waveform, atol=1e-5)


def test_where_every_way_runs_out_that_is_said(
    engine: Engine, decoded: Callable[..., Clip]
) -> None:
    with full(engine.pipe.vae.decoder, lambda shape: True) as tried, pytest.raises(Exhausted):
        decoded()
    assert len(tried) == 4
    assert not engine.pipe.vae.use_tiling


@pytest.mark.parametrize("latents", range(2, 65))
def test_no_tile_is_a_single_latent_wide(latents: int) -> None:
    side = tile_side(latents)
    starts = range(0, latents, side - OVERLAP)
    assert latents - starts[-1] >= 2
    assert 10 <= side <= 12


@pytest.mark.parametrize("size", [(13, 7), (7, 15)])
@torch.inference_mode()
def test_tiles_cover_every_size(engine: Engine, size: tuple[int, int]) -> None:
    vae = engine.pipe.vae
    channels = vae.config.latent_channels
    with tiled(vae, *size, framewise=True):
        picture = vae.decode(torch.zeros(1, channels, 5, *size), None, return_dict=False)[0]
    assert picture.shape[2:] == (33, size[0] * 32, size[1] * 32)
