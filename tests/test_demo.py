"""The built-in model: made once, whole or not at all, the same everywhere, without a network."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import torch

from ltx_ui.engine.demo import build, demo_folder


def test_it_is_an_ordinary_diffusers_folder_of_the_real_classes(demo_models_dir: Path) -> None:
    index = json.loads((demo_folder(demo_models_dir) / "model_index.json").read_text())
    assert index["_class_name"] == "LTX2ConditionPipeline"
    assert index["transformer"] == ["diffusers", "LTX2VideoTransformer3DModel"]
    assert index["vae"] == ["diffusers", "AutoencoderKLLTX2Video"]
    assert index["text_encoder"] == ["transformers", "Gemma3ForConditionalGeneration"]


def test_its_geometry_is_that_of_the_real_one() -> None:
    pipe = build()
    assert pipe.vae_spatial_compression_ratio == 32
    assert pipe.vae_temporal_compression_ratio == 8
    assert pipe.transformer.config.in_channels == 128
    assert pipe.tokenizer_max_length == 1024
    assert pipe.tokenizer_padding_side == "left"
    assert pipe.vocoder.config.output_sampling_rate == 24000


def test_it_is_the_same_each_time_and_leaves_the_random_state_alone() -> None:
    torch.manual_seed(11)
    before = torch.get_rng_state()
    one, other = build(), build()
    assert torch.equal(torch.get_rng_state(), before)
    for name in ("transformer", "vae", "audio_vae", "vocoder", "connectors", "text_encoder"):
        weights = other.components[name].state_dict()
        for key, tensor in one.components[name].state_dict().items():
            assert torch.equal(tensor, weights[key]), f"{name}.{key}"


def test_a_made_one_is_used_again(tmp_path: Path) -> None:
    index = demo_folder(tmp_path) / "model_index.json"
    made = index.stat().st_mtime_ns
    assert demo_folder(tmp_path) == index.parent
    assert index.stat().st_mtime_ns == made
    assert list(tmp_path.iterdir()) == [index.parent]


def test_a_process_killed_while_making_it_leaves_nothing_that_is_used(tmp_path: Path) -> None:
    """The process dies at the last moment, when every file is written but not yet in place."""
    killed = (
        "import os, signal, sys, pathlib\n"
        "from ltx_ui.engine.demo import demo_folder\n"
        "pathlib.Path.rename = lambda *_: os.kill(os.getpid(), signal.SIGKILL)\n"
        "demo_folder(pathlib.Path(sys.argv[1]))\n"
    )
    run = subprocess.run([sys.executable, "-c", killed, str(tmp_path)], check=False)
    assert run.returncode == -9
    left = list(tmp_path.iterdir())
    assert left
    folder = demo_folder(tmp_path)
    assert folder not in left
    assert (folder / "model_index.json").is_file()
