"""The boxes that an mp4 consists of, read one by one: nothing in the file is trusted."""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator
from typing import Any, BinaryIO

Part = tuple[int, int]
"""Where something begins and ends in a file, in bytes."""

_MOST_BYTES = 1_000_000
"""Bytes that are read at once. The longest text is a recipe of some 200 kB."""
_MOST_BOXES = 1000
"""Boxes in one box that are looked at."""


def everything(file: BinaryIO) -> Part:
    """The whole file."""
    return 0, file.seek(0, io.SEEK_END)


def inside(file: BinaryIO, part: Part, *kinds: bytes) -> Part | None:
    """The content of a box in a box in … a part of an mp4."""
    found: Part | None = part
    for kind in kinds:
        here = boxes(file, *found) if found else ()
        found = next((content for each, content in here if each == kind), None)
    return found


def boxes(file: BinaryIO, start: int, end: int) -> Iterator[tuple[bytes, Part]]:
    """The kind and the content of each box of a part.

    Raises:
        ValueError: one is cut off.
    """
    for _ in range(_MOST_BOXES):
        if start + 8 > end:
            return
        (size, kind), head = unpack(file, start, ">I4s"), 8
        if size == 1:
            (size,), head = unpack(file, start + 8, ">Q"), 16
        after = start + size if size else end
        if not start + head <= after <= end:
            raise ValueError("cut off")
        yield kind, (start + head, after)
        start = after


def unpack(file: BinaryIO, start: int, form: str) -> Any:
    """Numbers that stand in a file, as ``struct`` reads them.

    Raises:
        ValueError: it ends before.
    """
    return struct.unpack(form, read(file, start, start + struct.calcsize(form)))


def read(file: BinaryIO, start: int, end: int) -> bytes:
    """A part's bytes.

    Raises:
        ValueError: the file ends before, or it is longer than what is read at once.
    """
    file.seek(start)
    data = file.read(min(end - start, _MOST_BYTES))
    if len(data) != end - start:
        raise ValueError("cut off, or too long")
    return data
