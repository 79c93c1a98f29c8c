"""``ltx-ui lora`` fetches a LoRA from a hub on this machine, or says why it can't."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from hub import Hub, Repo, serving
from lora_files import save_lora
from sources import ROOT
from studios import PATIENCE


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Hub]:
    lora = save_lora(tmp_path / "neon.safetensors").read_bytes()

    def repo(files: Mapping[str, bytes], **lies: int) -> Repo:
        return Repo({name: len(data) for name, data in files.items()} | lies, files.__getitem__)

    repos = {
        "acme/neon": repo({"README.md": b"A LoRA", "neon.safetensors": lora}),
        "acme/two": repo({"neon.safetensors": lora, "rain.safetensors": lora}),
        "acme/broken": repo({"broken.safetensors": lora[:-9]}),
        "acme/none": repo({"README.md": b"Nothing"}),
        "acme/huge": Repo({"huge.safetensors": 10**15}, lambda path: lora),
    }
    with serving(repos) as hub:
        yield hub


def run(folder: Path, hub: str, *asked: str) -> tuple[int, str]:
    """The exit code of the command, and all that it says."""
    environment = os.environ | {"HF_ENDPOINT": hub, "HF_HOME": str(folder / "home")}
    ended = subprocess.run(
        [sys.executable, "-m", "ltx_ui", "lora", *asked, "--data-dir", str(folder / "data")],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    return ended.returncode, ended.stdout + ended.stderr


def test_a_lora_is_fetched_once_and_listed(hub: Hub, tmp_path: Path) -> None:
    code, said = run(tmp_path, hub.url, "add", "acme/neon")
    assert (code, "neon is in" in said) == (0, True), said
    [file] = (tmp_path / "data" / "loras").iterdir()
    assert file.read_bytes() == (tmp_path / "neon.safetensors").read_bytes()
    code, said = run(tmp_path, "http://127.0.0.1:9", "list")
    assert (code, "neon: rank 2" in said) == (0, True), said
    code, said = run(tmp_path, hub.url, "add", "acme/two", "--file", "rain.safetensors")
    assert (code, "rain is in" in said) == (0, True), said
    file.write_bytes(b"another")
    code, said = run(tmp_path, hub.url, "add", "acme/neon")
    assert (code, "is there already, and is another file" in said) == (1, True), said


@pytest.mark.parametrize(
    ("repo", "why"),
    [
        ("acme/two", "neon.safetensors, rain.safetensors. Choose one with --file"),
        ("acme/broken", "is damaged, or no safetensors file"),
        ("acme/none", "has no safetensors file, so no LoRA"),
        ("acme/huge", "1000000 GB, which no LoRA for LTX-2 has"),
        ("acme/nobody", "There is no repo acme/nobody"),
        ("../etc", "is no repo on Hugging Face"),
    ],
)
def test_what_cannot_be_fetched_says_why(hub: Hub, tmp_path: Path, repo: str, why: str) -> None:
    code, said = run(tmp_path, hub.url, "add", repo)
    assert (code, why in said) == (1, True), said
    assert not list((tmp_path / "data").glob("loras/*.safetensors"))


def test_without_a_network_it_says_so(tmp_path: Path) -> None:
    code, said = run(tmp_path, "http://127.0.0.1:9", "add", "acme/neon")
    assert (code, "Check the network" in said) == (1, True), said
