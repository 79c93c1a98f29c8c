"""The Create tab: the form is a rail, the clips are the stage."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import gradio as gr

from ltx_ui.errors import NotFound, StudioError
from ltx_ui.presets import Presets
from ltx_ui.recipe import MAX_SEED, Recipe
from ltx_ui.settings import Settings
from ltx_ui.studio.jobs import Origin, Queued
from ltx_ui.studio.studio import Studio
from ltx_ui.studio.takes import Take
from ltx_ui.web import views
from ltx_ui.web.access import owner_of
from ltx_ui.web.examples import examples
from ltx_ui.web.language import t
from ltx_ui.web.marks import marked
from ltx_ui.web.recipe_form import RecipeForm
from ltx_ui.web.shown import kept
from ltx_ui.web.stage import Stage
from ltx_ui.web.wiring import EACH, Updates, Values, on, sent
from ltx_ui.web.workflows import Workflows

NEIGHBOURS = 4
"""Takes that Vary makes."""


class Create:
    """The tab.

    Args:
        model: the component that shows the model's status.
        queue: the component that lists the person's jobs.
    """

    def __init__(
        self,
        studio: Studio,
        settings: Settings,
        presets: Presets,
        model: gr.HTML,
        queue: gr.HTML,
    ) -> None:
        self._studio = studio
        self._doctor = {str(name): remedy for name, remedy in presets.doctor.items()}
        self._model = model
        shown = kept("shown")
        with gr.Row(elem_classes="create"):
            with gr.Column(elem_id="recipe", min_width=300):
                self.workflows = Workflows(presets)
                self.form = RecipeForm(studio, settings, presets, kept("draft"), shown)
                with gr.Column(elem_id="actions"):
                    self.form.lay_out_foot()
                    self._generate = gr.Button(
                        t("create.generate"), variant="primary", elem_id="generate"
                    )
            with gr.Column(elem_id="result", min_width=300):
                self.stage = Stage(studio, self.form, shown, model, queue, self._doctor)
        self.stage.also(self.form.filling.drawn_history, set(), {self.form.fields.history})
        self.workflows.follow(self)
        self._does: Mapping[str, Callable[[Values, gr.EventData, str], Updates]] = {
            "adopt": self._adopt,
            "again": self._again,
            "again_job": self._again_job,
            "cancel": self._cancel,
            "choose": self._choose,
            "cure": self._cure,
            "dismiss": self._dismiss,
            "example_clip": self._example_clip,
            "example": self._example,
            "follow": self._follow,
            "full": self._full,
            "heart": self._heart,
            "last_frame": self._last_frame,
            "later": self._later,
            "live": self._live,
            "lock": self._lock,
            "note": self._note,
            "pause": self._pause,
            "pin": self._pin,
            "remove": self._remove,
            "sooner": self._sooner,
            "unpin": self._unpin,
            "use_all": self._use_all,
            "vary": self._vary,
        }

    def submit(self, values: Values, request: gr.Request) -> Updates:
        """Queue the recipe in the fields."""
        owner = owner_of(request)
        try:
            filling = self.form.filling
            recipes, origin = self.form.recipes(values), filling.origin(values)
            queued = self.queue_up(recipes, values, owner, origin) | filling.used(values)
        except StudioError as error:
            return {self.form.problem: views.problem(error), **self.stage.show(values, owner)}
        return {self.form.problem: "", **queued}

    def queue_up(
        self, recipes: Sequence[Recipe], values: Values, owner: str, origin: Origin | None = None
    ) -> Updates:
        """Queue recipes, and give the first one the stage.

        Args:
            origin: the take that they come from.
        """
        self._studio.submit_all(recipes, owner, origin=origin)
        return self._go_live(values, owner)

    def _go_live(self, values: Values, owner: str) -> Updates:
        ended = next(iter(self._studio.session(owner).ended), None)
        told = ended.id if ended else None
        shown = replace(self.stage.shown_in(values), take=None, follow=True, told=told)
        return self.stage.show(values, owner, shown)

    @property
    def followed(self) -> set[Any]:
        """What :meth:`follow` updates."""
        return {*self.stage.outputs, self._generate}

    def follow(self, values: Values, request: gr.Request) -> Updates:
        """Show what has changed; called when something may have, and when somebody comes back to
        the page."""
        failed = self._studio.model_status().state == "failed"
        updates = self.stage.show(values, owner_of(request))
        return {**updates, self._generate: gr.update(interactive=not failed)}

    def act(self, values: Values, event: gr.EventData, request: gr.Request) -> Updates:
        """Do what a button of the stage, the strip or the queue says."""
        does = self._does.get(str(sent(event, "do")))
        return does(values, event, owner_of(request)) if does else {}

    def _take_of(self, event: gr.EventData, owner: str) -> Take:
        return self._studio.library.take(str(sent(event, "take")), owner)

    def _job_of(self, event: gr.EventData) -> str:
        return str(sent(event, "job"))

    def _cancel(self, values: Values, event: gr.EventData, owner: str) -> Updates:
        try:
            self._studio.cancel(self._job_of(event), owner)
        except NotFound:
            gr.Info(t("job.ended_already"))
        return self.stage.show(values, owner)

    def _adopt(self, values: Values, event: gr.EventData, owner: str) -> Updates:
        self._studio.make_with_loaded_model(self._job_of(event), owner)
        return self.stage.show(values, owner)

    def _sooner(self, values: Values, event: gr.EventData, owner: str) -> Updates:
        return self._move(values, event, owner, -1)

    def _later(self, values: Values, event: gr.EventData, owner: str) -> Updates:
        return self._move(values, event, owner, 1)

    def _move(self, values: Values, event: gr.EventData, owner: str, by: int) -> Updates:
        jobs = self._studio.session(owner).jobs
        ids = [job.id for job in jobs if isinstance(job.state, Queued)]
        if (job_id := self._job_of(event)) in ids:
            place = ids.index(job_id)
            others = [*ids[:place], *ids[place + 1 :]]
            to = min(max(place + by, 0), len(others))
            before = others[to] if to < len(others) else None
            self._studio.move(job_id, owner, before)
        return self.stage.show(values, owner)

    def _pause(self, values: Values, event: gr.EventData, owner: str) -> Updates:
        self._studio.pause(owner, sent(event, "on") == "true")
        return self.stage.show(values, owner)

    def _again_job(self, values: Values, event: gr.EventData, owner: str) -> Updates:
        self._studio.again(self._job_of(event), owner)
        return self._go_live(values, owner)

    def _dismiss(self, values: Values, event: gr.EventData, owner: str) -> Updates:
        shown = replace(self.stage.shown_in(values), told=self._job_of(event))
        return self.stage.show(values, owner, shown)

    def _live(self, values: Values, event: gr.EventData, owner: str) -> Updates:
        shown = replace(self.stage.shown_in(values), take=None, follow=True)
        return self.stage.show(values, owner, shown)

    def _choose(self, values: Values, event: gr.EventData, owner: str) -> Updates:
        take = self._take_of(event, owner)
        shown = replace(self.stage.shown_in(values), take=take.id, follow=False)
        return self.stage.show(values, owner, shown)

    def _pin(self, values: Values, event: gr.EventData, owner: str) -> Updates:
        shown = replace(self.stage.shown_in(values), pinned=self._take_of(event, owner).id)
        return self.stage.show(values, owner, shown)

    def _unpin(self, values: Values, event: gr.EventData, owner: str) -> Updates:
        return self.stage.show(values, owner, replace(self.stage.shown_in(values), pinned=None))

    def _heart(self, values: Values, event: gr.EventData, owner: str) -> Updates:
        take = self._take_of(event, owner)
        self._studio.library.set_favourite(take.id, owner, bool(sent(event, "on")))
        return self.stage.show(values, owner)

    def _note(self, values: Values, event: gr.EventData, owner: str) -> Updates:
        self._studio.library.mark(self._take_of(event, owner).id, owner, marked(event, "note"))
        return {}

    def _remove(self, values: Values, event: gr.EventData, owner: str) -> Updates:
        try:
            take = self._take_of(event, owner)
            self._studio.library.delete([take.id], owner)
        except NotFound:
            gr.Info(t("gallery.deleted_already"))
            return self.stage.show(values, owner)
        return self.stage.show(values, owner) | self.form.filling.deleted([take.id])

    def restore(self, values: Values, request: gr.Request) -> Updates:
        """Bring back what was deleted, and give it the stage."""
        owner, filling = owner_of(request), self.form.filling
        take_ids = filling.deleted_before(values)
        self._studio.library.restore(take_ids, owner)
        shown = replace(self.stage.shown_in(values), take=take_ids[0], follow=False)
        return self.stage.show(values, owner, shown) | {filling.done: None}

    def _lock(self, values: Values, event: gr.EventData, owner: str) -> Updates:
        return self.form.filling.reuse_seed(self._take_of(event, owner).recipe.seed)

    def _use_all(self, values: Values, event: gr.EventData, owner: str) -> Updates:
        return self.form.filling.reuse_recipe(self._take_of(event, owner).recipe, values)

    def _example(self, values: Values, event: gr.EventData, owner: str) -> Updates:
        return self.form.filling.choose_example(values, event)

    def _example_clip(self, values: Values, event: gr.EventData, owner: str) -> Updates:
        named = {clip.name: clip.recipe for clip in examples()}
        recipe = named.get(str(sent(event, "name")))
        return self.form.filling.reuse_recipe(recipe, values) if recipe else {}

    def _cure(self, values: Values, event: gr.EventData, owner: str) -> Updates:
        """Put the clip's recipe into the fields, with what may cure a finding."""
        take, name = self._take_of(event, owner), str(sent(event, "name"))
        remedy = self._doctor.get(name)
        if remedy is None or name not in take.findings:
            return {}
        return self.form.filling.cure(take, remedy, values)

    def _last_frame(self, values: Values, event: gr.EventData, owner: str) -> Updates:
        stored = self._studio.last_frame(self._take_of(event, owner).id, owner)
        return self.form.filling.start_from(stored.digest, values)

    def _follow(self, values: Values, event: gr.EventData, owner: str) -> Updates:
        return self.follow_take(self._take_of(event, owner).id, values, owner)

    def follow_take(self, take_id: str, values: Values, owner: str) -> Updates:
        """Let the next clip follow a take's film.

        Raises:
            NotFound, MediaError: as :meth:`Kept.film_of`.
        """
        return self.form.filling.follow(self._studio.film_of(take_id, owner), values, take_id)

    def _again(self, values: Values, event: gr.EventData, owner: str) -> Updates:
        return self.begin_again(str(sent(event, "take")), values, owner)

    def _full(self, values: Values, event: gr.EventData, owner: str) -> Updates:
        return self.finish(self._take_of(event, owner), values, owner)

    def _vary(self, values: Values, event: gr.EventData, owner: str) -> Updates:
        return self.vary(self._take_of(event, owner), values, owner)

    def begin_again(self, take_id: str, values: Values, owner: str) -> Updates:
        """Queue a take's recipe once more."""
        take = self._studio.library.take(take_id, owner)
        return self.queue_up([take.recipe], values, owner, Origin(take.id, "again"))

    def finish(self, take: Take, values: Values, owner: str) -> Updates:
        """Queue a take's recipe at full quality."""
        recipe = self.form.filling.at_full_quality(take.recipe)
        return self.queue_up([recipe], values, owner, Origin(take.id, "finished"))

    def vary(self, take: Take, values: Values, owner: str) -> Updates:
        """Queue takes with the seeds after a take's."""
        seed = (take.recipe.seed + 1) % (MAX_SEED + 1)
        recipe = take.recipe.model_copy(update={"seed": seed, "num_takes": NEIGHBOURS})
        return self.queue_up([recipe], values, owner, Origin(take.id, "variation"))

    def connect(self, demo: gr.Blocks) -> None:
        """Connect the components' events with this tab's methods."""
        stage, form = self.stage, self.form
        form.connect(demo, self._model)
        fields = form.fields.all
        submitted = {form.problem, form.filling.done, *stage.outputs}
        self.workflows.connect(demo)
        asked = {*fields, form.filling.done, *stage.inputs}
        on(self._generate.click, self.submit, asked, submitted, how=EACH)
        changes = {*stage.outputs, *form.filling.filled}
        for acts in (stage.player, stage.take, stage.progress, stage.strip, stage.queue):
            on(acts.act, self.act, {*stage.inputs, *fields}, changes, how=EACH)
        done = form.filling.done
        on(done.restore, self.restore, {done, *stage.inputs}, {done, *stage.outputs}, how=EACH)
        for event in (stage.seen.due, demo.load, stage.seen.woke):
            # One that is never answered must not keep the next from being asked.
            on(event, self.follow, stage.inputs, self.followed, how=EACH)
