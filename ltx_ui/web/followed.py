"""The field for the film that a clip follows, beside the LoRAs: it is there where one of them is an
IC-LoRA. The browser sends a film as soon as it is chosen, to ``POST /inputs/film``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, get_args

import gradio as gr

from ltx_ui.errors import InvalidRecipe
from ltx_ui.given_films import MOST_SECONDS
from ltx_ui.inputs import CONTROL, ControlKind
from ltx_ui.web.described import one_of, read_digest, read_number
from ltx_ui.web.language import percent, seconds, t
from ltx_ui.web.templating import render
from ltx_ui.web.wiring import custom

_KINDS: Mapping[ControlKind, str] = {"given": "follow.given", "canny": "follow.canny"}
"""What of a film is followed, as texts of the catalogue."""


@dataclass(frozen=True)
class Followed:
    """A film that the studio has, and how the clip follows it.

    Attributes:
        start: seconds into it where the clip begins.
        seconds: how long it is; 0 where that is not known, which makes it no other film.
    """

    digest: str
    kind: ControlKind = "given"
    strength: float = 1.0
    start: float = 0.0
    seconds: float = field(default=0.0, compare=False)

    @property
    def asked(self) -> dict[str, Any]:
        """The same as fields of a request."""
        rest = asdict(self)
        del rest["seconds"]
        return {CONTROL: {"video": rest.pop("digest"), **rest}}


def lay_out_followed(elem_id: str) -> gr.HTML:
    """Put an empty field on the page, hidden until an IC-LoRA is chosen. Its event ``changed`` says
    that it has changed."""
    template = render("followed.html", kinds=_KINDS)
    return custom(elem_id, template, "followed.js", [], elem_classes=["follow-field"], led=False)


def read_followed(value: Any) -> tuple[Followed, ...]:
    """The film in what a browser sent or has kept; nothing where it says anything else.

    Raises:
        ValueError: it is no list, or something in it can't be.
    """
    if not isinstance(value, list | tuple):
        raise ValueError
    given = value[0] if value and isinstance(value[0], Mapping) else {}
    if not (digest := read_digest(given.get("digest"))):
        return ()
    kind = one_of(*get_args(ControlKind))(given.get("kind", "given"))
    strength, start, lasts = (
        read_number(given.get(name, usual))
        for name, usual in (("strength", 1.0), ("start", 0.0), ("seconds", 0.0))
    )
    start = min(max(start, 0.0), MOST_SECONDS)
    return (Followed(digest, kind, min(max(strength, 0.0), 1.0), start, max(lasts, 0.0)),)


def followed_asked(asked: Mapping[str, Any]) -> tuple[Followed, ...]:
    """The film that a request's data names by its digest, if it names one."""
    if (control := asked.get(CONTROL)) is None:
        return ()
    rest = dict(control)
    return (Followed(rest.pop("video"), **rest),)


def check_followed(value: Any) -> None:
    """Refuse a recipe whose film was refused: without it, it would be another clip.

    Raises:
        InvalidRecipe: the field's value says that its film was refused.
    """
    first = value[0] if isinstance(value, list) and value else None
    if isinstance(first, Mapping) and first.get("problem"):
        raise InvalidRecipe.because(
            CONTROL, f"{CONTROL}: could not be used. Choose another film, or remove it."
        )


def in_words(films: tuple[Followed, ...]) -> str:
    """What of a film a clip follows, how closely, and from where on."""
    return ", ".join(
        t(
            "follow.words",
            kind=t(_KINDS[each.kind]),
            strength=percent(100 * each.strength),
            time=seconds(each.start, 2),
        )
        for each in films
    ) or t("since.none")
