"""Each model card drives its family as its authors mean it, and says what it can't do."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import LTX2ConditionPipeline
from families import Family, family_of, pipeline, save
from pictured import pictured

from ltx_ui.clip import Silent
from ltx_ui.engine.engine import Engine
from ltx_ui.engine.loading import load
from ltx_ui.engine.models import CARDS, DISTILLED_SIGMAS, Guidance, ModelCard
from ltx_ui.engine.sampling import Latents, sample
from ltx_ui.engine.text import PromptEncoder
from ltx_ui.errors import InvalidRecipe
from ltx_ui.recipe import Recipe

MODES = [(card.id, mode) for card in CARDS.values() for mode in ("standard", "high")]
POSSIBLE = [(id, mode) for id, mode in MODES if mode == "standard" or CARDS[id].has_high]


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Models this small only lose time by waiting for a second thread."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def recipe(**fields: Any) -> Recipe:
    size = {"width": 128, "height": 128, "num_frames": 9, "num_inference_steps": 2, "seed": 7}
    return Recipe.model_validate({"prompt": "a red ball rolls", **size, **fields})


@cache
def small(family: Family, perturbed_attn: bool) -> tuple[LTX2ConditionPipeline, PromptEncoder]:
    pipe = pipeline(family, perturbed_attn)
    return pipe, PromptEncoder(pipe)


def sampled(card: ModelCard, wanted: Recipe) -> Latents:
    pipe, encoder = small(family_of(card.id), card.perturbed_attn)
    own = pipe.scheduler
    pipe.scheduler = type(own).from_config(own.config, **card.scheduler)
    try:
        with torch.inference_mode():
            return sample(pipe, card, encoder, wanted, Silent())
    finally:
        pipe.scheduler = own


@contextmanager
def batches(card: ModelCard) -> Iterator[list[int]]:
    """The batch size of each call of the transformer."""
    seen: list[int] = []
    transformer = small(family_of(card.id), card.perturbed_attn)[0].transformer
    hook = transformer.register_forward_pre_hook(
        lambda _, __, kwargs: seen.append(len(kwargs["hidden_states"])), with_kwargs=True
    )
    try:
        yield seen
    finally:
        hook.remove()


@pytest.mark.parametrize(("card_id", "mode"), POSSIBLE)
@pytest.mark.parametrize("guidance", [1.0, 3.0])
def test_each_card_and_mode_makes_exactly_the_forwards_it_says(
    card_id: str, mode: str, guidance: float
) -> None:
    card, wanted = CARDS[card_id], recipe(mode=mode, guidance_scale=guidance)
    with batches(card) as seen:
        sampled(card, wanted)
    guided = guidance > 1 and not card.distilled
    step = [2 if guided else 1] + ([1, 1] if mode == "high" else [])
    assert seen == step * (8 if card.distilled else 2)
    assert sum(step) == card.forwards(wanted)
    assert sum(seen) == card.passes(wanted)


@pytest.mark.parametrize("card_id", ["ltx-2", "ltx-2.3", "ltx-2.5-full"])
def test_the_high_mode_perturbs_the_block_its_card_names(card_id: str) -> None:
    card, wanted = CARDS[card_id], recipe(mode="high")
    assert card.high is not None
    without = replace(card, high=replace(card.high, spatio_temporal_guidance_blocks=(30,)))
    assert not torch.equal(sampled(card, wanted).video, sampled(without, wanted).video)


def test_the_standard_mode_is_the_same_whether_or_not_stg_could_run() -> None:
    card = CARDS["ltx-2"]
    plain = sampled(replace(card, perturbed_attn=False), recipe())
    assert torch.equal(sampled(card, recipe()).video, plain.video)


@pytest.mark.parametrize("card_id", [card.id for card in CARDS.values() if card.distilled])
def test_a_distilled_model_has_one_schedule_and_no_guidance_and_says_why(card_id: str) -> None:
    card = CARDS[card_id]
    assert card.fixed_steps == len(DISTILLED_SIGMAS)
    assert not card.takes_guidance
    assert "8 steps" in card.why_fixed
    usual = sampled(card, recipe())
    other = sampled(card, recipe(guidance_scale=9, num_inference_steps=50, negative_prompt="blue"))
    assert torch.equal(usual.video, other.video)
    assert torch.equal(usual.audio, other.audio)


def test_other_models_leave_steps_and_guidance_to_the_recipe() -> None:
    for card in CARDS.values():
        if not card.distilled:
            assert (card.fixed_steps, card.takes_guidance, card.why_fixed) == (None, True, "")


@pytest.mark.parametrize(("card_id", "mode"), sorted(set(MODES) - set(POSSIBLE)))
def test_a_mode_that_a_model_has_not_is_refused_with_what_to_do(card_id: str, mode: str) -> None:
    with pytest.raises(InvalidRecipe, match="has only the standard mode") as caught:
        CARDS[card_id].check(recipe(mode=mode))
    assert [problem.field for problem in caught.value.problems] == ["mode"]


def test_every_pair_of_video_and_audio_guidance_is_both_off_or_both_on() -> None:
    for card in CARDS.values():
        for extra in filter(None, (card.standard, card.high, Guidance())):
            assert (extra.stg_scale > 0) == (extra.audio_stg_scale > 0)
            assert (extra.modality_scale > 1) == (extra.audio_modality_scale > 1)
            assert (extra.guidance_rescale > 0) == (extra.audio_guidance_rescale > 0)


@pytest.mark.parametrize(
    ("family", "card_id", "sample_rate", "crf"),
    [("2.0", "ltx-2", 24000, 33), ("2.3", "ltx-2.3", 48000, 33), ("2.5", "ltx-2.5", 48000, 18)],
)
def test_a_folder_of_each_family_is_recognised_and_makes_a_clip(
    family: Family, card_id: str, sample_rate: int, crf: int, tmp_path: Path
) -> None:
    folder = save(family, tmp_path / "model")
    engine = Engine(str(folder), tmp_path)
    engine.load(lambda message, fraction: None)
    known = CARDS[card_id]
    assert (engine.card.image_crf, engine.card.high) == (crf, known.high)
    assert engine.card.use_cross_timestep == known.use_cross_timestep
    clip = engine.generate(recipe(width=160, height=144), Silent())
    assert clip.frames.shape == (9, 144, 160, 3)
    assert clip.sample_rate == sample_rate
    assert clip.waveform is not None
    assert clip.waveform.shape == (2, round(9 / 24 * sample_rate))


def test_the_authors_negative_prompt_is_offered_where_it_has_an_effect() -> None:
    offered = {card.id for card in CARDS.values() if card.authors_negative_prompt}
    assert offered == {"ltx-2", "ltx-2.3", "ltx-2.5-full"}
    words = CARDS["ltx-2"].authors_negative_prompt
    assert "mismatched lip sync" in words and len(words) > 1000
    assert words not in recipe().negative_prompt, "the short one stays the default"


def test_ltx_2_5_marks_the_first_latent_frame_of_a_clip_and_no_other(tmp_path: Path) -> None:
    engine = Engine(str(save("2.5", tmp_path / "model")), tmp_path)
    engine.load(lambda message, fraction: None)
    transformer = engine.pipe.transformer
    mark = torch.nn.init.normal_(transformer.keyframes_abs_pos_embedding.data)
    before: list[torch.Tensor] = []
    after: list[torch.Tensor] = []
    transformer.proj_in.register_forward_hook(lambda _, __, made: before.append(made.clone()))
    transformer.transformer_blocks[0].register_forward_pre_hook(
        lambda _, __, given: after.append(given["hidden_states"].clone()), with_kwargs=True
    )
    black = np.zeros((128, 160, 3), np.uint8)
    wanted, data = pictured(recipe(width=160), {-1: black})
    engine.generate(wanted, Silent(), data)
    own, frames, end = 4 * 5, 2, 4 * 5
    assert len(before) == len(after) == 8
    for plain, marked in zip(before, after, strict=True):
        assert plain.shape[1] == own * frames + end
        assert torch.equal(marked[:, :own], plain[:, :own] + mark)
        assert torch.equal(marked[:, own:], plain[:, own:])


def test_the_full_transformer_of_ltx_2_5_is_loaded_from_its_own_folder(tmp_path: Path) -> None:
    folder = save("2.5", tmp_path / "model", full=True)
    weights = {}
    for card_id in ("ltx-2.5", "ltx-2.5-full"):
        local = replace(CARDS[card_id], source=str(folder))
        pipe = load(local, tmp_path, lambda message, fraction: None).pipe
        weights[card_id] = pipe.transformer.proj_out.weight
    assert torch.equal(weights["ltx-2.5-full"], 2 * weights["ltx-2.5"])
