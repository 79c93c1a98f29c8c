"""The one thread that makes clips: it loads the model, then takes job after job."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from ltx_ui.clip import Clip, Stage
from ltx_ui.engine.models import CARDS, ModelCard
from ltx_ui.errors import Cancelled, InvalidRecipe, StudioError
from ltx_ui.recipe import Recipe
from ltx_ui.settings import Settings
from ltx_ui.studio.jobs import Done, Failed, Job, JobQueue, Running
from ltx_ui.studio.library import Library
from ltx_ui.studio.pace import UNKNOWN_SECONDS, Estimate, Pace, fraction, seconds_left
from ltx_ui.studio.references import References

if TYPE_CHECKING:
    from ltx_ui.engine.engine import Engine

Show = Callable[[NDArray[np.uint8], float], None]

UNEXPECTED = (
    "Something unexpected went wrong while this clip was made; the log has the details. "
    "Generate it again, and if it fails again, try other settings."
)
UNLOADABLE = (
    "The model could not be loaded, for a reason that was not foreseen; the log has the details. "
    "Restart the program, or choose another model with --model."
)

PAST_TAKES = 200
"""Takes of earlier starts that times are learnt from."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ModelStatus:
    """How far the model is.

    Attributes:
        message: a sentence for the page.
        fraction: 0…1 where that is known.
        model: the card's id, or what was asked for until the card is known.
        device: None until the model is ready.
        demo: whether it is the small built-in model.
    """

    state: Literal["starting", "downloading", "loading", "ready", "failed"]
    message: str
    fraction: float | None
    model: str
    title: str
    device: str | None
    demo: bool


@dataclass(frozen=True, eq=False)
class Preview:
    """What a running job's clip looks like so far: uint8 frames, F×h×w×3, at so many a second."""

    job_id: str
    frames: NDArray[np.uint8]
    fps: float


class Worker:
    """Loads the model and makes the queue's jobs, strictly one after the other."""

    def __init__(
        self, settings: Settings, queue: JobQueue, library: Library, references: References
    ) -> None:
        self._settings = settings
        self._queue = queue
        self._library = library
        self._references = references
        self._pace: Pace | None = None
        self.preview: Preview | None = None
        self.status = _first_status(settings.model)
        self.card: ModelCard | None = None
        # A daemon: nothing waits for a step that takes a minute when the program has to end.
        self._thread = threading.Thread(target=self._run, name="studio-worker", daemon=True)

    def start(self) -> None:
        """Begin, in the background."""
        self._thread.start()

    def join(self, timeout: float) -> None:
        """Wait for the end of the thread, once the queue is closed."""
        if self._thread.is_alive():
            self._thread.join(timeout)

    @property
    def average_seconds(self) -> float:
        """How long recent clips took here."""
        return self._pace.average if self._pace else UNKNOWN_SECONDS

    def estimate(self, recipe: Recipe) -> Estimate | None:
        """How long a clip will take; None while nothing is known."""
        return self._pace.estimate(recipe) if self._pace else None

    def check_model(self, recipe: Recipe) -> None:
        """Hold a recipe to the model that is loaded, as soon as that is known.

        Raises:
            InvalidRecipe: it asks for another one, or for what this one can't do.
        """
        known = {self.status.model, self._settings.model, None}
        if self.status.state == "ready" and recipe.model not in known:
            raise InvalidRecipe.because(
                "model",
                f"model: is {recipe.model!r}; this studio runs {self.status.model!r}. "
                "Leave the field out, or start the studio with that --model.",
            )
        if self.card is not None:
            self.card.check(recipe)

    def _run(self) -> None:
        try:
            self._queue.restore()
            self._library.sweep()
            self._references.sweep()
            engine = self._load()
        except StudioError as error:
            self._fail(str(error))
        except Exception:
            _log.exception("The model could not be loaded")
            self._fail(UNLOADABLE)
        else:
            while (job := self._queue.next()) is not None:
                self._work_on(job, engine)

    def _load(self) -> Engine:
        # Importing torch and diffusers takes seconds; the page is up by now.
        from ltx_ui.engine.engine import Engine
        from ltx_ui.engine.speed import default_speed

        settings = self._settings
        placement = None if settings.placement == "auto" else settings.placement
        engine = Engine(
            settings.model,
            settings.models_dir,
            settings.cache_dir,
            placement,
            default_speed(settings.compile),
        )
        card = engine.card
        self.status = replace(self.status, model=card.id, title=card.title, demo=card.demo)
        engine.load(self._report)
        self.card = engine.card
        self._pace = Pace(engine.card)
        past = self._library.recent(engine.card.id, engine.device, PAST_TAKES)
        self._pace.recall((take.recipe, take.timings) for take in reversed(past))
        message = f"{engine.card.title} is ready on {engine.device}."
        self.status = ModelStatus(
            "ready",
            message,
            None,
            engine.card.id,
            engine.card.title,
            engine.device,
            engine.card.demo,
        )
        _log.info("%s", message)
        return engine

    def _report(self, message: str, fraction: float | None) -> None:
        state: Literal["downloading", "loading"] = (
            "downloading" if message.startswith("Downloading") else "loading"
        )
        self.status = replace(self.status, state=state, message=message, fraction=fraction)

    def _fail(self, message: str) -> None:
        self.status = replace(self.status, state="failed", message=message, fraction=None)
        _log.error("%s", message)
        self._queue.refuse(message)

    def _work_on(self, job: Job, engine: Engine) -> None:
        self.preview = None
        try:
            self._make(job, engine)
        except Cancelled:
            self._queue.stopped(job)
        except StudioError as error:
            _log.warning("Job %s failed: %s", job.id, error)
            self._queue.end(job, Failed(str(error)))
        except Exception:
            _log.exception("Job %s failed", job.id)
            self._queue.end(job, Failed(UNEXPECTED))
        else:
            self._queue.end(job, Done(job.id, job.take_ids[1:]))

    def _make(self, job: Job, engine: Engine) -> None:
        """Make a job's takes and keep each as soon as it is there. Those that an earlier start of
        the program has kept are not made again."""
        recipe, pace = job.recipe, self._pace or Pace(engine.card)
        self.check_model(recipe)
        todo = []
        for take_id, take in zip(job.take_ids, recipe.takes(), strict=True):
            if self._library.has(take_id):
                self._queue.kept(take_id)
            else:
                todo.append((take_id, take))

        def show(frames: NDArray[np.uint8], fps: float) -> None:
            self.preview = Preview(job.id, frames, fps)

        watch = Watch(self._queue, show, pace.expect(recipe), recipe.num_takes, len(todo))
        clips = engine.generate_many(
            [take for _, take in todo],
            watch,
            self._references.pixels(recipe, "image_start"),
            self._references.pixels(recipe, "image_end"),
        )
        for (take_id, take), clip in zip(todo, clips, strict=True):
            self._keep(take_id, job.owner, take, clip, watch, engine)
            self._queue.kept(take_id)
            pace.learn(take, watch.timings())
            watch.next_take()

    def _keep(
        self, take_id: str, owner: str, take: Recipe, clip: Clip, watch: Watch, engine: Engine
    ) -> None:
        watch.progress("saving")
        made_by = {"model": engine.card.id, "device": engine.device, "versions": engine.versions}
        files = self._library.write(clip, {"recipe": take.model_dump(mode="json"), **made_by})
        try:
            watch.progress("saving", 1, 1)
            self._library.keep(
                take_id,
                owner,
                take,
                files,
                timings=watch.timings(),
                versions=engine.versions,
                model=engine.card.id,
                device=engine.device,
                notes=clip.notes,
            )
        except BaseException:
            files.remove()
            raise


class Watch:
    """Hears how far the running job is, tells the queue, and stops the job when it must.

    Args:
        expected: seconds that each stage of one take will take; empty while nothing is known.
        takes: how many takes the job has; ``left`` of them are not made yet.
    """

    def __init__(
        self,
        queue: JobQueue,
        show: Show,
        expected: dict[Stage, float],
        takes: int = 1,
        left: int = 1,
    ) -> None:
        self._queue = queue
        self._expected = expected
        self._show = show
        self._takes = takes
        self._left = left
        self._began: dict[Stage, float] = {}

    def progress(self, stage: Stage, step: int = 0, steps: int = 0) -> None:
        """As :class:`ltx_ui.clip.Listener` says."""
        if self._queue.must_stop:
            raise Cancelled
        now = time.monotonic()
        elapsed = now - self._began.setdefault(stage, now)
        before = self._takes - self._left
        done = (before + fraction(stage, step, steps, self._expected)) / self._takes
        left = seconds_left(stage, step, steps, elapsed, self._expected)
        if left is not None:
            left += (self._left - 1) * sum(self._expected.values())
        self._queue.hear(Running(stage, step, steps, done, left, before + 1))

    def next_take(self) -> None:
        """The take is kept; what is heard from now on is of the next one."""
        self._left -= 1
        self._began = {}

    def preview(self, frames: NDArray[np.uint8], fps: float) -> None:
        """As :class:`ltx_ui.clip.PreviewListener` says."""
        self._show(frames, fps)

    def timings(self) -> dict[str, float]:
        """Seconds each stage took so far; a stage ends where the next one begins."""
        stages = list(self._began)
        ends = [*list(self._began.values())[1:], time.monotonic()]
        return {s: end - self._began[s] for s, end in zip(stages, ends, strict=True)}


def _first_status(asked: str) -> ModelStatus:
    card = CARDS.get(asked)
    title = card.title if card else "LTX-2" if asked == "auto" else asked
    demo = card is not None and card.demo
    return ModelStatus("starting", "Starting…", None, asked, title, None, demo)
