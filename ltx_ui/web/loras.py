"""The field for LoRAs: those in the operator's folder that fit the loaded model."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import gradio as gr

from ltx_ui.loras import read_sent
from ltx_ui.studio.lora_folder import Lora
from ltx_ui.web.language import number, t
from ltx_ui.web.templating import render
from ltx_ui.web.wiring import ABSENT, custom, presence

Chosen = tuple[tuple[str, float], ...]
"""LoRAs in a form: the name of each, maybe with its file's digest, and its strength."""

_MOVES = {
    "dolly-in": "lora.dolly_in",
    "dolly-out": "lora.dolly_out",
    "dolly-left": "lora.dolly_left",
    "dolly-right": "lora.dolly_right",
    "jib-up": "lora.jib_up",
    "jib-down": "lora.jib_down",
    "static": "lora.static",
}
"""What the camera does, as the names of the authors' LoRAs end, as texts of the catalogue."""
_CAMERA = re.compile(f".*camera-control-({'|'.join(_MOVES)})", re.IGNORECASE)
_WORDS = {
    "add": "lora.add",
    "add_word": "lora.add_word",
    "missing": "lora.missing",
    "remove": "lora.remove",
    "strength": "lora.strength",
}
"""What the field's script says, as texts of the catalogue."""


def read_chosen(value: Any) -> Chosen:
    """The LoRAs in what a browser sent, or in a request."""
    given = [_as_object(each) for each in value] if isinstance(value, list | tuple) else value
    return tuple((each.asked["name"], each.strength) for each in read_sent(given))


def as_asked(chosen: Chosen) -> list[dict[str, Any]]:
    """Chosen LoRAs under the API's names."""
    return [{"name": name, "strength": strength} for name, strength in chosen]


def without_digests(chosen: Chosen) -> Chosen:
    """The same by their names alone."""
    return tuple((name.partition("@")[0], strength) for name, strength in chosen)


def in_words(chosen: Chosen) -> str:
    """Chosen LoRAs as the page says them."""
    return ", ".join(f"{name} {number(strength)}" for name, strength in without_digests(chosen))


def camera_move(name: str) -> str | None:
    """What the camera does with one of the authors' LoRAs, in words; None for any other."""
    found = _CAMERA.fullmatch(name)
    return t(_MOVES[found[1].lower()]) if found else None


def camera_loras(usable: Sequence[Lora]) -> list[dict[str, str]]:
    """The LoRAs that move the camera, for the picker of its words."""
    moves = ((lora.name, camera_move(lora.name)) for lora in usable)
    return [{"name": name, "label": move} for name, move in moves if move]


def lay_out_loras(label: str, elem_id: str) -> gr.HTML:
    """Put an empty field on the page, hidden until there is something to choose."""
    return custom(
        *(elem_id, render("loras.html"), "loras.js", []),
        elem_classes=["lora-field", ABSENT],
        called=label,
        offered=[],
        words={name: t(text) for name, text in _WORDS.items()},
    )


def offer_loras(field: gr.HTML, usable: Sequence[Lora], chosen: Chosen) -> dict[str, Any]:
    """An update by which the field offers LoRAs. Without any it is hidden, unless some that are not
    here are chosen."""
    offered = [
        {"name": lora.name, "label": _label(lora.name), "words": list(lora.words)}
        for lora in usable
    ]
    return {**gr.update(offered=offered), **presence(field, bool(usable or chosen))}


def _label(name: str) -> str:
    move = camera_move(name)
    return t("lora.camera", move=move) if move else name


def _as_object(each: Any) -> Any:
    if isinstance(each, Mapping) or not isinstance(each, list | tuple) or len(each) != 2:
        return each
    return {"name": each[0], "strength": each[1]}
