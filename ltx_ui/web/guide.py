"""The Guide tab: ways of working, what to choose, troubleshooting, and LTX-2's terms."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import gradio as gr

from ltx_ui.guide import Advised
from ltx_ui.presets import Presets
from ltx_ui.request import Request
from ltx_ui.web.create import Create
from ltx_ui.web.language import said, t
from ltx_ui.web.templating import render
from ltx_ui.web.wiring import EACH, Updates, Values, on, panel, sent
from ltx_ui.web.workflows import Workflows


class Guide:
    """The tab: each line that settings can carry out has a button that does."""

    def __init__(
        self, presets: Presets, create: Create, workflows: Workflows, tabs: gr.Tabs
    ) -> None:
        self._presets, self._create, self._workflows = presets, create, workflows
        self._tabs = tabs
        self._tips = dict(_tips(presets))
        fps = Request.model_fields["fps"].default
        names = {id(tip): name for name, tip in self._tips.items()}
        self._page = panel(
            "guide", render("guide.html", presets=presets, fps=fps, names=names), "guide.js"
        )

    def act(self, values: Values, event: gr.EventData) -> Updates:
        """Apply a line's settings, or begin a workflow."""
        to_create = {self._tabs: gr.Tabs(selected="create")}
        which = str(sent(event, "which"))
        if sent(event, "do") == "start":
            begun = self._workflows.start(which, values)
            return begun | to_create if begun else {}
        tip = self._tips.get(which)
        if tip is None:
            return {}
        return (
            self._create.form.filling.apply(
                tip.apply, values, t("guide.applied", line=said(tip.text))
            )
            | to_create
        )

    def connect(self) -> None:
        """Connect the tab's events."""
        outputs = {*self._workflows.outputs, self._tabs}
        on(self._page.act, self.act, self._workflows.inputs, outputs, how=EACH)


def _tips(presets: Presets) -> Iterable[tuple[str, Advised]]:
    """Every line that settings can carry out, by a name that tells it from the others."""
    parts: Mapping[str, Iterable[Advised]] = {
        "takeaway": presets.takeaways,
        "picture": presets.reference_tips,
        "seed": presets.seed_tips,
        **{f"workflow-{n}": each.steps for n, each in enumerate(presets.workflows)},
        **{f"trouble-{n}": each.cures for n, each in enumerate(presets.troubleshooting)},
    }
    for part, tips in parts.items():
        for number, tip in enumerate(tips):
            if tip.apply:
                yield f"{part}-{number}", tip
