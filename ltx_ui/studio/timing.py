"""How long clips take on this machine: a model learnt from the takes that were made here, and the
table that keeps their times for the next start."""

from __future__ import annotations

import json
import math
import threading
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from statistics import mean, median

from sqlalchemy import delete, or_, select

from ltx_ui.clip import Stage
from ltx_ui.controlling import tokens_beside
from ltx_ui.engine.models import ModelCard
from ltx_ui.geometry import TEMPORAL_COMPRESSION, video_tokens
from ltx_ui.recipe import Recipe
from ltx_ui.studio.database import Database
from ltx_ui.studio.tables import TimingRow

STAGES: tuple[Stage, ...] = ("text", "sampling", "decoding", "saving")
MEMORY = 5
"""Takes with the same work that count, by their median: one that is slow because it is the first
after a start does not matter."""
UNKNOWN_SECONDS = 30.0
"""What a visitor is told to wait while this machine has made nothing yet."""
_SHARES: dict[Stage, float] = {"text": 0.05, "sampling": 0.75, "decoding": 0.1, "saving": 0.1}
"""Shares of a clip's time by stage, used while no times are known."""

MAX_ROWS = 1000
"""Rows that are kept in the table, of all models."""
SETTINGS = {
    "width",
    "height",
    "num_frames",
    "num_inference_steps",
    "guidance_scale",
    "mode",
    "two_stage",
    "loop",
}
"""The fields of a recipe that time depends on."""
_ANY = f"sha256:{'0' * 64}"


@dataclass(frozen=True)
class Measurement:
    """How long one take took.

    Attributes:
        recipe: has the take's settings; its prompts are of no account, nor which images it has.
        texts: how many texts had to be encoded for it.
        timings: seconds by stage; a stage that was not needed is missing.
    """

    recipe: Recipe
    texts: int
    timings: Mapping[str, float]


@dataclass(frozen=True)
class Estimate:
    """How long all takes of a recipe will take together.

    Attributes:
        by_stage: seconds by stage; saving counts only while no other take is made meanwhile.
        takes: how many takes with the same work it is based on; 0 where it was scaled from others.
    """

    by_stage: dict[Stage, float]
    takes: int

    @property
    def seconds(self) -> float:
        """Seconds of all stages."""
        return sum(self.by_stage.values())


class TimingModel:
    """Predicts how long each stage of a clip takes from what earlier takes took.

    A stage's work is counted in video tokens × passes (sampling), in pixels (decoding and saving)
    or in texts that were not encoded before. Time is not proportional to work: attention grows
    faster, launching kernels slower. So takes with the same work are used where there are any; only
    otherwise is the time of those with the nearest work scaled. Safe to call from any thread.

    Args:
        at_once: how many takes of a recipe are sampled in one batch.
    """

    def __init__(self, card: ModelCard, at_once: Callable[[Recipe], int] = lambda _: 1) -> None:
        self._card = card
        self._at_once = at_once
        self._lock = threading.RLock()
        self._seconds: dict[Stage, dict[float, deque[float]]] = {s: {} for s in STAGES}
        self._totals: deque[float] = deque(maxlen=20)
        self._texts: set[str] = set()

    def learn(self, recipe: Recipe, timings: Mapping[str, float]) -> Measurement:
        """Learn from a take that was just made.

        Returns:
            What :meth:`recall` learns from at the next start.
        """
        with self._lock:
            measurement = Measurement(recipe, self._new_texts(recipe), timings)
            self.recall([measurement])
            self._texts.update(self._texts_of(recipe))
            return measurement

    def recall(self, takes: Iterable[Measurement]) -> None:
        """Learn from the takes of earlier starts, oldest first. Their texts have to be encoded
        again."""
        with self._lock:
            for take in takes:
                self._totals.append(sum(take.timings.values()))
                for stage in STAGES:
                    if stage in take.timings:
                        work = self._work(stage, take.recipe, take.texts)
                        kind = self._seconds[stage].setdefault(work, deque(maxlen=MEMORY))
                        kind.append(take.timings[stage])

    def expect(self, recipe: Recipe) -> dict[Stage, float]:
        """Seconds by stage of a recipe's first take; empty while nothing is known."""
        with self._lock:
            if not all(self._seconds.values()):
                return {}
            return {stage: self._stage_seconds(stage, recipe) for stage in STAGES}

    def estimate(self, recipe: Recipe) -> Estimate | None:
        """How long all takes of a recipe will take; None while nothing is known."""
        with self._lock:
            first = self.expect(recipe)
            same = self._seconds["sampling"].get(self._work("sampling", recipe, 0), ())
            return Estimate(self._of_all(recipe, first), len(same)) if first else None

    def each_further(self, recipe: Recipe, first: Mapping[Stage, float]) -> float:
        """Seconds that each take after the first adds.

        Args:
            first: seconds by stage of the first take.
        """
        added = sum(self._of_all(recipe, first).values()) - sum(first.values())
        return added / max(1, recipe.num_takes - 1)

    @property
    def average(self) -> float:
        """Seconds that recent clips took."""
        with self._lock:
            return mean(self._totals) if self._totals else UNKNOWN_SECONDS

    def _of_all(self, recipe: Recipe, first: Mapping[Stage, float]) -> dict[Stage, float]:
        """Seconds by stage of all takes, given those of the first."""
        further = recipe.num_takes - 1
        batches = -(-recipe.num_takes // self._at_once(recipe))
        sampling, decoding = first["sampling"] * batches, first["decoding"] * recipe.num_takes
        meanwhile = sampling + decoding - first["sampling"] - first["decoding"]
        saving = first["saving"] + max(0.0, first["saving"] * further - meanwhile)
        return {**first, "sampling": sampling, "decoding": decoding, "saving": saving}

    def _stage_seconds(self, stage: Stage, recipe: Recipe) -> float:
        kinds, work = self._seconds[stage], self._work(stage, recipe, self._new_texts(recipe))
        nearest = min(kinds, key=lambda kind: abs(math.log(kind / work)))
        return median(kinds[nearest]) * work / nearest

    def _work(self, stage: Stage, recipe: Recipe, texts: int) -> float:
        """How much work a stage has, in the stage's own unit."""
        size = (recipe.width, recipe.height, recipe.num_frames)
        match stage:
            case "sampling":
                # Each picture between the ends is sampled along, as one more latent frame.
                whole = (*size[:2], size[2] + TEMPORAL_COMPRESSION * recipe.inputs.between)
                tokens = video_tokens(*whole) + tokens_beside(recipe)
                return tokens * self._card.passes(recipe)
            case "decoding" | "saving":
                # The picture of a film is read and copied.
                return math.prod(size) * (0.01 if recipe.inputs.picture else 1)
        # A text that was encoded before costs next to nothing; not 0, whose logarithm is needed.
        return 0.01 + texts

    def _new_texts(self, recipe: Recipe) -> int:
        return len(self._texts_of(recipe) - self._texts)

    def _texts_of(self, recipe: Recipe) -> set[str]:
        guided = self._card.guided(recipe)
        return {recipe.prompt, recipe.negative_prompt} if guided else {recipe.prompt}


def fraction(stage: Stage, step: int, steps: int, expected: Mapping[Stage, float]) -> float:
    """How much of a clip is done, 0…1.

    Args:
        stage, step, steps: where it is.
        expected: seconds by stage; empty while unknown.
    """
    if stage not in STAGES:
        return 0.0
    shares = expected or _SHARES
    before = sum(shares[s] for s in STAGES[: STAGES.index(stage)])
    inside = shares[stage] * step / steps if steps else 0.0
    return (before + inside) / (sum(shares.values()) or 1.0)


def guess(sampling: float) -> dict[Stage, float]:
    """Seconds by stage, guessed from those of sampling by the stages' usual shares."""
    return {stage: sampling * share / _SHARES["sampling"] for stage, share in _SHARES.items()}


def seconds_left(
    stage: Stage, step: int, steps: int, elapsed: float, expected: Mapping[Stage, float]
) -> float | None:
    """Seconds until a clip is done; None while unknown.

    Args:
        stage, step, steps: where it is.
        elapsed: seconds since the stage began. From its second step on, the rest of the stage is
            estimated by these and not by earlier clips.
        expected: seconds by stage; empty while unknown.
    """
    if not expected or stage not in STAGES:
        return None
    after = sum(expected[s] for s in STAGES[STAGES.index(stage) + 1 :])
    if step >= 2:
        return after + elapsed / step * (steps - step)
    return after + max(0.0, expected[stage] - elapsed)


class TimingStore:
    """The measurements of each model on each device. They stay when the takes are deleted, and hold
    neither words nor images."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, model: str, device: str, measurement: Measurement) -> None:
        """Keep a measurement. Of those with the same settings and texts only the latest
        :data:`MEMORY` are kept.

        Raises:
            MediaError: the row could not be written.
        """
        row = TimingRow(
            model=model,
            device=device,
            settings=_settings(measurement.recipe),
            texts=measurement.texts,
            timings=dict(measurement.timings),
        )
        newest = select(TimingRow.number).order_by(TimingRow.number.desc())
        same = newest.where(
            TimingRow.model == model,
            TimingRow.device == device,
            TimingRow.settings == row.settings,
            TimingRow.texts == row.texts,
        )
        beyond = (same.offset(MEMORY), newest.offset(MAX_ROWS))
        with self._database.session() as session:
            session.add(row)
            session.flush()
            session.execute(delete(TimingRow).where(or_(*map(TimingRow.number.in_, beyond))))

    def of(self, model: str, device: str) -> list[Measurement]:
        """The measurements of a model on a device, oldest first."""
        query = select(TimingRow).where(TimingRow.model == model, TimingRow.device == device)
        with self._database.session() as session:
            rows = session.scalars(query.order_by(TimingRow.number))
            return [Measurement(_recipe(row.settings), row.texts, row.timings) for row in rows]


def _settings(recipe: Recipe) -> str:
    kept = recipe.model_dump(mode="json", include=SETTINGS)
    if between := recipe.inputs.between:
        # How many there are counts, not which.
        images = [{"digest": _ANY, "at": place + 1} for place in range(between)]
        kept["inputs"] = {"images": images}
    if recipe.inputs.upscale is not None:
        kept["inputs"] = {"upscale": {"digest": _ANY}}
    if recipe.inputs.picture is not None:
        kept["inputs"] = {"picture": {"digest": _ANY}}
    if factor := recipe.inputs.follows:
        control = {"digest": _ANY, "factor": factor}
        kept["inputs"] = kept.get("inputs", {}) | {"control": control}
    return json.dumps(kept, sort_keys=True)


def _recipe(settings: str) -> Recipe:
    """A recipe with these settings and a placeholder for its prompt."""
    return Recipe.model_validate({"prompt": "-", "seed": 0, **json.loads(settings)})
