"""Where a model comes from, and what a person is told when it can't be had."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from diffusers import LTX2VideoTransformer3DModel
from forked import ran
from safetensors.torch import load_file

from ltx_ui.engine.checkpoint import needed_files
from ltx_ui.engine.downloading import downloaded
from ltx_ui.engine.engine import Engine
from ltx_ui.engine.loading import DEMO_FOLDER
from ltx_ui.engine.models import CARDS
from ltx_ui.engine.resolving import resolve
from ltx_ui.errors import ModelUnavailable


def ignore(message: str, fraction: float | None) -> None:
    """Loading may say what it likes."""


@pytest.fixture
def demo_copy(tmp_path: Path) -> Path:
    """A diffusers folder of one's own, to break."""
    return Path(shutil.copytree(DEMO_FOLDER, tmp_path / "my-ltx"))


def test_auto_is_ltx_2_with_cuda_and_the_demo_without() -> None:
    assert resolve("auto", cuda=True).id == "ltx-2"
    assert resolve("auto", cuda=False).id == "demo"


@pytest.mark.parametrize("name", CARDS)
def test_every_card_is_found_by_its_name(name: str) -> None:
    assert resolve(name, cuda=False) is CARDS[name]


def test_a_known_repo_is_its_card() -> None:
    assert resolve("Lightricks/LTX-2", cuda=False) is CARDS["ltx-2"]


@pytest.mark.parametrize(
    ("repo", "family"),
    [
        ("somebody/my-ltx2-tune", "ltx-2"),
        ("somebody/LTX-2.3-tune", "ltx-2.3"),
        ("somebody/LTX-2.3-Distilled-tune", "ltx-2.3-distilled"),
    ],
)
def test_another_repo_is_driven_like_its_family(repo: str, family: str) -> None:
    card = resolve(repo, cuda=False)
    assert (card.id, card.source) == (repo, repo)
    assert card.sigmas == CARDS[family].sigmas
    assert card.use_cross_timestep == CARDS[family].use_cross_timestep


def test_a_folder_is_driven_as_its_own_files_say(demo_copy: Path) -> None:
    assert resolve(str(demo_copy), cuda=False).use_cross_timestep is False
    connectors = demo_copy / "connectors" / "config.json"
    config = json.loads(connectors.read_text())
    connectors.write_text(json.dumps({**config, "per_modality_projections": True}))
    assert resolve(str(demo_copy), cuda=False).use_cross_timestep is True


def test_a_folder_loads_like_a_known_model(demo_copy: Path, tmp_path: Path) -> None:
    engine = Engine(str(demo_copy), tmp_path / "models")
    heard: list[str] = []
    engine.load(lambda message, fraction: heard.append(message))
    assert engine.card.title == "my-ltx"
    assert heard == ["Loading my-ltx: everything stays on the device"]
    assert not (tmp_path / "models").exists()


def test_a_model_in_several_files_is_read_in_parallel_and_is_the_same(
    demo_copy: Path, tmp_path: Path
) -> None:
    """In processes of their own: diffusers looks at its setting when it is imported."""
    script = """
import sys
from pathlib import Path
from ltx_ui.engine.engine import Engine
from diffusers.utils.constants import HF_ENABLE_PARALLEL_LOADING
from safetensors.torch import save_file

engine = Engine(sys.argv[1], Path(sys.argv[2]))
engine.load(lambda message, fraction: None)
save_file(engine.pipe.transformer.state_dict(), sys.argv[3])
print(HF_ENABLE_PARALLEL_LOADING)
"""

    def loaded(file: Path, **environment: str) -> tuple[dict[str, torch.Tensor], str]:
        command = [sys.executable, "-c", script, str(demo_copy), str(tmp_path), str(file)]
        run = subprocess.run(
            command, env=os.environ | environment, capture_output=True, text=True, check=False
        )
        assert run.returncode == 0, run.stderr
        # Nothing is on the terminal that nobody can act on.
        assert run.stderr == ""
        return load_file(file), run.stdout.strip()

    one_file, parallel = loaded(tmp_path / "one.safetensors", HF_ENABLE_PARALLEL_LOADING="no")
    assert parallel == "False", "an operator may switch it off"
    whole = LTX2VideoTransformer3DModel.from_pretrained(demo_copy / "transformer")
    shutil.rmtree(demo_copy / "transformer")
    whole.to(torch.float16).save_pretrained(demo_copy / "transformer", max_shard_size="2MB")
    assert len(list((demo_copy / "transformer").glob("*.safetensors"))) > 2
    several, parallel = loaded(tmp_path / "several.safetensors")
    assert parallel == "True"
    assert several.keys() == one_file.keys() != set()
    assert all(torch.equal(several[name], one_file[name]) for name in one_file)


def test_what_is_no_model_is_refused_at_once(tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailable, match=r"no model 'ltx-3'.*demo, ltx-2"):
        Engine("ltx-3", tmp_path)
    with pytest.raises(ModelUnavailable, match="no model"):
        Engine(str(tmp_path / "not" / "here"), tmp_path)


def test_an_empty_folder_is_refused_at_once(tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailable, match=r"model_index\.json is missing.*--model"):
        Engine(str(tmp_path), tmp_path)


def test_a_pipeline_of_another_kind_is_refused_at_once(demo_copy: Path) -> None:
    (demo_copy / "model_index.json").write_text('{"_class_name": "FluxPipeline"}')
    with pytest.raises(ModelUnavailable, match="FluxPipeline, not an LTX-2 pipeline"):
        Engine(str(demo_copy), demo_copy)


@pytest.mark.parametrize("broken", ["cut weights", "lost weights", "bad config"])
def test_a_damaged_folder_says_what_to_do(demo_copy: Path, broken: str) -> None:
    weights = demo_copy / "transformer" / "diffusion_pytorch_model.safetensors"
    if broken == "cut weights":
        weights.write_bytes(weights.read_bytes()[:1000])
    elif broken == "lost weights":
        weights.unlink()
    else:
        (demo_copy / "vae" / "config.json").write_text("{")
    engine = Engine(str(demo_copy), demo_copy)
    with pytest.raises(ModelUnavailable, match=r"can't be loaded.*files were copied") as caught:
        engine.load(ignore)
    assert "ownload" not in str(caught.value).replace(str(demo_copy), "")
    assert "elete" not in str(caught.value)


def test_without_a_network_a_repo_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The address answers nobody: port 9 of this machine."""
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", "http://127.0.0.1:9")
    engine = Engine("Lightricks/LTX-2", tmp_path)
    with pytest.raises(ModelUnavailable, match=r"Check the network and start again.*--model demo"):
        engine.load(ignore)


def test_a_complete_download_is_used_without_the_network(tmp_path: Path) -> None:
    folder = tmp_path / "Lightricks--LTX-2"
    folder.mkdir()
    (folder / "model_index.json").write_text("{}")
    (folder / "download.json").write_text(json.dumps({"files": {"model_index.json": 2}}))
    assert downloaded(CARDS["ltx-2"], tmp_path, ignore, admit=lambda elements: None) == folder


def test_an_index_that_names_a_file_which_is_not_there_is_refused() -> None:
    index = "transformer/diffusion_pytorch_model.safetensors.index.json"
    sizes = {"model_index.json": 1, "transformer/config.json": 1, index: 1}
    named = {"weight_map": {"proj_in.weight": "diffusion_pytorch_model-00001-of-00008.safetensors"}}
    with pytest.raises(ModelUnavailable, match=r"is not complete: its index names transformer/"):
        needed_files(sizes, CARDS["ltx-2"], {index: named}.__getitem__)


def test_the_demo_loads_without_any_connection(tmp_path: Path) -> None:
    """A process that may not open a connection makes a clip."""
    script = """
import sys
from pathlib import Path

def refuse(event, arguments):
    if event in ("socket.connect", "socket.getaddrinfo"):
        raise SystemExit(f"{event} {arguments}")

sys.addaudithook(refuse)
from ltx_ui.clip import Silent
from ltx_ui.engine.engine import Engine
from ltx_ui.recipe import Recipe

engine = Engine("demo", Path(sys.argv[1]))
engine.load(lambda message, fraction: None)
recipe = Recipe(prompt="x", width=128, height=128, num_frames=9, num_inference_steps=1)
print(engine.generate(recipe, Silent()).frames.shape)
"""
    run = ran(["-c", script, str(tmp_path)])
    assert run.returncode == 0, run.stderr
    assert run.stdout.strip() == "(9, 128, 128, 3)"


def test_the_cards_can_be_read_without_torch() -> None:
    script = "import sys, ltx_ui.engine.models; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
