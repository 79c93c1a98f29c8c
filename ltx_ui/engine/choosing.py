"""Which placement a clip has room in, by the memory that is free. Without torch."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from ltx_ui.engine.placement import (
    GB,
    PLACEMENTS,
    STREAMED,
    Placement,
    Working,
    device_bytes,
    host_bytes,
    in_use,
    kept_bytes,
    passing_bytes,
)
from ltx_ui.errors import ModelUnavailable

PREFERRED: tuple[Placement, ...] = ("resident", "free-text", "fp8", "offload", "fp8-streamed")
"""The order of choice. ``fp8`` saves a transfer of the whole transformer in every step, which is
worth a slight difference. ``fp8-streamed`` halves it at best, and on the cards concerned the next
block often arrives while one is computed either way; so ``offload``, which is exact, comes first
where the host has the 68 GB that it takes, 24 GB more than ``fp8-streamed``."""


@dataclass(frozen=True)
class Free:
    """Bytes of memory free before a model is loaded; ``device`` is None without a CUDA device."""

    device: int | None
    host: int


def choose(
    title: str,
    weights: Mapping[str, int],
    free: Free,
    working: Working,
    among: Collection[Placement] = PLACEMENTS,
) -> Placement:
    """The first placement of :data:`PREFERRED` that fits, with room for a clip's working memory.
    Without a CUDA device it is ``resident``.

    Args:
        title: the model's, for the message.
        weights: bytes of each component in the precision it computes in, or as it is quantized.
        among: what to choose from.

    Raises:
        ModelUnavailable: none fits; says how much is needed and how much is free.
    """
    weights = in_use(weights, working)
    total = sum(weights.values())
    if free.device is None:
        if free.host >= total:
            return "resident"
        raise ModelUnavailable(
            f"{title} needs about {total / GB:.0f} GB of memory without a CUDA device; "
            f"{free.host / GB:.0f} GB are free. Use --model demo, or a machine with a CUDA device."
        )
    for placement in PREFERRED:
        if placement in among and fits(placement, weights, free.device, free.host, working):
            return placement
    raise ModelUnavailable(
        f"{title} needs {_needs(weights, working, among)}; {free.device / GB:.0f} GB and "
        f"{free.host / GB:.0f} GB are free. Close other programs that use them, use a larger "
        "device or --model demo, or insist with --placement offload."
    )


def fits(
    placement: Placement, weights: Mapping[str, int], device: int, host: int, working: Working
) -> bool:
    """Whether a clip has room in a placement, with so many free bytes on the device and the host
    before the model is loaded."""
    takes = device_bytes(placement, weights, working)
    return device >= takes and host >= host_bytes(placement, in_use(weights, working))


def steps_down(
    placement: Placement,
    weights: Mapping[str, int],
    free: Free,
    working: Working,
    among: Collection[Placement] = PLACEMENTS,
) -> tuple[Placement, ...]:
    """The placements below this one in which a clip has room, in order. On the CPU host memory is
    all there is, and only storing the weights in 8 bits saves any.

    Args:
        free: what was free before the model was loaded.
        among: as of :func:`choose`.
    """
    below = PLACEMENTS[PLACEMENTS.index(placement) + 1 :]
    lower = [p for p in below if p in among]
    if free.device is None:
        return tuple(p for p in lower if p == "fp8")
    return tuple(p for p in lower if fits(p, weights, free.device, free.host, working))


def most_room(
    weights: Mapping[str, int],
    free: Free,
    working: Working,
    among: Sequence[Placement] = PLACEMENTS,
) -> tuple[int, Placement | None]:
    """Bytes of device memory that the thriftiest placement leaves for working in, and which it is;
    without a device, what the host has.

    Args:
        working: of the clip in question.
        among: as of :func:`choose`, the thriftiest last.
    """
    if free.device is None:
        return free.host, None
    weights = in_use(weights, working)
    able = [p for p in among if free.host >= host_bytes(p, weights)] or [among[-1]]
    taken = {p: kept_bytes(p, weights, working.rounded) + passing_bytes(p, weights) for p in able}
    best = min(able, key=lambda p: taken[p])
    return free.device - taken[best], best


def _needs(
    weights: Mapping[str, int], working: Working, among: Collection[Placement] = PLACEMENTS
) -> str:
    """What the highest and the streamed placements need, in words."""
    most = device_bytes(PLACEMENTS[0], weights, working) / GB
    less = [
        f"{device_bytes(p, weights, working) / GB:.0f} GB with {host_bytes(p, weights) / GB:.0f} GB"
        for p in PLACEMENTS
        if p in STREAMED and p in among
    ]
    return f"about {most:.0f} GB of device memory, or {' or '.join(less)} of host memory"
