"""Files within JSON: base64, or a data URI."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import WithJsonSchema
from pydantic_core import PydanticCustomError

from ltx_ui.inputs import FORMATS, SOUND_FORMATS, is_digest

_DATA_URI = re.compile(r"data:(?P<kind>[^;,]{0,100})(?P<parameters>(?:;[^;,]{0,100}){0,9}),", re.I)
_BASE64URL, _BLANKS = bytes.maketrans(b"-_", b"+/"), b" \t\r\n\f\v"
_ESCAPED = {b"%2B": b"+", b"%2F": b"/", b"%3D": b"=", b"%20": b"", b"%0A": b"", b"%0D": b""}
"""What of base64 an address can't hold as it is, and the blanks within it."""
_MOST_ESCAPED = 3_000_000
"""Escapes in one payload, which take a second to replace: 50 MB of base64 with its line ends."""


@dataclass(frozen=True)
class Kind:
    """A kind of file that is sent.

    Attributes:
        named: what it is, with its formats, as errors call it: "PNG or JPEG picture".
        media_type: of one of its formats, for the example in errors.
        looks_right: whether a file begins as one of its formats does.
    """

    named: str
    media_type: str
    looks_right: Callable[[bytes], bool]


def _is_picture(data: bytes) -> bool:
    # The last is the second four bytes of HEIC and AVIF.
    return data.startswith((b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"RIFF")) or data[4:8] == b"ftyp"


PICTURE = Kind(f"{FORMATS} picture", "image/png", _is_picture)


def _is_sound(data: bytes) -> bool:
    # MP3 begins with its tags or with eleven bits of ones; a browser records WebM.
    starts = (b"RIFF", b"RF64", b"ID3", b"fLaC", b"OggS", b"\x1aE\xdf\xa3")
    mp3 = data[:1] == b"\xff" and data[1:2] >= b"\xe0"
    return data.startswith(starts) or data[4:8] == b"ftyp" or mp3


SOUND = Kind(f"{SOUND_FORMATS} sound", "audio/mpeg", _is_sound)

SentFile = Annotated[str | bytes, WithJsonSchema({"type": "string"})]
"""The digest of a stored file, or a file's bytes; sent as a text."""


def digest_or_file(value: Any, kind: Kind) -> str | bytes:
    """A digest as it is, and a file sent as base64 or as a data URI as its bytes.

    Raises:
        ValueError: it is a text and neither.
        PydanticCustomError: it is no text.
    """
    if not isinstance(value, str):
        raise PydanticCustomError("file", "is not a file")
    return value if is_digest(value) else decode_file(value, kind)


def decode_file(text: str, kind: Kind) -> bytes:
    """The bytes of a file sent as base64 or as a data URI.

    White space, both alphabets of base64, missing padding, and any parameters of a data URI are
    taken; which format it has, its bytes say.

    Raises:
        ValueError: it is neither, or a file of another kind.
    """
    data = _decode(_payload(text.strip(), kind), kind)
    if not kind.looks_right(data):
        raise ValueError(
            f"is not a {kind.named}. Send the file of one as base64 or as a data URI, not a "
            "path or an address."
        )
    return data


def _payload(text: str, kind: Kind) -> str:
    prefix = _DATA_URI.match(text)
    if prefix is None:
        return text
    if prefix["parameters"].lower().rpartition(";")[2] != "base64":
        raise ValueError(
            f"is a data URI without base64. Send it as data:{kind.media_type};base64,… with the "
            f"file of a {kind.named} in base64."
        )
    return text[prefix.end() :]


def _decode(payload: str, kind: Kind) -> bytes:
    """Takes as much memory as a few copies of the payload, whatever is in it."""
    try:
        text = payload.encode("ascii").translate(_BASE64URL, delete=_BLANKS)
        if b"%" in text:
            if text.count(b"%") > _MOST_ESCAPED:
                raise ValueError
            for escaped, plain in _ESCAPED.items():
                text = text.replace(escaped, plain).replace(escaped.lower(), plain)
        text = text.rstrip(b"=")
        return base64.b64decode(text + b"=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise ValueError(
            f"is not valid base64. Send a {kind.named} as base64 or as a data URI "
            f"(data:{kind.media_type};base64,…), not a path or an address."
        ) from None
