"""Request bodies: how large they may be, and JSON out of them, without holding anybody up."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from email.message import Message
from typing import Any

from fastapi import HTTPException
from starlette.requests import Request

from ltx_ui.errors import BodyTooLarge, InvalidRecipe
from ltx_ui.settings import Settings

MOST_COMMAS = 50_000
"""In JSON: a recipe has some twenty fields, and two prompts of 4000 characters at most. Python
reads that many values in some 20 ms, and holds up every other thread meanwhile."""

MOST_WAITING_BYTES = 512_000_000
"""In all bodies that are on their way at once."""

JSON = "application/json"


def image_limit(settings: Settings) -> int:
    """Bytes that a picture may have."""
    return int(settings.max_image_mb * 1e6)


def recipe_limit(settings: Settings) -> int:
    """Bytes that a recipe may have: two pictures in base64, and room for the words."""
    return 2 * image_limit(settings) * 4 // 3 + 100_000


async def read_body(request: Request, limit: int) -> bytearray:
    """The request's body, never holding more than ``limit`` bytes of it.

    Raises:
        BodyTooLarge: as soon as that is known.
        HTTPException: 503, too much is on its way at once.
    """
    body = bytearray()
    try:
        _check_size(int(request.headers.get("content-length", "0")), limit)
        async for chunk in request.stream():
            body += chunk
            _waiting.add(len(chunk))
            _check_size(len(body), limit)
    except ValueError:
        raise HTTPException(400, "Content-Length is not a number.") from None
    finally:
        _waiting.remove(len(body))
    return body


async def read_json(request: Request, limit: int) -> Mapping[str, Any]:
    """The request's JSON object.

    Raises:
        BodyTooLarge, HTTPException: as :func:`read_body`.
        HTTPException: 415, a body that is not declared as JSON. Another site's page can send forms
            here behind a visitor's back, but not ``application/json``.
        InvalidRecipe: not a JSON object.
    """
    if media_type(request) != JSON:
        raise HTTPException(415, f"Send JSON with the header Content-Type: {JSON}.")
    body = await read_body(request, limit)
    return await asyncio.to_thread(parse_object, body)


def media_type(request: Request) -> str:
    """``type/subtype`` of the request's body, in lower case; empty for what has no such form, or
    has parameters other than ``charset``."""
    header = Message()
    header["content-type"] = request.headers.get("content-type", "")
    if header.get_content_type() != header["content-type"].partition(";")[0].strip().lower():
        return ""  # It was so malformed that Python put its default there.
    parameters = {name.lower() for name, _ in (header.get_params() or [])[1:]}
    return header.get_content_type() if parameters <= {"charset"} else ""


def parse_object(body: bytes | bytearray) -> Mapping[str, Any]:
    """A JSON object. NaN and infinities, which JSON doesn't have, come as strings.

    Raises:
        InvalidRecipe: it is not one, or has more values than any recipe.
    """
    if body.count(b",") > MOST_COMMAS:
        raise InvalidRecipe.because(
            "body", "body: has far more values than a recipe has fields. /docs names them all."
        )
    try:
        data = json.loads(body, parse_constant=str)
    except (ValueError, RecursionError) as error:
        raise InvalidRecipe.because("body", f"body: is not valid JSON ({error}).") from None
    if not isinstance(data, dict):
        raise InvalidRecipe.because("body", "body: must be a JSON object with the recipe's fields.")
    return data


def _check_size(size: int, limit: int) -> None:
    if size > limit:
        raise BodyTooLarge(f"The request is larger than {limit / 1e6:.1f} MB. Send less at once.")


class _Waiting:
    """Bytes of all bodies that are being read; the event loop alone counts them."""

    def __init__(self) -> None:
        self._bytes = 0

    def add(self, count: int) -> None:
        self._bytes += count
        if self._bytes > MOST_WAITING_BYTES:
            raise HTTPException(
                503, "Too much is being sent at once. Try again.", {"Retry-After": "10"}
            )

    def remove(self, count: int) -> None:
        self._bytes -= count


_waiting = _Waiting()
