"""What every stage of training shares: checkpoints, an average of the weights, the learning rate,
and a log of the curves."""

from __future__ import annotations

import csv
import math
import random
import time
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

_LONGEST_STEP = 30.0
"""Seconds; a step that took longer was made by a machine that slept, which costs nothing."""


@dataclass(frozen=True)
class Budget:
    """How long a stage trains and how fast it learns.

    It ends after ``steps`` or ``minutes``, whichever comes first, and the learning rate falls with
    whichever is further along; the minutes of interrupted runs count.
    """

    steps: int
    minutes: float
    batch: int
    learning_rate: float = 1e-3
    warm_up: int = 200


@dataclass
class Run:
    """One stage of training: resumes from its checkpoint, and ends complete.

    Attributes:
        folder: where ``NAME.pt`` (the checkpoint) and ``NAME.csv`` (the curves) are kept.
    """

    name: str
    folder: Path
    model: nn.Module
    budget: Budget
    device: torch.device
    seed: int = 0
    step: int = 0
    seconds: float = 0.0
    complete: bool = False
    _figures: dict[str, list[Tensor]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.model.to(self.device).train()
        self.parameters = [p for p in self.model.parameters() if p.requires_grad]
        self.optimizer = torch.optim.AdamW(
            self.parameters,
            lr=self.budget.learning_rate,
            betas=(0.9, 0.98),
            weight_decay=1e-3,
            fused=self.device.type == "cuda",
        )
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
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        norm = nn.utils.clip_grad_norm_(self.parameters, 1.0)
        for group in self.optimizer.param_groups:
            group["lr"] = self.learning_rate()
        if torch.isfinite(norm):
            self.optimizer.step()
            self._update_average()
        for key, value in {"loss": loss, "norm": norm, **figures}.items():
            self._figures.setdefault(key, []).append(value.detach())

    def learning_rate(self) -> float:
        """Linear warm-up, then a cosine to a fiftieth."""
        warm = min(1.0, (self.step + 1) / self.budget.warm_up)
        fall = 0.51 + 0.49 * math.cos(math.pi * self.progress)
        return self.budget.learning_rate * warm * fall

    def autocast(self) -> Any:
        """bfloat16 where the device multiplies it faster than float32."""
        if self.device.type == "cuda" or torch.cpu._is_avx512_bf16_supported():
            return torch.autocast(self.device.type, torch.bfloat16)
        return nullcontext()

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
            state["optimizer"] = self.optimizer.state_dict()
        unfinished = self.checkpoint.with_suffix(".part")
        torch.save(state, unfinished)
        unfinished.replace(self.checkpoint)

    def _resume(self) -> None:
        state = torch.load(self.checkpoint, map_location=self.device, weights_only=True)
        self.step, self.seconds, self.complete = state["step"], state["seconds"], state["complete"]
        self.average = state["average"]
        self.model.load_state_dict(state.get("model", self.average))
        if not self.complete:
            self.optimizer.load_state_dict(state["optimizer"])

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
