"""A clip of a seed begins with the noise that a shorter or cheaper one of the seed begins with."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from families import save
from pictured import pictured
from safetensors.torch import load_file, save_file
from studios import PATIENCE, OpenStudio
from torch import Tensor

from ltx_ui.clip import Silent
from ltx_ui.engine.engine import Engine
from ltx_ui.engine.sampling import sample_together
from ltx_ui.inputs import NO_INPUTS, InputData, Picture, Place
from ltx_ui.media.metadata import read_metadata
from ltx_ui.recipe import Recipe
from ltx_ui.request import parse_recipe

SIDE = 4
"""Of a latent frame of 128 pixels, in tokens."""


class Begun(NamedTuple):
    """What the transformer gets in a clip's first step: tokens of the picture, of the sound."""

    picture: Tensor
    sound: Tensor


@contextmanager
def inputs_of(engine: Engine) -> Iterator[list[Begun]]:
    """What the transformer gets at each call in the block."""
    seen: list[Begun] = []

    def note(_: Any, __: Any, given: dict[str, Any]) -> None:
        seen.append(Begun(given["hidden_states"].clone(), given["audio_hidden_states"].clone()))

    handle = engine.pipe.transformer.register_forward_pre_hook(note, with_kwargs=True)
    yield seen
    handle.remove()


def recipe(**fields: Any) -> Recipe:
    small = {"width": 128, "height": 128, "num_frames": 9, "num_inference_steps": 1, "seed": 7}
    return Recipe.model_validate({"prompt": "a red ball", "noise": "frame", **small, **fields})


def begun(engine: Engine, wanted: Recipe, inputs: InputData = NO_INPUTS) -> Begun:
    with inputs_of(engine) as seen:
        engine.generate(wanted, Silent(), inputs)
    return seen[0]


def picture(seed: int) -> Any:
    return np.random.default_rng(seed).integers(0, 256, (128, 128, 3)).astype(np.uint8)


@pytest.mark.parametrize("placement", ["resident", "fp8", "offload"])
def test_the_first_frames_of_9_and_49_frames_begin_alike(tmp_path: Path, placement: Any) -> None:
    engine = Engine("demo", tmp_path, placement=placement)
    engine.load(lambda message, fraction: None)
    draft = begun(engine, recipe(guidance_scale=1.0))
    clip = begun(engine, recipe(num_frames=49, num_inference_steps=2))
    tokens, sounds = 2 * SIDE**2, draft.sound.shape[1]
    assert draft.picture.shape[1] == tokens and clip.picture.shape[1] == 7 * SIDE**2
    assert torch.equal(draft.picture[0], clip.picture[0, :tokens])
    assert torch.equal(draft.sound[0], clip.sound[0, :sounds])
    assert clip.sound.shape[1] > sounds


def test_the_noise_is_normal_and_no_two_streams_or_seeds_are_alike(engine: Engine) -> None:
    clips = [begun(engine, recipe(seed=seed, num_frames=49)) for seed in (7, 8)]
    parts = [part[0].flatten() for clip in clips for part in clip]
    for part in parts:
        assert part.mean().abs() < 0.1 and (part.std() - 1).abs() < 0.05
    least = min(map(len, parts))
    likeness = torch.corrcoef(torch.stack([part[:least] for part in parts]))
    assert (likeness - torch.eye(len(parts))).abs().max() < 0.2


def test_old_noise_gives_the_picture_the_same_and_the_sound_another_place(engine: Engine) -> None:
    new, old = (begun(engine, recipe(noise=noise)) for noise in ("frame", "clip"))
    assert torch.equal(new.picture, old.picture)
    assert not torch.equal(new.sound, old.sound)
    longer = begun(engine, recipe(noise="clip", num_frames=17))
    assert not torch.equal(longer.sound[:, : old.sound.shape[1]], old.sound)


@pytest.mark.parametrize("strength", [0.4, 1.0])
def test_pictures_at_both_ends_begin_alike_too(engine: Engine, strength: float) -> None:
    pictures: dict[Place, Picture] = {0: picture(1), -1: picture(2)}
    tokens, end = 2 * SIDE**2, SIDE**2
    draft, clip = (
        begun(engine, *pictured(recipe(num_frames=frames), pictures, strength))
        for frames in (9, 49)
    )
    assert torch.equal(draft.picture[0, :tokens], clip.picture[0, :tokens])
    assert torch.equal(draft.picture[0, -end:], clip.picture[0, -end:])
    assert torch.equal(draft.sound[0], clip.sound[0, : draft.sound.shape[1]])
    old = begun(engine, *pictured(recipe(noise="clip"), pictures, strength))
    assert torch.equal(old.picture[0, :tokens], draft.picture[0, :tokens])
    noisy = (draft.picture - old.picture)[0, -end:]
    # Of the noise a share of 1 - strength is left.
    assert noisy.std() == pytest.approx((1 - strength) * 2**0.5, abs=0.05)


def test_several_takes_in_one_batch_each_have_their_seeds_noise(engine: Engine) -> None:
    wanted, data = pictured(recipe(num_takes=3), {-1: picture(2)}, 0.5)
    takes = wanted.takes()
    with inputs_of(engine) as seen, torch.inference_mode():
        sample_together(engine.pipe, engine.card, engine.encoder, takes, Silent(), data)
    for number, take in enumerate(takes):
        alone = begun(engine, take, data)
        assert torch.equal(seen[0].picture[number], alone.picture[0])
        assert torch.equal(seen[0].sound[number], alone.sound[0])


def test_both_stages_of_hd_begin_alike(tmp_path: Path) -> None:
    """With an upsampler that makes nothing of its latents the second stage begins with noise."""
    folder = save("2.0", tmp_path / "model", with_upsampler=True)
    config = folder / "scheduler" / "scheduler_config.json"
    config.write_text(config.read_text().replace('shifting": true', 'shifting": false'))
    (weights,) = (folder / "latent_upsampler").glob("*.safetensors")
    save_file({name: torch.zeros_like(w) for name, w in load_file(weights).items()}, weights)
    engine = Engine(str(folder), tmp_path)
    engine.load(lambda message, fraction: None)
    stages = []
    for frames in (9, 17):
        with inputs_of(engine) as seen:
            engine.generate(recipe(two_stage=True, num_frames=frames), Silent())
        assert len(seen) == 8 + 3
        stages.append((seen[0], seen[8]))
    (first, second), (longer_first, longer_second) = stages
    assert torch.equal(first.picture[0], longer_first.picture[0, : 2 * 2**2])
    assert torch.equal(first.sound[0], longer_first.sound[0, : first.sound.shape[1]])
    assert torch.equal(second.picture[0], longer_second.picture[0, : 2 * SIDE**2])
    share = second.picture[0, :8].std() / first.picture[0].std()
    assert not torch.allclose(second.picture[0, :8], first.picture[0] * share, atol=0.5)


def test_the_pipeline_is_as_before_afterwards(engine: Engine) -> None:
    def stop(*_: Any) -> None:
        raise RuntimeError("stopped")

    handle = engine.pipe.transformer.register_forward_pre_hook(stop)
    with pytest.raises(RuntimeError, match="stopped"):
        engine.generate(recipe(), Silent())
    handle.remove()
    assert not {"prepare_latents", "prepare_audio_latents"} & vars(engine.pipe).keys()


def test_new_requests_have_it_and_what_was_stored_without_it_has_the_old(
    open_studio: OpenStudio,
) -> None:
    asked = {"prompt": "a red ball", "width": 128, "height": 128, "num_frames": 9}
    asked |= {"num_inference_steps": 1}
    studio = open_studio()
    job = studio.submit(parse_recipe(asked), "ada")
    studio.wait(job.id, "ada", PATIENCE)
    take = studio.library.take(job.id, "ada")
    assert take.recipe.noise == read_metadata(take.video)["recipe"]["noise"] == "frame"
    assert parse_recipe(asked | {"noise": "clip"}).noise == "clip"
    assert Recipe.model_validate(asked).noise == "clip"
