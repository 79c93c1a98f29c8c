"""The page: its tabs and its scripts."""

from __future__ import annotations

import json

import gradio as gr

from ltx_ui.presets import Presets
from ltx_ui.settings import Settings
from ltx_ui.studio.studio import Studio
from ltx_ui.web import fragments
from ltx_ui.web.create import KEEP, Create
from ltx_ui.web.front import TAGLINE, TITLE
from ltx_ui.web.gallery import Gallery
from ltx_ui.web.guide import build_guide
from ltx_ui.web.recipe_form import preset_data
from ltx_ui.web.wiring import script

_BRAND = f"<h1>{TITLE}</h1><p>{TAGLINE}</p>"
_SIGN_OUT = '<form method="post" action="logout"><button class="sign-out">Sign out</button></form>'

_SCRIPTS = (*("keeping.js", "calls.js", "presets.js", "numbers.js", "generate.js", "following.js"),)


def build(studio: Studio, settings: Settings, presets: Presets) -> gr.Blocks:
    """The whole page."""
    demo = gr.Blocks(title=TITLE, analytics_enabled=False, fill_width=True)
    with demo:
        with gr.Row(elem_id="top"):
            gr.HTML(_BRAND + (_SIGN_OUT if settings.credentials else ""), elem_id="brand")
            model = gr.HTML(fragments.model_status(studio.model_status()), elem_id="model-status")
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


def head(presets: Presets) -> str:
    """The page's own scripts, with what they have to know."""
    known = {"KEEP": f"{KEEP}-", "PRESETS": preset_data(presets)}
    constants = [f"const {name} = {_in_script(value)};" for name, value in known.items()]
    return f"<script>{chr(10).join([*constants, *map(script, _SCRIPTS)])}</script>"


def _in_script(value: object) -> str:
    """JSON that can't end the script it stands in."""
    return json.dumps(value).replace("<", "\\u003c")
