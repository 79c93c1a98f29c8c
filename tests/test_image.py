"""The Dockerfile, as far as it can be followed without Docker."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator

import pytest
from packaging.requirements import Requirement
from packaging.version import Version
from running import RunningApp, free_port
from sources import ROOT

LINES = re.sub(r"\\\n\s*", "", (ROOT / "Dockerfile").read_text("utf-8")).splitlines()
SENT = re.findall(r"^!(\S+)$", (ROOT / ".dockerignore").read_text("utf-8"), re.MULTILINE)
"""What Docker is sent of this folder; everything else is left out."""


def after(word: str) -> Iterator[str]:
    """What follows an instruction, for each line of the Dockerfile that begins with it."""
    return (line.removeprefix(word).strip() for line in LINES if line.startswith(f"{word} "))


COPIED = [path for line in after("COPY") for path in line.split()[:-1]]


def test_what_is_copied_is_here_and_sent_and_nothing_else_is_sent() -> None:
    assert sorted(COPIED) == sorted(SENT)
    assert [path for path in COPIED if not (ROOT / path).exists()] == []


def test_the_package_finds_all_it_is_built_of() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    wheel = project["tool"]["hatch"]["build"]["targets"]["wheel"]
    told = project["project"]
    parts = [told["readme"], *told["license-files"], *wheel["packages"], *wheel["force-include"]]
    assert set(parts) <= set(COPIED)


def test_what_is_installed_is_pinned() -> None:
    (line,) = (run for run in after("RUN") if "-r requirements.txt" in run)
    more = [Requirement(name) for name in re.findall(r'"([^"]+)"', line)]
    assert more and "-c constraints.txt" in (ROOT / "requirements.txt").read_text("utf-8")
    pins = (ROOT / "constraints.txt").read_text("utf-8")
    for wanted in more:
        for name in (wanted.name, *(f"{wanted.name}-{extra}" for extra in wanted.extras)):
            assert re.search(rf"^{name}==", pins, re.MULTILINE), name


def test_the_systems_python_is_new_enough() -> None:
    (image,) = after("FROM")
    assert image.endswith("ubuntu24.04")  # whose Python is 3.12
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert Version("3.12") in Requirement(f"python{project['requires-python']}").specifier


@pytest.mark.parametrize(("answers", "code"), [(True, 0), (False, 1)])
def test_it_is_healthy_while_the_studio_answers(app: RunningApp, answers: bool, code: int) -> None:
    (line,) = after("HEALTHCHECK")
    program, *arguments = json.loads(line.split("CMD ", 1)[1])
    assert program == "python"
    port = app.port if answers else free_port()
    run = subprocess.run(
        [sys.executable, *arguments],
        env=os.environ | {"LTX_UI_PORT": str(port)},
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert run.returncode == code, run.stderr
