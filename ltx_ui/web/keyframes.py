"""The field for keyframes: pictures at other frames than the first and the last one.

It is a button until a picture is asked for; the rows, and what they look like, come then. As in
``pictures.py`` the browser sends a picture as soon as it is chosen.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import gradio as gr

from ltx_ui.errors import InvalidRecipe
from ltx_ui.inputs import ACCEPTED, CENTRE, MOST_PICTURES
from ltx_ui.keyframes import FIELD
from ltx_ui.web.described import read_digest, read_focus, read_number, read_whole
from ltx_ui.web.language import percent, seconds, t
from ltx_ui.web.templating import render
from ltx_ui.web.wiring import custom


@dataclass(frozen=True)
class Keyframe:
    """A row of the field: a picture that the studio has, and where it belongs in the clip."""

    digest: str
    frame: int
    strength: float = 1.0
    focus: tuple[float, float] = CENTRE

    @property
    def asked(self) -> dict[str, Any]:
        """The same as an entry of a request."""
        rest = asdict(self)
        return {"image": rest.pop("digest"), **rest}


def lay_out_keyframes(elem_id: str, length: Mapping[str, Any]) -> gr.HTML:
    """Put an empty field on the page. Its event ``changed`` says that a row has changed.

    Args:
        length: of the clip, as :func:`length_of` tells it.
    """
    template = render("keyframes.html", accept=",".join(ACCEPTED), most=MOST_PICTURES)
    return custom(elem_id, template, "keyframes.js", [], **length)


def length_of(num_frames: int, fps: int) -> dict[str, Any]:
    """What the field has to know of the clip."""
    return {"frames": num_frames, "fps": fps}


def read_rows(value: Any) -> tuple[Keyframe, ...]:
    """The rows with a picture in what a browser sent or has kept, in the order of their frames;
    those that say anything else are left out.

    Raises:
        ValueError: it is no list.
    """
    if not isinstance(value, list | tuple):
        raise ValueError
    rows = map(_row, value[:MOST_PICTURES])
    return tuple(sorted((row for row in rows if row is not None), key=_place))


def rows_asked(entries: Sequence[Mapping[str, Any]]) -> tuple[Keyframe, ...]:
    """The rows for a request's entries whose pictures are stored."""
    return read_rows([{**entry, "digest": entry["image"]} for entry in entries])


def check_sent(value: Any) -> None:
    """Refuse a recipe one of whose pictures was refused: without it, it would be another clip.

    Raises:
        InvalidRecipe: a row in the field's value says that its picture was refused.
    """
    rows = value if isinstance(value, list) else ()
    if any(isinstance(row, Mapping) and row.get("problem") for row in rows):
        raise InvalidRecipe.because(
            FIELD,
            f"{FIELD}: one could not be used. Choose another picture for it, or remove it.",
        )


def where(row: Keyframe, fps: int) -> str:
    """Where a row's picture stands, in words."""
    if row.frame < 0:
        return t("field.last_frame")
    return t("keyframes.at", number=row.frame, time=seconds(row.frame / fps, 2))


def kept(row: Keyframe) -> str:
    """How closely a row's picture is kept, in words."""
    return f"{t('field.image_strength')}: {percent(100 * row.strength)}"


def in_words(rows: Sequence[Keyframe]) -> str:
    """Where pictures stand, and how closely they are kept, in a few words."""
    each = (
        f"{t('keyframes.number', number=row.frame)} ({percent(100 * row.strength)})" for row in rows
    )
    return ", ".join(each) or t("since.none")


def _row(value: Any) -> Keyframe | None:
    given: Mapping[Any, Any] = value if isinstance(value, Mapping) else {}
    try:
        digest, frame = read_digest(given.get("digest")), read_whole(given.get("frame"))
        strength, focus = read_number(given.get("strength", 1.0)), given.get("focus") or CENTRE
        return Keyframe(digest, frame, strength, read_focus(focus)) if digest else None
    except (ValueError, TypeError, OverflowError):
        return None


def _place(row: Keyframe) -> tuple[bool, int]:
    return row.frame < 0, row.frame
