"""What every stage of training shares: checkpoints, an average of the weights, the learning rate,
and a log of the curves."""

from __future__ import annotations

import csv
import random
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ltx_ui.engine.machine import multiplies_bfloat16

MATRIX_RATE = 10.0
"""How much larger Muon's learning rate is than AdamW's: its steps are measured by their spectral
norm, and a matrix 160 wide then changes about as much as under AdamW."""

_DECAY = 0.4
"""The part of a budget over which the learning rate falls."""

_LONGEST_STEP = 30.0
"""Seconds; a step that took longer was made by a machine that slept, which costs nothing."""


def kernels(model: nn.Module) -> list[nn.Parameter]:
    """The weights of a model's convolutions, for ``Run.matrices``."""
    return [p for p in model.parameters() if p.ndim > 2]


@dataclass(frozen=True)
class Budget:
    """How long a stage trains and how fast it learns.

    It ends after ``steps`` or ``minutes``, whichever comes first, and the learning rate falls with
    whichever is further along; the minutes of interrupted runs count.
    """

    steps: int
    minutes: float
    batch: int
    learning_rate: float = 1.5e-3
    warm_up: int = 200


def autocast(device: torch.device) -> AbstractContextManager[object]:
    """bfloat16 where a device multiplies it by itself, which is faster than float32."""
    if multiplies_bfloat16(device):
        return torch.autocast(device.type, torch.bfloat16)
    return nullcontext()


@dataclass
class Run:
    """One stage of training: resumes from its checkpoint, and ends complete.

    Attributes:
        folder: where ``NAME.pt`` (the checkpoint) and ``NAME.csv`` (the curves) are kept.
        matrices: those of the model's weights that Muon trains (Jordan 2024), as matrices of their
            first side and the rest; AdamW has the others.
    """

    name: str
    folder: Path
    model: nn.Module
    budget: Budget
    device: torch.device
    seed: int = 0
    matrices: Sequence[nn.Parameter] = ()
    step: int = 0
    seconds: float = 0.0
    complete: bool = False
    _figures: dict[str, list[Tensor]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.model.to(self.device).train()
        self.parameters = [p for p in self.model.parameters() if p.requires_grad]
        rate = self.budget.learning_rate
        apart = {id(matrix) for matrix in self.matrices}
        rest = [p for p in self.parameters if id(p) not in apart]
        self.optimizers: list[torch.optim.Optimizer] = [
            torch.optim.AdamW(rest, lr=rate, betas=(0.9, 0.98), weight_decay=1e-3, fused=True)
        ]
        # Muon takes nothing but matrices: these share their memory with the weights.
        self._flat = [nn.Parameter(matrix.data.flatten(1)) for matrix in self.matrices]
        if self._flat:
            muon = torch.optim.Muon(
                self._flat, lr=MATRIX_RATE * rate, weight_decay=1e-2, ns_steps=4
            )
            self.optimizers.append(muon)
        self.average = {k: v.detach().clone() for k, v in self.model.state_dict().items()}
        if self.checkpoint.exists():
            self._resume()

    @property
    def checkpoint(self) -> Path:
        """The file a run is resumed from."""
        return self.folder / f"{self.name}.pt"

    @property
    def progress(self) -> float:
        """How far the budget is spent, 0…1."""
        return min(
            1.0,
            max(self.step / self.budget.steps, self.seconds / 60 / self.budget.minutes),
        )

    def steps(
        self, *, log_every: int = 100, save_every_seconds: float = 120
    ) -> Iterator[random.Random]:
        """Yields a random source for each step that is still to be made; the caller makes the step
        with :meth:`learn`. Saves as it goes and at the end."""
        saved = time.monotonic()
        while not self.complete and self.progress < 1:
            began = time.monotonic()
            yield random.Random(f"{self.name} {self.seed} {self.step}")
            self.step += 1
            self.seconds += min(_LONGEST_STEP, time.monotonic() - began)
            if self.step % log_every == 0:
                self._log()
            if time.monotonic() - saved > save_every_seconds:
                self.save()
                saved = time.monotonic()
        self.complete = True
        self.save()

    def learn(self, loss: Tensor, **figures: Tensor) -> None:
        """One step down the gradient of ``loss``; ``figures`` are logged beside it.

        A step whose gradient is not finite is left out.
        """
        self.model.zero_grad(set_to_none=True)
        loss.backward()
        norm = nn.utils.clip_grad_norm_(self.parameters, 1.0)
        if torch.isfinite(norm):
            for flat, matrix in zip(self._flat, self.matrices, strict=True):
                flat.grad = None if matrix.grad is None else matrix.grad.flatten(1)
            for optimizer in self.optimizers:
                for group in optimizer.param_groups:
                    group.setdefault("initial_lr", group["lr"])
                    group["lr"] = group["initial_lr"] * self.learning_rate()
                optimizer.step()
            self._update_average()
        for key, value in {"loss": loss, "norm": norm, **figures}.items():
            self._figures.setdefault(key, []).append(value.detach())

    def learning_rate(self) -> float:
        """The learning rate now, as a share of the budget's: a linear warm-up, then level, and over
        the last two fifths down to a fiftieth. A budget can be extended as long as it is level."""
        warm = min(1.0, (self.step + 1) / self.budget.warm_up)
        return warm * min(1.0, 0.02 + 0.98 * (1 - self.progress) / _DECAY)

    def autocast(self) -> AbstractContextManager[object]:
        """bfloat16 on the run's device, where that is faster."""
        return autocast(self.device)

    def use_average(self) -> nn.Module:
        """The model with the averaged weights, ready to be used or saved."""
        self.model.load_state_dict(self.average)
        return self.model.eval()

    def save(self) -> None:
        """Write the checkpoint under a temporary name, then rename it. A complete run keeps only
        the averaged weights, a quarter of the size."""
        state: dict[str, Any] = {
            "step": self.step,
            "seconds": self.seconds,
            "complete": self.complete,
            "average": self.average,
        }
        if not self.complete:
            state["model"] = self.model.state_dict()
            state["optimizers"] = [each.state_dict() for each in self.optimizers]
        unfinished = self.checkpoint.with_suffix(".part")
        torch.save(state, unfinished)
        unfinished.replace(self.checkpoint)

    def _resume(self) -> None:
        state = torch.load(self.checkpoint, map_location=self.device, weights_only=True)
        self.step, self.seconds, self.complete = state["step"], state["seconds"], state["complete"]
        self.average = state["average"]
        self.model.load_state_dict(state.get("model", self.average))
        if not self.complete:
            for optimizer, kept in zip(self.optimizers, state["optimizers"], strict=True):
                optimizer.load_state_dict(kept)

    @torch.no_grad()
    def _update_average(self) -> None:
        keep = min(0.998, (self.step + 1) / (self.step + 10))
        for key, value in self.model.state_dict().items():
            if value.is_floating_point():
                self.average[key].lerp_(value, 1 - keep)
            else:
                self.average[key].copy_(value)

    def _log(self) -> None:
        figures = {key: float(torch.stack(v).mean()) for key, v in self._figures.items()}
        self._figures.clear()
        row = {"step": self.step, "seconds": round(self.seconds), **figures}
        path = self.folder / f"{self.name}.csv"
        fresh = not path.exists()
        with path.open("a", newline="") as file:
            writer = csv.writer(file)
            if fresh:
                writer.writerow(row)
            writer.writerow(f"{v:.5g}" if isinstance(v, float) else v for v in row.values())
        print(self.name, " ".join(f"{k} {v:.4g}" for k, v in row.items()), flush=True)
