"""The one thread that makes clips: it loads the model, then takes job after job. Each clip goes to
the saver's thread, and the next one is begun."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from itertools import count
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from ltx_ui.engine.models import CARDS, ModelCard
from ltx_ui.engine.tokens import TokenCount
from ltx_ui.errors import Cancelled, InvalidRecipe, StudioError
from ltx_ui.recipe import Recipe
from ltx_ui.settings import Settings
from ltx_ui.studio.inputs import Inputs
from ltx_ui.studio.jobs import Done, Job, failure
from ltx_ui.studio.library import Library
from ltx_ui.studio.pace import UNKNOWN_SECONDS, Estimate, Pace
from ltx_ui.studio.paces import Paces
from ltx_ui.studio.queue import JobQueue
from ltx_ui.studio.saver import Made, Saver
from ltx_ui.studio.watch import Preview, Watch

if TYPE_CHECKING:
    from ltx_ui.engine.engine import Engine

UNLOADABLE = (
    "The model could not be loaded, for a reason that was not foreseen; the log has the details. "
    "Restart the program, or choose another model with --model."
)

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


class Worker:
    """Loads the model, then makes the queue's jobs, one after the other."""

    def __init__(
        self,
        settings: Settings,
        queue: JobQueue,
        library: Library,
        inputs: Inputs,
        paces: Paces,
    ) -> None:
        self._settings = settings
        self._queue = queue
        self._library = library
        self._inputs = inputs
        self._paces = paces
        self._pace: Pace | None = None
        self.preview: Preview | None = None
        self._previews = count(1)
        known = _known_card(settings.model)
        self.status = _first_status(settings.model, known)
        if known is not None:
            queue.make_for(known.id, settings.model)
        self.card: ModelCard | None = None
        self._count_tokens: Callable[[str], TokenCount] | None = None
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
        """How long a recipe's takes will take; None while nothing is known."""
        return self._pace.estimate(recipe) if self._pace else None

    def count_tokens(self, text: str) -> TokenCount | None:
        """How much of a text the model reads; None until it is loaded."""
        return self._count_tokens(text) if self._count_tokens else None

    def check_model(self, recipe: Recipe) -> None:
        """Hold a recipe to the model that is loaded, as soon as that is known.

        Raises:
            InvalidRecipe: it asks for another one, or for what this one can't do.
        """
        asked = self._settings.model
        settled = self.status.state == "ready" or _known_card(asked) is not None
        if settled and recipe.model not in {self.status.model, asked, None}:
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
            self._inputs.sweep()
            engine = self._load()
        except StudioError as error:
            self._fail(str(error))
        except Exception:
            _log.exception("The model could not be loaded")
            self._fail(UNLOADABLE)
        else:
            saver = Saver(partial(self._save, engine))
            while (job := self._queue.next()) is not None:
                self._work_on(job, engine, saver)
            saver.close()

    def _load(self) -> Engine:
        # Importing torch and diffusers takes seconds; the page is up by now.
        from ltx_ui.engine.engine import Engine
        from ltx_ui.engine.optimizations import default_optimizations

        settings = self._settings
        placement = None if settings.placement == "auto" else settings.placement
        engine = Engine(
            settings.model,
            settings.models_dir,
            settings.cache_dir,
            placement,
            default_optimizations(settings.compile, settings.device),
            None if settings.precision == "auto" else settings.precision,
            settings.device,
            keep_until_saved=True,
        )
        card = engine.card
        if engine.notice:
            _log.warning("%s", engine.notice)
        self.status = replace(self.status, model=card.id, title=card.title, demo=card.demo)
        self._queue.make_for(card.id, settings.model)
        engine.load(self._report)
        self.card = engine.card
        self._count_tokens = engine.count_tokens
        self._pace = Pace(engine.card, engine.at_once)
        self._pace.recall(self._paces.of(engine.card.id, engine.device))
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
        self._queue.refuse(message, self.status.model, self._settings.model)

    def _work_on(self, job: Job, engine: Engine, saver: Saver) -> None:
        self.preview = None
        try:
            self._make(job, engine, saver)
        except Cancelled:
            saver.wait_for(job)
            self._queue.stopped(job)
        except Exception as error:
            saver.wait_for(job)
            self._queue.end(job, failure(job, error))

    def _make(self, job: Job, engine: Engine, saver: Saver) -> None:
        """Make a job's takes and hand each over to be saved; with the last one the job ends. Those
        that an earlier start of the program has kept are not made again."""
        recipe, pace = job.recipe, self._pace or Pace(engine.card)
        self.check_model(recipe)
        self._library.check_room(recipe)
        todo = []
        for take_id, take in zip(job.take_ids, recipe.takes(), strict=True):
            if self._library.has(take_id):
                self._queue.kept(job.id, take_id)
            else:
                todo.append((take_id, take))
        if not todo:
            self._queue.end(job, _done(job))

        def show(frames: NDArray[np.uint8], fps: float) -> None:
            self.preview = Preview(job.id, next(self._previews), frames, fps)

        watch = Watch(self._queue, job, show, pace, len(todo))
        clips = engine.generate_many(
            [take for _, take in todo],
            watch,
            self._inputs.pixels(recipe, "image_start"),
            self._inputs.pixels(recipe, "image_end"),
        )
        for (take_id, take), clip in zip(todo, clips, strict=True):
            last = take_id == todo[-1][0]
            made = Made(job, take_id, take, clip, watch.timings(), last)
            saver.hand_over(made, partial(watch.progress, "saving"))
            watch.next_take()

    def _save(self, engine: Engine, made: Made) -> None:
        """What the saver's thread does with a clip."""
        job = made.job
        try:
            timings = self._keep(engine, made)
            engine.saved(made.recipe)
            self._queue.kept(job.id, made.take_id)
            self._learn(engine, made.recipe, timings)
        except Exception as error:
            # On a full disk the job's other takes would fail as well.
            failed = failure(job, error)
            (self._queue.end if made.last else self._queue.fail)(job, failed)
        else:
            if made.last:
                self._queue.end(job, _done(job))

    def _learn(self, engine: Engine, recipe: Recipe, timings: dict[str, float]) -> None:
        if self._pace is None:
            return
        measured = self._pace.learn(recipe, timings)
        try:
            self._paces.add(engine.card.id, engine.device, measured)
        except StudioError as error:
            # The take is kept; only the next start will know less.
            _log.warning("What a take took could not be written down: %s", error)

    def _keep(self, engine: Engine, made: Made) -> dict[str, float]:
        """Make a clip a take; its seconds by stage."""
        began, recipe = time.monotonic(), made.recipe
        made_by = {"model": engine.card.id, "device": engine.device, "versions": engine.versions}
        metadata = {"recipe": recipe.model_dump(mode="json"), **made_by}
        files = self._library.write(made.clip, metadata)
        timings = {**made.timings, "saving": time.monotonic() - began}
        try:
            self._library.keep(
                made.take_id,
                made.job.owner,
                recipe,
                files,
                timings=timings,
                versions=engine.versions,
                model=engine.card.id,
                device=engine.device,
                notes=made.clip.notes,
            )
        except BaseException:
            files.remove()
            raise
        return timings


def _done(job: Job) -> Done:
    return Done(job.id, job.take_ids[1:])


def _known_card(asked: str) -> ModelCard | None:
    """The card, where it can be told without looking at the machine or at a folder."""
    return next((card for card in CARDS.values() if asked in (card.id, card.source)), None)


def _first_status(asked: str, card: ModelCard | None) -> ModelStatus:
    title = card.title if card else "LTX-2" if asked == "auto" else asked
    model, demo = (card.id, card.demo) if card else (asked, False)
    return ModelStatus("starting", "Starting…", None, model, title, None, demo)
