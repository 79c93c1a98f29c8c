"""The CUDA way of a clip holds what the plan promises, on tensors without numbers."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from recorded import depended_on

from ltx_ui.engine.placement import PLACEMENTS, Placement, Quantize, possible
from tests.rehearsal import guard, stage
from tests.rehearsal.cases import cases_of
from tests.rehearsal.checkpoint import Family
from tests.rehearsal.faults import IN_A_BLOCK, OPERATIONS
from tests.rehearsal.verdict import complaints

FAMILIES: tuple[Family, ...] = ("2.0", "2.0 distilled", "2.3", "2.5")
IN_4_BITS: dict[Quantize, tuple[Placement, ...]] = {
    "text": ("resident", "fp8", "fp8-streamed"),
    "all": possible("all"),
}
"""Placements that are tried with each choice of what is in 4 bits. The text encoder alone is where
it would be anyway, so that one of each kind will do."""
LONG = "long"
"""The case that shows nothing more with two blocks."""

pytestmark = [
    pytest.mark.skipif(
        not guard.has_compiler() and not os.environ.get("CI"),
        reason="the imitation of CUDA needs a C++ compiler: g++ is not installed",
    ),
    pytest.mark.xdist_group("rehearsal"),  # One play for all; it takes two cores by itself.
    pytest.mark.timeout(3600),  # The first test waits for the whole play.
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Checkpoints of full width with two blocks and two layers of text."""
    folder = tmp_path_factory.mktemp("rehearsal")
    stage.build(folder, FAMILIES, size=2)
    return folder


@pytest.fixture(scope="module")
def reports(folder: Path) -> list[dict[str, Any]]:
    every = [name for name in cases_of("2.0") if name != LONG]
    few = ["text", "first frame", "first and last frame"]
    acts = {"2.0": every, "2.0 distilled": [*few, "HD"], "2.3": [*few, "high"], "2.5": [*few, "HD"]}
    return stage.played(folder, acts, PLACEMENTS)


@pytest.fixture(scope="module")
def glimpse(folder: Path) -> dict[str, Any]:
    """The report of one clip in one placement."""
    [report] = stage.played(folder, {"2.0": ["first frame"]}, ["resident"])
    return report


@pytest.fixture(scope="module")
def in_4_bits(folder: Path) -> dict[tuple[str, str], dict[str, Any]]:
    """Reports by what is kept in 4 bits, and placement."""
    acts = {"2.0": ["first frame", "HD", "graphs", "stepped down"]}
    return {
        (quantize, report["placement"]): report
        for quantize, placements in IN_4_BITS.items()
        for report in stage.played(folder, acts, placements, quantize)
    }


@pytest.fixture(scope="module")
def noticed(folder: Path) -> dict[str, str]:
    return stage.faults_noticed(folder, "2.0")


def test_a_clip_is_made_as_the_plan_says(folder: Path, glimpse: dict[str, Any]) -> None:
    assert complaints(glimpse, stage.model_of(folder / "2.0")) == []


def test_no_other_file_is_read_than_the_record_depends_on(glimpse: dict[str, Any]) -> None:
    depended = {str(path) for path in depended_on("rehearsal")}
    assert str(stage.ROOT / "ltx_ui" / "engine" / "engine.py") in glimpse["files"]
    assert set(glimpse["files"]) <= depended


@pytest.mark.rehearsal
@pytest.mark.parametrize("fault", OPERATIONS)
def test_what_cuda_refuses_is_refused(noticed: dict[str, str], fault: str) -> None:
    assert noticed[fault]


@pytest.mark.rehearsal
@pytest.mark.parametrize("fault", IN_A_BLOCK)
def test_a_fault_in_a_forward_is_complained_of(noticed: dict[str, str], fault: str) -> None:
    assert IN_A_BLOCK[fault][1] in noticed[fault]


@pytest.mark.rehearsal
def test_a_step_down_that_frees_nothing_is_complained_of(
    folder: Path, reports: list[dict[str, Any]]
) -> None:
    [report] = [r for r in reports if (r["family"], r["placement"]) == ("2.0", "resident")]
    [case] = [dict(c) for c in report["cases"] if c["case"] == "stepped down"]
    case["live"] = (case["live"][0], case["live"][0])
    [said] = complaints({"findings": {}, "cases": [case]}, stage.model_of(folder / "2.0"))
    assert said.endswith("freed nothing")


@pytest.mark.rehearsal
@pytest.mark.parametrize("placement", PLACEMENTS)
@pytest.mark.parametrize("family", FAMILIES)
def test_every_clip_is_made_as_the_plan_says_in_every_placement(
    folder: Path, reports: list[dict[str, Any]], family: str, placement: str
) -> None:
    [report] = [r for r in reports if (r["family"], r["placement"]) == (family, placement)]
    assert complaints(report, stage.model_of(folder / family)) == []


@pytest.mark.rehearsal
@pytest.mark.parametrize(
    ("quantize", "placement"), [(q, p) for q, placements in IN_4_BITS.items() for p in placements]
)
def test_clips_of_weights_in_4_bits_are_made_as_the_plan_says(
    folder: Path,
    in_4_bits: dict[tuple[str, str], dict[str, Any]],
    quantize: Quantize,
    placement: Placement,
) -> None:
    model = stage.model_of(folder / "2.0", quantize)
    assert complaints(in_4_bits[quantize, placement], model) == []
