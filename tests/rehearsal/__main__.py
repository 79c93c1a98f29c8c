"""The rehearsal at full size, and its tables in docs/benchmarks.md.

python -m tests.rehearsal
python -m tests.rehearsal --size 2 --placements fp8 --print
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ltx_ui.engine.choosing import Free, choose
from ltx_ui.engine.placement import PLACEMENTS, RESERVE, USUAL, working

from . import stage
from .ledger import GB
from .verdict import Model, complaints, peak, planned

CASES = ["text", "long", "first and last frame", "HD"]
CARDS = (12, 16, 24, 32, 48, 80, 141)
"""Gigabytes by which cards are sold: of 2^30 bytes."""
CONTEXT = GB // 2
"""Bytes of a card that the CUDA context takes; estimated."""
HOST = 128 * GB
DOCUMENT = stage.ROOT / "docs" / "benchmarks.md"
BEGIN, END = "<!-- rehearsal -->\n", "<!-- end of rehearsal -->\n"


def placements(reports: list[dict[str, Any]], model: Model) -> Iterator[str]:
    """The table of peaks, a row for each placement."""
    yield "| placement | weights | text | 121 frames | plan | HD | plan | pinned | kernels |"
    yield f"|{' --- |' * 9}"
    for report in reports:
        made = {case["case"]: case for case in report["cases"]}
        text = made["text"]["stages"]["text 0"]["peak"]["cuda"]
        plans = [planned(name, report["placement"], model)[0] for name in ("long", "HD")]
        kernels = max(max(s["forwards"], default=0) for s in made["long"]["stages"].values())
        pinned = max(peak(case, "pinned") for case in made.values())
        cells = (report["loaded"], text, peak(made["long"], "cuda"), plans[0])
        cells += (peak(made["HD"], "cuda"), plans[1], pinned)
        figures = " | ".join(f"{cell / GB:.1f}" for cell in cells)
        yield f"| `{report['placement']}` | {figures} | {kernels} |"


def cards(reports: list[dict[str, Any]], model: Model) -> Iterator[str]:
    """The table of cards: what is chosen on each, and what it then takes."""
    peaks: dict[str, Mapping[str, int]] = {
        report["placement"]: {case["case"]: peak(case, "cuda") for case in report["cases"]}
        for report in reports
    }
    yield "| card | placement | peak of 121 frames | HD |"
    yield f"|{' --- |' * 4}"
    for gigabytes in CARDS:
        free = gigabytes * 2**30 - CONTEXT
        beside = working(*USUAL, text=2 * model.text)
        placement = choose("LTX-2", model.weights, Free(free, HOST), beside)
        if placement not in peaks:
            continue
        below = PLACEMENTS[PLACEMENTS.index(placement) :]
        able = [p for p in below if peaks.get(p, {}).get("HD", free) + RESERVE <= free]
        hd = f"{peaks[able[0]]['HD'] / GB:.1f} GB, `{able[0]}`" if able else "in tiles"
        usual = peaks[placement]["long"] / GB
        yield f"| {gigabytes} GB | `{placement}` | {usual:.1f} GB | {hd} |"


def write(lines: list[str]) -> None:
    """Put the tables where the document has its marks."""
    text = DOCUMENT.read_text(encoding="utf-8")
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    DOCUMENT.write_text(before + BEGIN + "\n".join(lines) + "\n" + END + after, encoding="utf-8")


def main() -> int:
    """Rehearse, print the tables and write them down.

    Returns:
        1 where a promise was not kept.
    """
    parser = argparse.ArgumentParser(description="The CUDA way at full size, without a GPU.")
    parser.add_argument("--size", type=int, default=48, help="blocks, and layers of text")
    parser.add_argument("--placements", nargs="+", choices=PLACEMENTS, default=list(PLACEMENTS))
    parser.add_argument("--print", action="store_true", help="leave the document as it is")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        stage.build(folder, ["2.0"], given.size)
        reports = stage.played(folder, {"2.0": CASES}, given.placements)
        model = stage.model_of(folder / "2.0")
    lines = [*placements(reports, model), "", *cards(reports, model)]
    print("\n".join(lines), flush=True)
    if not given.print:
        write(lines)
    said = [f"{r['placement']}: {s}" for r in reports for s in complaints(r, model)]
    print("\n".join(said), flush=True)
    return 1 if said else 0


if __name__ == "__main__":
    sys.exit(main())
