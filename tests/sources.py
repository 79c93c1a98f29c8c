"""The project's own source files, for tests that hold all of them to a rule."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = ("ltx_ui", "benchmarks", "training", "tests")


def sources(*suffixes: str) -> list[Path]:
    """The files that end so, in every folder that has code; at least one of each folder."""
    found = [
        [path for path in sorted((ROOT / folder).rglob("*")) if path.suffix in suffixes]
        for folder in FOLDERS
    ]
    assert all(found)
    return [*ROOT.glob("*.py"), *(path for paths in found for path in paths)]
