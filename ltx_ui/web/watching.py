"""The right-hand side of the Create tab: how far the clip is, the clip, and what to do with it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import gradio as gr
from gradio.blocks import Block

from ltx_ui.errors import NotFound
from ltx_ui.studio.jobs import Job, Queued
from ltx_ui.studio.library import Take
from ltx_ui.studio.studio import Studio
from ltx_ui.web import fragments
from ltx_ui.web.access import owner_of

POLL_SECONDS = 0.5

_LARGEST_STRIP = 8
"""A job makes no more takes than this; a browser may send any list."""

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
    in_strip: gr.BrowserState
    cancelled: gr.BrowserState
    timer: gr.Timer

    @property
    def of_take(self) -> list[Block]:
        """What :func:`show_take` fills."""
        return [
            *(self.player, self.panel, self.facts, self.save_seed, self.note, self.shown),
            *(self.strip, self.in_strip),
        ]


def lay_out(model: gr.HTML, keep: Callable[[str], gr.BrowserState]) -> Watch:
    """Progress, player, and the take's own row. ``keep`` makes what the browser remembers by name:
    the job that is followed, the take in the player, the takes in the strip, and the job that was
    asked to stop."""
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
        job=keep("job"),
        shown=keep("shown"),
        in_strip=keep("strip"),
        cancelled=keep("cancelled"),
        timer=gr.Timer(POLL_SECONDS, active=False),
    )


def leave_take() -> list[Any]:
    """What to send to :attr:`Watch.of_take` so that it stays as it is."""
    return [gr.skip()] * 8


def show_take(take: Take | None, takes: Sequence[Take] = ()) -> list[Any]:
    """What to send to :attr:`Watch.of_take`: a take, and all of its job to choose from."""
    if take is None:
        hidden = gr.update(visible=False)
        return [fragments.player(None), hidden, "", gr.skip(), "", None, *show_strip([], None)]
    return [
        fragments.player(take),
        gr.update(visible=True),
        fragments.take_facts(take),
        save_seed_label(take.favourite),
        take.note,
        take.id,
        *show_strip(takes, take.id),
    ]


def show_strip(takes: Sequence[Take], shown: str | None) -> list[Any]:
    """What to send to the strip and to the ids of what is in it."""
    return [fragments.strip(takes, shown), [take.id for take in takes]]


def _grown_strip(takes: Sequence[Take], shown: str | None, in_strip: Any) -> list[Any]:
    """The strip of a job that runs. Until it has a take, what was there before is hidden, not
    forgotten: it comes back if the job makes none."""
    if not takes:
        return ["", gr.skip()]
    strip = show_strip(takes, shown)
    return [gr.skip(), gr.skip()] if strip[1] == in_strip else strip


def kept_by(job: Job | None) -> tuple[str, ...]:
    """Ids of the takes that a job has made so far."""
    return () if job is None or isinstance(job.state, Queued) else job.state.take_ids


def cancel_button(*, visible: bool, cancelling: bool) -> Any:
    """What to send to the button: a job that was asked to stop can't be asked again."""
    words = "Cancelling…" if cancelling else "Cancel"
    return gr.update(visible=visible, interactive=not cancelling, value=words)


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

    def takes(self, ids: Any, owner: str) -> list[Take]:
        """Those that are still there and this visitor's, of ids that the browser may have kept."""
        listed = ids[:_LARGEST_STRIP] if isinstance(ids, list | tuple) else ()
        found = (self.take(take_id, owner) for take_id in listed)
        return [take for take in found if take is not None]

    def follow(
        self,
        job_id: str | None,
        seed_locked: bool,
        cancelled: str | None,
        shown: str | None,
        in_strip: Any,
        request: gr.Request,
    ) -> list[Any]:
        """One look at the job: model, progress, generate, cancel, seed, job, timer, then the take.

        What did not change is left as it stands, so that a video goes on playing.
        """
        owner = owner_of(request)
        status = self._studio.model_status()
        job = self.job(job_id, owner)
        live, cancelling = job is not None and job.live, job_id == cancelled
        takes = self.takes(kept_by(job), owner)
        # Not this job alone: a poll may be on its way while the next job is submitted. Not what is
        # live by now alone: a job that has ended since it was looked at has to be looked at again.
        waiting = live or self._studio.live_jobs(owner) or status.state not in ("ready", "failed")
        return [
            fragments.model_status(status),
            fragments.progress(job, cancelling=cancelling) if job_id else gr.skip(),
            gr.update(interactive=not live, value="Working…" if live else "Generate"),
            cancel_button(visible=live, cancelling=cancelling),
            takes[0].recipe.seed if takes and not live and not seed_locked else gr.skip(),
            None if job_id and not live else gr.skip(),
            gr.Timer(active=bool(waiting)),
            *(self._result(job, takes, shown, in_strip) if job else leave_take()),
        ]

    def _result(self, job: Job, takes: list[Take], shown: str | None, in_strip: Any) -> list[Any]:
        """The takes as they come, with the preview in the player until one of them is chosen; at
        the end the first of them, or what was shown before if there are none."""
        to_choose = takes if job.recipe.num_takes > 1 else []
        chosen = next((take for take in takes if take.id == shown), None)
        if chosen is None and not job.live:
            if takes:
                return show_take(takes[0], to_choose)
            before = fragments.player(self.take(shown, job.owner))
            strip = show_strip(self.takes(in_strip, job.owner), shown)
            return [before, *leave_take()[1:-2], *strip]
        player = fragments.player(chosen) if chosen else self._preview(job)
        return [player, *leave_take()[1:-2], *_grown_strip(to_choose, shown, in_strip)]

    def _preview(self, job: Job) -> Any:
        picture = self._studio.preview(job.id, job.owner)
        return fragments.preview(picture) if picture else gr.skip()

    def choose(self, event: gr.EventData, request: gr.Request) -> list[Any]:
        """Another of a job's takes; the strip it was chosen from stays."""
        take = self.take(str(event.take), owner_of(request))
        return [*show_take(take)[:-2], gr.skip(), gr.skip()] if take else leave_take()

    def recall(self, shown: str | None, in_strip: Any, request: gr.Request) -> list[Any]:
        """The take that was on the page before it was loaded again, and its strip."""
        owner = owner_of(request)
        return show_take(self.take(shown, owner), self.takes(in_strip, owner))

    def without(self, take_id: str, shown: str | None, in_strip: Any, owner: str) -> list[Any]:
        """What to send to :attr:`Watch.of_take` once a take was deleted."""
        if take_id == shown:
            return show_take(None)
        if not isinstance(in_strip, list) or take_id not in in_strip:
            return leave_take()
        return [*leave_take()[:-2], *show_strip(self.takes(in_strip, owner), shown)]

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
