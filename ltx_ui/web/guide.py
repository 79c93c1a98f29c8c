"""The Guide tab: ways of working, what to choose, troubleshooting, and LTX-2's terms."""

from __future__ import annotations

import gradio as gr

from ltx_ui.presets import Presets
from ltx_ui.request import Request
from ltx_ui.web.templating import render


def build_guide(presets: Presets) -> None:
    """Put the tab's content on the page."""
    fps = Request.model_fields["fps"].default
    gr.HTML(render("guide.html", presets=presets, fps=fps), elem_id="guide")
