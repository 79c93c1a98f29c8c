"""Takes compared: two to four of them in step, and where their recipes differ."""

from __future__ import annotations

import gradio as gr

from ltx_ui.presets import Presets
from ltx_ui.studio.studio import Studio
from ltx_ui.web.access import owner_of
from ltx_ui.web.language import t
from ltx_ui.web.opened import answered
from ltx_ui.web.recipe_words import differences
from ltx_ui.web.templating import render
from ltx_ui.web.wiring import EACH, Updates, custom, on, sent, texts

LEAST, MOST = 2, 4
"""How many takes may be compared."""


class Compare:
    """The dialog and its event. Nothing of a take is on the page before it is compared."""

    def __init__(self, studio: Studio, presets: Presets) -> None:
        self._studio, self._presets = studio, presets
        self._dialog = custom("compared", render("compare_dialog.html"), "compare.js")

    def show(self, event: gr.EventData, request: gr.Request) -> Updates:
        """The takes side by side; those that are not here, or have lost their file, are left
        out."""
        ids = list(dict.fromkeys(texts(sent(event, "takes"))[:MOST]))
        takes = [
            take for take in self._studio.library.those(ids, owner_of(request)) if not take.missing
        ]
        enough = LEAST <= len(takes) <= MOST
        rows = differences([take.recipe for take in takes], self._presets) if enough else []
        models = {take.model for take in takes}
        html = render(
            "compare.html",
            takes=list(zip("ABCD", takes, strict=False)) if enough else [],
            left_out=len(ids) - len(takes),
            rows=rows,
            model=t("model.title") if len(models) > 1 else None,
        )
        return {self._dialog: {"html": html} | answered(event)}

    def connect(self) -> None:
        """Connect the dialog's event with this class's method."""
        on(self._dialog.ask, self.show, None, {self._dialog}, how=EACH)
