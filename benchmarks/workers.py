"""What several workers gain, and what a job costs more by Ray than in the studio's own process.

    python benchmarks/workers.py --workers 2 --jobs 40
    python benchmarks/workers.py --drain 10000 --workers 1

Makes the same jobs in the studio's own process and by Ray's workers, with engines that sleep in
place of computing, so that the machine's processors are no limit. Prints jobs a second and their
ratio; the seconds of a job by itself in both ways; and by how much the studio's memory grew.

With ``--drain`` so many jobs wait before the first is begun, and take no time to make; each clip's
files are copies of the first one's, so that no encoder is measured. Prints how fast they came in
and went out, and the memory of the studio and of its workers after each tenth.
"""

from __future__ import annotations

import argparse
import secrets
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import psutil

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from ltx_ui import runtime
from ltx_ui.clip import Clip, Listener
from ltx_ui.engine.choosing import Free
from ltx_ui.engine.clip_memory import ClipMemory
from ltx_ui.engine.models import CARDS
from ltx_ui.recipe import Recipe
from ltx_ui.settings import Settings
from ltx_ui.studio import library, worker
from ltx_ui.studio.clip_files import Files
from ltx_ui.studio.engines import EngineChoice
from ltx_ui.studio.jobs import Done
from ltx_ui.studio.studio import Studio

STEPS = 8
SMALL = Recipe(
    prompt="A ball", width=128, height=128, num_frames=9, num_inference_steps=STEPS, seed=1
)


class Sleeper:
    """An engine whose clips take time and no processor."""

    card = CARDS["demo"]
    notice, device, placement = "", "asleep", None
    versions: Mapping[str, str] = {}

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self.memory = ClipMemory(self.card, {}, Free(None, 2**40), (), 4)

    def load(self, report: Callable[[str, float | None], None]) -> None:
        """Nothing to load."""

    def at_once(self, recipe: Recipe) -> int:
        """One."""
        return 1

    def lora_shapes(self) -> Mapping[str, tuple[int, int]]:
        """There are no layers."""
        return {}

    def why_not_writing(self) -> str:
        """It sleeps."""
        return "It sleeps."

    def count_tokens(self, text: str) -> None:
        """It reads none."""

    def saved(self, recipe: Recipe) -> None:
        """Nothing to forget."""

    def generate_many(
        self, takes: Sequence[Recipe], listener: Listener, inputs: object
    ) -> Iterator[Clip]:
        """Black clips, each after so many seconds."""
        for take in takes:
            listener.progress("text")
            for step in range(STEPS + 1):
                listener.progress("sampling", step, STEPS)
                time.sleep(self._seconds / (STEPS + 1))
            listener.progress("decoding")
            frames = np.zeros((take.num_frames, take.height, take.width, 3), np.uint8)
            yield Clip(frames, 24, np.zeros((2, 9000), np.float32), 24000)


class SleepingChoice(EngineChoice):
    """Chooses an engine that sleeps."""

    def make(self) -> Any:
        """It, with the seconds that stand in place of the prompt's model."""
        return Sleeper(float(self.others["model"]))

    @classmethod
    def of(cls, settings: Settings, sizes: object) -> SleepingChoice:
        """One that sleeps as long as the command line says."""
        return cls(
            settings.models_dir, settings.cache_dir, (), {"model": str(SECONDS), "device": "cpu"}
        )


SECONDS = 0.5


def made(studio: Studio, count: int) -> float:
    """Seconds that so many jobs take, which wait all at once as far as there is room."""
    began = time.perf_counter()
    waiting: list[str] = []
    for _ in range(count):
        while len(waiting) >= 900:
            ended(studio, waiting.pop(0))
        waiting.append(studio.submit(SMALL, "local").id)
    for job_id in waiting:
        ended(studio, job_id)
    return time.perf_counter() - began


def ended(studio: Studio, job_id: str) -> None:
    """Wait until a job is done."""
    state = studio.wait(job_id, "local", 600).state
    if not isinstance(state, Done):
        raise SystemExit(f"A job ended otherwise: {state}")


def measure(workers: int, jobs: int) -> tuple[float, float, float]:
    """Jobs a second, the median seconds of a job by itself, and megabytes by which the studio
    grew."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        given = {"model": "demo", "data_dir": folder, "workers": str(workers), "max_queue": 1000}
        studio = Studio(Settings.model_validate(given))
        studio.start()
        while studio.model_status().state != "ready":
            time.sleep(0.1)
        made(studio, 2 * workers)
        alone = statistics.median(made(studio, 1) for _ in range(9))
        before = psutil.Process().memory_info().rss
        seconds = made(studio, jobs)
        grown = psutil.Process().memory_info().rss - before
        studio.close()
    return jobs / seconds, alone, grown / 1e6


class Copied(Files):
    """Files of a clip, copied from those that were written first."""

    @classmethod
    def write(cls, folder: Path, clip: Clip, metadata: Mapping[str, Any]) -> Files:
        """As that of the class itself."""
        if not WRITTEN:
            WRITTEN.append(Files.write(folder, clip, metadata))
        name = secrets.token_hex(16)
        files = cls(folder / f"{name}.mp4", folder / f"{name}.jpg")
        shutil.copyfile(WRITTEN[0].video, files.video)
        shutil.copyfile(WRITTEN[0].poster, files.poster)
        return files


WRITTEN: list[Files] = []


def drain(workers: int, jobs: int) -> None:
    """Let so many jobs wait, then be made; prints what each tenth of both took."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        given = {"model": "demo", "data_dir": folder, "workers": str(workers), "max_queue": jobs}
        studio = Studio(Settings.model_validate(given))
        tenth = jobs // 10
        waiting = []
        for part in range(10):
            began = time.perf_counter()
            waiting += [studio.submit(SMALL, "local").id for _ in range(tenth)]
            seconds = time.perf_counter() - began
            print(
                f"{(part + 1) * tenth} wait: {tenth / seconds:.0f} a second, {held()}", flush=True
            )
        studio.start()
        ended(studio, waiting[0])
        for part in range(10):
            began = time.perf_counter()
            for job_id in waiting[part * tenth : (part + 1) * tenth]:
                ended(studio, job_id)
            seconds = time.perf_counter() - began
            print(
                f"{(part + 1) * tenth} made: {tenth / seconds:.1f} a second, {held()}", flush=True
            )
        studio.close()


def held() -> str:
    """The memory of the studio and of its workers, in megabytes."""
    here = psutil.Process()
    workers = [each for each in here.children(recursive=True) if "EngineActor" in each.name()]
    each = [process.memory_info().rss / 1e6 for process in (here, *workers)]
    return "memory " + " + ".join(f"{megabytes:.1f}" for megabytes in each) + " MB"


def main() -> None:
    """Measure both ways and print what came out."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--jobs", type=int, default=40)
    parser.add_argument("--drain", type=int, default=0)
    options = parser.parse_args()
    runtime.set_up()
    vars(worker)["EngineChoice"] = SleepingChoice
    if options.drain:
        globals()["SECONDS"] = 0.0
        vars(library)["Files"] = Copied
        drain(options.workers, options.drain)
        return
    rates = {}
    for count in (1, options.workers):
        rate, alone, grown = measure(count, options.jobs)
        rates[count] = rate
        where = "the studio's own process" if count == 1 else f"{count} workers of Ray"
        print(
            f"{where}: {rate:.2f} jobs a second, a job by itself {1000 * alone:.0f} ms, "
            f"memory {grown:+.1f} MB over {options.jobs} jobs",
            flush=True,
        )
    print(f"ratio {rates[options.workers] / rates[1]:.2f}")


if __name__ == "__main__":
    main()
