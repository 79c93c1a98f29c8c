"""The benchmarks measure what they say, and run to their end."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import torch
from torch import nn

from benchmarks import random_weights
from ltx_ui.engine.loading import DEMO_FOLDER
from ltx_ui.engine.speed import TEXT_LENGTH
from ltx_ui.engine.text import text_length


def test_the_real_size_has_its_own_places_for_text_and_not_the_demos() -> None:
    pipe = random_weights.ltx_2("meta", DEMO_FOLDER / "tokenizer", blocks=1, layers=1)
    assert text_length(pipe) == TEXT_LENGTH


def test_random_weights_fill_every_parameter_and_overflow_nowhere() -> None:
    with torch.device("meta"):
        part = nn.Sequential(nn.Linear(2100, 2100), nn.BatchNorm1d(2100)).to(torch.bfloat16)
    random_weights.fill(part, "cpu")
    large = part[0].weight.detach().float().flatten()
    assert len(large) > random_weights._DRAWN
    for piece in large.split(100_000):
        assert 0.018 < float(piece.std()) < 0.022
    assert torch.isfinite(part(torch.ones(2, 2100, dtype=torch.bfloat16))).all()


def test_the_speed_of_clips_is_measured_down_to_the_last_table() -> None:
    script = Path(random_weights.__file__).with_name("clip_speed.py")
    command = [sys.executable, str(script), "--model", "demo", "--rows", "9/1", "--rounds", "1"]
    printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    heads = [line for line in printed.splitlines() if line.startswith("| ") and "---" not in line]
    for name in ("clip", "variant", "mp4 written"):
        assert any(line.startswith(f"| {name} |") for line in heads), printed
    rows = [line for line in heads if line.startswith("| 9/1 |")]
    assert len(rows) == 3  # ours, stock with plain guidance, stock as it comes
    ours, plain, default = (
        [float(c) for c in row.split("|")[2:-1]] for row in (rows[0], rows[1], rows[2])
    )
    assert all(figure > 0 for figure in (*ours, *plain, *default))
    assert ours[4] >= ours[0] + ours[1] + ours[2] + ours[3] - 0.01  # the total, and its stages
