"""Which of an owner's takes are meant, and in which order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, get_args

from sqlalchemy import ColumnElement, Integer, and_, cast, func, not_, or_, select, tuple_
from sqlalchemy.orm import Session

from ltx_ui.studio.search import found
from ltx_ui.studio.tables import TagRow, TakeRow
from ltx_ui.studio.takes import PRESENT, Take, seen_by

Order = Literal["newest", "oldest", "longest", "favourites"]
ORDERS: tuple[Order, ...] = get_args(Order)

Place = tuple[float, int]
"""Where in an order a take stands: what it is ordered by, and its number. It names no row, so that
it stays a place when its take is deleted or changed."""

_favourite = cast(TakeRow.favourite, Integer)


@dataclass(frozen=True)
class Made:
    """Settings that takes are made with.

    Attributes:
        settings: models, each with what :attr:`Kind.settings` is of such takes.
        seed: one that is part of the settings.
        with_picture: whether they need a picture.
    """

    settings: frozenset[tuple[str, str]]
    seed: int | None = None
    with_picture: bool = False

    def condition(self) -> ColumnElement[bool]:
        """The condition that the rows meet."""
        made_with = tuple_(TakeRow.model, TakeRow.settings)
        those: list[ColumnElement[bool]] = [made_with.in_(sorted(self.settings))]
        if self.seed is not None:
            those.append(TakeRow.seed == self.seed)
        if self.with_picture:
            those.append(TakeRow.with_picture.is_(True))
        return and_(*those)


@dataclass(frozen=True)
class Sought:
    """What all the takes that are meant have in common; by itself, every take that is no draft.

    Attributes:
        search: words of the prompt or of what the owner wrote, in any order; each may be the
            beginning of one.
        favourites_only: only favourites.
        drafts: only drafts, instead of only the others.
        everybody: all owners' takes, where the studio's owner asks.
        tag: a tag that they have; empty: any or none.
        model: the model's id; empty: any.
        resolution: width and height in pixels.
        with_picture: whether their recipes start from pictures.
        shortest, longest: bounds of the length in seconds; they are longer than the first and at
            most as long as the second.
        since, until: bounds of the moment they were made at, with time zones; the second is not
            among it.
        order: newest, oldest, longest or favourites first. Takes that are equal in it come newest
            first.
        bundles: settings of which they were made with one; none: any.
        otherwise: made with none of the bundles, instead.
    """

    search: str = ""
    favourites_only: bool = False
    drafts: bool = False
    everybody: bool = False
    tag: str = ""
    model: str = ""
    resolution: tuple[int, int] | None = None
    with_picture: bool | None = None
    shortest: float | None = None
    longest: float | None = None
    since: datetime | None = None
    until: datetime | None = None
    order: Order = "newest"
    bundles: tuple[Made, ...] = ()
    otherwise: bool = False

    def conditions(self, owner: str) -> list[ColumnElement[bool]]:
        """The conditions that the owner's rows meet."""
        whose = seen_by(owner) if self.everybody else TakeRow.owner == owner
        those = [whose, TakeRow.draft == self.drafts, PRESENT]
        if self.favourites_only:
            those.append(TakeRow.favourite.is_(True))
        if self.tag:
            tagged = select(TagRow.take).where(TagRow.tag == self.tag)
            those.append(TakeRow.number.in_(tagged))
        if (numbers := found(self.search)) is not None:
            those.append(TakeRow.number.in_(numbers))
        return those + self._of_the_recipe() + self._between()

    def _of_the_recipe(self) -> list[ColumnElement[bool]]:
        those = []
        if self.model:
            those.append(TakeRow.model == self.model)
        if self.bundles:
            one_of_them = or_(*(each.condition() for each in self.bundles))
            those.append(not_(one_of_them) if self.otherwise else one_of_them)
        if self.resolution:
            width, height = self.resolution
            those += [TakeRow.width == width, TakeRow.height == height]
        if self.with_picture is not None:
            those.append(TakeRow.with_picture == self.with_picture)
        return those

    def _between(self) -> list[ColumnElement[bool]]:
        bounds: list[tuple[Any, Any]] = [
            (self.shortest, TakeRow.length.__gt__),
            (self.longest, TakeRow.length.__le__),
            (self.since, TakeRow.created_at.__ge__),
            (self.until, TakeRow.created_at.__lt__),
        ]
        return [meets(bound) for bound, meets in bounds if bound is not None]

    def in_order(self) -> list[ColumnElement[Any]]:
        """What the rows are ordered by."""
        number = TakeRow.number.asc() if self.order == "oldest" else TakeRow.number.desc()
        key = self._key()
        return [number] if key is None else [key.desc(), number]

    def after(self, place: Place) -> ColumnElement[bool]:
        """The condition that rows behind a place in the order meet."""
        value, number = place
        if self.order == "oldest":
            return TakeRow.number > number
        key, behind = self._key(), TakeRow.number < number
        return behind if key is None else or_(key < value, and_(key == value, behind))

    def place(self, take: Take) -> Place:
        """Where in the order a take stands."""
        keys = {"longest": take.recipe.duration, "favourites": int(take.favourite)}
        return keys.get(self.order, 0), take.number

    def _key(self) -> ColumnElement[Any] | None:
        keys: dict[Order, ColumnElement[Any]] = {
            "longest": TakeRow.length.expression,
            "favourites": _favourite,
        }
        return keys.get(self.order)


@dataclass(frozen=True)
class Kind:
    """Takes that are alike in what finding them goes by.

    Attributes:
        settings: of their recipes, as :func:`ltx_ui.studio.takes.settings_of` gives them;
            empty where they can't be read.
        first, last: when the oldest and the newest of them were made.
    """

    model: str
    resolution: tuple[int, int]
    with_picture: bool
    length: float
    settings: str
    first: datetime
    last: datetime


def kinds(session: Session, owner: str) -> Sequence[Kind]:
    """Every kind of which the owner has takes, without drafts."""
    size = (TakeRow.width, TakeRow.height)
    alike = (TakeRow.model, *size, TakeRow.with_picture, TakeRow.length, TakeRow.settings)
    made = (func.min(TakeRow.created_at), func.max(TakeRow.created_at))
    query = select(*alike, *made).where(*Sought().conditions(owner)).group_by(*alike)
    return [
        Kind(model, (width, height), picture, length, settings, first, last)
        for model, width, height, picture, length, settings, first, last in session.execute(query)
    ]
