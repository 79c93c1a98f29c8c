"""What is wrong with what was written down: a sentence for each promise that was not kept."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ltx_ui.engine.models import ModelCard
from ltx_ui.engine.placement import (
    FLOAT8_SHARE,
    KEEPS_TEXT,
    OUTSIDE_BLOCKS,
    RESERVE,
    STEPS,
    Placement,
    Working,
    device_bytes,
    host_bytes,
    in_use,
    working,
)
from ltx_ui.engine.sampling import clips_cached, texts_kept
from ltx_ui.lossy import EXACT, Lossy

from .cases import CASES
from .checkpoint import BLOCKS
from .ledger import GB

KERNELS = 10_500
"""Most launches of a forward with 48 blocks."""
OUTSIDE = 420
"""Most launches of a forward outside its blocks."""
LEFT = GB // 100
"""Bytes that may be left over after a clip."""
LARGE = 2**22
"""Numbers on which the CPU should not compute."""
PAGEABLE = GB // 100
"""Bytes that a forward may move through memory that is not pinned."""
DECIDES = "engine/lossy.py"
"""Where a step cache asks, once a forward, whether it has what the blocks would come to."""
PINNED = GB // 2
"""Pinned for what is no weight: the pictures of a clip on their way to the host."""


@dataclass(frozen=True)
class Model:
    """What was rehearsed.

    Attributes:
        card: what it was loaded with.
        weights: bytes of each component, as the pipeline runs it, and of the second stage's LoRA.
        text: bytes of one text's keys and values in all blocks, where they are kept.
        blocks: of the transformer.
        lossy: what made clips faster and changed them.
    """

    card: ModelCard
    weights: Mapping[str, int]
    text: int
    blocks: int = BLOCKS
    lossy: Lossy = EXACT


def complaints(report: Mapping[str, Any], model: Model) -> list[str]:
    """Sentences; none where all is as promised."""
    said = [f"{what} ({count} times)" for what, count in report["findings"].items()]
    said += [f"while it was loaded, {sentence}" for sentence in _cpu(report["loading"])]
    for case in report["cases"]:
        name, moved = case["case"], len(set(case["placement"])) > 1
        found = [*_errors(case), *_cpu(case["stages"]), *_waits(case), *_kernels(case, model)]
        found += _graphs(case)
        found += _step_down(case, model) if CASES[name].lasting else _left(case)
        found += () if moved or CASES[name].full else _plan(case, model)
        said += [f"{name}: {sentence}" for sentence in found]
    return said


def beside_weights(name: str, model: Model) -> Working:
    """What the plan says that a case takes besides the weights."""
    recipe = CASES[name].recipe()
    asked = recipe, model.card, model.lossy
    takes, clips = CASES[name].takes, 2 if model.card.guided(recipe) else 1
    return working(
        *model.card.sampled_size(recipe),
        recipe.num_frames,
        clips=takes * clips,
        two_stage=recipe.two_stage,
        text=takes * texts_kept(*asked) * model.text,
        cached=takes * clips_cached(*asked),
    )


def planned(name: str, placement: Placement, model: Model) -> tuple[int, int]:
    """Bytes of device and of pinned memory that the plan promises for a case."""
    beside = beside_weights(name, model)
    if CASES[name].graphs is not None and placement in KEEPS_TEXT:
        beside = beside.with_graphs(0)
    device = device_bytes(placement, model.weights, beside, model.blocks) - RESERVE
    if placement == "fp8" and model.blocks < BLOCKS:
        # The share of 8 bits is that of all blocks. Of few, what is outside them is a larger part.
        device += round(OUTSIDE_BLOCKS * (1 - FLOAT8_SHARE))
    return device, host_bytes(placement, in_use(model.weights, beside)) + PINNED


def peak(case: Mapping[str, Any], device: str, stage: str = "") -> int:
    """The most bytes of a device in any stage of a case, or in any of one kind of stage."""
    books = (book for name, book in case["stages"].items() if name.startswith(stage))
    return max(int(book["peak"][device]) for book in books)


def _plan(case: Mapping[str, Any], model: Model) -> Iterator[str]:
    promised = planned(case["case"], case["placement"][0], model)
    for device, plan in zip(("cuda", "pinned"), promised, strict=True):
        took = peak(case, device)
        if took > plan:
            yield f"{device} took {took / GB:.2f} GB, the plan says {plan / GB:.2f}"


def _errors(case: Mapping[str, Any]) -> Iterator[str]:
    nowhere_left = CASES[case["case"]].lasting and case["placement"][0] == "offload"
    if case["error"] and not (nowhere_left and case["error"].startswith("OutOfMemory")):
        yield case["error"]
    if CASES[case["case"]].full and not case["notes"] and not case["error"]:
        yield "memory should have run out, and the clip says nothing of it"


def _cpu(stages: Mapping[str, Any]) -> Iterator[str]:
    for stage, book in stages.items():
        for where, numbers in book["computed"].items():
            if numbers > LARGE:
                yield f"the CPU computed on {numbers} numbers in {stage}: {where}"


def _waits(case: Mapping[str, Any]) -> Iterator[str]:
    """Waiting and slow copies while steps follow each other. Before the first of a stage there is
    what it begins with."""
    begins = (0, case["second_stage"])
    for stage, book in case["stages"].items():
        kind, _, step = stage.partition(" ")
        if kind != "sampling" or not book["forwards"] or int(step) in begins:
            continue
        for where, count in book["syncs"].items():
            if not where.startswith(DECIDES):
                yield f"the host waited for the device {count} times in {stage}: {where}"
        if book["pageable"] > PAGEABLE:
            yield f"{book['pageable'] / GB:.2f} GB moved through pageable memory in {stage}"


def _kernels(case: Mapping[str, Any], model: Model) -> Iterator[str]:
    limit = OUTSIDE + (KERNELS - OUTSIDE) * model.blocks // BLOCKS
    for stage, book in case["stages"].items():
        # A LoRA adds three launches to each of its layers, for three steps of a clip.
        if not book["with_lora"] and max(book["forwards"], default=0) > limit:
            yield f"{max(book['forwards'])} kernels in a forward of {stage}, at most {limit}"


def _graphs(case: Mapping[str, Any]) -> Iterator[str]:
    wanted = CASES[case["case"]].graphs is not None and case["placement"][0] in KEEPS_TEXT
    if bool(case["played"]) != wanted:
        yield f"{case['played']} forwards were CUDA graphs"


def _left(case: Mapping[str, Any]) -> Iterator[str]:
    left = case["live"][1] - case["live"][0]
    if left > LEFT:
        yield f"{left / GB:.2f} GB of the device are left over after the clip"


def _step_down(case: Mapping[str, Any], model: Model) -> Iterator[str]:
    before, after = case["placement"]
    if before == "offload":
        return
    if after == before or after not in STEPS:
        yield f"the weights stayed where they were: {before}"
        return
    # With few blocks it need not: what stays on the device may be more than the blocks.
    plans = [planned(case["case"], placement, model)[0] for placement in (before, after)]
    if plans[1] < plans[0] and case["live"][1] >= case["live"][0]:
        yield f"from {before} to {after} freed nothing"
