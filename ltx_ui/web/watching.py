"""The right-hand side of the Create tab: how far the clip is, the clip, and what to do with it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import gradio as gr
from gradio.blocks import Block

from ltx_ui.errors import NotFound
from ltx_ui.studio.jobs import CancelledJob, Done, Failed, Job
from ltx_ui.studio.library import Take
from ltx_ui.studio.studio import Studio
from ltx_ui.web import fragments
from ltx_ui.web.access import owner_of

POLL_SECONDS = 0.5

_STRIP_JS = """
element.addEventListener('click', event => {
  const chosen = event.target.closest('button[data-take]');
  if (!chosen) return;
  element.querySelectorAll('button[data-take]').forEach(button =>
    button.setAttribute('aria-pressed', button === chosen));
  trigger('choose', {take: chosen.dataset.take});
});
"""


@dataclass(frozen=True)
class Watch:
    """Components that follow a job, and what the browser remembers of it."""

    model: gr.HTML
    progress: gr.HTML
    player: gr.HTML
    strip: gr.HTML
    panel: gr.Column
    facts: gr.HTML
    save_seed: gr.Button
    note: gr.Textbox
    job: gr.BrowserState
    shown: gr.BrowserState
    timer: gr.Timer

    @property
    def of_take(self) -> list[Block]:
        """What :func:`show_take` fills."""
        return [
            *(self.player, self.panel, self.facts, self.save_seed, self.note, self.shown),
            self.strip,
        ]


def lay_out(model: gr.HTML, job: gr.BrowserState, shown: gr.BrowserState) -> Watch:
    """Progress, player, and the take's own row."""
    progress = gr.HTML("", elem_id="progress")
    player = gr.HTML(fragments.player(None), elem_id="player")
    strip = gr.HTML("", js_on_load=_STRIP_JS, elem_id="takes")
    with gr.Column(visible=False, elem_id="take") as panel:
        facts = gr.HTML("", elem_id="take-facts")
        with gr.Row(elem_classes="pair"):
            save_seed = gr.Button("♡ Save seed", elem_id="save-seed", scale=0, min_width=170)
            note = gr.Textbox(
                placeholder="Note", label="Note", show_label=False, max_length=500, elem_id="note"
            )
    return Watch(
        model=model,
        progress=progress,
        player=player,
        strip=strip,
        panel=panel,
        facts=facts,
        save_seed=save_seed,
        note=note,
        job=job,
        shown=shown,
        timer=gr.Timer(POLL_SECONDS, active=False),
    )


def leave_take() -> list[Any]:
    """What to send to :attr:`Watch.of_take` so that it stays as it is."""
    return [gr.skip()] * 7


def show_take(take: Take | None, takes: Sequence[Take] = ()) -> list[Any]:
    """What to send to :attr:`Watch.of_take`: a take, and all of its job to choose from."""
    if take is None:
        return [fragments.player(None), gr.update(visible=False), "", gr.skip(), "", None, ""]
    return [
        fragments.player(take),
        gr.update(visible=True),
        fragments.take_facts(take),
        save_seed_label(take.favourite),
        take.note,
        take.id,
        fragments.strip(takes, take.id),
    ]


def save_seed_label(favourite: bool) -> str:
    """The button's words: what it will do, or that it is done."""
    return f"{fragments.heart(favourite)} {'Seed saved' if favourite else 'Save seed'}"


class Watcher:
    """Answers the page's polls."""

    def __init__(self, studio: Studio) -> None:
        self._studio = studio

    def job(self, job_id: str | None, owner: str) -> Job | None:
        """The job, if it is known and this visitor's."""
        try:
            return self._studio.job(job_id, owner) if isinstance(job_id, str) else None
        except NotFound:
            return None

    def take(self, take_id: str | None, owner: str) -> Take | None:
        """The take, if it is still there and this visitor's."""
        try:
            return self._studio.library.take(take_id, owner) if isinstance(take_id, str) else None
        except NotFound:
            return None

    def takes(self, job: Job | None) -> list[Take]:
        """The takes of a job that has ended, as far as they are there."""
        if job is None or not isinstance(job.state, Done | Failed | CancelledJob):
            return []
        found = (self.take(take_id, job.owner) for take_id in job.state.take_ids)
        return [take for take in found if take is not None]

    def follow(
        self, job_id: str | None, seed_locked: bool, shown: str | None, request: gr.Request
    ) -> list[Any]:
        """One look at the job: model, progress, generate, cancel, seed, job, timer, then the take.

        What did not change is left as it stands, so that a video goes on playing.
        """
        owner = owner_of(request)
        status = self._studio.model_status()
        job = self.job(job_id, owner)
        live = job is not None and job.live
        takes = self.takes(job)
        # Not this job alone: a poll may be on its way while the next job is submitted.
        waiting = self._studio.live_jobs(owner) or status.state not in ("ready", "failed")
        return [
            fragments.model_status(status),
            fragments.progress(job) if job_id else gr.skip(),
            gr.update(interactive=not live, value="Working…" if live else "Generate"),
            gr.update(visible=live),
            takes[0].recipe.seed if takes and not seed_locked else gr.skip(),
            None if job_id and not live else gr.skip(),
            gr.Timer(active=bool(waiting)),
            *self._result(job, takes, shown),
        ]

    def _result(self, job: Job | None, takes: list[Take], shown: str | None) -> list[Any]:
        """The takes of a job that made some, its preview while it runs, or what was shown before
        the preview took its place."""
        if takes:
            return show_take(takes[0], takes)
        if job is None:
            return leave_take()
        if not job.live:
            return [fragments.player(self.take(shown, job.owner)), *leave_take()[1:]]
        picture = self._studio.preview(job.id, job.owner)
        return [fragments.preview(picture) if picture else gr.skip(), *leave_take()[1:]]

    def choose(self, event: gr.EventData, request: gr.Request) -> list[Any]:
        """Another of a job's takes; the strip it was chosen from stays."""
        take = self.take(str(event.take), owner_of(request))
        return [*show_take(take)[:-1], gr.skip()] if take else leave_take()

    def recall(self, shown: str | None, request: gr.Request) -> list[Any]:
        """The take that was on the page before it was loaded again."""
        return show_take(self.take(shown, owner_of(request)))

    def toggle_favourite(self, shown: str | None, request: gr.Request) -> str:
        """Save the seed, or let it go."""
        owner = owner_of(request)
        take = self.take(shown, owner)
        if take is None:
            return save_seed_label(False)
        self._studio.library.set_favourite(take.id, owner, not take.favourite)
        return save_seed_label(not take.favourite)

    def write_note(self, shown: str | None, note: str, request: gr.Request) -> None:
        """Keep the note under the clip."""
        owner = owner_of(request)
        if self.take(shown, owner) is not None and shown is not None:
            self._studio.library.set_note(shown, owner, note)
