"""What was sampled is not sampled again until its clip is on disk; a batch too large is split."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from pictured import pictured

from ltx_ui.clip import Clip, Silent
from ltx_ui.engine.engine import Engine
from ltx_ui.engine.latent_cache import CAPACITY
from ltx_ui.errors import OutOfMemory
from ltx_ui.recipe import Recipe


def recipe(**fields: Any) -> Recipe:
    small = {"width": 128, "height": 128, "num_frames": 9, "num_inference_steps": 1, "seed": 3}
    return Recipe.model_validate({"prompt": "a green box", **small, **fields})


def picture(seed: int) -> Any:
    return np.random.default_rng(seed).integers(0, 256, (128, 128, 3)).astype(np.uint8)


class Batching(Engine):
    """Samples all takes of a job in one batch, as on a CUDA device."""

    def at_once(self, recipe: Recipe) -> int:
        return CAPACITY


@pytest.fixture(scope="module")
def careful(models_dir: Path) -> Engine:
    """An engine that waits to be told what is on disk."""
    made = Batching("demo", models_dir, keep_until_saved=True)
    made.load(lambda message, fraction: None)
    return made


@contextmanager
def forwards(engine: Engine, *, room_for: int = 100) -> Iterator[list[int]]:
    """The batch size of each forward of the transformer, which runs out of memory above
    ``room_for``."""
    seen: list[int] = []

    def hook(_: Any, __: Any, inputs: dict[str, Any]) -> None:
        seen.append(len(inputs["hidden_states"]))
        if seen[-1] > room_for:
            raise torch.OutOfMemoryError("CUDA out of memory.")

    handle = engine.pipe.transformer.register_forward_pre_hook(hook, with_kwargs=True)
    try:
        yield seen
    finally:
        handle.remove()


def same(one: Clip, other: Clip) -> bool:
    assert one.waveform is not None and other.waveform is not None
    sounds = np.array_equal(one.waveform, other.waveform)
    return bool(sounds and np.array_equal(one.frames, other.frames))


def test_a_clip_is_sampled_again_only_after_it_was_saved(careful: Engine) -> None:
    with forwards(careful) as seen:
        first, again = careful.generate(recipe(), Silent()), careful.generate(recipe(), Silent())
        assert seen == [2]
        careful.saved(recipe())
        after = careful.generate(recipe(), Silent())
        assert seen == [2, 2]
    assert same(first, again)
    assert same(first, after)


def test_an_engine_that_is_not_told_what_was_saved_samples_each_time(engine: Engine) -> None:
    with forwards(engine) as seen:
        engine.generate(recipe(), Silent())
        engine.generate(recipe(), Silent())
    assert seen == [2, 2]


def test_another_seed_or_another_picture_is_sampled_for_itself(careful: Engine) -> None:
    def make(seed: int, *pictures: Any) -> None:
        wanted, data = pictured(recipe(seed=seed), dict(zip((0, -1), pictures, strict=False)))
        careful.generate(wanted, Silent(), data)

    make(10, picture(1))
    with forwards(careful) as seen:
        make(10, picture(2))
        make(10)
        make(11, picture(1))
        assert len(seen) == 3
        make(10, picture(1))
        assert len(seen) == 3


def test_no_more_than_a_jobs_takes_are_kept(careful: Engine) -> None:
    for seed in range(100, 101 + CAPACITY):
        careful.generate(recipe(seed=seed), Silent())
    with forwards(careful) as seen:
        careful.generate(recipe(seed=101), Silent())
        assert seen == []
        careful.generate(recipe(seed=100), Silent())
        assert seen == [2]


def test_a_clip_that_could_not_be_decoded_is_sampled_no_more(careful: Engine) -> None:
    def full(*_: Any) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory.")

    handle = careful.pipe.vae.decoder.register_forward_pre_hook(full)
    with pytest.raises(OutOfMemory):
        careful.generate(recipe(seed=20), Silent())
    handle.remove()
    with forwards(careful) as seen:
        careful.generate(recipe(seed=20), Silent())
    assert seen == []


def test_of_a_batch_only_what_is_missing_is_sampled(careful: Engine) -> None:
    takes = recipe(num_takes=3, seed=30).takes()
    middle = careful.generate(takes[1], Silent())
    with forwards(careful) as seen:
        clips = list(careful.generate_many(takes, Silent()))
        assert seen == [4]
        assert [clip.notes for clip in clips] == [()] * 3
        list(careful.generate_many(takes, Silent()))
        assert seen == [4]
    assert same(clips[1], middle)


def test_a_batch_that_finds_no_room_is_made_one_after_the_other(careful: Engine) -> None:
    takes = recipe(num_takes=2, seed=40).takes()
    with forwards(careful, room_for=2) as seen:
        clips = list(careful.generate_many(takes, Silent()))
    assert seen == [4, 4, 2, 2]
    assert [clip.notes for clip in clips] == [
        ("Sampled one take after the other: less memory.",)
    ] * 2
    assert careful.placement == "resident"
    careful.saved(takes[1])
    assert same(clips[1], careful.generate(takes[1], Silent()))
