"""LoRAs change a clip by their strengths, and leave the model as it was."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from lora_files import LAYERS, lora_weights, save_lora
from numpy.typing import NDArray
from recording import Tape, playing

from ltx_ui.clip import Clip, Silent
from ltx_ui.engine.engine import Engine
from ltx_ui.engine.loras import UnusableLora, check_fits, read_header, read_weights
from ltx_ui.engine.optimizations import default_optimizations
from ltx_ui.engine.placement import Placement, Quantize
from ltx_ui.errors import ModelUnavailable
from ltx_ui.inputs import InputData, LoraData
from ltx_ui.loras import LoraInput
from ltx_ui.recipe import Recipe


def lora(path: Path, strength: float = 1.0) -> LoraData:
    numbers = read_header(path).numbers
    return LoraData(path.stem, path, path.stem.ljust(64, "0"), strength, numbers)


def clip(engine: Engine, *loras: LoraData, **fields: Any) -> Clip:
    named = tuple(LoraInput(name=each.name, strength=each.strength) for each in loras)
    small = {"width": 128, "height": 128, "num_frames": 9, "num_inference_steps": 2, "seed": 3}
    recipe = Recipe.model_validate(
        {"prompt": "A red ball bounces", **small, **fields, "inputs": {"loras": named}}
    )
    return engine.generate(recipe, Silent(), InputData(loras=tuple(each for each in loras)))


def frames(engine: Engine, *loras: LoraData, **fields: Any) -> NDArray[np.uint8]:
    return clip(engine, *loras, **fields).frames


@pytest.fixture
def first(tmp_path: Path) -> LoraData:
    return lora(save_lora(tmp_path / "first.safetensors", 1))


@pytest.fixture
def second(tmp_path: Path) -> LoraData:
    return lora(save_lora(tmp_path / "second.safetensors", 2))


def test_a_lora_changes_the_clip_by_its_strength_and_is_gone_afterwards(
    engine: Engine, first: LoraData, second: LoraData
) -> None:
    modules = list(engine.pipe.transformer.modules())
    plain = clip(engine)
    whole, half, both = (
        frames(engine, *loras)
        for loras in ([first], [replace(first, strength=0.5)], [first, second])
    )
    assert not np.array_equal(whole, plain.frames)
    assert not np.array_equal(half, whole) and not np.array_equal(half, plain.frames)
    assert not np.array_equal(both, whole)
    assert np.array_equal(frames(engine, first), whole), "whatever was in it before"
    after = clip(engine)
    assert np.array_equal(after.frames, plain.frames)
    assert after.waveform is not None and plain.waveform is not None
    assert np.array_equal(after.waveform, plain.waveform)
    assert list(engine.pipe.transformer.modules()) == modules


def test_a_lora_adds_its_product_to_the_weights(engine: Engine, first: LoraData) -> None:
    """Held against the weights that it stands for, in the model itself."""
    through = frames(engine, replace(first, strength=-0.5))
    transformer, weights = engine.pipe.transformer, lora_weights(1)
    engine.optimized.adapters.remove()
    before = {}
    with torch.no_grad():
        for name in LAYERS:
            weight = transformer.get_submodule(name.removeprefix("diffusion_model.")).weight
            before[weight] = weight.detach().clone()
            a, b = (torch.from_numpy(weights[f"{name}.lora_{part}.weight"]) for part in "AB")
            weight.add_(-0.5 * b @ a)
        merged = frames(engine)
        for weight, was in before.items():
            weight.copy_(was)
    assert np.abs(merged.astype(int) - through).max() <= 2


def test_hd_goes_through_both_loras_and_back(engine: Engine, first: LoraData) -> None:
    hd = {"width": 256, "height": 128, "two_stage": True}
    plain = frames(engine, **hd)
    changed = frames(engine, first, **hd)
    assert not np.array_equal(changed, plain)
    assert np.array_equal(frames(engine, first, **hd), changed)
    assert np.array_equal(frames(engine, **hd), plain)


@pytest.mark.parametrize(
    ("placement", "quantize"),
    [("fp8", "none"), ("fp8-streamed", "none"), ("offload", "none"), ("resident", "all")],
)
def test_weights_in_few_bits_and_streamed_ones_have_them_too(
    models_dir: Path,
    first: LoraData,
    second: LoraData,
    placement: Placement,
    quantize: Quantize,
) -> None:
    engine = Engine("demo", models_dir, placement=placement, quantize=quantize)
    engine.load(lambda message, fraction: None)
    plain = frames(engine)
    changed = frames(engine, first, second)
    assert not np.array_equal(changed, plain)
    assert np.array_equal(frames(engine, first, second), changed)
    assert np.array_equal(frames(engine), plain)


@pytest.fixture
def recorded(engine: Engine) -> Iterator[Engine]:
    """The engine with its forwards recorded on a tape, and its blocks compiled."""
    playing(engine, Tape(), compile=True, backend="eager")
    yield engine
    engine.use(default_optimizations())


def test_nothing_is_recorded_or_compiled_while_there_is_one(
    recorded: Engine, first: LoraData
) -> None:
    graphs, fields = recorded.optimized.graphs, {"num_inference_steps": 4}
    assert graphs is not None
    plain = frames(recorded, **fields)
    changed = frames(recorded, first, **fields)
    assert graphs.kinds == [], "those of before would compute without it"
    assert not np.array_equal(plain, changed)
    assert np.array_equal(frames(recorded, **fields), plain)
    assert np.array_equal(frames(recorded, first, **fields), changed)


def test_memory_counts_them(engine: Engine, first: LoraData) -> None:
    recipe = Recipe(prompt="A ball", inputs={"loras": [{"name": "first", "sha256": "a" * 64}]})
    before = engine.memory.working(recipe).total
    engine.memory.loras["a" * 64] = first.numbers  # type: ignore[index]
    assert engine.memory.working(recipe).total - before == 4 * first.numbers
    streamed = engine.memory.working(recipe).beside("offload")
    assert streamed - engine.memory.working(Recipe(prompt="A ball")).beside("offload") > 0


def test_a_file_that_changed_into_another_is_refused_and_the_next_clip_is_plain(
    engine: Engine, first: LoraData
) -> None:
    plain = frames(engine)
    save_lora(first.path, weights=lora_weights(layers={"diffusion_model.nowhere": 160}))
    with pytest.raises(ModelUnavailable, match="first was made for another family than"):
        frames(engine, first, seed=4)
    assert np.array_equal(frames(engine), plain)


def as_kohya(name: str) -> str:
    return "lora_unet_" + name.replace(".", "_")


def other_names(rename: Callable[[str], str]) -> dict[str, Any]:
    return {rename(name): tensor for name, tensor in lora_weights().items()}


@pytest.mark.parametrize(
    ("weights", "said"),
    [
        (None, "is damaged, or no safetensors file"),
        ({"diffusion_model.proj.diff": np.ones((2, 2))}, r"holds whole differences .*\.diff"),
        (lora_weights() | {"diffusion_model.x.dora_scale": np.ones((2, 1))}, "is a DoRA"),
        (other_names(as_kohya), "has kohya's names"),
        ({"diffusion_model.x.lokr_w1": np.ones((2, 2))}, "is a LoHa, LoKr or OFT"),
        ({"encoder.weight": np.ones((2, 2))}, "is not a LoRA alone: it holds encoder.weight"),
        ({"diffusion_model.x.lora_A.weight": np.ones((2, 2))}, "don't belong together"),
        (
            {
                "diffusion_model.x.lora_A.weight": np.ones((2, 8)),
                "diffusion_model.x.lora_B.weight": np.ones((8, 3)),
            },
            "don't belong together",
        ),
        (lora_weights() | {"diffusion_model.x.alpha": np.ones(2)}, "is not one number"),
    ],
)
def test_what_is_no_lora_for_it_is_refused_with_a_sentence(
    tmp_path: Path, weights: dict[str, Any] | None, said: str
) -> None:
    file = tmp_path / "broken.safetensors"
    if weights is None:
        save_lora(file)
        file.write_bytes(file.read_bytes()[:-100])
    else:
        save_lora(file, weights=weights)
    with pytest.raises(UnusableLora, match=said):
        read_header(file)


def test_a_lora_of_another_family_is_told_by_its_shapes(tmp_path: Path, engine: Engine) -> None:
    wide = dict.fromkeys(LAYERS, 4096)
    file = save_lora(tmp_path / "wide.safetensors", weights=lora_weights(layers=wide))
    shapes = engine.optimized.adapters.shapes
    with pytest.raises(UnusableLora, match="4096×4096, the model's is 160×160"):
        check_fits(read_header(file), shapes, "The demo")
    gate = "transformer_blocks.1.attn1.to_gate_logits"
    gates = lora_weights(layers={**LAYERS, f"diffusion_model.{gate}": 160})
    gated = save_lora(tmp_path / "gated.safetensors", weights=gates)
    assert gate not in shapes
    with pytest.raises(UnusableLora, match=rf"another family than The demo, .* no layer {gate}"):
        check_fits(read_header(gated), shapes, "The demo")
    fits = save_lora(tmp_path / "fits.safetensors")
    assert check_fits(read_header(fits), shapes, "The demo") == len(LAYERS)


def diffusers(name: str) -> str:
    return "transformer." + name.removeprefix("diffusion_model.")


def down_and_up(name: str) -> str:
    return name.replace("lora_A", "lora_down").replace("lora_B", "lora_up")


@pytest.mark.parametrize(
    "rename",
    [
        diffusers,
        lambda name: name.removeprefix("diffusion_model."),
        down_and_up,
        lambda name: f"base_model.model.{name}",
        lambda name: name.replace(".weight", ".default.weight"),
    ],
)
def test_all_usual_names_are_the_same_lora(tmp_path: Path, rename: Callable[[str], str]) -> None:
    usual = read_weights(save_lora(tmp_path / "usual.safetensors"))
    other = read_weights(save_lora(tmp_path / "other.safetensors", weights=other_names(rename)))
    assert usual.keys() == other.keys()
    assert all(torch.equal(usual[name], other[name]) for name in usual)


@pytest.mark.parametrize("number", [np.nan, np.inf, 1e30])
def test_a_lora_with_numbers_that_no_training_leaves_is_refused(
    engine: Engine, tmp_path: Path, number: float
) -> None:
    weights = lora_weights()
    next(iter(weights.values()))[0, 0] = number
    spoilt = lora(save_lora(tmp_path / "spoilt.safetensors", weights=weights))
    with pytest.raises(ModelUnavailable, match=r"spoilt is damaged: .* holds numbers"):
        clip(engine, spoilt)


def test_a_loras_own_scale_is_multiplied_in(tmp_path: Path) -> None:
    alphas = {f"{name}.alpha": np.ones((), np.float32) for name in LAYERS}
    usual = read_weights(save_lora(tmp_path / "usual.safetensors"))
    by_keys = save_lora(tmp_path / "a.safetensors", weights=lora_weights() | alphas)
    told = {"lora_adapter_metadata": '{"transformer.lora_alpha": 1, "transformer.r": 2}'}
    for file in (by_keys, save_lora(tmp_path / "b.safetensors", metadata=told)):
        scaled = read_weights(file)
        for name, tensor in usual.items():
            assert torch.equal(scaled[name], tensor * (0.5 if "lora_B" in name else 1.0))


def test_a_header_tells_rank_and_trigger_words(tmp_path: Path) -> None:
    told = {"modelspec.trigger_phrase": "ohwx style,  neon rain, ohwx style"}
    header = read_header(save_lora(tmp_path / "a.safetensors", metadata=told))
    assert (header.rank, header.words) == (2, ("ohwx style", "neon rain"))
    assert header.numbers == sum(w.size for w in lora_weights().values())
