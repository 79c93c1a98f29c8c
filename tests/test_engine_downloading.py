"""A repo is fetched, or refused in words, by the real client from a hub on this machine."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hub import Hub, Repo, load, of_folder, serving

from ltx_ui.engine.loading import DEMO_FOLDER

DEMO = of_folder(DEMO_FOLDER)
CLUTTER = {
    "demo-single-file.safetensors": 10**15,
    "transformer/diffusion_pytorch_model-00001-of-00002.safetensors": 10**15,
    "transformer/diffusion_pytorch_model.fp16.safetensors": 10**15,
    "text_encoder/diffusion_pytorch_model.safetensors": 10**15,
    "media/clip.mp4": 10**15,
}
"""What lies in a repo beside its model."""


@pytest.fixture
def hub() -> Iterator[Hub]:
    huge = "vae/diffusion_pytorch_model.safetensors"
    repos = {
        "acme/open": Repo({**DEMO.sizes, **CLUTTER}, DEMO.content),
        "acme/gated": replace(DEMO, gated=True),
        "acme/huge": Repo({**DEMO.sizes, huge: 10**15}, DEMO.content),
    }
    with serving(repos) as hub:
        yield hub


def test_a_repo_is_downloaded_with_its_progress_and_then_needs_no_hub(
    hub: Hub, tmp_path: Path
) -> None:
    said = hub.load(tmp_path, "acme/open")
    assert "report Downloading acme/open: " in said
    assert "loaded open" in said
    assert "GET model_index.json" in hub.served
    assert not any(path in request for path in CLUTTER for request in hub.served)
    hub.served.clear()
    assert "loaded open" in load("http://127.0.0.1:9", tmp_path, "acme/open")
    assert hub.served == []


def test_what_cannot_be_downloaded_says_what_to_do(hub: Hub, tmp_path: Path) -> None:
    does = {
        "acme/gated": "start again with HF_TOKEN set",
        "acme/nobody": "There is no repo acme/nobody",
        "acme/huge": "needs 1000000 GB of disk",
    }
    said = hub.load(tmp_path, *does).split("refused ")[1:]
    assert len(said) == len(does)
    for refused, what_to_do in zip(said, does.values(), strict=True):
        assert what_to_do in refused
    assert not any(request.startswith("GET") for request in hub.served)


def test_a_models_folder_that_cannot_be_written_says_so(hub: Hub, tmp_path: Path) -> None:
    (tmp_path / "models").write_text("a file, not a folder")
    said = hub.load(tmp_path, "acme/open")
    assert "refused" in said and "a file stands where a folder is needed" in said
