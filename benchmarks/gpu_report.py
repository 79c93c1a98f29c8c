"""Everything that wants measuring on a CUDA device, in one command, into one folder.

    python benchmarks/gpu_report.py --folder report --minutes 60
    python benchmarks/gpu_report.py --folder report --minutes 9 --parts speed
    python benchmarks/gpu_report.py --folder report --minutes 9 --parts memory loading

No weights are needed: LTX-2 19B is made with random ones, on which neither speed nor memory depend.
What a part prints goes to ``PART.md`` in the folder as it is printed, with what failed. When the
minutes are over, the part that runs is ended, so a machine that is lent for a while is used to its
end and what was measured by then is there. ``speed`` takes about ten minutes on an H200
(estimated), ``memory`` about as long.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
PARTS: dict[str, list[str]] = {
    "speed": ["clip_speed.py", "--random-weights", "ltx-2", "--rounds", "2"],
    "memory": ["gpu_memory.py", "--random-weights", "--gb", "24", "12", "48"],
    "loading": ["loading.py", "--blocks", "8", "--layers", "4"],
    "previews": ["preview_delay.py", "--model", "demo"],
}
"""In the order of what is asked for most."""


def main() -> None:
    """Run the parts one after the other."""
    parser = argparse.ArgumentParser(description="All measurements on a CUDA device.")
    parser.add_argument("--folder", type=Path, required=True, help="where the tables go")
    parser.add_argument("--minutes", type=float, default=60.0, help="of all parts together")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    deadline = time.monotonic() + 60 * given.minutes
    for part in given.parts:
        left = deadline - time.monotonic()
        path = given.folder / f"{part}.md"
        began = time.monotonic()
        outcome = run(PARTS[part], path, left) if left > 0 else "not begun: the time is over"
        line = f"{part}: {outcome}, {time.monotonic() - began:.0f} s, {path}"
        print(line, flush=True)


def run(command: list[str], path: Path, seconds: float) -> str:
    """One part, for so long at most; how it ended."""
    script, *flags = command
    if script == "clip_speed.py":
        # It leaves out what there is no time for, and still tells the rest.
        flags += ["--minutes", f"{max(1.0, seconds / 60 - 1):.1f}"]
    with path.open("w") as report:
        process = subprocess.Popen(
            [sys.executable, "-u", str(HERE / script), *flags],
            stdout=report,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            status = process.wait(seconds)
        except subprocess.TimeoutExpired:
            # With the processes that it began: one left behind would hold the device.
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            return "ended: the time is over"
    return "done" if status == 0 else f"failed ({status})"


if __name__ == "__main__":
    main()
