"""What our mp4s and posters tell of how their clip was made: JSON in their comment, in and out.

Files from anywhere are read here, so nothing but their tags is looked at, box by box. FFmpeg's
libraries would first index all samples: an mp4 of 17 kB that claims sixty million of them takes
2 GB. Pillow would read whatever the file's first directory names, in as many segments as there are.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, BinaryIO

from PIL import ExifTags, Image

from ltx_ui import __version__
from ltx_ui.errors import MediaError
from ltx_ui.media.boxes import Part, everything, inside, read, unpack
from ltx_ui.untrusted_json import json_object

TOOL = f"LTX-2 Studio {__version__}"

_MOST_SEGMENTS = 200
"""Segments before a JPEG's pixels that are looked at."""
_MOST_EXIF = 65_533
"""Bytes that one segment of a JPEG holds."""
_EPOCH = datetime(1904, 1, 1, tzinfo=UTC)
"""What an mp4 counts its seconds from."""
_PIXELS = 0xDA
"""The segment of a JPEG behind which its pixels begin."""
_TELLING = (0xE1, 0xED, 0xFE)
"""Segments of a JPEG that may tell anything: EXIF and XMP, Photoshop's, comments."""
_CODE = 8
"""Bytes before the text of an EXIF comment: the name of its encoding."""


class NoRecipe(MediaError):
    """A file tells no recipe: it is none of ours, is damaged, or was saved without one."""

    http_status = 422


def as_comment(metadata: Mapping[str, Any]) -> str:
    """Metadata as the text of a comment."""
    return json.dumps(metadata, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def as_exif(metadata: Mapping[str, Any]) -> bytes:
    """Metadata as the EXIF block of a JPEG, in its user comment.

    A block has 64 kB. Words beyond that, such as thousands of emoji, leave out first what was typed
    for the recipe, which does nothing to the clip, and then the recipe.
    """
    recipe = {k: v for k, v in dict(metadata.get("recipe") or {}).items() if k != "typed"}
    for told in (metadata, {**metadata, "recipe": recipe}):
        block = _exif(as_comment(told))
        if len(block) <= _MOST_EXIF:
            return block
    return _exif("")


def _exif(comment: str) -> bytes:
    exif = Image.Exif()
    exif[ExifTags.Base.Software] = TOOL
    if comment:
        # Of the encodings that EXIF names, the one with all characters, in the block's byte order.
        text = b"UNICODE\0" + comment.encode("utf-16-be")
        exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.UserComment] = text
    return exif.tobytes()


def name_of(source: Path | BinaryIO) -> str:
    """What a file is called in a sentence."""
    return source.name if isinstance(source, Path) else "This file"


@contextmanager
def opened(source: Path | BinaryIO) -> Iterator[BinaryIO]:
    """A file, to be read from its start.

    Raises:
        NoRecipe: it can't be opened or read.
    """
    if not isinstance(source, Path):
        source.seek(0)
        yield source
        return
    try:
        with source.open("rb") as file:
            yield file
    except OSError as error:
        raise NoRecipe(f"{source.name} can't be read: {error.strerror}.") from None


def read_metadata(source: Path | BinaryIO) -> dict[str, Any]:
    """What was kept in the comment of one of our mp4s or posters, also after an mp4 was copied into
    another one or into a mov. What the values are is not checked.

    Raises:
        NoRecipe: it is neither, is damaged, or tells nothing.
    """
    name = name_of(source)
    with opened(source) as file:
        try:
            comment = _comment(file)
        except _Foreign:
            raise NoRecipe(
                f"{name} is no mp4, no poster of a clip and no recipe as JSON, which are what is "
                "read here. Choose one of these, as it was downloaded."
            ) from None
        except Exception:  # Pillow lets almost anything out of a damaged block.
            raise NoRecipe(
                f"{name} is damaged or incomplete, and holds no recipe that can be read. Copy or "
                "download it again."
            ) from None
    try:
        return json_object(comment or b"")
    except ValueError:
        raise NoRecipe(
            f"{name} holds no recipe: it was not made here, was re-encoded since, or was saved "
            "without one. Choose an mp4 or a poster as it was downloaded, or a recipe as JSON."
        ) from None


def creation_time(source: Path | BinaryIO) -> datetime | None:
    """When an mp4 says that it was made; None where it says nothing, or is no mp4."""
    with opened(source) as file:
        try:
            header = inside(file, everything(file), b"moov", b"mvhd")
            if header is None:
                return None
            wide = read(file, header[0], header[0] + 1) == b"\x01"
            (seconds,) = unpack(file, header[0], ">4xQ" if wide else ">4xI")
            return _EPOCH + timedelta(seconds=seconds) if seconds else None
        except (ValueError, OverflowError):
            return None


class _Foreign(Exception):
    """Neither an mp4 nor a JPEG."""


def _comment(file: BinaryIO) -> bytes | None:
    """The comment's bytes, in whatever encoding; None where there is none."""
    head = file.read(8)
    if head[4:8] in (b"ftyp", b"moov"):
        return _mp4_comment(file)
    if head.startswith(b"\xff\xd8\xff"):
        return _jpeg_comment(file)
    raise _Foreign


def _mp4_comment(file: BinaryIO) -> bytes | None:
    told = inside(file, everything(file), b"moov", b"udta")
    if told is None:
        return None
    if meta := inside(file, told, b"meta"):
        within = meta[0] + 4, meta[1]
        value = inside(file, within, b"ilst", b"\xa9cmt", b"data")
        return value and read(file, value[0] + 8, value[1])
    of_mov = inside(file, told, b"\xa9cmt")
    return of_mov and read(file, of_mov[0] + 4, of_mov[1])


def _jpeg_comment(file: BinaryIO) -> bytes | None:
    for kind, (start, end) in _segments(file):
        if kind == _PIXELS:
            return None
        if kind == 0xE1 and (block := read(file, start + 4, end)).startswith(b"Exif"):
            return _exif_comment(block)
    return None


def without_tags(poster: bytes) -> bytes:
    """A JPEG without EXIF, other tags and comments. The picture is the same, bit for bit.

    Raises:
        MediaError: it is no JPEG, or damaged.
    """
    kept = [poster[:2]]
    with suppress(ValueError):
        for kind, (start, end) in _segments(io.BytesIO(poster)):
            if kind == _PIXELS:
                return b"".join([*kept, poster[start:]])
            if kind not in _TELLING:
                kept.append(poster[start:end])
    raise MediaError("The poster of this clip is damaged.")


def _segments(file: BinaryIO) -> Iterator[tuple[int, Part]]:
    """The kind of each of a JPEG's segments, and where it is with its head.

    Raises:
        ValueError: one is damaged or cut off.
    """
    start = 2
    for _ in range(_MOST_SEGMENTS):
        mark, kind, size = unpack(file, start, ">BBH")
        if mark != 0xFF or size < 2:
            raise ValueError("no segment")
        yield kind, (start, start + 2 + size)
        start += 2 + size


def _exif_comment(block: bytes) -> bytes | None:
    exif = Image.Exif()
    exif.load(block)
    comment = exif.get_ifd(ExifTags.IFD.Exif).get(ExifTags.Base.UserComment)
    return comment[_CODE:] if isinstance(comment, bytes) else None
