"""The Seeds tab: many cheap clips at once, to choose from; and grids over settings."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import gradio as gr

from ltx_ui.errors import InvalidRecipe, NotFound, StudioError
from ltx_ui.recipe import Recipe
from ltx_ui.studio.jobs import Origin
from ltx_ui.studio.session import Session
from ltx_ui.studio.studio import Studio
from ltx_ui.studio.takes import Take
from ltx_ui.web import views
from ltx_ui.web.access import owner_of
from ltx_ui.web.create import Create
from ltx_ui.web.job_view import take_percents
from ltx_ui.web.language import t
from ltx_ui.web.segments import lay_out_segments
from ltx_ui.web.sheet import (
    AXES,
    CHEAP,
    COUNTS,
    FEW_STEPS,
    Sheet,
    Tile,
    axis_values,
    cheap,
    grid_jobs,
    seed_jobs,
)
from ltx_ui.web.shelf import Shelf, plan_of
from ltx_ui.web.shown import kept
from ltx_ui.web.templating import render
from ltx_ui.web.wiring import EACH, Updates, Values, disclosure, on, panel, sent

_NO_AXIS = "none"
_DEFAULT_COUNT, _DEFAULT_WAY = 8, "steps"


@dataclass(frozen=True)
class _Place:
    """A tile as it is drawn: with its take, or how far that is."""

    tile: Tile
    take: Take | None
    percent: float | None


_Plan = Callable[[Recipe], tuple[int, list[tuple[str, Recipe]]]]
"""Columns (0: as many as there is room for), and a label and a recipe for each job."""


class Seeds:
    """The tab's components and their events."""

    def __init__(self, studio: Studio, create: Create, tabs: gr.Tabs) -> None:
        self._studio, self._create, self._tabs = studio, create, tabs
        self._sheet = kept("sheet")
        self._shelf = Shelf(studio, create, tabs)
        with gr.Row(elem_id="seeds-bar"):
            counts = [{"value": count, "label": str(count)} for count in COUNTS]
            ways = [
                {"value": way, "label": t(name, steps=FEW_STEPS)}
                for way, (name, _) in CHEAP.items()
            ]
            self._count = lay_out_segments(
                "count", t("sheet.how_many"), "seeds-count", _DEFAULT_COUNT, counts
            )
            self._way = lay_out_segments("way", t("sheet.each"), "seeds-way", _DEFAULT_WAY, ways)
            self._draw = gr.Button(t("sheet.draw"), variant="primary", elem_id="seeds", scale=0)
        with disclosure("grid", t("grid.title")):
            axes = [{"value": name, "label": t(label)} for name, label in AXES.items()]
            with gr.Row():
                self._across = lay_out_segments(
                    "across", t("grid.across"), "across", "num_inference_steps", axes
                )
                self._across_values = gr.Textbox("10, 20, 40", label=t("grid.values"), max_lines=1)
                none = [{"value": _NO_AXIS, "label": t("grid.nothing")}]
                self._down = lay_out_segments(
                    "down", t("grid.down"), "down", "guidance_scale", [*none, *axes]
                )
                self._down_values = gr.Textbox("2, 3, 4", label=t("grid.values"), max_lines=1)
                self._make_grid = gr.Button(t("grid.make"), elem_id="make-grid", scale=0)
        self._problem = panel("seeds-problem")
        self._tiles = panel(
            "contact-sheet", render("contact_sheet.html", places=[], columns=0), "sheet.js"
        )
        create.stage.also(self.drawn, {self._sheet}, {self._tiles})
        self._does: Mapping[str, Callable[[Values, gr.EventData, str], Updates]] = {
            "finish": self._finish,
            "heart": self._heart,
            "use_all": self._use_all,
        }

    def drawn(self, values: Values, session: Session, owner: str) -> dict[Any, str]:
        """The sheet's HTML, for the stage's updates."""
        return {self._tiles: self._html(Sheet.read(values.get(self._sheet)), session, owner)}

    def _html(self, sheet: Sheet, session: Session, owner: str) -> str:
        ids = [tile.take for tile in sheet.tiles]
        takes = {take.id: take for take in self._studio.library.those(ids, owner)}
        coming = {id: made for job in session.jobs for id, made in take_percents(job).items()}
        places = [_Place(tile, takes.get(tile.take), coming.get(tile.take)) for tile in sheet.tiles]
        live = any(place.percent is not None and place.take is None for place in places)
        return render("contact_sheet.html", places=places, columns=sheet.columns, live=live)

    def draw(self, values: Values, request: gr.Request) -> Updates:
        """Make drafts of several seeds of the recipe in Create's fields."""
        count, way = values.get(self._count), self._way_in(values)
        count = count if isinstance(count, int) and count in COUNTS else _DEFAULT_COUNT

        def plan(recipe: Recipe) -> tuple[int, list[tuple[str, Recipe]]]:
            return 0, [("", each) for each in seed_jobs(cheap(recipe, way), count)]

        return self._make(values, owner_of(request), plan)

    def try_seeds(self, values: Values, event: gr.EventData, request: gr.Request) -> Updates:
        """Make a draft of each chosen favourite seed of the recipe in Create's fields."""
        owner, way = owner_of(request), self._way_in(values)
        chosen = self._shelf.chosen(event, owner)
        return self._make(values, owner, lambda recipe: (0, plan_of(chosen, cheap(recipe, way))))

    def _way_in(self, values: Values) -> str:
        way = values.get(self._way)
        return way if isinstance(way, str) and way in CHEAP else _DEFAULT_WAY

    def make_grid(self, values: Values, request: gr.Request) -> Updates:
        """Make a clip for each pair of values of two settings."""

        def plan(recipe: Recipe) -> tuple[int, list[tuple[str, Recipe]]]:
            across = _axis(values.get(self._across), values.get(self._across_values))
            down = _axis(values.get(self._down), values.get(self._down_values))
            if across is None:
                raise InvalidRecipe.because("grid", "Choose a setting for across.")
            other = down if down and down[0] != across[0] else None
            return len(across[1]), grid_jobs(recipe, across, other)

        return self._make(values, owner_of(request), plan)

    def _make(self, values: Values, owner: str, plan: _Plan) -> Updates:
        """Queue a sheet: all of it, or nothing where something is wrong."""
        try:
            recipe = self._recipe(values)
            columns, planned = plan(recipe)
            jobs = self._studio.submit_all([each for _, each in planned], owner, draft=True)
        except StudioError as error:
            shown = self._create.stage.show(values, owner)
            return {self._problem: views.problem(error), **shown}
        tiles = [
            Tile(take_id, label or t("take.seed", seed=str(take.seed)))
            for (label, _), job in zip(planned, jobs, strict=True)
            for take_id, take in zip(job.take_ids, job.recipe.takes(), strict=True)
        ]
        # What a grid varies is kept when a clip of it is finished.
        spared = () if columns else ("num_frames", "num_inference_steps")
        full = {name: getattr(recipe, name) for name in spared}
        sheet = Sheet(tuple(tiles), tuple(job.id for job in jobs), columns, full).as_kept()
        shown = self._create.stage.show({**values, self._sheet: sheet}, owner)
        return {self._problem: "", self._sheet: sheet, **shown}

    def _recipe(self, values: Values) -> Recipe:
        recipe, *others = self._create.form.recipes(values)
        if others:
            raise InvalidRecipe.because(
                "prompt",
                "prompt: stands for several. Put one of them into Create, or compare them in a "
                "grid, with Prompt across.",
            )
        return recipe

    def stop(self, values: Values, request: gr.Request) -> Updates:
        """Make no more of the sheet; what is there stays."""
        owner = owner_of(request)
        for job_id in Sheet.read(values.get(self._sheet)).jobs:
            self._cancel(job_id, owner)
        return self._create.stage.show(values, owner)

    def _cancel(self, job_id: str, owner: str) -> None:
        with suppress(NotFound):
            self._studio.cancel(job_id, owner)

    def act(self, values: Values, event: gr.EventData, request: gr.Request) -> Updates:
        """Do what a tile's button says."""
        does = self._does.get(str(sent(event, "do")))
        return does(values, event, owner_of(request)) if does else {}

    def _take(self, event: gr.EventData, owner: str) -> Take:
        return self._studio.library.take(str(sent(event, "take")), owner)

    def _finish(self, values: Values, event: gr.EventData, owner: str) -> Updates:
        sheet, take = Sheet.read(values.get(self._sheet)), self._take(event, owner)
        origin = Origin(take.id, "finished")
        queued = self._create.queue_up([sheet.finished(take.recipe)], values, owner, origin)
        return queued | {self._tabs: gr.Tabs(selected="create")}

    def _heart(self, values: Values, event: gr.EventData, owner: str) -> Updates:
        take = self._take(event, owner)
        self._studio.library.set_favourite(take.id, owner, bool(sent(event, "on")))
        return self._create.stage.show(values, owner) | self._shelf.seeds(owner)

    def _use_all(self, values: Values, event: gr.EventData, owner: str) -> Updates:
        sheet, take = Sheet.read(values.get(self._sheet)), self._take(event, owner)
        shown = self._create.form.filling.reuse_recipe(sheet.finished(take.recipe), values)
        return shown | {self._tabs: gr.Tabs(selected="create")}

    def connect(self, tab: gr.Tab) -> None:
        """Connect the components' events with this tab's methods."""
        stage, form = self._create.stage, self._create.form
        fields, inputs = form.fields.all, {*stage.inputs, self._sheet}
        made = {self._problem, self._sheet, *stage.outputs}
        on(self._draw.click, self.draw, {*fields, *inputs, self._count, self._way}, made)
        grid = {self._across, self._across_values, self._down, self._down_values}
        on(self._make_grid.click, self.make_grid, {*fields, *inputs, *grid}, made)
        on(self._tiles.stop, self.stop, inputs, stage.outputs)
        shelf = self._shelf.part
        on(shelf.try_seeds, self.try_seeds, {*fields, *inputs, self._way}, made)
        outputs = {*stage.outputs, *form.filling.filled, self._tabs, shelf}
        on(self._tiles.act, self.act, {*fields, *inputs}, outputs, how=EACH)
        self._shelf.connect(tab)
        on(tab.select, self._create.follow, stage.inputs, self._create.followed)


def _axis(name: Any, values: Any) -> tuple[str, list[Any]] | None:
    if not isinstance(name, str) or name not in AXES:
        return None
    return name, axis_values(name, str(values or ""))
