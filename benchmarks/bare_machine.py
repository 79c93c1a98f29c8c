"""What a bare machine lacks to run a benchmark, carried along as wheels.

    python benchmarks/bare_machine.py FOLDER          where packages can be fetched
    python benchmarks/gpu_first_light.py --wheels FOLDER          on the bare machine

It has Python 3.12 with torch, transformers, accelerate, peft, safetensors, numpy and psutil, and
not what is listed here. Wheels are unpacked without pip. No mp4 can be written there: what that
takes is replaced by modules with nothing in them.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DIRECT = ("diffusers", "pydantic", "httpx2")
"""Packages that are installed in the versions of requirements.txt."""
NEEDED_BY_THEM = (
    "annotated-types",
    "httpcore2",
    "importlib-metadata",
    "pydantic-core",
    "truststore",
    "typing-inspection",
    "zipp",
)
"""In the versions that are installed where the wheels are fetched."""
STAND_INS = ("av", "imageio_ffmpeg")
PYTHON, PLATFORMS = (
    "3.12",
    ("manylinux_2_28_x86_64", "manylinux_2_17_x86_64", "manylinux2014_x86_64"),
)
LIMIT = 64 * 2**20
"""Bytes that may be carried, the tree included."""


def fetch(folder: Path) -> int:
    """Download the wheels into a folder.

    Returns:
        Their bytes.

    Raises:
        subprocess.CalledProcessError: pip could not; it has said why.
    """
    from importlib.metadata import version

    wanted = [f"{name}=={version(name)}" for name in NEEDED_BY_THEM]
    wanted += [f"{name}=={_pinned(name)}" for name in DIRECT]
    target = [f"--platform={platform}" for platform in PLATFORMS]
    options = ["--no-deps", "--only-binary=:all:", f"--python-version={PYTHON}", *target]
    command = [sys.executable, "-m", "pip", "download", "-q", "-d", str(folder), *options, *wanted]
    subprocess.run(command, check=True)
    return sum(wheel.stat().st_size for wheel in folder.glob("*.whl"))


def unpack(folder: Path) -> None:
    """Let this process import what the wheels hold; they go before what is installed."""
    site = Path(tempfile.mkdtemp(prefix="site-"))
    for wheel in sorted(folder.glob("*.whl")):
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(site)
    for name in STAND_INS:
        (site / f"{name}.py").write_text('"""Nothing: no mp4 is written on this machine."""\n')
    sys.path.insert(0, str(site))


def leave_pictures() -> None:
    """Let pictures that a clip starts from stay as they are: H.264, which the pipeline has them go
    through once, needs what is not here."""
    from diffusers.pipelines.ltx2 import pipeline_ltx2_condition as conditioned

    vars(conditioned)["apply_image_conditioning_crf"] = lambda picture, crf: picture


def _pinned(name: str) -> str:
    """The version in requirements.txt."""
    found = re.search(rf"^{name}==(.+)$", (ROOT / "requirements.txt").read_text(), re.MULTILINE)
    if found is None:
        raise LookupError(f"requirements.txt does not pin {name}")
    return found[1]


def main() -> None:
    """Fetch, and hold what is carried to the limit."""
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    size = fetch(folder)
    listed = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout
    tree = sum((ROOT / name).stat().st_size for name in listed.splitlines())
    print(f"wheels {size / 2**20:.1f} MiB, tree {tree / 2**20:.1f} MiB")
    if size + tree > LIMIT:
        sys.exit(f"That is more than {LIMIT / 2**20:.0f} MiB.")


if __name__ == "__main__":
    main()
