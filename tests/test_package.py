"""The package: what is in it, that it makes a clip wherever it is installed, and its versions."""

import os
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterator
from importlib.metadata import requires, version
from pathlib import Path

import httpx
import pytest
from packaging.requirements import Requirement
from packaging.utils import NormalizedName, canonicalize_name
from running import RunningApp, free_port
from sources import ROOT
from studios import PATIENCE

import ltx_ui

SMALL = {"prompt": "a ball", "width": 128, "height": 128, "num_frames": 9, "num_inference_steps": 2}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package, built from this checkout."""
    folder = tmp_path_factory.mktemp("dist")
    _python("-m", "hatchling", "build", "-t", "wheel", "-d", str(folder))
    return next(folder.glob("*.whl"))


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package in a folder of its own, without what it depends on."""
    folder = tmp_path_factory.mktemp("installed")
    pip = ["-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--target", str(folder)]
    _python(*pip, str(wheel))
    return folder


def _python(*arguments: str, cwd: Path | str = ROOT, **environment: str) -> str:
    run = subprocess.run(
        [sys.executable, *arguments],
        cwd=cwd,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    return run.stdout


def _read(file: str) -> list[Requirement]:
    lines = (ROOT / file).read_text("utf-8").splitlines()
    return [Requirement(line) for line in lines if line and not line.startswith(("#", "-"))]


def _brought_along(needed: list[Requirement]) -> Iterator[NormalizedName]:
    """Names of the installed packages that these need, their own among them."""
    wanted, seen = list(needed), set[tuple[NormalizedName, str]]()
    while wanted:
        requirement = wanted.pop()
        for extra in requirement.extras | {""}:
            name = canonicalize_name(requirement.name)
            if (name, extra) in seen:
                continue
            seen.add((name, extra))
            needs = [Requirement(line) for line in requires(name) or ()]
            wanted += [
                need for need in needs if not need.marker or need.marker.evaluate({"extra": extra})
            ]
    yield from {name for name, _ in seen}


def test_the_wheel_holds_the_program_and_nothing_else(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    files = (path for path in (ROOT / "ltx_ui").rglob("*") if path.is_file())
    program = {str(path.relative_to(ROOT)) for path in files if path.suffix != ".pyc"}
    about = {name for name in names if ".dist-info/" in name}
    assert names - about == program | {"ltx_ui/presets.json"}
    assert {"LICENSE", "NOTICE"} <= {Path(name).name for name in about}


def test_the_installed_package_makes_a_clip_in_any_folder(installed: Path, tmp_path: Path) -> None:
    program, path = [sys.executable, str(installed / "bin" / "ltx-ui")], str(installed)
    cwd = tmp_path / "elsewhere"
    cwd.mkdir()
    with RunningApp(tmp_path / "data", program=program, cwd=cwd, PYTHONPATH=path) as app:
        answer = httpx.post(f"{app.url}/generate", json=SMALL, timeout=PATIENCE, trust_env=False)
        page = httpx.get(app.url, trust_env=False)
        assert answer.status_code == 200, answer.text
        assert answer.json()["video"].startswith("data:video/mp4;base64,")
        assert page.status_code == 200
        assert f"(data in {tmp_path / 'data'})" in app.output
        assert app.outside == ""
    assert list(cwd.iterdir()) == []


def test_data_lies_in_the_users_folder_if_installed_and_in_data_otherwise(
    installed: Path, tmp_path: Path
) -> None:
    where = {"COLUMNS": "300", "XDG_DATA_HOME": str(tmp_path), "PYTHONPATH": str(installed)}
    of_package = _python("-m", "ltx_ui", "--help", cwd=tmp_path, **where)
    of_checkout = _python("app.py", "--help", **where | {"PYTHONPATH": ""})
    assert f"(default: {tmp_path / 'ltx-2-studio'})" in of_package
    assert "(default: data)" in of_checkout


def test_other_presets_can_be_given(tmp_path: Path) -> None:
    broken = tmp_path / "mine.json"
    broken.write_text("{}")
    command = [sys.executable, "app.py", "--presets", str(broken), "--data-dir", str(tmp_path)]
    command += ["--port", str(free_port())]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert f"{broken} has mistakes" in run.stderr


def test_the_exact_versions_lie_in_the_packages_ranges() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    ranges = {r.name: r.specifier for r in map(Requirement, project["dependencies"])}
    exact = {r.name: next(iter(r.specifier)).version for r in _read("requirements.txt")}
    assert ranges.keys() == exact.keys()
    assert [n for n, chosen in exact.items() if not ranges[n].contains(chosen)] == []


def test_every_package_that_comes_along_has_its_version_in_the_lock() -> None:
    wanted = _read("requirements.txt") + _read("requirements-dev.txt")
    lock = [r for r in _read("constraints.txt") if not r.marker or r.marker.evaluate()]
    pins = {canonicalize_name(r.name): r.specifier for r in lock}
    brought = {name: version(name) for name in _brought_along(wanted)}
    assert len(brought) > len(wanted) > 0
    assert {n: v for n, v in brought.items() if n not in pins or not pins[n].contains(v)} == {}


def test_the_version_stands_in_one_place_and_in_the_changelog(wheel: Path) -> None:
    assert wheel.name.startswith(f"ltx_2_studio-{ltx_ui.__version__}-")
    assert f"## [{ltx_ui.__version__}]" in (ROOT / "CHANGELOG.md").read_text("utf-8")
