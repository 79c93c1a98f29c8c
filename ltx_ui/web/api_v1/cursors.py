"""Places in a list, as texts that a client gives back for its next page.

A place names no row and gives nobody a right: it is checked for its form, and needs no signature.
"""

from __future__ import annotations

import base64
import binascii
import math
import struct
from datetime import UTC, datetime, timedelta
from typing import NoReturn

from ltx_ui.errors import InvalidParameter
from ltx_ui.studio.sought import ORDERS, Order, Place
from ltx_ui.studio.storyboards import Place as StoryboardPlace

_FORM = struct.Struct(">Bdq")
"""Which list and order, the value that it is ordered by, and the number."""
_JOBS = 0
_STORYBOARDS = 32
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_OF_ORDER = {order: code for code, order in enumerate(ORDERS, 1)}


def cursor_of_takes(order: Order, place: Place) -> str:
    """The cursor for a place among takes."""
    return _written(_OF_ORDER[order], *place)


def place_of_takes(cursor: str, order: Order) -> Place:
    """The place that a cursor of takes tells.

    Raises:
        InvalidParameter: it is none of this order.
    """
    return _read(cursor, _OF_ORDER[order])


def cursor_of_jobs(number: int) -> str:
    """The cursor for a place among jobs."""
    return _written(_JOBS, 0.0, number)


def number_of_job(cursor: str) -> int:
    """The number that a cursor of jobs tells.

    Raises:
        InvalidParameter: it is none.
    """
    return _read(cursor, _JOBS)[1]


def cursor_of_storyboards(place: StoryboardPlace) -> str:
    """The cursor for a place among storyboards."""
    changed_at, number = place
    return _written(_STORYBOARDS, (changed_at - _EPOCH) / _MICROSECOND, number)


def place_of_storyboards(cursor: str) -> StoryboardPlace:
    """The place that a cursor of storyboards tells.

    Raises:
        InvalidParameter: it is none.
    """
    since, number = _read(cursor, _STORYBOARDS)
    try:
        return _EPOCH + since * _MICROSECOND, number
    except OverflowError:
        _refuse()


def _written(code: int, value: float, number: int) -> str:
    return base64.urlsafe_b64encode(_FORM.pack(code, value, number)).decode().rstrip("=")


def _read(cursor: str, code: int) -> Place:
    try:
        data = base64.b64decode(f"{cursor}=", altchars=b"-_", validate=True)
        _, value, number = _FORM.unpack(data)
    except (binascii.Error, ValueError, struct.error):
        _refuse()
    # Written again for this list, it is the same only if it is one of this list.
    if not math.isfinite(value) or _written(code, value, number) != cursor:
        _refuse()
    return value, number


def _refuse() -> NoReturn:
    raise InvalidParameter.because(
        "cursor",
        "cursor: is not one of this list in this order. Take next_cursor of the page before, with "
        "the same filters, or leave it out for the first page.",
    )
