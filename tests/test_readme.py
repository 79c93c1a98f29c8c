"""The README's examples work as they stand."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from running import RunningApp
from sources import ROOT

ADDRESS = "http://127.0.0.1:7860"
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def examples() -> list[tuple[str, str]]:
    """Language and text of each example below "HTTP API" that is a program."""
    section = (ROOT / "README.md").read_text("utf-8").partition("\n## HTTP API\n")[2]
    found = BLOCK.findall(section.partition("\n## ")[0])
    return [(language, text) for language, text in found if language in ("python", "sh")]


EXAMPLES = examples()


@pytest.mark.parametrize(("language", "text"), EXAMPLES, ids=[text[:40] for _, text in EXAMPLES])
def test_an_example_works_as_it_stands(
    app: RunningApp, http: httpx.Client, tmp_path: Path, language: str, text: str
) -> None:
    asked = {"label": "examples", "scopes": ["make", "read", "keep"]}
    token = http.post("/api/v1/tokens", json=asked).json()["token"]
    program = [sys.executable, "-W", "ignore", "-c"] if language == "python" else ["bash", "-ec"]
    run = subprocess.run(
        [*program, text.replace(ADDRESS, app.url)],
        cwd=tmp_path,
        env=os.environ | {"LTX_TOKEN": token},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert run.returncode == 0, run.stdout[:2000] + run.stderr
    if "/generate" in text:
        assert json.loads(run.stdout)["video"].startswith("data:video/mp4;base64,")
    if "waves.mp4" in text:
        assert (tmp_path / "waves.mp4").read_bytes()[4:8] == b"ftyp"
    if "call_tool" in text:
        assert httpx.get(run.stdout.strip()).content[4:8] == b"ftyp"


def test_there_is_an_example_for_each_client() -> None:
    texts = "\n".join(text for _, text in EXAMPLES)
    for client in ("curl", "from openai import OpenAI", "from mcp import Client"):
        assert client in texts
