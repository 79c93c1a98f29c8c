"""A picture in a recipe: the digest of one that is stored, or its file as base64."""

from __future__ import annotations

import base64
import binascii
import re

FORMATS = "PNG, JPEG, WebP, HEIC or AVIF"
"""What is taken, in words."""

ACCEPTED = ("image/png", "image/jpeg", "image/webp", ".heic", ".heif", ".avif")
"""What a browser's file dialogue offers; it knows some kinds by their endings only."""

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_DATA_URI = re.compile(r"data:(?P<kind>[^;,]{0,100})(?P<parameters>(?:;[^;,]{0,100}){0,9}),", re.I)
_BASE64URL, _BLANKS = bytes.maketrans(b"-_", b"+/"), b" \t\r\n\f\v"
_ESCAPED = (
    *(
        (b"%2B", b"+"),
        (b"%2b", b"+"),
        (b"%2F", b"/"),
        (b"%2f", b"/"),
        (b"%3D", b"="),
        (b"%3d", b"="),
    ),
    *((b"%20", b""), (b"%0A", b""), (b"%0a", b""), (b"%0D", b""), (b"%0d", b"")),
)
"""What of base64 an address can't hold as it is, and the blanks within it."""
_MOST_ESCAPED = 3_000_000
"""Escapes in one payload, which take a second to replace: 50 MB of base64 with its line ends."""
_MAGIC = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"RIFF")
_BOXED = b"ftyp"
"""The second four bytes of HEIC and AVIF."""


def is_digest(reference: str) -> bool:
    """Whether a reference names a stored picture (``sha256:…``) instead of carrying one."""
    return _DIGEST.fullmatch(reference) is not None


def decode_reference(reference: str) -> bytes:
    """The bytes of a picture sent as base64 or as a data URI.

    White space, both alphabets of base64, missing padding, and any parameters of a data URI are
    taken; what kind of picture it is, its bytes say.

    Raises:
        ValueError: it is neither, or not a PNG, JPEG, WebP, HEIC or AVIF.
    """
    data = _decode(_payload(reference.strip()))
    if not data.startswith(_MAGIC) and data[4:8] != _BOXED:
        raise ValueError(
            f"is not a {FORMATS} picture. Send the file of one as base64 or as a data URI, not a "
            "path or an address."
        )
    return data


def _payload(reference: str) -> str:
    prefix = _DATA_URI.match(reference)
    if prefix is None:
        return reference
    if prefix["parameters"].lower().rpartition(";")[2] != "base64":
        raise ValueError(
            "is a data URI without base64. Send it as data:image/png;base64,… with the picture's "
            "file in base64."
        )
    return reference[prefix.end() :]


def _decode(payload: str) -> bytes:
    """Takes as much memory as a few copies of the payload, whatever is in it."""
    try:
        text = payload.encode("ascii").translate(_BASE64URL, delete=_BLANKS)
        if b"%" in text:
            if text.count(b"%") > _MOST_ESCAPED:
                raise ValueError
            for escaped, plain in _ESCAPED:
                text = text.replace(escaped, plain)
        text = text.rstrip(b"=")
        return base64.b64decode(text + b"=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise ValueError(
            f"is not valid base64. Send a {FORMATS} picture as base64 or as a data URI "
            "(data:image/png;base64,…), not a path or an address."
        ) from None
