"""What the gallery is to show: as a browser says it, and what it may choose from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import Any, NamedTuple, cast
from urllib.parse import urlencode

from ltx_ui.engine.models import CARDS
from ltx_ui.studio.shelves import MAX_TAG, storable
from ltx_ui.studio.sought import ORDERS, Kind, Made, Order, Sought
from ltx_ui.web import made_with
from ltx_ui.web.language import t
from ltx_ui.web.made_with import OWN

NO_PRESETS: Mapping[str, Made] = {}
NO_NAMES: Mapping[str, str] = {}
LENGTHS: Mapping[str, tuple[float | None, float | None]] = {
    "short": (None, 3.1),
    "medium": (3.1, 6.1),
    "long": (6.1, None),
}
"""Seconds that a clip is longer than, and at most as long as. A clip of three seconds has a frame
more, and so lasts a little longer."""
DAYS = {"today": 0, "week": 6, "month": 29}
"""Whole days before today that a period goes back."""
PICTURES = {"with": True, "without": False}
TEXTS: Mapping[str, Mapping[str, str]] = {
    "tag": {"": "gallery.tag_every"},
    "model": {"": "gallery.model_every"},
    "preset": {"": "gallery.preset_every", OWN: "gallery.preset_own"},
    "format": {"": "gallery.format_every"},
    "picture": {
        "": "gallery.picture_every",
        "with": "gallery.picture_with",
        "without": "gallery.picture_without",
    },
    "length": {
        "": "gallery.length_every",
        "short": "gallery.length_short",
        "medium": "gallery.length_medium",
        "long": "gallery.length_long",
    },
    "when": {
        "": "gallery.when_every",
        "today": "gallery.when_today",
        "week": "gallery.when_week",
        "month": "gallery.when_month",
    },
    "order": {
        "": "gallery.order_every",
        "oldest": "gallery.order_oldest",
        "longest": "gallery.order_longest",
        "favourites": "gallery.order_favourites",
    },
}
"""What the choices of each menu are called; nothing chosen has a name as well."""
MOST_MINUTES = 14 * 60
"""The largest offset of a time zone."""


@dataclass(frozen=True)
class Filter:
    """What a visitor has chosen; each is empty unless they have.

    Attributes:
        preset: a preset's id, or :data:`~ltx_ui.web.made_with.OWN`.
        format: width and height, as ``768x512``.
        picture, length, when, order: one of :data:`PICTURES`, :data:`LENGTHS`, :data:`DAYS` and
            :data:`~ltx_ui.studio.sought.ORDERS`.
        zone: minutes from the visitor's time to UTC.
        asked: how often the visitor has chosen, by which an answer is known to be the last one.
    """

    search: str = ""
    favourites: bool = False
    tag: str = ""
    model: str = ""
    preset: str = ""
    format: str = ""
    picture: str = ""
    length: str = ""
    when: str = ""
    order: str = ""
    zone: int = 0
    asked: int = 0

    @classmethod
    def read(
        cls, value: Any, kinds: Iterable[Kind], made: Mapping[str, Made] = NO_PRESETS
    ) -> Filter:
        """What a browser sent; what can't be meant is left out.

        Args:
            kinds: the takes there are.
            made: the presets, as in :func:`~ltx_ui.web.made_with.made_with`.
        """
        given: Mapping[Any, Any] = value if isinstance(value, Mapping) else {}
        known: Mapping[str, Iterable[str]] = {
            "model": {kind.model for kind in kinds},
            "preset": {*made, OWN},
            "format": {_size(kind.resolution)[0] for kind in kinds},
            "picture": PICTURES,
            "length": LENGTHS,
            "when": DAYS,
            "order": ORDERS,
        }
        search, tag = given.get("search"), given.get("tag")
        zone, asked = given.get("zone"), given.get("asked")
        return cls(
            search=search if isinstance(search, str) else "",
            favourites=given.get("favourites") is True,
            tag=storable(tag)[:MAX_TAG] if isinstance(tag, str) else "",
            zone=zone if type(zone) is int and abs(zone) <= MOST_MINUTES else 0,
            asked=asked if type(asked) is int else 0,
            **{name: _one_of(given.get(name), values) for name, values in known.items()},
        )

    @property
    def chosen(self) -> str:
        """The same text for the same takes in the same order."""
        return urlencode(asdict(replace(self, asked=0)))

    def is_just(self, **choices: Any) -> bool:
        """Whether these are all the choices that decide which takes are meant."""
        return replace(self, order="", zone=0, asked=0) == Filter(**choices)

    def sought(self, now: datetime, made: Mapping[str, Made] = NO_PRESETS) -> Sought:
        """Which takes are meant, with the presets as in :meth:`read`."""
        width, _, height = self.format.partition("x")
        shortest, longest = LENGTHS.get(self.length, (None, None))
        return Sought(
            search=self.search,
            favourites_only=self.favourites,
            tag=self.tag,
            model=self.model,
            resolution=(int(width), int(height)) if self.format else None,
            with_picture=PICTURES.get(self.picture),
            shortest=shortest,
            longest=longest,
            since=_since(self.when, self.zone, now) if self.when else None,
            order=cast(Order, self.order or ORDERS[0]),
            **made_with.chosen(self.preset, made),
        )


class Menu(NamedTuple):
    """A choice in the row of filters.

    Attributes:
        every: what it is called while nothing is chosen.
        options: values with what they are called.
    """

    name: str
    every: str
    options: Sequence[tuple[str, str]]
    chosen: str


def menus(
    chosen: Filter,
    kinds: Sequence[Kind],
    tags: Sequence[tuple[str, int]],
    now: datetime,
    made: Mapping[str, Made] = NO_PRESETS,
    named: Mapping[str, str] = NO_NAMES,
) -> list[Menu]:
    """What can be chosen from, given the takes there are: only what some have and others have not.

    Args:
        tags: each with the number of its takes.
        made: the presets, as in :meth:`Filter.read`.
        named: what they are called.
    """
    lengths = [name for name in LENGTHS if any(_fits(kind.length, name) for kind in kinds)]
    offered = {
        "tag": [(tag, f"{tag} ({count})") for tag, count in tags],
        "model": _apart((model, _title(model)) for model in sorted({kind.model for kind in kinds})),
        "preset": _apart((name, _preset(name, named)) for name in made_with.apart(made, kinds)),
        "format": _apart(map(_size, sorted({kind.resolution for kind in kinds}))),
        "picture": _apart(_named("picture", name) for name in sorted(map(_picture, kinds))),
        "length": _apart(_named("length", name) for name in lengths),
        "when": [_named("when", name) for name in DAYS if _divides(name, chosen.zone, kinds, now)],
        "order": [_named("order", name) for name in ORDERS[1:]] if kinds else [],
    }
    shown = []
    for name, options in offered.items():
        value = getattr(chosen, name)
        if value and value not in dict(options):
            known = t(TEXTS[name][value]) if value in TEXTS[name] else named.get(value, value)
            options.append((value, known))
        if options:
            shown.append(Menu(name, t(TEXTS[name][""]), options, value))
    return shown


def _named(name: str, value: str) -> tuple[str, str]:
    return value, t(TEXTS[name][value])


def _apart(options: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """Each option once; none, where all takes have the same."""
    different = dict(options)
    return list(different.items()) if len(different) > 1 else []


def _fits(length: float, name: str) -> bool:
    shortest, longest = LENGTHS[name]
    return (shortest is None or length > shortest) and (longest is None or length <= longest)


def _divides(when: str, zone: int, kinds: Sequence[Kind], now: datetime) -> bool:
    """Whether some takes were made in a period, and some before."""
    since = _since(when, zone, now)
    return any(kind.last >= since for kind in kinds) and any(kind.first < since for kind in kinds)


def _since(when: str, zone: int, now: datetime) -> datetime:
    """The moment that a period begins: a midnight of the visitor's."""
    offset = timedelta(minutes=zone)
    midnight = (now - offset).replace(hour=0, minute=0, second=0, microsecond=0)
    return midnight - timedelta(days=DAYS[when]) + offset


def _one_of(value: Any, values: Iterable[str]) -> str:
    return value if isinstance(value, str) and value in values else ""


def _size(resolution: tuple[int, int]) -> tuple[str, str]:
    """A format as the address has it, and as the page does."""
    width, height = resolution
    return f"{width}x{height}", f"{width}×{height}"


def _preset(name: str, named: Mapping[str, str]) -> str:
    return t(TEXTS["preset"][OWN]) if name == OWN else named.get(name, name)


def _picture(kind: Kind) -> str:
    return next(
        name for name, with_picture in PICTURES.items() if with_picture == kind.with_picture
    )


def _title(model: str) -> str:
    return CARDS[model].title if model in CARDS else model
