"""The Guide tab: ways of working, advice, troubleshooting, and the terms that come with LTX-2."""

from __future__ import annotations

import gradio as gr

from ltx_ui.presets import Presets
from ltx_ui.web.templating import render


def build_guide(presets: Presets) -> None:
    """Put the tab's content on the page."""
    gr.HTML(render("guide.html", presets=presets), elem_id="guide")
