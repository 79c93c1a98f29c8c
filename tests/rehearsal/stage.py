"""What the acts are played on: checkpoints, the guard, and processes for them."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ltx_ui.engine.kept_text import kept_text_bytes
from ltx_ui.engine.placement import BYTES_IN_4_BITS, DISTILLED_LORA, IN_4_BITS, Quantize
from ltx_ui.engine.resolving import read_json
from ltx_ui.lossy import parse_lossy

from . import checkpoint, guard
from .cases import Family
from .verdict import Model

ROOT = Path(__file__).resolve().parents[2]
Acts = Mapping[str, Sequence[str]]
"""Names of cases by family; behind it, after a comma, what is lossy."""


def build(folder: Path, families: Iterable[Family], size: int = 48) -> None:
    """The guard and the families' checkpoints, with so many blocks and layers of text."""
    guard.build(folder)
    for family in families:
        checkpoint.write(family, folder / family, size, size)


def played(
    folder: Path, acts: Acts, placements: Iterable[str], quantize: Quantize = "none"
) -> list[dict[str, Any]]:
    """The reports of all acts in each placement, which has a process of its own.

    Raises:
        RuntimeError: a process failed; with the end of what it printed.
    """
    options = ("--checkpoints", folder, "--placements", *placements, "--acts", json.dumps(acts))
    options += ("--quantize", quantize)
    reports: list[dict[str, Any]] = _reported("act", folder, "acts", *options)
    return reports


def faults_noticed(folder: Path, family: str) -> dict[str, str]:
    """What is noticed of each fault, with a checkpoint that is there."""
    found: dict[str, str] = _reported("faults", folder, "faults", "--checkpoint", folder / family)
    return found


def _reported(module: str, folder: Path, name: str, *options: object) -> Any:
    """What a process of this package reports."""
    report = folder / f"{name}.json"
    wanted = ("--guard", folder / "guard.so", "--report", report, *options)
    command = [sys.executable, "-m", f"tests.rehearsal.{module}", *map(str, wanted)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{name} failed:\n{done.stdout}{done.stderr[-4000:]}")
    return json.loads(report.read_text())


def model_of(folder: Path, quantize: Quantize = "none", lossy: str = "") -> Model:
    """What the plan is made from, for a checkpoint with some weights in 4 bits.

    Args:
        lossy: as :func:`ltx_ui.lossy.parse_lossy` takes it.
    """
    sizes, card = checkpoint.bytes_of(folder), checkpoint.card_of(folder)
    config = read_json(folder / card.transformer_subfolder / "config.json")
    names = (*checkpoint.PARTS, DISTILLED_LORA)
    weights = {name: size for name, size in sizes.items() if name in names}
    for name in IN_4_BITS[quantize]:  # With few blocks, more of it is outside them than usual.
        exact = checkpoint.exact_bytes_of(folder, name)
        weights[name] = exact + round((weights[name] - exact) * BYTES_IN_4_BITS / 2)
    text = kept_text_bytes(config, 2)
    return Model(card, weights, text, config["num_layers"], parse_lossy(lossy))
