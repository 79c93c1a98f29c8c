"""The acts of the rehearsal: checkpoints in some placements, and some clips with each."""

from __future__ import annotations

import argparse
import contextlib
import gc
import json
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from multiprocessing import get_context
from multiprocessing.connection import wait
from pathlib import Path
from typing import Any, get_args

import numpy as np

from ltx_ui.engine.engine import Engine  # before torch: it sets what torch reads when imported
from ltx_ui.engine.optimizations import Optimizations
from ltx_ui.engine.placement import Quantize
from ltx_ui.errors import OutOfMemory
from ltx_ui.inputs import InputData
from ltx_ui.lossy import EXACT, Lossy, parse_lossy

from . import checkpoint, cuda, files, guard
from .cases import CASES, Case
from .graphs import Player
from .ledger import GB, Ledger, Stage
from .mode import Rehearsal
from .stage import ROOT

AT_ONCE = 2
"""Processes; each takes a core, and 1 GB of memory."""
HOST = 256 * GB
PLAIN = Optimizations(compile=False, fused_kernels=False)
"""Compiled and fused kernels are no calls of an operator that could be imitated."""


@dataclass
class Made:
    """What came of a case.

    Attributes:
        placement: before and after.
        live: bytes on the device before and after.
        notes: of the last clip.
        played: how many forwards were CUDA graphs.
        second_stage: the step with which it begins; 0 for a clip in one stage.
        stages: by name, in their order.
        error: what ended it, if it ended so.
    """

    case: str
    placement: tuple[str, str] = ("", "")
    live: tuple[int, int] = (0, 0)
    notes: tuple[str, ...] = ()
    played: int = 0
    second_stage: int = 0
    stages: dict[str, dict[str, Any]] = field(default_factory=dict)
    error: str = ""
    seconds: float = 0.0


class StageListener:
    """Opens a stage of the ledger at each report of progress, and makes memory run out there."""

    def __init__(self, act: Act, name: str, case: Case) -> None:
        self._act, self._name, self._case = act, name, case
        self._failures = 0

    def progress(self, stage: str, step: int = 0, steps: int = 0) -> None:
        """Opens the stage's page of the ledger, as a :class:`ltx_ui.clip.Listener`."""
        ledger, case = self._act.ledger, self._case
        ledger.begin(f"{self._name}/{stage} {step}")
        ledger.fail_while = None
        if case.full == stage and step == 0:
            ledger.fail_while = self._where_it_was if case.lasting else self._still_failing

    def _still_failing(self) -> bool:
        self._failures += 1
        return self._failures <= self._case.failures

    def _where_it_was(self) -> bool:
        return self._act.engine.placement == self._act.placement


class Act:
    """An engine on the imitation.

    Args:
        placement: where its weights are to live; None to let it choose.
        quantize: which weights are kept in 4 bits.
        lossy: what makes clips faster and changes them.
    """

    def __init__(
        self,
        mode: Rehearsal,
        folder: Path,
        placement: Any,
        quantize: Quantize = "none",
        lossy: Lossy = EXACT,
    ) -> None:
        self.mode, self.ledger = mode, mode.ledger
        # What a step cache asks: so that it computes every block, which takes most.
        mode.unknown = None if lossy.step_cache is None else 1.0
        gc.collect()  # What was played before.
        self.ledger.empty_pinned()
        self.ledger.stages.clear()
        with mode:
            self.ledger.begin("load")
            self.engine = Engine(
                str(folder),
                folder,
                placement=placement,
                optimizations=PLAIN,
                quantize=quantize,
                lossy=lossy,
            )
            self.engine.card = checkpoint.card_of(folder)
            self.engine.load(lambda message, fraction: None)
            gc.collect()
            self.ledger.begin("loaded")
        self.placement = self.engine.placement
        self.loaded = self.ledger.live["cuda"]

    def make(self, name: str, case: Case | None = None) -> Made:
        """One case, from recipe to clip; what it leaves behind is still there."""
        case = case or CASES[name]
        listener, began = StageListener(self, name, case), time.process_time()
        before = (str(self.engine.placement), self.ledger.live["cuda"])
        made, player = Made(name), Player(self.ledger)
        with self.mode:
            try:
                self._record(name, case, player)
                made.notes = self._clips(case, listener)
            except OutOfMemory as error:
                made.error = f"OutOfMemory: {error}"
            except Exception as error:
                made.error = f"{type(error).__name__}: {error} at {_origin(error)}"
            self.ledger.fail_while = None
            if case.before:
                self.engine.use(PLAIN)
            gc.collect()
            self.ledger.begin(f"{name}/after")
        made.placement = (before[0], str(self.engine.placement))
        made.live = (before[1], self.ledger.live["cuda"])
        made.played = player.played
        made.second_stage = self._second_stage(case)
        made.seconds = time.process_time() - began
        made.stages = {
            stage.removeprefix(f"{name}/"): book.as_dict()
            for stage, book in self.ledger.stages.items()
            if stage.startswith(f"{name}/")
        }
        return made

    def _second_stage(self, case: Case) -> int:
        recipe = case.recipe()
        return self.engine.card.steps(recipe.num_inference_steps) if recipe.two_stage else 0

    def _record(self, name: str, case: Case, player: Player) -> None:
        """Make the clip before a case's, whose graphs the case's finds, if it wants graphs."""
        if case.before:
            self.engine.use(replace(PLAIN, graphs=True, recorder=player.recorder))
            self._clips(case.before, StageListener(self, name, case.before))

    def _clips(self, case: Case, listener: StageListener) -> tuple[str, ...]:
        recipe = case.recipe()
        black = np.zeros((recipe.height, recipe.width, 3), np.uint8)
        data = InputData({image.at: black for image in recipe.inputs.images})
        if case.takes == 1:
            clip = self.engine.generate(recipe, listener, data)
            assert clip.frames.shape == (recipe.num_frames, recipe.height, recipe.width, 3)
            return clip.notes
        takes = [case.recipe(seed) for seed in range(case.takes)]
        clips = list(self.engine.generate_many(takes, listener, data))
        assert len(clips) == case.takes
        return clips[-1].notes


def _origin(error: BaseException) -> str:
    traceback = error.__traceback__
    while traceback and traceback.tb_next:
        traceback = traceback.tb_next
    code = traceback.tb_frame.f_code if traceback else None
    return f"{code.co_filename}:{traceback.tb_lineno}" if code and traceback else "?"


def _forwards(mode: Rehearsal) -> None:
    """Count the kernels of each forward of a transformer by themselves."""
    from diffusers import LTX2VideoTransformer3DModel as Transformer

    own: Callable[..., Any] = Transformer.forward

    @contextlib.contextmanager
    def counted(transformer: Any) -> Iterator[None]:
        stage: Stage = mode.ledger.stage
        stage.forwards.append(0)
        stage.with_lora |= bool(getattr(transformer, "peft_config", None))
        mode.in_forward += 1
        try:
            yield
        finally:
            mode.in_forward -= 1

    def forward(self: Any, *args: Any, **kwargs: Any) -> Any:
        with counted(self):
            return own(self, *args, **kwargs)

    cls: Any = Transformer
    cls.forward = forward


def imitation(library: Path, capacity: int) -> Rehearsal:
    """Make this process one with a CUDA device of so many bytes."""
    guard.install(library)
    mode = Rehearsal(Ledger(capacity, os.environ.get("PYTORCH_ALLOC_CONF", "")))
    cuda.imitate(mode, HOST)
    files.read_by(mode)
    files.read_in_one_thread()
    _forwards(mode)
    gc.freeze()  # What was imported needs no looking through again.
    return mode


def play(
    mode: Rehearsal,
    folder: Path,
    placement: str | None,
    cases: list[str],
    quantize: Quantize = "none",
    lossy: str = "",
) -> dict[str, Any]:
    """Load a checkpoint, make the cases, and say what came of them.

    Args:
        lossy: as :func:`ltx_ui.lossy.parse_lossy` takes it.
    """
    act = Act(mode, folder, placement, quantize, parse_lossy(lossy))
    made = []
    for name in cases:
        made.append(act.make(name))
        print(f"{folder.name} {act.placement}, {name}: {made[-1].seconds:.1f} s", flush=True)
    findings = dict(mode.ledger.findings)
    mode.ledger.findings.clear()
    return {
        "family": folder.name,
        "lossy": lossy,
        "placement": act.placement,
        "loaded": act.loaded,
        "loading": {name: mode.ledger.stages[name].as_dict() for name in ("load", "loaded")},
        "findings": findings,
        "cases": [asdict(case) for case in made],
        "files": sorted(_own_files()),
    }


def _own_files() -> Iterator[str]:
    """The project's files among what this process has imported."""
    for module in list(sys.modules.values()):
        path = Path(getattr(module, "__file__", None) or sys.prefix)
        if path.is_relative_to(ROOT) and not path.is_relative_to(sys.prefix):
            yield str(path)


def play_all(mode: Rehearsal, placement: str, given: argparse.Namespace) -> None:
    """Play every act in one placement, and write the reports as JSON."""
    reports = []
    for name, cases in given.acts.items():
        family, _, lossy = name.partition(", ")
        folder = given.checkpoints / family
        reports.append(play(mode, folder, placement, cases, given.quantize, lossy))
    _file_of(placement, given.report).write_text(json.dumps(reports))


def _file_of(placement: str, report: Path) -> Path:
    return report.with_stem(placement)


def in_processes(work: Callable[[str], None], placements: Sequence[str]) -> None:
    """Do the work for each placement in a process of its own.

    Raises:
        RuntimeError: one failed.
    """
    # Forked, because what is imported here takes 10 seconds, and the imitation can't be sent.
    fork = get_context("fork")
    ahead = [
        fork.Process(target=work, args=(placement,), name=placement) for placement in placements
    ]
    running: list[Any] = []
    while ahead or running:
        while ahead and len(running) < AT_ONCE:
            running.append(ahead.pop(0))
            running[-1].start()
        wait([process.sentinel for process in running])
        ended = [process for process in running if not process.is_alive()]
        failed = [process.name for process in ended if process.exitcode]
        if failed:
            raise RuntimeError(f"{', '.join(failed)} failed")
        running = [process for process in running if process not in ended]


def main() -> None:
    """Play each act and write the reports as JSON."""
    parser = argparse.ArgumentParser(description="The acts of the rehearsal.")
    parser.add_argument("--guard", type=Path, required=True)
    parser.add_argument("--checkpoints", type=Path, required=True, help="a folder of folders")
    parser.add_argument("--placements", nargs="+", required=True)
    parser.add_argument("--quantize", choices=get_args(Quantize), default="none")
    parser.add_argument("--gb", type=float, default=1000.0, help="of the device")
    parser.add_argument("--acts", type=json.loads, required=True, help="as of stage.played, JSON")
    parser.add_argument("--report", type=Path, required=True)
    given = parser.parse_args()
    mode = imitation(given.guard, round(given.gb * GB))
    in_processes(lambda placement: play_all(mode, placement, given), given.placements)
    parts = [json.loads(_file_of(name, given.report).read_text()) for name in given.placements]
    given.report.write_text(json.dumps([report for part in parts for report in part]))


if __name__ == "__main__":
    main()
