"""The Create tab's result side: the job's progress, the player, and the row below the player."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import gradio as gr
from gradio.components import Component

from ltx_ui.errors import NotFound
from ltx_ui.recipe import MAX_TAKES
from ltx_ui.studio.jobs import Cancelling, Job, Queued, Running
from ltx_ui.studio.library import MAX_NOTE, Take
from ltx_ui.studio.studio import Snapshot, Studio
from ltx_ui.web import views
from ltx_ui.web.access import owner_of
from ltx_ui.web.templating import heart, render
from ltx_ui.web.wiring import Updates, Values, script

POLL_SECONDS = 0.5
"""Seconds between polls while a clip is nearly done or a model is being loaded."""
PATIENT_SECONDS = 1.0
"""Seconds between polls while a clip needs more than :data:`SOON` seconds."""
QUEUE_SECONDS = 3.0
"""Seconds between polls of a job that is not the next one in the queue."""
SOON = 20.0

NOTHING: tuple[()] = ()
"""No id, for a state that the browser keeps. Gradio keeps the old value for what JavaScript takes
for false, such as null; an empty list is true there."""


@dataclass(frozen=True)
class ResultPanel:
    """The components that show a job and its takes, and what the browser remembers of them.

    Attributes:
        job: id of the job that is followed.
        shown: id of the take in the player.
        in_strip: ids of the takes to choose from.
        previewed: job id and number of the preview in the player.
    """

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
    previewed: gr.BrowserState
    timer: gr.Timer

    @property
    def of_take(self) -> set[Component | gr.Column]:
        """The components that :meth:`show` and :meth:`show_strip` update."""
        return {
            *(self.player, self.panel, self.facts, self.save_seed, self.note, self.shown),
            *(self.strip, self.in_strip),
        }

    @property
    def remembered(self) -> set[Component]:
        """The browser states that say which job and which takes the page shows."""
        return {self.job, self.shown, self.in_strip, self.previewed}

    def show(self, take: Take | None) -> Updates:
        """Show a take in the player and its row below; without a take, invite to make one."""
        if take is None:
            hidden = gr.update(visible=False)
            return {
                self.player: render("stage.html", take=None),
                self.panel: hidden,
                self.shown: NOTHING,
            }
        return {
            self.player: render("stage.html", take=take),
            self.panel: gr.update(visible=True),
            self.facts: render("facts.html", take=take),
            self.save_seed: save_seed_label(take.favourite),
            self.note: take.note,
            self.shown: take.id,
        }

    def show_strip(self, takes: Sequence[Take], shown: str | None) -> Updates:
        """Show takes to choose from.

        Args:
            shown: id of the one in the player.
        """
        return {
            self.strip: render("strip.html", takes=takes, shown=shown),
            self.in_strip: [take.id for take in takes],
        }


def lay_out(keep: Callable[[str], gr.BrowserState]) -> ResultPanel:
    """Put the result side on the page.

    Args:
        keep: makes a state that the browser remembers under a name.
    """
    progress = gr.HTML("", elem_id="progress")
    player = gr.HTML(render("stage.html", take=None), elem_id="player")
    strip = gr.HTML("", js_on_load=script("strip.js"), elem_id="takes")
    with gr.Column(visible=False, elem_id="take") as panel:
        facts = gr.HTML("", elem_id="take-facts")
        with gr.Row(elem_classes="pair"):
            save_seed = gr.Button("♡ Save seed", elem_id="save-seed", scale=0, min_width=170)
            note = gr.Textbox(
                placeholder="Note",
                label="Note",
                show_label=False,
                max_length=MAX_NOTE,
                elem_id="note",
            )
    return ResultPanel(
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
        previewed=keep("previewed"),
        timer=gr.Timer(POLL_SECONDS, active=False),
    )


def save_seed_label(favourite: bool) -> str:
    """The label of the button under the player, for a favourite and for any other take."""
    return f"{heart(favourite)} {'Seed saved' if favourite else 'Save seed'}"


def cancel_button(job: Job | None) -> Any:
    """The Cancel button's update: hidden without a live job, disabled while that is stopping."""
    live = job is not None and job.live
    cancelling = job is not None and isinstance(job.state, Cancelling)
    words = "Cancelling…" if cancelling else "Cancel"
    return gr.update(visible=live, interactive=not cancelling, value=words)


def poll_timer(seen: Snapshot) -> gr.Timer:
    """The timer for the page's next poll; stopped if neither a job nor a model is on its way."""
    state = seen.job.state if seen.job else None
    seconds = POLL_SECONDS
    if isinstance(state, Queued) and (state.place > 1 or state.waits_for):
        seconds = QUEUE_SECONDS
    elif isinstance(state, Queued | Running) and (state.seconds_left or 0) > SOON:
        seconds = PATIENT_SECONDS
    return gr.Timer(seconds, active=seen.live)


class JobProgress:
    """The result side's behaviour: it follows a job, and shows, marks and annotates takes."""

    def __init__(self, studio: Studio, panel: ResultPanel) -> None:
        self._studio = studio
        self._panel = panel

    def take(self, take_id: Any, owner: str) -> Take | None:
        """The take with this id; None if it was deleted or belongs to another owner.

        Args:
            take_id: as a browser sent it, unchecked.
        """
        try:
            return self._studio.library.take(take_id, owner) if isinstance(take_id, str) else None
        except NotFound:
            return None

    def takes(self, ids: Any, owner: str) -> list[Take]:
        """The takes with these ids, without the deleted ones and other owners'.

        Args:
            ids: as a browser sent them, unchecked. The list may be of any length; no more are
                looked at than a job makes.
        """
        listed: Iterable[Any] = ids[:MAX_TAKES] if isinstance(ids, list) else ()
        found = (self.take(take_id, owner) for take_id in listed)
        return [take for take in found if take is not None]

    def look(self, values: Values, owner: str) -> tuple[Snapshot, Updates]:
        """The state of the job that the page follows, and the updates that show it.

        Components whose content has not changed get no update, so that a video goes on playing.
        """
        panel, job_id = self._panel, values.get(self._panel.job)
        seen = self._studio.snapshot(job_id if isinstance(job_id, str) else None, owner)
        updates: Updates = {panel.timer: poll_timer(seen)}
        if job_id:
            updates[panel.progress] = views.progress(seen.job)
            if seen.job is None or not seen.job.live:
                updates[panel.job] = NOTHING
        return seen, updates | (self._result(seen, seen.job, values) if seen.job else {})

    def _result(self, seen: Snapshot, job: Job, values: Values) -> Updates:
        """Updates for the player and the strip.

        While the job runs, its finished takes come to the strip, and the player has the preview
        unless one of the takes was chosen. When the job has ended, the player gets its first take,
        or what was shown before the job if it made none.
        """
        panel, shown = self._panel, values.get(self._panel.shown)
        to_choose = seen.takes if job.recipe.num_takes > 1 else ()
        chosen = next((take for take in seen.takes if take.id == shown), None)
        if chosen is None and not job.live:
            if seen.takes:
                first = seen.takes[0]
                return panel.show(first) | panel.show_strip(to_choose, first.id)
            strip = panel.show_strip(self.takes(values.get(panel.in_strip), job.owner), shown)
            return panel.show(self.take(shown, job.owner)) | strip
        updates = self._preview(seen, job, values) if chosen is None else {}
        strip = self._panel.show_strip(to_choose, shown)
        if not to_choose:
            # The ids of the earlier strip stay: it comes back if the job makes no take.
            return updates | {panel.strip: ""}
        return updates if strip[panel.in_strip] == values.get(panel.in_strip) else updates | strip

    def _preview(self, seen: Snapshot, job: Job, values: Values) -> Updates:
        """Show the job's latest preview in the player, and hide the row of the take before it."""
        panel, number = self._panel, [job.id, seen.preview_number]
        if seen.preview is None or values.get(panel.previewed) == number:
            return {}
        return {
            panel.player: views.preview(seen.preview, job.recipe),
            panel.panel: gr.update(visible=False),
            panel.previewed: number,
        }

    def recall(self, values: Values, request: gr.Request) -> Updates:
        """Show the take and the strip again that were there before the page was reloaded."""
        panel, owner = self._panel, owner_of(request)
        shown = self.take(values.get(panel.shown), owner)
        takes = self.takes(values.get(panel.in_strip), owner)
        strip = panel.show_strip(takes, shown.id if shown else None)
        return panel.show(shown) | strip | {panel.previewed: NOTHING}

    def without(self, take_id: str, values: Values, owner: str) -> Updates:
        """Updates that remove a deleted take from the player and the strip."""
        panel, in_strip = self._panel, values.get(self._panel.in_strip)
        shown = values.get(panel.shown)
        if take_id == shown:
            return panel.show(None) | panel.show_strip([], None)
        if not isinstance(in_strip, list) or take_id not in in_strip:
            return {}
        return panel.show_strip(self.takes(in_strip, owner), shown)

    def toggle_favourite(self, values: Values, request: gr.Request) -> Updates:
        """Make the take in the player a favourite, or no longer."""
        owner = owner_of(request)
        take = self.take(values.get(self._panel.shown), owner)
        if take is None:
            return {self._panel.save_seed: save_seed_label(False)}
        self._studio.library.set_favourite(take.id, owner, not take.favourite)
        return {self._panel.save_seed: save_seed_label(not take.favourite)}

    def write_note(self, values: Values, request: gr.Request) -> None:
        """Save the note on the take in the player."""
        owner, note = owner_of(request), values.get(self._panel.note)
        take = self.take(values.get(self._panel.shown), owner)
        if take is not None and isinstance(note, str | None):
            self._studio.library.set_note(take.id, owner, note or "")
