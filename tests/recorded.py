"""Long tests that are left out where they passed before with the files they depend on.

Each group of them is a mark. What its outcome depends on has a digest; ``NAME.sha256`` holds the
one with which all of the group's tests passed, and while it is the present one they are skipped.
``python -m tests.recorded NAME`` runs them anyway and, if all passed, writes the digest down.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent

GROUPS = {
    "weights": ("ltx_ui/engine/demo", "training", "requirements.txt"),
    "rehearsal": (
        "ltx_ui/__init__.py",
        *(f"ltx_ui/{name}.py" for name in ("clip", "controlling", "errors", "geometry")),
        *(f"ltx_ui/{name}.py" for name in ("given_films", "inputs", "looping", "loras", "lossy")),
        *(f"ltx_ui/{name}.py" for name in ("phrases", "recipe", "retaking", "runtime")),
        *(f"ltx_ui/{name}.py" for name in ("sent_files", "untrusted_json", "upscaling", "values")),
        "ltx_ui/engine/*.py",
        "ltx_ui/engine/demo/tokenizer",
        "benchmarks/random_weights.py",
        "tests/rehearsal",
        "tests/test_rehearsal.py",
        "requirements.txt",
        "requirements-dev.txt",
    ),
}
"""What each group depends on: patterns of files and folders, which stand for all that is in them.

What the demo model learnt shows in many clips, which takes minutes and can only change with the
weights, the training and the libraries; a few clips are made in every run. The rehearsal of CUDA
computes no numbers: the same code and libraries come to the same report.
"""


def depended_on(group: str) -> Iterator[Path]:
    """The files that the outcome of a group depends on, in order."""
    for pattern in GROUPS[group]:
        for found in sorted(ROOT.glob(pattern)):
            for path in [found, *sorted(found.rglob("*"))]:
                if path.is_file() and "__pycache__" not in path.parts:
                    yield path


def digest(group: str) -> str:
    """SHA-256, in hex, of the paths and contents of what a group depends on."""
    found = hashlib.sha256()
    for path in depended_on(group):
        found.update(f"{path.relative_to(ROOT).as_posix()}\n".encode())
        found.update(hashlib.sha256(path.read_bytes()).digest())
    return found.hexdigest()


def passed_before(group: str) -> bool:
    """Whether every test of a group passed with these very files."""
    record = _record(group)
    return record.is_file() and record.read_text("utf-8").strip() == digest(group)


def skip_what_passed_before(items: list[pytest.Item]) -> None:
    """Skips the tests of the groups that passed before."""
    for group in GROUPS:
        marked = [item for item in items if item.get_closest_marker(group)]
        if marked and passed_before(group):
            why = f"passed with these files; python -m tests.recorded {group} tests again"
            for item in marked:
                item.add_marker(pytest.mark.skip(reason=why))


def _record(group: str) -> Path:
    return HERE / f"{group}.sha256"


class _Outcomes:
    """How a run's tests ended, as a plugin of pytest."""

    def __init__(self) -> None:
        self.seen: set[str] = set()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self.seen.add(report.outcome)


def main(group: str) -> int:
    """Run a group's tests, and write down that they passed; none may be left out.

    Returns:
        0 where it is written down.
    """
    tested = digest(group)
    _record(group).unlink(missing_ok=True)
    outcomes = _Outcomes()
    # The rehearsal is one play that takes all cores by itself.
    workers = "0" if group == "rehearsal" else "auto"
    command = [str(HERE), "-n", workers, "--dist", "loadgroup", "-m", group]
    failed = pytest.main(command, plugins=[outcomes]) or outcomes.seen != {"passed"}
    if not failed:
        _record(group).write_text(tested + "\n", "utf-8")
    return int(failed)


if __name__ == "__main__":
    if len(sys.argv) != 2 or sys.argv[1] not in GROUPS:
        sys.exit(f"usage: python -m tests.recorded {'|'.join(GROUPS)}")
    sys.exit(main(sys.argv[1]))
