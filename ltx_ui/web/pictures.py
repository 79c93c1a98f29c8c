"""The field for a picture, which is dropped, pasted or chosen, and sent as soon as it is there.

The page holds no file and no path: the browser sends the picture to ``POST /inputs``, and the
digest in the answer is the field's value.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import gradio as gr

from ltx_ui.errors import InvalidRecipe
from ltx_ui.pictures import ACCEPTED, is_digest
from ltx_ui.web.templating import render
from ltx_ui.web.wiring import script


def lay_out_picture(name: str, label: str, elem_id: str) -> gr.HTML:
    """Put an empty field on the page. Its event ``changed`` says that a picture came or went.

    Args:
        name: the recipe's field that the picture is for.
        label: what the page calls it.
    """
    return gr.HTML(
        None,
        html_template=render("picture.html"),
        js_on_load=script("picture.js"),
        elem_id=elem_id,
        elem_classes="picture-field",
        apply_default_css=False,
        name=name,
        called=label,
        accept=",".join(ACCEPTED),
        min_width=140,
    )


def shown_picture(digest: str, note: str = "") -> dict[str, str]:
    """The field's value for a picture that the studio has."""
    return {"digest": digest, "note": note}


def picture_digest(value: Any) -> str | None:
    """The digest in a field's value as a browser sent it; None where there is no picture."""
    digest = value.get("digest") if isinstance(value, Mapping) else None
    return digest if isinstance(digest, str) and is_digest(digest) else None


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
