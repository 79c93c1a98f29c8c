"""The attention kernel: chosen by name, or by times that were measured once."""

from __future__ import annotations

import json
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any, get_args

import pytest
import torch
from families import pipeline
from torch import Tensor

from ltx_ui.clip import Silent
from ltx_ui.engine import compat
from ltx_ui.engine.attention_kernels import (
    KERNELS,
    SIZES,
    Times,
    attend,
    choose,
    fastest,
    kept_times,
    measure,
)
from ltx_ui.engine.engine import Engine
from ltx_ui.engine.kept_text import KeptTextAttention, keys_and_values
from ltx_ui.engine.machine import CPU
from ltx_ui.engine.optimizations import (
    Optimizations,
    OptimizedTransformer,
    default_optimizations,
)
from ltx_ui.errors import ModelUnavailable
from ltx_ui.recipe import Recipe
from ltx_ui.settings import Settings

CONFIG = {
    "num_attention_heads": 2,
    "attention_head_dim": 16,
    "audio_num_attention_heads": 2,
    "audio_attention_head_dim": 16,
}
RECIPE = Recipe(
    prompt="a red ball", width=128, height=128, num_frames=9, num_inference_steps=2, seed=5
)
SMALL = (64, 9)


@pytest.mark.parametrize(
    ("times", "name"),
    [
        ({"native": [1.0, 2.0], "flash": [0.9, 1.5]}, "flash"),
        ({"native": [1.0, 2.0], "flash": [0.9, 1.5], "cudnn": [0.7, 1.4]}, "cudnn"),
        ({"native": [1.0, 2.0], "flash": [0.99, 2.0]}, "native"),
        ({"native": [1.0, 2.0], "flash": [3.0, 1.9]}, "native"),
        ({"native": [1.0, 2.0], "sage": [0.1, 0.1], "flash": [0.9, 1.5]}, "flash"),
        ({"native": [1.0, 2.0]}, "native"),
        ({}, "native"),
    ],
    ids=str,
)
def test_the_fastest_exact_kernel_is_chosen_if_it_gains_more_than_noise(
    times: dict[str, list[float]], name: str
) -> None:
    assert fastest(times) == name


def test_a_cpu_keeps_torchs_own_choice_and_measures_nothing(tmp_path: Path) -> None:
    assert choose("auto", CONFIG, torch.float32, CPU, tmp_path) == "native"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["fastest", "sage", "flash-attn"])
def test_a_kernel_that_is_unknown_or_not_installed_is_refused_with_those_that_are(
    name: str,
) -> None:
    with pytest.raises(ModelUnavailable) as refused:
        choose(name, CONFIG, torch.float32, CPU, None)
    said = str(refused.value)
    installed, _, others = said.partition("installed: ")[2].partition("; with their packages also ")
    assert name in said and all(each in said for each in KERNELS)
    assert "flash" in installed and "sage" not in installed and "sage" in others


def test_a_kernel_that_does_not_run_here_is_refused() -> None:
    with pytest.raises(ModelUnavailable, match="--attention cudnn does not run on cpu"):
        choose("cudnn", CONFIG, torch.float32, CPU, None)


def times(folder: Path, dtype: torch.dtype = torch.float32) -> Times:
    """Those of this machine, as a CUDA device would have its own."""
    return kept_times(CONFIG, dtype, CPU, folder, sizes=[SMALL] * len(SIZES))


def test_times_are_measured_once_for_a_device_and_its_versions(tmp_path: Path) -> None:
    assert {"native", "flash"} <= set(times(tmp_path))
    file = tmp_path / "attention.json"
    (key,) = json.loads(file.read_text())
    assert key.startswith("cpu, float32, ")
    assert f"torch {version('torch')}, diffusers {version('diffusers')}" in key
    known = {"native": [1.0, 2.0, 3.0]}
    file.write_text(json.dumps({key: known}))
    assert times(tmp_path) == known
    assert times(tmp_path, torch.bfloat16) != known
    assert len(json.loads(file.read_text())) == 2


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"KEY": 3}', '{"KEY": {"native": [1.0]}}', '{"KEY": {"x": [1, 1, 1]}}']
)
def test_a_damaged_table_is_measured_again(text: str, tmp_path: Path) -> None:
    times(tmp_path)
    file = tmp_path / "attention.json"
    (key,) = json.loads(file.read_text())
    file.write_text(text.replace("KEY", key))
    found = times(tmp_path)
    assert {"native", "flash"} <= set(found)
    assert json.loads(file.read_text()) == {key: found}


def test_a_folder_that_can_not_be_written_is_no_reason_to_fail(tmp_path: Path) -> None:
    folder = tmp_path / "file"
    folder.write_text("in the way")
    assert "native" in times(folder)


def test_what_refuses_or_is_not_exact_is_not_in_the_table() -> None:
    def coarse(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        return attend("native", query, key.bfloat16().float(), value)

    kernels = {name: partial(attend, name) for name in ("native", "flash", "cudnn")}
    found = measure({**kernels, "coarse": coarse}, CONFIG, torch.float32, CPU, [SMALL])
    assert set(found) == {"native", "flash"}


def used(module: Any) -> set[str]:
    """The kernels that were set for a module's attention layers."""
    processors = [getattr(part, "processor", None) for part in module.modules()]
    stock = [getattr(processor, "stock", processor) for processor in processors]
    kernels = [compat.kernel_of(processor) for processor in stock if processor is not None]
    return {"none" if kernel is None else kernel.value for kernel in kernels}


def test_every_attention_of_the_blocks_runs_the_kernel_and_no_other_part_does() -> None:
    pipe = pipeline("2.0")
    taken = OptimizedTransformer(pipe.transformer, Optimizations(attention="flash"))
    assert taken.attention == "flash"
    assert used(pipe.transformer) == {compat.kernel("flash").value}
    assert used(pipe.connectors) == {"none"}
    taken.remove()
    assert used(pipe.transformer) == {"native"}


def test_with_masks_torchs_own_choice_stays() -> None:
    optimizations = Optimizations(attention="flash", drop_masks=False)
    assert OptimizedTransformer(pipeline("2.0").transformer, optimizations).attention == "native"


def test_a_clip_is_the_same_but_for_rounding(engine: Engine, tmp_path: Path) -> None:
    other = Engine("demo", tmp_path, optimizations=Optimizations(attention="flash"))
    other.load(lambda message, fraction: None)
    assert other.optimized.attention == "flash"
    exact, made = (each.generate(RECIPE, Silent()).frames.astype(int) for each in (engine, other))
    assert abs(exact - made).max() <= 1


def test_the_engine_chooses_by_measurement_unless_told_otherwise() -> None:
    assert default_optimizations().attention == "auto"
    assert default_optimizations(attention="cudnn").attention == "cudnn"


def test_the_kept_text_is_attended_to_by_the_kernel_too() -> None:
    layer = pipeline("2.0").transformer.transformer_blocks[0].attn2
    text = torch.randn(1, 5, layer.query_dim)
    kept = KeptTextAttention(layer.processor)
    kept.kept = keys_and_values(layer, text)
    assert kept(layer, text).shape == text.shape
    layer.set_attention_backend(compat.kernel("cudnn").value)
    with pytest.raises(RuntimeError):  # There is no such kernel on a CPU.
        kept(layer, text)


def test_the_flag_offers_every_kernel_there_is() -> None:
    assert get_args(Settings.model_fields["attention"].annotation) == ("auto", *KERNELS)
