"""Saving: the thread that turns finished clips into takes while the next clip is made."""

from __future__ import annotations

import logging
import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from ltx_ui.clip import Clip
from ltx_ui.errors import StudioError
from ltx_ui.media.doctor import examine
from ltx_ui.recipe import Recipe
from ltx_ui.studio.counts import Counts
from ltx_ui.studio.jobs import Job, failure
from ltx_ui.studio.library import Library
from ltx_ui.studio.maker import ClipMaker
from ltx_ui.studio.making import Making
from ltx_ui.studio.timing import TimingModel, TimingStore

CHECK_SECONDS = 0.1
"""While a clip waits to be handed over, how often ``check`` is called."""

_SILENCE = re.compile(r"\bsilen|\bno sounds?\b|\bmute", re.IGNORECASE)

_log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Made:
    """A clip that is not saved yet.

    Attributes:
        recipe: the take's own, with its seed.
        timings: seconds by stage, of the stages before saving.
    """

    job: Job
    take_id: str
    recipe: Recipe
    clip: Clip
    timings: dict[str, float]


class Saver:
    """A thread that saves one clip at a time. The next clip is accepted only when the one before it
    is saved, so at most two are in memory: one that is saved and one that is made.

    Args:
        save: saves a clip; it must not raise.
    """

    def __init__(self, save: Callable[[Made], None]) -> None:
        self._save = save
        self._changed = threading.Condition()
        self._made: Made | None = None
        self._closed = False
        # A daemon, like the worker's: a clip that is not saved when the program ends is made again.
        self._thread = threading.Thread(target=self._run, name="studio-saver", daemon=True)
        self._thread.start()

    def hand_over(self, made: Made, check: Callable[[], None]) -> None:
        """Have a clip saved. Returns as soon as the clip before it is saved.

        Args:
            check: called while waiting and once more at the end. If it raises, the clip is not
                saved and the error passes through.
        """
        with self._changed:
            while self._made is not None:
                check()
                self._changed.wait(CHECK_SECONDS)
            check()
            self._made = made
            self._changed.notify_all()

    def wait_for(self, job: Job) -> None:
        """Return when no clip of this job is being saved."""
        with self._changed:
            self._changed.wait_for(lambda: self._made is None or self._made.job.id != job.id)

    def close(self) -> None:
        """Let the thread end, after the clip that it is saving."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _run(self) -> None:
        while (made := self._next()) is not None:
            self._save(made)
            # Freed before waiting for the next one: a clip may take half a gigabyte.
            del made
            with self._changed:
                self._made = None
                self._changed.notify_all()

    def _next(self) -> Made | None:
        with self._changed:
            self._changed.wait_for(lambda: self._made is not None or self._closed)
            return self._made


class TakeWriter:
    """Makes finished clips takes of the library, and learns how long they took.

    Args:
        engine: made the clips; keeps their latents until they are saved.
        timing, timings: learn from each take, for this start and for the next.
        counts: are told of each take.
    """

    def __init__(
        self,
        queue: Making,
        library: Library,
        engine: ClipMaker,
        timing: TimingModel,
        timings: TimingStore,
        counts: Counts,
    ) -> None:
        self._queue = queue
        self._library = library
        self._engine = engine
        self._timing = timing
        self._timings = timings
        self._counts = counts

    def save(self, made: Made) -> bool:
        """Save a clip. With the last one of its job that is done; at the first one that can't be
        saved it fails. Never raises.

        Returns:
            Whether it is kept.
        """
        job = made.job
        try:
            timings = self._write(made)
            self._engine.saved(made.recipe)
            self._counts.took(timings)
            self._learn(made.recipe, timings)
        except Exception as error:
            # On a full disk the job's other takes would fail as well.
            self._queue.fail(job, failure(job, error), made.take_id)
            return False
        self._queue.add_take(job.id, made.take_id)
        return True

    def _write(self, made: Made) -> dict[str, float]:
        """Write a clip's files and its row.

        Returns:
            Seconds by stage, saving included.
        """
        began, recipe, engine = time.monotonic(), made.recipe, self._engine
        metadata: dict[str, Any] = {
            "recipe": recipe.model_dump(mode="json"),
            "model": engine.card.id,
            "device": engine.device,
            "versions": engine.versions,
            "timings": {stage: round(seconds, 3) for stage, seconds in made.timings.items()},
            # The file's own tag is lost in most copies into another container.
            "made_at": datetime.now(UTC).isoformat(timespec="seconds"),
        }
        if origin := made.job.origin:
            metadata |= {"made_from": origin.take_id, "relation": origin.relation}
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
                draft=made.job.draft,
                origin=made.job.origin,
                findings=examine(made.clip, wants_sound=_wants_sound(recipe)),
            )
        except BaseException:
            files.remove()
            raise
        return timings

    def _learn(self, recipe: Recipe, timings: dict[str, float]) -> None:
        measurement = self._timing.learn(recipe, timings)
        try:
            self._timings.add(self._engine.card.id, self._engine.device, measurement)
        except StudioError as error:
            # The take is saved; only the next start will know less.
            _log.warning("How long a take took could not be written down: %s", error)


def _wants_sound(recipe: Recipe) -> bool:
    """Whether a clip should be heard. One whose prompt speaks of silence may well be silent."""
    return recipe.include_audio and not _SILENCE.search(recipe.prompt)
