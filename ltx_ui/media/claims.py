"""What an MP4 or MOV from elsewhere claims to have, looked at before FFmpeg opens it.

FFmpeg's libraries index all samples that such a file claims to have, in memory. So all tables of
its index are held to what a file of its length has, wherever in it they stand.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from io import BytesIO
from typing import BinaryIO

from ltx_ui.media.boxes import Part, boxes, everything, read

_OUTER = frozenset({b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide"})
"""The parts that a film may have. None of the others is needed, and some hold further indexes."""
_NESTED = frozenset(
    {b"trak", b"edts", b"mdia", b"minf", b"dinf", b"stbl", b"udta", b"meta", b"ilst"}
)
"""Boxes of its index that hold others."""
_DEEPEST = 8
_COUNTS = {b"stts": 4, b"ctts": 4, b"stsc": 4, b"stss": 4, b"elst": 4, b"stco": 4, b"co64": 4}
_COUNTS |= {b"stsz": 8, b"stz2": 8}
"""How many bytes behind the name of a table its number of entries stands."""
_TABLES = re.compile(b"|".join((*_COUNTS, b"trun", b"cmov")))
_MOST_IN_CHUNKS = 1_000_000
"""The most samples in one chunk, times the chunks."""


class Damaged(Exception):
    """It claims more than such a file has, or is no MP4 or MOV at all."""


def check_claims(file: BinaryIO, most_samples: int) -> None:
    """Hold what an MP4 or MOV claims to have to what such a file has.

    Args:
        most_samples: frames, or packets of sound, of one track.

    Raises:
        Damaged: it claims more, or can't be read.
    """
    try:
        for kind, content in boxes(file, *everything(file)):
            if kind not in _OUTER:
                raise Damaged
            if kind == b"moov":
                _check_index(BytesIO(read(file, *content)), most_samples)
    except ValueError:
        raise Damaged from None


def _check_index(index: BinaryIO, most_samples: int) -> None:
    """Hold all tables to what a film has, also those in boxes that are not known here."""
    per_chunk, chunks = 0, 0
    for leaf in _leaves(index, everything(index), b"moov", 0):
        for found in _TABLES.finditer(leaf):
            kind, at = found.group(), found.end()
            if kind in (b"trun", b"cmov"):
                raise Damaged
            entries = _number(leaf, at + _COUNTS[kind])
            samples = entries
            if kind in (b"stts", b"ctts"):
                samples = sum(_numbers(leaf, at + 8, entries, 8))
            elif kind == b"stsc":
                per_chunk = max(per_chunk, *_numbers(leaf, at + 12, entries, 12))
            elif kind in (b"stco", b"co64"):
                chunks = max(chunks, entries)
            if max(entries, samples) > most_samples or per_chunk * chunks > _MOST_IN_CHUNKS:
                raise Damaged


def _leaves(file: BinaryIO, part: Part, kind: bytes, depth: int) -> Iterator[bytes]:
    """The boxes that hold no others, each with its name before its content; without texts."""
    start, end = part
    if depth > _DEEPEST:
        raise Damaged
    if kind == b"meta" and read(file, start, min(end, start + 8))[4:] != b"hdlr":
        start += 4  # Not so in QuickTime's.
    for inner, content in boxes(file, start, end):
        if inner in _NESTED:
            yield from _leaves(file, content, inner, depth + 1)
        elif not (kind in (b"udta", b"ilst") and inner.startswith(b"\xa9")):
            yield inner + read(file, *content)


def _numbers(data: bytes, at: int, count: int, apart: int) -> Iterator[int]:
    yield 0
    most = max(0, (len(data) - at) // apart + 1)
    yield from (_number(data, at + apart * each) for each in range(min(count, most)))


def _number(data: bytes, at: int) -> int:
    return int.from_bytes(data[at : at + 4], "big")
