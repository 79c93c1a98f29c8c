"""Whether a file from elsewhere is a clip or a poster as this program writes them.

FFmpeg's libraries index all samples that an mp4 claims to have, in memory. So the boxes are looked
at first: only those that our own files have may be there, with no more samples than a clip has.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO

import av
from PIL import Image

from ltx_ui.errors import MediaError
from ltx_ui.media.boxes import Part, boxes, everything, read, unpack
from ltx_ui.recipe import Recipe

_MOST_INDEX = 2_000_000
"""Bytes of an mp4's index, in which the recipe stands too."""
_MOST_BOXES = 60
"""Boxes in one box."""
_MOST_SOUND = 4000
"""Packets of sound; eleven seconds at 96 kHz are 1000."""
_MOST_CUTS = 8
"""Entries of an edit list, of which ours has one."""
_PARTS: Mapping[bytes, frozenset[bytes]] = {
    b"": frozenset({b"ftyp", b"moov", b"free", b"mdat"}),
    b"moov": frozenset({b"mvhd", b"trak", b"udta"}),
    b"trak": frozenset({b"tkhd", b"edts", b"mdia"}),
    b"edts": frozenset({b"elst"}),
    b"mdia": frozenset({b"mdhd", b"hdlr", b"minf"}),
    b"minf": frozenset({b"vmhd", b"smhd", b"dinf", b"stbl"}),
    b"dinf": frozenset({b"dref"}),
    b"stbl": frozenset(
        {b"stsd", b"stts", b"stss", b"ctts", b"stsc", b"stsz", b"stco", b"co64", b"sgpd", b"sbgp"}
    ),
    b"udta": frozenset({b"meta"}),
}
"""The boxes that our mp4s have, by the box that they are in."""
_RUNS = (b"stts", b"ctts")
"""Tables of runs, which say for how many samples each of them holds."""


class NotOurs(MediaError):
    """A file is no clip or poster that this program wrote, or it is damaged."""

    http_status = 422


def check_clip(path: Path, recipe: Recipe) -> None:
    """See that a file is the mp4 of a recipe's clip, of which the first frame can be shown.

    Raises:
        NotOurs: it is not.
    """
    try:
        with path.open("rb") as file:
            _check_boxes(file, everything(file), b"", recipe)
        _check_picture(path, recipe)
    except NotOurs:
        raise
    except (av.FFmpegError, OSError, ValueError, ArithmeticError, MemoryError) as error:
        raise NotOurs(f"its film is damaged ({_brief(error)})") from None


def check_poster(path: Path, recipe: Recipe) -> None:
    """See that a file is the poster of a recipe's clip.

    Raises:
        NotOurs: it is not.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(path, formats=("JPEG",)) as picture:
                if picture.size != (recipe.width, recipe.height):
                    raise NotOurs("its poster has another size than the clip")
                picture.load()
    except NotOurs:
        raise
    except Exception as error:  # Pillow lets almost anything out of a damaged file.
        raise NotOurs(f"its poster is damaged ({_brief(error)})") from None


def _check_boxes(file: BinaryIO, part: Part, kind: bytes, recipe: Recipe) -> None:
    for count, (inner, content) in enumerate(boxes(file, *part)):
        if count == _MOST_BOXES:
            raise NotOurs("its film has more parts than any of our clips has")
        if inner not in _PARTS[kind]:
            raise NotOurs(f"its film has a part {inner!r}, which none of our clips has")
        if inner == b"moov" and content[1] - content[0] > _MOST_INDEX:
            raise NotOurs("its film's index is larger than any clip's")
        if inner in _PARTS:
            _check_boxes(file, content, inner, recipe)
        elif kind == b"stbl" or inner == b"elst":
            _check_table(file, content, inner, recipe)


def _check_table(file: BinaryIO, part: Part, kind: bytes, recipe: Recipe) -> None:
    start, end = part
    count = 0
    if kind == b"stsz":
        count = unpack(file, start + 8, ">I")[0]
    elif kind == b"elst":
        count = unpack(file, start + 4, ">I")[0] * (_MOST_SOUND // _MOST_CUTS)
    elif kind in _RUNS:
        runs = unpack(file, start + 4, ">I")[0]
        table = read(file, start + 8, end)
        lengths = (table[at : at + 4] for at in range(0, min(len(table), 8 * runs), 8))
        count = sum(int.from_bytes(each, "big") for each in lengths)
    if count > max(_MOST_SOUND, recipe.film_frames):
        raise NotOurs("its film claims more frames or sound than a clip has")


def _check_picture(path: Path, recipe: Recipe) -> None:
    with av.open(str(path), format="mp4") as film:
        if len(film.streams.video) != 1 or len(film.streams.audio) > 1:
            raise NotOurs("its film has other tracks than a clip")
        stream = film.streams.video[0]
        size = stream.codec_context.width, stream.codec_context.height
        if stream.codec_context.name != "h264" or size != (recipe.width, recipe.height):
            raise NotOurs("its film has another size or kind than its recipe's clip")
        if stream.frames != (frames := recipe.film_frames):
            raise NotOurs(f"its film has {stream.frames} frames and its recipe {frames}")
        frame = next(film.decode(stream), None)
        if frame is None or (frame.width, frame.height) != size:
            raise NotOurs("its film has no frame that can be shown")


def _brief(error: Exception) -> str:
    return " ".join(str(error).split())[:100] or type(error).__name__
