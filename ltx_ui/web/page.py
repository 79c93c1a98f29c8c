"""The page: its tabs."""

from __future__ import annotations

import gradio as gr

from ltx_ui.presets import Presets
from ltx_ui.settings import Settings
from ltx_ui.studio.studio import Studio
from ltx_ui.web import fragments
from ltx_ui.web.create import Create, build_create
from ltx_ui.web.gallery import build_gallery
from ltx_ui.web.guide import build_guide

TITLE = "LTX-2 Studio"
_BRAND = f"<h1>{TITLE}</h1><p>Clips with sound, from words.</p>"
_SIGN_OUT = '<form method="post" action="logout"><button class="small">Sign out</button></form>'


def build(studio: Studio, settings: Settings, presets: Presets) -> gr.Blocks:
    """The whole page."""
    demo = gr.Blocks(title=TITLE, analytics_enabled=False, fill_width=True)
    with demo:
        with gr.Row(elem_id="top"):
            gr.HTML(_BRAND + (_SIGN_OUT if settings.credentials else ""), elem_id="brand")
            model = gr.HTML(fragments.model_status(studio.model_status()), elem_id="model-status")
        with gr.Tabs(selected="create", elem_id="tabs") as tabs:
            with gr.Tab("Create", id="create"):
                create = build_create(studio, settings, presets, demo, model)
            with gr.Tab("Gallery", id="gallery") as gallery_tab:
                build_gallery(studio, Create(studio, settings, presets), create, tabs, gallery_tab)
            with gr.Tab("Guide", id="guide"):
                build_guide(presets)
    return demo
