"""The chips below the prompt: camera, lighting, sound and speech, each with a picker."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import gradio as gr

from ltx_ui.phrases import Phrase
from ltx_ui.recipe import MAX_PROMPT
from ltx_ui.web.language import said, t, within
from ltx_ui.web.templating import as_plain, render
from ltx_ui.web.wiring import custom, presence


def lay_out_helper(
    name: str, label: str, elem_id: str, phrases: Iterable[Phrase], hint: str
) -> gr.HTML:
    """Put a chip on the page. Its value is a text; its event ``change`` comes with another one.

    Args:
        phrases: ready texts; the visitor may write an own one.
        hint: shown where the own one goes.
    """
    return custom(
        *(elem_id, render("helper.html"), "helper.js", ""),
        elem_classes="helper",
        name=name,
        called=label,
        add=t("helper.add", field=within(label)),
        own=t("helper.own"),
        remove=t("picture.remove_this", picture=label),
        hint=hint,
        longest=MAX_PROMPT,
        loras=[],
        phrases=_plain(phrases),
    )


def offer_phrases(chip: gr.HTML, phrases: Iterable[Phrase]) -> Any:
    """An update by which a chip offers other phrases; its text stays. Without any it is hidden:
    the model knows nothing of the kind."""
    offered = _plain(phrases)
    return {**gr.update(phrases=offered), **presence(chip, bool(offered))}


def _plain(phrases: Iterable[Phrase]) -> list[dict[str, str]]:
    return [
        {"name": as_plain(said(phrase.name)), "text": as_plain(phrase.text)} for phrase in phrases
    ]
