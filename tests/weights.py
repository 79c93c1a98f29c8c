"""Whether the demo model's behaviour was tested at length with these weights, this training and
these versions of the libraries.

What a clip shows is tested on many clips, which takes minutes and can only change with the weights.
A few clips are made in every run; the rest, marked ``weights``, where the digest in
``weights.sha256`` is another than theirs. ``python tests/weights.py`` makes them all and, if
every test passes, writes the digest down.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LEARNT_FROM = ("ltx_ui/engine/demo", "training", "requirements.txt")
RECORD = Path(__file__).with_suffix(".sha256")


def digest() -> str:
    """SHA-256, in hex, of the paths and contents of the weights, the training and the libraries."""
    found = hashlib.sha256()
    for name in LEARNT_FROM:
        for path in [ROOT / name, *sorted((ROOT / name).rglob("*"))]:
            if path.is_file() and "__pycache__" not in path.parts:
                found.update(f"{path.relative_to(ROOT).as_posix()}\n".encode())
                found.update(hashlib.sha256(path.read_bytes()).digest())
    return found.hexdigest()


def tested() -> bool:
    """Whether these weights passed every test of their behaviour before."""
    return RECORD.is_file() and RECORD.read_text("utf-8").strip() == digest()


if __name__ == "__main__":
    RECORD.unlink(missing_ok=True)
    command = [sys.executable, "-m", "pytest", "-n", "auto", "-m", "weights", *sys.argv[1:]]
    failed = subprocess.run(command, cwd=ROOT, check=False).returncode
    if not failed:
        RECORD.write_text(digest() + "\n", "utf-8")
    sys.exit(failed)
