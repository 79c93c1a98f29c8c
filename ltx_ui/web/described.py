"""What the page knows of a form's fields, and how their values are read."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from gradio.components import Component

from ltx_ui.inputs import is_digest
from ltx_ui.recipe import MAX_PROMPT
from ltx_ui.texts import translate
from ltx_ui.web.language import t

if TYPE_CHECKING:
    from ltx_ui.engine.models import ModelCard
    from ltx_ui.web.form import Form

_LONGEST_TEXT = 5 * MAX_PROMPT
"""Characters of a text that are read: enough for the error that says how many are too many."""

_LARGEST = 1e10
"""Numbers are smaller: a seed is at most 2³²−1."""
SIZE = re.compile(r"(\d{1,5})x(\d{1,5})( hd)?", re.ASCII)

Reader = Callable[[Any], Any]
"""The value in what a browser sent for a field; a ``ValueError`` where there is none in it."""


def read_text(value: Any) -> str:
    """A text, or nothing, cut where it is too long for any field."""
    if value is not None and not isinstance(value, str):
        raise ValueError
    return (value or "")[:_LONGEST_TEXT]


def read_flag(value: Any) -> bool:
    """True or false."""
    if not isinstance(value, bool):
        raise ValueError
    return value


def read_number(value: Any) -> float:
    """A number of a bearable size."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < _LARGEST:
        raise ValueError
    return value


def read_whole(value: Any) -> int:
    """A whole number."""
    if read_number(value) != int(value):
        raise ValueError
    return int(value)


def read_seed(value: Any) -> int | None:
    """A seed, or None where there is none."""
    return None if value is None else read_whole(value)


def read_digest(value: Any) -> str | None:
    """The name of a stored file, or None."""
    if value is not None and not (isinstance(value, str) and is_digest(value)):
        raise ValueError
    return value


def read_focus(value: Any) -> tuple[float, float]:
    """A point of a picture, its sides being 1."""
    x, y = map(read_number, value if isinstance(value, list | tuple) else ())
    if not (0 <= x <= 1 and 0 <= y <= 1):
        raise ValueError
    return x, y


def read_size(value: Any) -> str:
    """A size as ``288x512``, with `` hd`` for a clip in two stages."""
    if not SIZE.fullmatch(read_text(value)):
        raise ValueError
    return str(value)


def one_of(*allowed: Any) -> Callable[[Any], Any]:
    """A reader that takes these values only."""

    def read(value: Any) -> Any:
        return allowed[allowed.index(value)]

    return read


@dataclass(frozen=True)
class Described:
    """What the page knows of a field besides its value.

    Attributes:
        read: the value of what a browser sent; a ``ValueError`` for what is none.
        name: what the page calls it, as a text of the catalogue.
        elem_id: of its component.
        asks: the fields of a request that it answers for, where that is not the one of its name.
        of_preset: whether a preset may set it.
        offered: whether there is such a choice with a model; without, it is hidden and has its
            initial value. None: with every model.
        rare: whether a take is silent about it where it has its initial value.
        fixed: whether a model leaves it without effect; it is shown then, but can't be changed.
            None: no model does.
        fills: the fields of a request that it fills, given the model that is loaded, where that is
            more than the one of its name.
        component: makes its component below "Advanced", in the order of the form's fields;
            ``fields.py`` has the places of the others.
        info: a hint beside that component, as a text of the catalogue.
        choices: texts and values of its segments there, for a field that is one of a few. A text is
            one of the catalogue, or stands for itself.
    """

    read: Reader
    name: str
    elem_id: str
    asks: tuple[str, ...] = ()
    of_preset: bool = False
    offered: Callable[[ModelCard], bool] | None = None
    rare: bool = False
    fixed: Callable[[ModelCard], bool] | None = None
    fills: Callable[[Form, ModelCard | None], Mapping[str, Any]] = lambda form, card: {}
    component: Callable[..., Component] | None = None
    info: str = ""
    choices: tuple[tuple[str, Any], ...] = ()

    @property
    def label(self) -> str:
        """Its name in the language that is spoken."""
        return t(self.name)

    @property
    def english(self) -> str:
        """Its name in errors, which are in English."""
        return translate(self.name)

    @property
    def named(self) -> dict[str, Any]:
        """What its component is made with."""
        return {
            "label": self.label,
            "elem_id": self.elem_id,
            "visible": self.offered is None,
            **({"info": t(self.info)} if self.info else {}),
        }


def kept_field(initial: Any, read: Reader, name: str, elem_id: str, **more: Any) -> Any:
    """A field of the form: its value in an empty one, and its description."""
    described = Described(read, name, elem_id, **more)
    return field(default=initial, metadata={Described: described})
