"""The page as a whole: its top line, its tabs and its scripts."""

from __future__ import annotations

import gradio as gr

from ltx_ui.presets import Presets
from ltx_ui.settings import Settings
from ltx_ui.studio.studio import Studio
from ltx_ui.web.create import KEEP, Create
from ltx_ui.web.front import TAGLINE, TITLE
from ltx_ui.web.gallery import Gallery
from ltx_ui.web.guide import build_guide
from ltx_ui.web.recipe_form import preset_data
from ltx_ui.web.templating import render
from ltx_ui.web.views import model_status


def build(studio: Studio, settings: Settings, presets: Presets) -> gr.Blocks:
    """The whole page."""
    demo = gr.Blocks(title=TITLE, analytics_enabled=False, fill_width=True)
    with demo:
        with gr.Row(elem_id="top"):
            gr.HTML(_brand(settings), elem_id="brand")
            model = gr.HTML(model_status(studio.model_status()), elem_id="model-status")
        with gr.Tabs(selected="create", elem_id="tabs") as tabs:
            with gr.Tab("Create", id="create"):
                create = Create(studio, settings, presets, model)
            with gr.Tab("Gallery", id="gallery") as gallery_tab:
                gallery = Gallery(studio, create, tabs)
            with gr.Tab("Guide", id="guide"):
                build_guide(presets)
        create.connect(demo)
        gallery.connect(gallery_tab)
    return demo


def _brand(settings: Settings) -> str:
    can_sign_out = settings.credentials is not None
    return render("brand.html", title=TITLE, tagline=TAGLINE, can_sign_out=can_sign_out)


def head(presets: Presets) -> str:
    """HTML with the page's scripts and the data they use: the presets, and what storage keys begin
    with."""
    return render("scripts.html", keep=f"{KEEP}-", presets=preset_data(presets))
