"""Ways of working as short guided paths: what to do, what is needed, and the next step."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import gradio as gr

from ltx_ui.guide import Workflow
from ltx_ui.presets import Presets
from ltx_ui.web.language import said, t
from ltx_ui.web.shown import kept
from ltx_ui.web.templating import render
from ltx_ui.web.wiring import EACH, Updates, Values, on, panel, sent

if TYPE_CHECKING:
    from ltx_ui.web.create import Create

_NONE: dict[str, Any] = {}
"""No workflow. Gradio keeps an old value in place of what JavaScript takes for false."""


class Workflows:
    """The panel above the fields that leads through a workflow.

    Attributes:
        at: the workflow and its stage, as the browser keeps them.
    """

    def __init__(self, presets: Presets) -> None:
        self._presets = presets
        self.at = kept("workflow")
        self.panel = panel("workflow", js="actions.js")

    def follow(self, create: Create) -> None:
        """Fill the fields of this tab."""
        self._create = create

    def _read(self, value: Any) -> tuple[Workflow, int] | None:
        given: Mapping[Any, Any] = value if isinstance(value, Mapping) else {}
        index, stage = given.get("index"), given.get("stage")
        workflows = self._presets.workflows
        if type(index) is not int or not 0 <= index < len(workflows):
            return None
        stages = workflows[index].stages
        return (
            (workflows[index], stage) if type(stage) is int and 0 <= stage < len(stages) else None
        )

    def drawn(self, values: Values) -> Updates:
        """The panel's HTML."""
        at = self._read(values.get(self.at))
        if at is None:
            return {self.panel: ""}
        workflow, stage = at
        needs = [name for name in ("image_start",) if name in self._presets.needs(workflow)]
        return {self.panel: render("workflow.html", workflow=workflow, at=stage, needs=needs)}

    def start(self, which: str, values: Values) -> Updates:
        """Begin a workflow, by its number: its first stage's settings in the fields."""
        numbers = {str(number): number for number in range(len(self._presets.workflows))}
        index = numbers.get(which, -1)
        return self._go({"index": index, "stage": 0}, values, None)

    def act(self, values: Values, event: gr.EventData, request: gr.Request) -> Updates:
        """Go on to the next stage, or leave the workflow."""
        at = self._read(values.get(self.at))
        if at is None or sent(event, "do") == "end":
            return {self.at: _NONE, **self.drawn({})}
        workflow, stage = at
        to = min(stage + 1, len(workflow.stages) - 1)
        index = self._presets.workflows.index(workflow)
        take = self._create.stage.shown_take(values, request)
        return self._go({"index": index, "stage": to}, values, take.recipe.seed if take else None)

    def _go(self, to: Mapping[str, int], values: Values, seed: int | None) -> Updates:
        """Put a stage's settings into the fields.

        Args:
            seed: of the clip on the stage; a stage that locks the seed goes on with it.
        """
        at = self._read(to)
        if at is None:
            return {}
        workflow, stage = at
        settings = self._presets.stage_settings(workflow, workflow.stages[stage])
        named = {"workflow": said(workflow.short_name), "stage": said(workflow.stages[stage].name)}
        words = t("workflow.set", **named)
        fill = self._create.form.filling.apply(
            settings, values, words, preset=workflow.preset, seed=seed
        )
        state = {**values, self.at: dict(to)}
        return {self.at: dict(to), **self.drawn(state), **fill}

    @property
    def inputs(self) -> set[Any]:
        """What an event needs to begin a workflow."""
        return {self.at, *self._create.form.fields.all}

    @property
    def outputs(self) -> set[Any]:
        """What beginning or going on updates."""
        return {self.at, self.panel, *self._create.form.filling.filled}

    def connect(self, demo: gr.Blocks) -> None:
        """Connect the panel's events."""
        inputs = {*self.inputs, self._create.stage.shown}
        on(self.panel.act, self.act, inputs, self.outputs, how=EACH)
        on(demo.load, self.drawn, {self.at}, {self.panel})
