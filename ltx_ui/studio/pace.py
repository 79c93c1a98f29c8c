"""How long clips take on this machine, learnt from the takes it made."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from statistics import mean, median

from ltx_ui.clip import Stage
from ltx_ui.engine.models import ModelCard
from ltx_ui.recipe import FRAME_STEP, Recipe

STAGES: tuple[Stage, ...] = ("text", "sampling", "decoding", "saving")
MEMORY = 20
"""Takes that count; the median of them passes over the first one after a start."""
UNKNOWN_SECONDS = 30.0
"""What a visitor is told to wait before anything was measured here."""
_SHARES: dict[Stage, float] = {"text": 0.05, "sampling": 0.75, "decoding": 0.1, "saving": 0.1}
"""Parts of the progress bar until times are known."""


class Pace:
    """Seconds for each unit of work, by stage."""

    def __init__(self, card: ModelCard) -> None:
        self._card = card
        self._rates: dict[Stage, deque[float]] = {s: deque(maxlen=MEMORY) for s in STAGES}
        self._totals: deque[float] = deque(maxlen=MEMORY)

    def learn(self, recipe: Recipe, timings: Mapping[str, float]) -> None:
        """Remember how long a clip took."""
        self._totals.append(sum(timings.values()))
        for stage in STAGES:
            if stage in timings:
                self._rates[stage].append(timings[stage] / self._work(stage, recipe))

    def expect(self, recipe: Recipe) -> dict[Stage, float]:
        """Seconds each stage will take; empty while nothing is known."""
        if not all(self._rates.values()):
            return {}
        return {s: median(self._rates[s]) * self._work(s, recipe) for s in STAGES}

    @property
    def average(self) -> float:
        """Seconds that recent clips took."""
        return mean(self._totals) if self._totals else UNKNOWN_SECONDS

    def _work(self, stage: Stage, recipe: Recipe) -> float:
        """What a stage's time is proportional to: latent tokens × forwards, or pixels."""
        match stage:
            case "sampling":
                return _tokens(recipe) * self._card.passes(recipe)
            case "decoding" | "saving":
                return recipe.width * recipe.height * recipe.num_frames
        return 1.0


def fraction(stage: Stage, step: int, steps: int, expected: Mapping[Stage, float]) -> float:
    """How much of a clip is done, 0…1, by expected time where that is known."""
    if stage not in STAGES:
        return 0.0
    shares = expected or _SHARES
    before = sum(shares[s] for s in STAGES[: STAGES.index(stage)])
    inside = shares[stage] * step / steps if steps else 0.0
    return (before + inside) / (sum(shares.values()) or 1.0)


def seconds_left(
    stage: Stage, step: int, steps: int, elapsed: float, expected: Mapping[Stage, float]
) -> float | None:
    """Seconds until the clip is done; None while nothing is known.

    Args:
        elapsed: seconds since the stage began. From the second step on, they count for the rest
            of the stage, and not what other clips took.
    """
    if not expected or stage not in STAGES:
        return None
    after = sum(expected[s] for s in STAGES[STAGES.index(stage) + 1 :])
    if step >= 2:
        return after + elapsed / step * (steps - step)
    return after + max(0.0, expected[stage] - elapsed)


def _tokens(recipe: Recipe) -> int:
    """Video tokens of a clip: the VAE packs 32×32 pixels × 8 frames into one."""
    columns, rows = -(-recipe.width // 32), -(-recipe.height // 32)
    return columns * rows * ((recipe.num_frames - 1) // FRAME_STEP + 1)
