"""What is written down while a clip is rehearsed, by stage: bytes, kernels, copies, waiting."""

from __future__ import annotations

import re
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

GB = 10**9
PAGE = 4096
"""Pinned memory is given out in whole pages."""
LARGE = 2**20
DEVICES = ("cuda", "cpu", "pinned")

_THRESHOLD = re.compile(r"pinned_max_round_threshold_mb:(\d+)")


@dataclass
class Stage:
    """From one report of progress to the next.

    Attributes:
        peak: most bytes alive at once, by device; ``pinned`` is host memory that the device reads
            by itself, with what its allocator keeps for later.
        kernels: launched on the device, copies counted.
        forwards: kernels of each forward of the transformer, without copies.
        with_lora: whether a LoRA was in the transformer during one of them.
        flop: of matrix products, convolutions and attention.
        pageable: bytes copied between device and host memory that is not pinned.
        copied: bytes copied to the device, from wherever.
        syncs: where the host waited for the device, and how often.
        computed: where the CPU computed on large tensors, and on how many numbers.
    """

    peak: dict[str, int] = field(default_factory=lambda: dict.fromkeys(DEVICES, 0))
    kernels: int = 0
    forwards: list[int] = field(default_factory=list)
    with_lora: bool = False
    flop: int = 0
    pageable: int = 0
    copied: int = 0
    syncs: Counter[str] = field(default_factory=Counter)
    computed: Counter[str] = field(default_factory=Counter)

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {name: _plain(value) for name, value in vars(self).items()}


def _plain(value: Any) -> Any:
    return dict(value) if isinstance(value, dict) else value


class Full(Exception):
    """An allocation does not fit; says how many bytes it asked for."""


class Ledger:
    """The book of one process.

    Args:
        capacity: bytes of the device.
        allocator: torch's allocator settings, of which the rounding of pinned memory counts.
    """

    def __init__(self, capacity: int, allocator: str = "") -> None:
        self.capacity = capacity
        self.fail_while: Callable[[], bool] | None = None
        """Asked at each large allocation on the device whether it fails, whatever is free."""
        self.live = dict.fromkeys(DEVICES, 0)
        self.stages: dict[str, Stage] = {}
        self.findings: Counter[str] = Counter()
        self.ooms = 0
        self._kept_pinned: Counter[int] = Counter()
        found = _THRESHOLD.search(allocator)
        self._rounds_up_to = int(found[1]) * 2**20 if found else None
        self.begin("start")

    def begin(self, name: str) -> None:
        """What follows belongs to this stage."""
        self.stage = self.stages.setdefault(name, Stage())
        for device in DEVICES:
            self._note(device)

    def take(self, device: str, size: int) -> None:
        """So many bytes more are alive.

        Raises:
            Full: the device has not so many.
        """
        if device == "cuda":
            failing = size > LARGE and self.fail_while is not None and self.fail_while()
            if failing or self.live["cuda"] + size > self.capacity:
                self.ooms += 1
                raise Full(f"Tried to allocate {size / GB:.2f} GB")
        self.live[device] += size
        self._note(device)

    def give(self, device: str, size: int) -> None:
        """So many bytes fewer are alive; pinned ones are kept for whoever asks for as many."""
        if device == "pinned":
            self._kept_pinned[size] += 1
        else:
            self.live[device] -= size

    def pin(self, size: int) -> int:
        """Bytes that pinning takes: up to a power of two, as long as that is not switched off."""
        rounds = self._rounds_up_to is None or size <= self._rounds_up_to
        taken = max(PAGE, 1 << max(0, size - 1).bit_length() if rounds else -(-size // PAGE) * PAGE)
        if self._kept_pinned[taken]:
            self._kept_pinned[taken] -= 1
        else:
            self.live["pinned"] += taken
            self._note("pinned")
        return taken

    def empty_pinned(self) -> None:
        """Give back pinned memory that nobody uses."""
        self.live["pinned"] -= sum(size * count for size, count in self._kept_pinned.items())
        self._kept_pinned.clear()

    @contextmanager
    def peak_above(self) -> Iterator[dict[str, int]]:
        """The most bytes alive inside the block above those before it, known once it has ended."""
        before, outer = dict(self.live), self.stage.peak
        above: dict[str, int] = {}
        self.stage.peak = inner = dict(before)
        try:
            yield above
        finally:
            above |= {device: inner[device] - before[device] for device in DEVICES}
            self.stage.peak = {device: max(outer[device], inner[device]) for device in DEVICES}

    def find(self, what: str) -> None:
        """Write down what should not be, and where it happened."""
        self.findings[f"{what} at {where()}"] += 1

    def _note(self, device: str) -> None:
        self.stage.peak[device] = max(self.stage.peak[device], self.live[device])


def where(limit: int = 4) -> str:
    """The innermost places in the studio's and the libraries' own code."""
    hidden = ("/torch/", "/tests/rehearsal/", "contextlib")
    # Not extract_stack, which reads the source of every line.
    stack = [(frame.f_code.co_filename, line) for frame, line in traceback.walk_stack(None)]
    frames = [at for at in reversed(stack) if not any(part in at[0] for part in hidden)]
    own = [at for at in frames if "/ltx_ui/" in at[0]][-1:]
    shown = [*frames[-limit:][::-1], *own]
    return " < ".join(f"{'/'.join(file.split('/')[-2:])}:{line}" for file, line in shown)
