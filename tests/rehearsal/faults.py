"""Faults put in on purpose, to show that each of them is seen.

python -m tests.rehearsal.faults --guard guard.so --checkpoint folder --report faults.json
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from .act import Act, imitation  # first: it sets what torch reads when it is imported
from .ledger import GB
from .mode import Rehearsal
from .stage import model_of
from .verdict import complaints

import torch  # isort: skip
from torch import Tensor  # isort: skip
from torch.nn import functional  # isort: skip

_kept: list[Tensor] = []


def cuda(*shape: int, dtype: torch.dtype = torch.bfloat16) -> Tensor:
    """A tensor of no known values on the device."""
    return torch.empty(shape, device="cuda", dtype=dtype)


FLOAT8 = torch.float8_e4m3fn
OPERATIONS: dict[str, Callable[[], Any]] = {
    "a tensor of the CPU and one of the device are added": lambda: cuda(4, 4) + torch.ones(4, 4),
    "a layer's weight is on the CPU": lambda: functional.linear(
        cuda(2, 300, 4096), torch.empty(4096, 4096, dtype=torch.bfloat16)
    ),
    "a layer's weight is float32": lambda: functional.linear(
        cuda(2, 3, 8), cuda(8, 8, dtype=torch.float32)
    ),
    "a layer's weight is float8": lambda: functional.linear(
        cuda(2, 3, 8), cuda(8, 8, dtype=FLOAT8)
    ),
    "a convolution's weight is float32": lambda: functional.conv3d(
        cuda(1, 3, 4, 8, 8), cuda(5, 3, 3, 3, 3, dtype=torch.float32)
    ),
    "a norm's weight is float32": lambda: functional.layer_norm(
        cuda(2, 8), (8,), cuda(8, dtype=torch.float32), cuda(8, dtype=torch.float32)
    ),
    "attention gets two types": lambda: functional.scaled_dot_product_attention(
        cuda(1, 2, 8, 64), cuda(1, 2, 8, 64), cuda(1, 2, 8, 64, dtype=torch.float32)
    ),
    "a tensor of the device is read as numpy": lambda: cuda(2).numpy(),
    "bfloat16 is read as numpy": lambda: cuda(2).cpu().numpy(),
    "a tensor of the device is pinned": lambda: cuda(2).pin_memory(),
    "float8 is added to": lambda: cuda(4, dtype=FLOAT8) + 1,
    "a system is solved in bfloat16": lambda: torch.linalg.solve(cuda(4, 4), cuda(4, 4)),
}
"""What CUDA refuses, or would answer wrongly."""


def _computes() -> None:
    torch.zeros(2**23).add_(1)


def _takes() -> None:
    cuda(2 * GB)


def _pins() -> None:
    torch.empty(2**30, dtype=torch.uint8, pin_memory=True)


def _launches() -> None:
    one = cuda(1)
    for _ in range(1000):
        one.add_(1)


def _waits() -> None:
    torch.ones(1, device="cuda").item()


def _moves() -> None:
    torch.empty(2**24).to("cuda")


def _keeps() -> None:
    _kept.append(cuda(2**25))


IN_A_BLOCK: dict[str, tuple[Callable[[], None], str]] = {
    "the CPU computes": (_computes, "the CPU computed on"),
    "more memory is taken": (_takes, "cuda took"),
    "more memory is pinned": (_pins, "pinned took"),
    "more kernels are launched": (_launches, "kernels in a forward"),
    "the host waits": (_waits, "waited for the device"),
    "memory that is not pinned is moved": (_moves, "moved through pageable memory"),
    "memory is kept": (_keeps, "are left over"),
}
"""What is done in each forward, and what is said of it."""


def seen(operation: Callable[[], Any], mode: Rehearsal) -> str:
    """What is noticed of an operation; empty for nothing."""
    mode.ledger.findings.clear()
    try:
        with torch.inference_mode(), mode:
            operation()
    except (RuntimeError, TypeError) as error:
        return str(error)
    return " ".join(mode.ledger.findings)


def main() -> None:
    """Write what was noticed of each fault as JSON."""
    parser = argparse.ArgumentParser(description="Faults, and whether they are seen.")
    parser.add_argument("--guard", type=Path, required=True)
    parser.add_argument("--checkpoint", type=Path, required=True)
    parser.add_argument("--report", type=Path, required=True)
    given = parser.parse_args()
    mode = imitation(given.guard, 10**12)
    noticed = {name: seen(operation, mode) for name, operation in OPERATIONS.items()}
    mode.ledger.findings.clear()
    act, model = Act(mode, given.checkpoint, "resident"), model_of(given.checkpoint)
    block = act.engine.pipe.transformer.transformer_blocks[0]
    for name, (fault, _) in IN_A_BLOCK.items():
        handle = block.register_forward_pre_hook(lambda *_, fault=fault: fault())
        report = {"findings": {}, "loading": {}, "cases": [asdict(act.make("text"))]}
        handle.remove()
        noticed[name] = " ".join(complaints(report, model))
        for stage in [s for s in mode.ledger.stages if s.startswith("text/")]:
            del mode.ledger.stages[stage]
    given.report.write_text(json.dumps(noticed))


if __name__ == "__main__":
    main()
