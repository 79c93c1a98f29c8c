"""The Create tab's stage: the clip, its verbs, what is being made, and the strip of clips."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import gradio as gr
from gradio.components import Component

from ltx_ui.errors import NotFound
from ltx_ui.presets import Remedy
from ltx_ui.studio.jobs import CancelledJob, Failed, Job, Queued
from ltx_ui.studio.session import Session
from ltx_ui.studio.studio import Studio
from ltx_ui.studio.takes import Take
from ltx_ui.web.access import owner_of
from ltx_ui.web.examples import examples
from ltx_ui.web.job_view import JobView, job_views
from ltx_ui.web.parts import waits
from ltx_ui.web.recipe_form import RecipeForm
from ltx_ui.web.shown import Shown
from ltx_ui.web.templating import render
from ltx_ui.web.views import model_status
from ltx_ui.web.wiring import Updates, Values, custom, panel

POLL_SECONDS = 1.0
"""Seconds between a page's questions while something is on its way and no stream tells it of
news (``wake.js``, :mod:`ltx_ui.web.news`)."""
QUEUE_SECONDS = 3.0
"""Seconds between them while the person's next job waits for others."""


Drawer = Callable[[Values, Session, str], dict[Any, str]]
"""Draws panels of the page for a person: gets what the browser sent, their session and name."""


class Stage:
    """The components, and the updates that show a person's clips and jobs in them.

    Attributes:
        seen: what the page shows already; so that an answer holds only what has changed, and a
            video goes on playing; and how often there may be something new. Its event ``due`` says
            that there is or may be, ``woke`` that somebody came back to the page.
        shown: a :class:`Shown`.
    """

    def __init__(
        self,
        studio: Studio,
        form: RecipeForm,
        shown: gr.BrowserState,
        model: gr.HTML,
        queue: gr.HTML,
        doctor: Mapping[str, Remedy],
    ) -> None:
        self._studio, self._form, self._doctor = studio, form, doctor
        self.shown, self._model, self.queue = shown, model, queue
        self.player = panel("player", self._player(None), "actions.js")
        self.take, self.progress, self.strip = (
            panel(name, js="actions.js", classes=" ".join(waits("clip")))
            for name in ("take", "progress", "takes")
        )
        self.seen = custom("seen", "", "wake.js")
        self._also: list[tuple[Drawer, set[Component], set[Component]]] = []

    def also(self, draws: Drawer, inputs: set[Component], outputs: set[Component]) -> None:
        """Let :meth:`show` keep other panels of the page up to date too.

        Args:
            draws: gets the values of ``inputs``, and answers with the HTML of ``outputs``.
        """
        self._also.append((draws, inputs, outputs))

    @property
    def inputs(self) -> set[Component]:
        """What an event needs for :meth:`show`."""
        return {self.shown, self.seen}.union(*(inputs for _, inputs, _ in self._also))

    @property
    def outputs(self) -> set[Component]:
        """What :meth:`show` updates."""
        drawn = {self.player, self.take, self.progress, self.strip, self.queue, self._model}
        others = (outputs for _, _, outputs in self._also)
        return {*drawn, self.seen, self.shown}.union(*others)

    def shown_in(self, values: Values) -> Shown:
        """What the stage shows, by what a browser sent."""
        return Shown.read(values.get(self.shown))

    def shown_take(self, values: Values, request: gr.Request) -> Take | None:
        """The clip on the stage, if there is one."""
        return self.of(self.shown_in(values).take, owner_of(request))

    def of(self, take_id: Any, owner: str) -> Take | None:
        """The take with this id; None if it was deleted or belongs to another owner.

        Args:
            take_id: as a browser sent it, unchecked.
        """
        try:
            return self._studio.library.take(take_id, owner) if isinstance(take_id, str) else None
        except NotFound:
            return None

    def show(self, values: Values, owner: str, shown: Shown | None = None) -> Updates:
        """The updates for everything that has changed since the page was last answered.

        Args:
            shown: what the stage is to show; what it showed, if not given.
        """
        session, seen = self._studio.session(owner), _Seen.read(values.get(self.seen))
        before = self.shown_in(values)
        shown = _arrived(shown or before, session, seen)
        take, jobs = self.of(shown.take, owner), job_views(session.jobs)
        if take is None:
            shown = _without_take(shown, session)
            take = self.of(shown.take, owner)
        progress, shown = self._progress(session, jobs, shown)
        drawn = {
            self.player: self._player(take, session, self.of(shown.pinned, owner)),
            self.take: self._row(take),
            self.progress: progress,
            self.strip: self._strip(session, jobs, shown),
            self.queue: _queue(session, jobs),
            self._model: model_status(session.model),
        }
        for draws, _, _ in self._also:
            drawn |= draws(values, session, owner)
        digests = {str(part.elem_id): _digest(html) for part, html in drawn.items()}
        now = _Seen(digests, _newest(session), _every(session))
        changed: Updates = {
            part: html for part, html in drawn.items() if now.of(part) != seen.of(part)
        }
        if now != seen:
            changed[self.seen] = now.as_kept()
        if shown != before:
            changed[self.shown] = shown.as_kept()
        return changed

    def _row(self, take: Take | None) -> str:
        """The verbs of a take."""
        raises = take and self._form.filling.can_be_raised(take.recipe)
        remedies = self.remedies(take)
        leads = take and self._form.filling.leading
        return render("take_row.html", take=take, remedies=remedies, raises=raises, leads=leads)

    def remedies(self, take: Take | None) -> dict[str, Remedy]:
        """What the doctor says of a take, by the name of what was found."""
        found = take.findings if take else ()
        return {name: self._doctor[name] for name in found if name in self._doctor}

    def _player(
        self, take: Take | None, session: Session | None = None, pinned: Take | None = None
    ) -> str:
        running = next((job for job in session.jobs), None) if session else None
        mine = session is not None and running is not None and session.preview_job == running.id
        preview = session.preview if session is not None and mine else None
        return render(
            "stage.html",
            take=take,
            pinned=pinned,
            recipe=running.recipe if running else None,
            preview=preview and base64.b64encode(preview).decode(),
            clips=examples() if self._form.filling.is_demo else (),
            prompts=[example.prompt for example in self._form.filling.examples()],
            knows=self._form.filling.knows,
        )

    def _strip(self, session: Session, jobs: list[JobView], shown: Shown) -> str:
        return render(
            "strip.html",
            jobs=jobs,
            takes=session.takes,
            shown=shown.take,
            live=shown.take is None,
            pinned=shown.pinned,
        )

    def _progress(self, session: Session, jobs: list[JobView], shown: Shown) -> tuple[str, Shown]:
        """The bar, or how the latest job ended; a cancelled job is told of once."""
        if jobs:
            return render("progress.html", job=jobs[0], loaded=session.model.title), shown
        last = next(iter(session.ended), None)
        if last is not None and not _came_to_nothing(last):
            # What failed before is old news, and stays so when this one is deleted.
            failed = next(filter(_came_to_nothing, session.ended), None)
            return "", Shown(**vars(shown) | {"told": failed.id}) if failed else shown
        if last is None or last.id == shown.told:
            return "", shown
        told = Shown(**vars(shown) | {"told": last.id})
        if isinstance(last.state, CancelledJob):
            kept = bool(last.kept)
            return render("ended.html", message=None, kept=kept, job=last.id), told
        message = last.state.message if isinstance(last.state, Failed) else None
        return render("ended.html", message=message, kept=False, job=last.id), shown


@dataclass(frozen=True)
class _Seen:
    """What a page shows.

    Attributes:
        parts: a digest of each part.
        newest: the id of the newest clip it knows.
        every: seconds between its questions; 0 while nothing is on its way.
    """

    parts: Mapping[str, str]
    newest: str | None = None
    every: float = 0.0

    @classmethod
    def read(cls, value: Any) -> _Seen:
        given: Mapping[Any, Any] = value if isinstance(value, Mapping) else {}
        parts, newest, every = given.get("parts"), given.get("newest"), given.get("every")
        return cls(
            parts if isinstance(parts, Mapping) else {},
            newest if isinstance(newest, str) else None,
            every if isinstance(every, int | float) else 0.0,
        )

    def of(self, part: Any) -> Any:
        return self.parts.get(part.elem_id)

    def as_kept(self) -> dict[str, Any]:
        return {"parts": dict(self.parts), "newest": self.newest, "every": self.every}


def _digest(html: str) -> str:
    return hashlib.blake2b(html.encode(), digest_size=6).hexdigest()


def _newest(session: Session) -> str | None:
    return session.takes[0].id if session.takes else None


def _arrived(shown: Shown, session: Session, seen: _Seen) -> Shown:
    """The stage after clips have arrived: the first one of a new job takes it, if it follows."""
    newest = _newest(session)
    if not shown.follow or newest is None or not seen.parts or newest == seen.newest:
        return shown
    # Where the one that was the newest is gone, it was deleted, and nothing has arrived.
    gone = seen.newest is not None and seen.newest not in {take.id for take in session.takes}
    job = next((job for job in (*session.jobs, *session.ended) if newest in job.kept), None)
    if gone or job is None or job.draft or shown.take in job.kept:
        return shown
    return Shown(**vars(shown) | {"take": job.kept[0]})


def _without_take(shown: Shown, session: Session) -> Shown:
    """The stage without a clip: what is being made while it follows, else the newest clip."""
    newest = None if session.jobs and shown.follow else _newest(session)
    return Shown(**vars(shown) | {"take": newest})


def _queue(session: Session, jobs: list[JobView]) -> str:
    ended = job_views([job for job in session.ended if _came_to_nothing(job)][:3])
    return render("queue.html", jobs=jobs, paused=session.paused, held=session.held, ended=ended)


def _came_to_nothing(job: Job) -> bool:
    return isinstance(job.state, Failed | CancelledJob)


def _every(session: Session) -> float:
    """Seconds between a page's questions; 0 if nothing of the person's is on its way."""
    if not session.live:
        return 0.0
    first = session.jobs[0].state if session.jobs else None
    waits = isinstance(first, Queued) and (first.place > 1 or first.waits_for or first.paused)
    return QUEUE_SECONDS if waits else POLL_SECONDS
