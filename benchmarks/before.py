"""What a plain clip takes in this checkout, beside another one of an earlier version.

    git worktree add ../before COMMIT
    python benchmarks/before.py ../before [--rounds 10]

Both make the clip of ``overhead.py`` (288x512, 49 frames, 5 steps, guidance 3, of a prompt that was
encoded before) with the demo model, from recipe to mp4 on disk, each in a process of its own that
stays warm. They take turns, and which is first changes, so that what else the machine does falls
on both. Prints wall and CPU seconds, medians of the ratios of pairs and, last, whether the frames
and the sound are the same bit for bit.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
MAKER = """
import hashlib, json, resource, sys, tempfile, time
from pathlib import Path
from ltx_ui import runtime
runtime.set_up()
from benchmarks.measuring import Stopwatch, our_clip
from benchmarks.overhead import RECIPE
from ltx_ui.engine.engine import Engine

def cpu():
    each = map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(used.ru_utime + used.ru_stime for used in each)

root = Path(tempfile.mkdtemp())
engine = Engine("demo", root / "models")
engine.load(lambda message, fraction: None)
clip = engine.generate(RECIPE, Stopwatch())
digest = hashlib.sha256(clip.frames.tobytes() + clip.waveform.tobytes()).hexdigest()
print(json.dumps(digest), flush=True)
for _ in sys.stdin:
    began = time.perf_counter(), cpu()
    our_clip(engine, RECIPE, root, Stopwatch())
    print(json.dumps([time.perf_counter() - began[0], cpu() - began[1]]), flush=True)
"""


class Maker:
    """A process that makes clips with the code of one checkout."""

    def __init__(self, folder: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", MAKER],
            cwd=folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.digest = str(self._answer())

    def clip(self) -> tuple[float, float]:
        """Wall and CPU seconds of one clip."""
        assert self._process.stdin
        print(file=self._process.stdin, flush=True)
        wall, cpu = self._answer()
        return wall, cpu

    def end(self) -> None:
        """Let the process end."""
        self._process.communicate()

    def _answer(self) -> Any:
        assert self._process.stdout
        return json.loads(self._process.stdout.readline())


def main() -> None:
    """Measure in turns and print the medians."""
    parser = argparse.ArgumentParser(description="A plain clip's time beside an earlier version's.")
    parser.add_argument("before", type=Path, help="folder of a checkout of the earlier version")
    parser.add_argument("--rounds", type=int, default=10, help="clips of each")
    asked = parser.parse_args()
    before, after = Maker(asked.before.resolve()), Maker(ROOT)
    pairs = []
    for round_ in range(asked.rounds + 1):
        found = {maker: maker.clip() for maker in ((before, after), (after, before))[round_ % 2]}
        if round_:  # The first clips warm up.
            pairs.append((found[before], found[after]))
    for maker in (before, after):
        maker.end()
    for kind, name in enumerate(("wall", "CPU")):
        old, new = ([each[which][kind] for each in pairs] for which in (0, 1))
        ratios = sorted(b / a for a, b in zip(old, new, strict=True))
        low, middle, high = statistics.quantiles(ratios, n=4)
        print(
            f"{name:4} before {statistics.median(old):.3f} s, now {statistics.median(new):.3f} s, "
            f"ratio {middle:.3f} (quartiles {low:.3f} to {high:.3f}; fastest over fastest "
            f"{min(new) / min(old):.3f})"
        )
    print("same clip" if before.digest == after.digest else "another clip")


if __name__ == "__main__":
    main()
