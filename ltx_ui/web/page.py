"""The page as a whole: its top line, its tabs and its scripts."""

from __future__ import annotations

from dataclasses import dataclass

import gradio as gr

from ltx_ui.presets import Presets
from ltx_ui.settings import Settings
from ltx_ui.studio.studio import Studio
from ltx_ui.texts import LANGUAGES
from ltx_ui.web.board import Board
from ltx_ui.web.compare import Compare
from ltx_ui.web.compat import LightBlocks
from ltx_ui.web.create import Create
from ltx_ui.web.front import TITLE
from ltx_ui.web.gallery import Gallery
from ltx_ui.web.guide import Guide
from ltx_ui.web.language import in_language, t
from ltx_ui.web.opened import Opened
from ltx_ui.web.parts import FIRST, FOLDER, begins, waits
from ltx_ui.web.recipe_form import preset_data
from ltx_ui.web.seeds import Seeds
from ltx_ui.web.shown import KEEP
from ltx_ui.web.templating import render
from ltx_ui.web.views import model_status
from ltx_ui.web.wiring import panel

KEYS = (
    (("Ctrl", "Enter"), "keys.generate"),
    (("Space",), "keys.play"),
    (("←", "→"), "keys.frame"),
    (("F",), "keys.full_screen"),
    (("O",), "keys.open"),
    (("S",), "keys.favourite"),
    (("L",), "keys.lock"),
    (("Esc",), "keys.close"),
    (("←", "→", "↑", "↓"), "keys.wall_move"),
    (("Enter",), "keys.wall_open"),
    (("H",), "keys.wall_favourite"),
    (("X",), "keys.wall_select"),
    (("Del", "Ctrl+Z"), "keys.wall_delete"),
    (("?",), "keys.list"),
)
"""What the keys do, as texts of the catalogue; ``player.js``, ``popovers.js``, ``generate.js`` and
``cards.js`` listen to them."""

WORDS = {
    "back": "script.back",
    "clip_is_done": "script.clip_is_done",
    "clipboard_closed": "script.clipboard_closed",
    "clipboard_empty": "script.clipboard_empty",
    "least": "script.least",
    "leave_empty": "script.leave_empty",
    "left_empty": "script.left_empty",
    "most": "script.most",
    "not_sent": "script.not_sent",
    "offline": "script.offline",
}
"""The texts that the page's scripts say, by the names that they have there."""


@dataclass(frozen=True)
class Page:
    """The page in one language.

    Attributes:
        head: HTML for its head: its scripts.
    """

    blocks: gr.Blocks
    head: str


def pages(studio: Studio, settings: Settings, presets: Presets) -> dict[str, Page]:
    """The page in every language. They have the same events in the same order, so that any of them
    can answer for a page that was loaded in another language."""
    made = {}
    for language in LANGUAGES:
        with in_language(language):
            made[language] = Page(build(studio, settings, presets), head(presets))
    return made


def build(studio: Studio, settings: Settings, presets: Presets) -> gr.Blocks:
    """The whole page, in the language that is spoken."""
    demo = LightBlocks(title=TITLE, analytics_enabled=False, fill_width=True)
    with demo:
        with gr.Row(elem_id="top"):
            panel("brand", render("brand.html", title=TITLE, tagline=t("brand.tagline")))
            model = panel("model-status", model_status(studio.model_status()))
            queue = panel("queue", js="actions.js")
            panel("keys-help", render("keys.html", known=KEYS), "telling.js")
            panel("you", render("you.html"))
        with gr.Tabs(selected="create", elem_id="tabs") as tabs:
            with gr.Tab(t("tab.create"), id="create"):
                create = Create(studio, settings, presets, model, queue)
            with gr.Tab(
                t("tab.gallery"), id="gallery", elem_classes=waits("gallery")
            ) as gallery_tab:
                gallery = Gallery(studio, presets, create, tabs)
            with gr.Tab(t("tab.seeds"), id="seeds", elem_classes=waits("seeds")) as seeds_tab:
                seeds = Seeds(studio, create, tabs)
            with gr.Tab(t("tab.board"), id="board", elem_classes=waits("board")):
                board = Board(studio, settings, presets, create)
            with gr.Tab(t("tab.guide"), id="guide", elem_classes=waits("guide")):
                guide = Guide(presets, create, create.workflows, tabs)
        opened, compare = Opened(studio, presets, create), Compare(studio, presets)
        create.connect(demo)
        seeds.connect(seeds_tab)
        guide.connect()
        gallery.connect(gallery_tab)
        board.connect()
        opened.connect()
        compare.connect()
    return demo


def head(presets: Presets) -> str:
    """HTML with the scripts of what is seen first and the data they use: the presets, what they
    say, and what storage keys begin with."""
    return render(
        "scripts.html",
        keep=f"{KEEP}-",
        presets=preset_data(presets),
        words={name: t(text_id, number="{number}") for name, text_id in WORDS.items()},
        parts={"folder": FOLDER.path, "begins": begins()},
        scripts=FIRST.scripts,
        components=FIRST.components,
    )
