"""The benchmarks measure what they say, and run to their end."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
import torch
from families import pipeline
from forked import ran
from torch import nn

from benchmarks import lossy, random_weights
from benchmarks.clip_speed import Bench
from benchmarks.gpu_memory import placed
from ltx_ui.clip import Silent
from ltx_ui.engine.engine import Engine
from ltx_ui.engine.kept_text import TEXT_LENGTH
from ltx_ui.engine.loading import DEMO_FOLDER, Loaded
from ltx_ui.engine.models import CARDS, DISTILLED_SIGMAS
from ltx_ui.engine.placement import IN_8_BITS, PLACEMENTS, Placement
from ltx_ui.engine.text import text_length
from ltx_ui.lossy import parse_lossy
from ltx_ui.recipe import Recipe


def test_the_real_size_has_its_own_places_for_text_and_not_the_demos() -> None:
    pipe = random_weights.ltx_2("meta", DEMO_FOLDER / "tokenizer", blocks=1, layers=1)
    assert text_length(pipe) == TEXT_LENGTH


def test_random_weights_fill_every_parameter_and_overflow_nowhere() -> None:
    with torch.device("meta"):
        part = nn.Sequential(nn.Linear(2100, 2100), nn.BatchNorm1d(2100)).to(torch.bfloat16)
    random_weights.fill(part, "cpu")
    large = part.get_parameter("0.weight").detach().float().flatten()
    assert len(large) > random_weights.DRAWN
    for piece in large.split(100_000):
        assert 0.018 < float(piece.std()) < 0.022
    assert torch.isfinite(part(torch.ones(2, 2100, dtype=torch.bfloat16))).all()


def test_the_speed_of_clips_is_measured_down_to_the_last_table() -> None:
    script = Path(random_weights.__file__).with_name("clip_speed.py")
    run = ran([str(script), "--model", "demo", "--rows", "9/1", "--rounds", "1"])
    assert run.returncode == 0, run.stderr
    printed = run.stdout
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


def test_weights_made_in_memory_are_driven_as_each_of_two_cards(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Random weights as ``--random-weights`` makes them, but small: those would take 69 GB."""
    loaded = Loaded(CARDS["ltx-2"], pipeline("2.0"), "resident")
    bench = Bench(loaded, tmp_path, rounds=1, deadline=time.monotonic() + 600)
    calls: list[int] = []
    loaded.pipe.transformer.register_forward_hook(lambda *_: calls.append(1))
    bench.drive(CARDS["ltx-2-distilled"])
    bench.ours(["9/8@128x128"])
    assert len(calls) == 3 * len(DISTILLED_SIGMAS)  # two to warm up, one that counts
    calls.clear()
    bench.drive(CARDS["ltx-2"])
    totals = bench.ours(["9/2@128x128"])
    assert len(calls) == 3 * 2
    bench.stocks(totals, "plain")
    bench.deadline = time.monotonic()
    assert bench.ours(["9/2@128x128"]) == {}
    printed = capsys.readouterr().out
    assert "| 9/8@128x128 |" in printed and printed.count("| 9/2@128x128 | ") == 3
    assert "| 9/2@128x128 | left out: the time is over |" in printed


def test_lossy_speed_is_measured_beside_exact(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recipe = Recipe(
        prompt="A fox.", width=128, height=128, num_frames=9, num_inference_steps=2, seed=1
    )
    lossy.measure(tmp_path, [recipe], [parse_lossy("skip-guidance=0.5"), parse_lossy("fp8-matmul")])
    printed = capsys.readouterr().out.splitlines()
    rows = {line.split("|")[1].strip(): line.split("|")[2:-1] for line in printed if "dB |" in line}
    assert set(rows) == {"another seed", "skip-guidance=0.5", "fp8-matmul"}
    assert [float(cells[0]) for cells in rows.values()] == [1.0, 0.75, 1.0]
    near = [float(cells[2].removesuffix("dB ")) for cells in rows.values()]
    assert near[0] < min(near[1:]) and max(near) < 100


@pytest.mark.parametrize("placement", PLACEMENTS)
def test_weights_made_in_memory_live_wherever_they_can(
    placement: Placement, tmp_path: Path
) -> None:
    card, pipe = CARDS["ltx-2-distilled"], pipeline("2.0").to(torch.bfloat16)
    engine = Engine(card.id, tmp_path)
    engine.adopt(placed(card, pipe, placement))
    recipe = Recipe(prompt="A fox.", width=128, height=128, num_frames=9, seed=1)
    assert engine.generate(recipe, Silent()).frames.shape == (9, 128, 128, 3)
    kept = pipe.transformer.transformer_blocks[0].attn1.to_q.weight.dtype
    assert (kept == torch.float8_e4m3fn) == (placement in IN_8_BITS)
