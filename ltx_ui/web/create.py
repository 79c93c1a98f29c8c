"""The Create tab: it makes a job of its fields, and shows the clip that comes of it."""

from __future__ import annotations

from typing import Any

import gradio as gr

from ltx_ui.errors import NotFound, StudioError
from ltx_ui.presets import Presets
from ltx_ui.settings import Settings
from ltx_ui.studio.jobs import Job, Queued
from ltx_ui.studio.studio import Snapshot, Studio
from ltx_ui.web import result, views
from ltx_ui.web.access import owner_of
from ltx_ui.web.recipe_form import RecipeForm
from ltx_ui.web.result import JobProgress
from ltx_ui.web.wiring import EACH, Updates, Values, on, sent

KEEP = "ltx-2-studio"
"""Prefix of the browser's storage keys, and the secret that Gradio encrypts their values with.
Constant, so that drafts outlive a restart. The secret protects nothing: every visitor gets it."""


class Create:
    """The tab: the recipe's fields on one side, the result on the other.

    Args:
        model: the component that shows the model's status.
    """

    def __init__(
        self, studio: Studio, settings: Settings, presets: Presets, model: gr.HTML
    ) -> None:
        self._studio = studio
        self._model = model
        with gr.Row(elem_classes="create"):
            with gr.Column(scale=6, min_width=320, elem_id="recipe"):
                self.form = RecipeForm(studio, settings, presets, _kept("draft"))
                with gr.Column(elem_id="actions"):
                    self.form.lay_out_foot()
                    self._lay_out_buttons()
            with gr.Column(scale=5, min_width=320, elem_id="result"):
                self.panel = result.lay_out(_kept)
        self.progress = JobProgress(studio, self.panel)

    def _lay_out_buttons(self) -> None:
        with gr.Row():
            self._generate = gr.Button("Generate", variant="primary", elem_id="generate")
            self._anyway = gr.Button("", elem_id="make-anyway", visible=False)
            self._cancel = gr.Button(
                "Cancel", elem_id="cancel", visible=False, scale=0, min_width=120
            )

    def submit(self, values: Values, request: gr.Request) -> Updates:
        """Queue the recipe in the fields."""
        try:
            job = self._studio.submit(self.form.recipe(values), owner_of(request))
        except StudioError as error:
            return {self.form.problem: views.problem(error)}
        return {self.form.problem: "", **self.begin(job)}

    @property
    def begun(self) -> set[Any]:
        """The components that :meth:`begin` updates."""
        panel = self.panel
        return {panel.job, panel.progress, panel.timer, self._generate, self._cancel}

    def begin(self, job: Job) -> Updates:
        """Follow a job that was just queued."""
        return {
            self.panel.job: job.id,
            self.panel.progress: views.progress(job),
            self.panel.timer: gr.Timer(result.POLL_SECONDS, active=True),
            **self._buttons(job),
        }

    def _buttons(self, job: Job | None, *, usable: bool = True) -> Updates:
        live = job is not None and job.live
        words = "Working…" if live else "Generate"
        return {
            self._generate: gr.update(interactive=usable and not live, value=words),
            self._cancel: result.cancel_button(job),
        }

    def follow(self, values: Values, request: gr.Request) -> Updates:
        """Update the job's and the model's state; called by the timer."""
        seen, updates = self.progress.look(values, owner_of(request))
        return {
            self._model: views.model_status(seen.model),
            self._anyway: self._offer(seen),
            **self._buttons(seen.job, usable=seen.model.state != "failed"),
            **self._drawn_seed(seen, values),
            **updates,
        }

    def _drawn_seed(self, seen: Snapshot, values: Values) -> Updates:
        """Put the seed drawn for the clip in the player into the field, unless that is locked."""
        job, locked = seen.job, values.get(self.form.fields["seed_locked"])
        if job is None or job.live or not seen.takes or locked:
            return {}
        shown = values.get(self.panel.shown)
        take = next((take for take in seen.takes if take.id == shown), seen.takes[0])
        return {self.form.fields["seed"]: take.recipe.seed}

    def _offer(self, seen: Snapshot) -> Any:
        """Show the button "Make it with …" if the job waits for a model that is not loaded."""
        state = seen.job.state if seen.job else None
        waits = isinstance(state, Queued) and state.waits_for is not None
        return gr.update(visible=waits, value=f"Make it with {seen.model.title}")

    def make_anyway(self, values: Values, request: gr.Request) -> Updates:
        """Make the waiting job with the model that is loaded."""
        job_id = values.get(self.panel.job)
        if not isinstance(job_id, str):
            return {}
        return self.begin(self._studio.make_with_loaded_model(job_id, owner_of(request)))

    def make_again(self, take_id: str, request: gr.Request) -> Updates:
        """Queue a take's recipe once more."""
        owner = owner_of(request)
        recipe = self._studio.library.take(take_id, owner).recipe
        return self.begin(self._studio.submit(recipe, owner))

    def cancel(self, values: Values, request: gr.Request) -> Updates:
        """Ask the job to stop. The timer's next calls show when it has."""
        job_id = values.get(self.panel.job)
        try:
            job = self._studio.cancel(str(job_id), owner_of(request))
        except NotFound:
            return {self._cancel: result.cancel_button(None)}
        return {
            self.panel.progress: views.progress(job),
            self._cancel: result.cancel_button(job),
        }

    def choose(self, event: gr.EventData, request: gr.Request) -> Updates:
        """Show another of a job's takes, and put its seed into the field."""
        take = self.progress.take(sent(event, "take"), owner_of(request))
        if take is None:
            return {}
        return {**self.panel.show(take), self.form.fields["seed"]: take.recipe.seed}

    def connect(self, demo: gr.Blocks) -> None:
        """Connect the components' events with this tab's methods."""
        panel, seed = self.panel, self.form.fields["seed"]
        self.form.connect(demo, self._model, panel.job)
        followed = (
            {*panel.remembered, self.form.fields["seed_locked"]},
            {*(self._model, self._anyway, seed), *self.begun, *panel.of_take, panel.previewed},
        )
        submitted = {self.form.problem, *self.begun}
        on(self._generate.click, self.submit, self.form.fields.all, submitted)
        on(self._cancel.click, self.cancel, {panel.job}, {panel.progress, self._cancel})
        on(self._anyway.click, self.make_anyway, {panel.job}, self.begun)
        on(panel.timer.tick, self.follow, *followed)
        on(panel.strip.choose, self.choose, None, {*panel.of_take, seed}, how=EACH)
        progress, noted = self.progress, {panel.shown, panel.note}
        on(panel.save_seed.click, progress.toggle_favourite, {panel.shown}, {panel.save_seed})
        on([panel.note.blur, panel.note.submit], progress.write_note, noted, how=EACH)
        shown_again = {*panel.of_take, panel.previewed}
        recalled = on(demo.load, progress.recall, panel.remembered, shown_again)
        on(recalled.then, self.follow, *followed)


def _kept(name: str) -> gr.BrowserState:
    return gr.BrowserState(None, storage_key=f"{KEEP}-{name}", secret=KEEP)
