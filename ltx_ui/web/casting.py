"""``@Aiko`` in the prompt: who is offered while it is typed, and what comes with her."""

from __future__ import annotations

from typing import Any

import gradio as gr

from ltx_ui.inputs import CENTRE
from ltx_ui.mentions import LETTER
from ltx_ui.studio.characters import Character
from ltx_ui.web.language import t, within
from ltx_ui.web.templating import render
from ltx_ui.web.wiring import custom


def lay_out_cast() -> gr.HTML:
    """Put the list on the page that offers characters below the prompt. Its event ``bring`` says
    that one was named, ``paused`` that somebody paused after typing into a text field."""
    return custom("cast", render("cast.html"), "typing.js", letter=LETTER)


def brought(character: Character, first: str) -> tuple[dict[str, Any], str]:
    """What a character who was named in the prompt fills in, by the form's fields, and a sentence
    that says so; both empty where nothing is kept with them.

    Args:
        first: who is named first in the prompt. The clip starts from their picture and has their
            seed; of others it has only the words.
    """
    fields: dict[str, Any] = {}
    others = bool(first) and first.casefold() != character.name.casefold()
    if character.images and not others:
        fields |= {"image_start": character.images[0], "image_start_focus": CENTRE}
    if character.seed is not None and not others:
        fields |= {"seed": character.seed, "seed_locked": True}
    what = [
        *([t("character.words")] if character.words else []),
        *([within(t("field.first_frame"))] if "image_start" in fields else []),
        *([within(t("take.seed", seed=str(character.seed)))] if "seed" in fields else []),
    ]
    if not what:
        return {}, ""
    said = t("character.brings", name=character.name, what=", ".join(what))
    if others and (character.images or character.seed is not None):
        said += " " + t("character.stays", name=first)
    return fields, said
