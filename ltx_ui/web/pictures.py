"""The field for a picture, which is dropped, pasted or chosen, and sent as soon as it is there.

The page holds no file and no path: the browser sends the picture to ``POST /inputs``, and the
digest in the answer is the field's value.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import gradio as gr

from ltx_ui.advice import Finding
from ltx_ui.errors import InvalidRecipe
from ltx_ui.inputs import ACCEPTED, CENTRE, is_digest
from ltx_ui.web.language import t
from ltx_ui.web.templating import render
from ltx_ui.web.wiring import custom


def lay_out_picture(name: str, label: str, elem_id: str) -> gr.HTML:
    """Put an empty field on the page. Its event ``changed`` says that a picture came or went.

    Args:
        name: the recipe's field that the picture is for.
        label: what the page calls it.
    """
    return custom(
        *(elem_id, render("picture.html"), "picture.js"),
        elem_classes="picture-field",
        name=name,
        called=label,
        accept=",".join(ACCEPTED),
        words={
            "drag": t("picture.drag"),
            "drop": t("picture.drop"),
            "part": t("picture.part", picture=label),
            "paste": t("picture.paste"),
            "paste_this": t("picture.paste_this", picture=label),
            "remove": t("picture.remove"),
            "remove_message": t("picture.remove_message"),
            "remove_this": t("picture.remove_this", picture=label),
            "sending": t("picture.sending"),
        },
        min_width=140,
    )


def shown_picture(digest: str, focus: Sequence[float] = CENTRE) -> dict[str, Any]:
    """The field's value for a picture that the studio has.

    Args:
        focus: which part of it stays when it is cropped, as in :class:`~ltx_ui.inputs.ImageInput`.
    """
    return {"digest": digest, "note": "", "focus": list(focus)}


def picture_digest(value: Any) -> str | None:
    """The digest in a field's value as a browser sent it; None where there is no picture."""
    digest = value.get("digest") if isinstance(value, Mapping) else None
    return digest if isinstance(digest, str) and is_digest(digest) else None


def picture_focus(value: Any) -> Any:
    """Which part of a picture stays, in a field's value as a browser sent it, unchecked."""
    return value.get("focus") if isinstance(value, Mapping) else None


def too_small(value: Any, name: str, width: int, height: int) -> Finding | None:
    """That a picture has fewer pixels than the clip; None where it has enough or is not known.

    Args:
        value: the field's, as a browser sent it; wrong numbers mislead nobody but its sender.
        name: what the page calls the picture.
    """
    given = value if isinstance(value, Mapping) else {}
    across, down = _side(given.get("width")), _side(given.get("height"))
    if across is None or down is None or (across >= width and down >= height):
        return None
    sizes = {"size": f"{across}x{down}", "clip": f"{width}x{height}"}
    return Finding("small_picture", t("picture.too_small", picture=name, **sizes))


def _side(value: Any) -> int | None:
    return value if type(value) is int and 0 < value < 10**5 else None


def check_refused(value: Any, name: str) -> None:
    """Refuse a recipe whose picture was refused: without the picture it would be another clip.

    Raises:
        InvalidRecipe: the field's value says that its picture was refused.
    """
    if isinstance(value, Mapping) and value.get("problem"):
        raise InvalidRecipe.because(
            name,
            f"{name}: could not be used. Choose another picture, or remove the message to go on "
            "without one.",
        )
