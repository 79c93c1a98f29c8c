"""How the pipeline is driven: forwards a step, text once, references, and bit by bit as stock."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import LTX2ConditionPipeline, LTX2Pipeline
from diffusers.pipelines.ltx2.pipeline_ltx2_condition import LTX2VideoCondition
from families import family_of, save
from pictured import pictured
from PIL import Image

from ltx_ui.clip import Silent
from ltx_ui.engine.engine import Engine
from ltx_ui.engine.loading import DEMO_FOLDER, load
from ltx_ui.engine.models import CARDS, ModelCard
from ltx_ui.engine.sampling import Latents, guidance_arguments, pad_to_grid, sample
from ltx_ui.engine.text import PromptEncoder
from ltx_ui.inputs import Picture, Place
from ltx_ui.recipe import Recipe


def recipe(**changes: Any) -> Recipe:
    fields = {
        "prompt": "A paper boat on a pond.",
        "width": 128,
        "height": 128,
        "num_frames": 17,
        "num_inference_steps": 2,
        "seed": 3,
    }
    return Recipe(**{**fields, **changes})


def picture(seed: int, width: int = 128, height: int = 128) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """Smooth colours, so that the H.264 pass over references leaves something of them."""
    small = np.random.default_rng(seed).integers(0, 256, (3, 4, 3), dtype=np.uint8)
    return np.asarray(Image.fromarray(small).resize((width, height), Image.Resampling.BICUBIC))


@torch.inference_mode()
def ours(
    engine: Engine,
    recipe: Recipe,
    pictures: Mapping[Place, Picture] | None = None,
    strength: float = 1.0,
) -> Latents:
    wanted, data = pictured(recipe, pictures or {}, strength)
    return sample(engine.pipe, engine.card, engine.encoder, wanted, Silent(), data)


@pytest.fixture(scope="module")
def stock() -> Any:
    """The pipeline as the library loads it, with nothing of ours."""
    pipe = LTX2ConditionPipeline.from_pretrained(DEMO_FOLDER, dtype=torch.float32)
    pipe.set_progress_bar_config(disable=True)
    return pipe


@contextmanager
def batch_sizes(module: torch.nn.Module, argument: str) -> Iterator[list[int]]:
    """The batch size of every call of a module in the block."""
    calls: list[int] = []
    hook = module.register_forward_pre_hook(
        lambda _, __, kwargs: calls.append(len(kwargs[argument])), with_kwargs=True
    )
    try:
        yield calls
    finally:
        hook.remove()


@pytest.mark.parametrize(("guidance_scale", "batch"), [(1.0, 1), (3.0, 2)])
def test_a_step_is_one_forward(engine: Engine, guidance_scale: float, batch: int) -> None:
    with batch_sizes(engine.pipe.transformer, "hidden_states") as calls:
        ours(engine, recipe(num_inference_steps=3, guidance_scale=guidance_scale))
    assert calls == [batch] * 3


def test_a_prompt_is_encoded_once(engine: Engine) -> None:
    with batch_sizes(engine.pipe.text_encoder, "input_ids") as calls:
        ours(engine, recipe(prompt="A prompt nobody used before.", negative_prompt="nor this"))
        assert calls == [1, 1]
        ours(engine, recipe(prompt=" A prompt nobody used before. ", negative_prompt="nor this"))
        ours(engine, recipe(prompt="nor this", seed=9, guidance_scale=1.0))
    assert calls == [1, 1]


def test_the_oldest_prompt_is_forgotten_first() -> None:
    pipe = LTX2ConditionPipeline.from_pretrained(DEMO_FOLDER, dtype=torch.float32)
    encoder = PromptEncoder(pipe, capacity=2)
    with torch.inference_mode(), batch_sizes(pipe.text_encoder, "input_ids") as calls:
        for prompt in ("one", "two", "one", "three", "one"):
            encoder.encode(prompt)
        assert len(calls) == 3
        encoder.encode("two")
    assert len(calls) == 4


def asked(engine: Engine, wanted: Recipe) -> dict[str, Any]:
    """What a stock pipeline is called with for a recipe's clip, except for its guidance."""
    return {
        "prompt": wanted.prompt,
        "negative_prompt": wanted.negative_prompt,
        "width": 128,
        "height": 128,
        "num_frames": 17,
        "frame_rate": 24.0,
        "num_inference_steps": 2,
        "generator": torch.Generator().manual_seed(3),
        "max_sequence_length": engine.encoder.max_sequence_length,
        "output_type": "latent",
        "return_dict": False,
    }


@pytest.mark.parametrize("guidance_scale", [1.0, 3.0])
@pytest.mark.parametrize(
    "references",
    [(), (0,), (0, -1)],
    ids=["text only", "first frame", "first and last frame"],
)
def test_latents_are_those_of_the_stock_pipeline_bit_by_bit(
    engine: Engine, stock: Any, references: tuple[Place, ...], guidance_scale: float
) -> None:
    pictures: dict[Place, Picture] = {index: picture(index + 5) for index in references}
    wanted = recipe(guidance_scale=guidance_scale)
    video, audio = stock(
        conditions=[
            LTX2VideoCondition(frames=Image.fromarray(image), index=index, strength=0.8)
            for index, image in pictures.items()
        ]
        or None,
        **asked(engine, wanted),
        guidance_scale=guidance_scale,
        stg_scale=0.0,
        modality_scale=1.0,
        guidance_rescale=0.0,
        audio_guidance_scale=engine.card.audio_guidance_scale if guidance_scale > 1 else 1.0,
        audio_stg_scale=0.0,
        audio_modality_scale=1.0,
        audio_guidance_rescale=0.0,
        spatio_temporal_guidance_blocks=[],
        use_cross_timestep=False,
    )
    made = ours(engine, wanted, pictures, 0.8)
    assert torch.equal(made.video, video)
    assert torch.equal(made.audio, audio)


@pytest.mark.parametrize("guidance_scale", [1.0, 3.0])
def test_with_one_timestep_latents_are_those_of_the_stock_text_pipeline_bit_by_bit(
    engine: Engine, stock: Any, guidance_scale: float
) -> None:
    """It gives one timestep to all tokens, as we do where there is no picture. Its noise has other
    axes, so it begins with nothing and gets as much noise as the conditional pipeline."""
    wanted = recipe(guidance_scale=guidance_scale)
    names = inspect.signature(LTX2Pipeline.__init__).parameters
    parts = {name: part for name, part in stock.components.items() if name in names}
    text = LTX2Pipeline(**parts)
    text.set_progress_bar_config(disable=True)
    video, audio = text(
        latents=torch.zeros(1, 3 * 4 * 4, 128),
        audio_latents=torch.zeros(1, 18, 32),
        noise_scale=1.0,
        **asked(engine, wanted),
        **guidance_arguments(wanted, engine.card),
    )
    with engine.optimized.clip(one_timestep=True):
        made = ours(engine, wanted)
    assert torch.equal(made.video, video)
    assert torch.equal(made.audio, audio)


@pytest.mark.parametrize(("references", "timesteps"), [((), 1), ((0,), 3 * 16), ((-1,), 4 * 16)])
def test_only_a_clip_with_a_picture_has_a_timestep_for_each_token(
    engine: Engine, references: tuple[Place, ...], timesteps: int
) -> None:
    wanted, data = pictured(recipe(), {index: picture(1) for index in references}, 0.8)
    seen: set[int] = set()
    handle = engine.pipe.transformer.register_forward_pre_hook(
        lambda _, __, kwargs: seen.add(kwargs["timestep"].shape[1]), with_kwargs=True
    )
    engine.generate(wanted, Silent(), data)
    handle.remove()
    assert seen == {timesteps}


def test_a_reference_holds_its_own_frame(engine: Engine) -> None:
    """At strength 1 the first latent frame is the picture's for any seed; the rest is free."""
    one, other = (ours(engine, recipe(seed=seed), {0: picture(1)}).video for seed in (1, 2))
    assert torch.allclose(one[:, :, 0], other[:, :, 0], atol=1e-4)
    assert (one[:, :, 1:] - other[:, :, 1:]).abs().mean() > 0.1


def test_the_last_frame_steers_the_clip(engine: Engine) -> None:
    plain = ours(engine, recipe()).video
    steered = [ours(engine, recipe(), {-1: picture(seed)}).video for seed in (1, 2)]
    assert not torch.equal(steered[0], plain)
    assert not torch.equal(steered[0], steered[1])
    assert steered[0].shape == plain.shape


@pytest.mark.parametrize(("card_id", "frame"), [("demo", 41), ("ltx-2", 48), ("ltx-2.5", 48)])
def test_an_end_image_stands_at_the_last_frame_of_real_checkpoints(
    card_id: str, frame: int, tmp_path: Path
) -> None:
    """By the authors' coordinates; the demo was trained with stock's."""
    card = CARDS[card_id]
    if not card.demo:
        card = replace(card, source=str(save(family_of(card_id), tmp_path / "model")))
    engine = Engine("demo", tmp_path)
    engine.adopt(load(card, tmp_path, lambda message, fraction: None))
    seen: list[torch.Tensor] = []

    def note(_: Any, __: Any, inputs: dict[str, Any]) -> None:
        seen.append(inputs["video_coords"])

    handle = engine.pipe.transformer.register_forward_pre_hook(note, with_kwargs=True)
    wanted = recipe(num_frames=49, num_inference_steps=1, guidance_scale=1.0)
    ours(engine, wanted, {-1: picture(1)})
    handle.remove()
    own, end = seen[0].split((7 * 16, 16), dim=2)
    assert torch.allclose(end[0, 0] * 24, torch.tensor([frame, frame + 1.0]))
    assert own[0, 0].max() * 24 == pytest.approx(49)


def test_a_tokenizer_that_pads_on_the_right_is_not_obeyed(stock: Any) -> None:
    def encoded() -> torch.Tensor:
        with torch.inference_mode():
            return PromptEncoder(LTX2ConditionPipeline(**stock.components)).encode("a green box")

    left = encoded()
    stock.tokenizer.padding_side = "right"
    try:
        assert torch.equal(encoded(), left)
    finally:
        stock.tokenizer.padding_side = "left"


def test_less_strength_holds_the_picture_less(engine: Engine) -> None:
    def drift(strength: float) -> float:
        one, other = (
            ours(engine, recipe(seed=seed), {0: picture(1)}, strength).video for seed in (1, 2)
        )
        return float((one[:, :, 0] - other[:, :, 0]).abs().mean())

    assert drift(1.0) < drift(0.7) < drift(0.2)


def test_references_line_up_with_the_crop() -> None:
    off_grid = picture(1, 150, 132)
    padded = pad_to_grid(off_grid, recipe(width=150, height=132), grid=32)
    assert padded.shape == (160, 160, 3)
    assert np.array_equal(padded[14:146, 5:155], off_grid)
    assert np.array_equal(padded[0, 5:155], off_grid[0])


def test_a_reference_of_another_size_is_a_mistake_of_the_caller() -> None:
    with pytest.raises(ValueError, match="128x128"):
        pad_to_grid(picture(1, 64, 64), recipe(), grid=32)


@pytest.mark.parametrize("card", CARDS.values(), ids=lambda card: card.id)
@pytest.mark.parametrize("guidance_scale", [1.0, 3.0])
def test_the_standard_mode_is_plain_guidance_or_none(
    card: ModelCard, guidance_scale: float
) -> None:
    arguments = guidance_arguments(recipe(guidance_scale=guidance_scale), card)
    off = guidance_scale == 1.0 or card.distilled
    assert arguments["guidance_scale"] == (1.0 if off else 3.0)
    assert arguments["audio_guidance_scale"] == (1.0 if off else 3.0 if card.demo else 7.0)
    assert (arguments["stg_scale"], arguments["audio_stg_scale"]) == (0.0, 0.0)
    assert (arguments["modality_scale"], arguments["audio_modality_scale"]) == (1.0, 1.0)
    assert (arguments["guidance_rescale"], arguments["audio_guidance_rescale"]) == (0.0, 0.0)
    assert arguments["spatio_temporal_guidance_blocks"] == []
