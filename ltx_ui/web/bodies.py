"""Reads request bodies up to a limit, and JSON without holding up the server."""

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
"""Commas that JSON may have: a recipe has some twenty fields, and two prompts of 4000 characters at
most. Python needs some 20 ms to read that many values, and no other thread runs meanwhile."""

MOST_WAITING_BYTES = 512_000_000
"""Bytes of all the bodies that are being received at the same time."""

JSON = "application/json"


def image_limit(settings: Settings) -> int:
    """How many bytes a picture may have."""
    return int(settings.max_image_mb * 1e6)


def recipe_limit(settings: Settings) -> int:
    """How many bytes a recipe may have: two pictures in base64, and its texts."""
    return 2 * image_limit(settings) * 4 // 3 + 100_000


async def read_body(request: Request, limit: int) -> bytearray:
    """The request's body, never holding more than ``limit`` bytes of it.

    Raises:
        BodyTooLarge: the body is larger; it isn't read any further.
        HTTPException: 400, its length is malformed; 503, too much is being received at once.
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
        HTTPException: 415, the body is not declared as JSON. Pages of other sites can make a
            visitor's browser send forms here, but not ``application/json``.
        InvalidRecipe: the body is no JSON object.
    """
    if media_type(request) != JSON:
        raise HTTPException(415, f"Send JSON with the header Content-Type: {JSON}.")
    body = await read_body(request, limit)
    return await asyncio.to_thread(parse_object, body)


def media_type(request: Request) -> str:
    """``type/subtype`` of the request's body, in lower case. Empty if the header is malformed or
    has parameters other than ``charset``."""
    header = Message()
    header["content-type"] = request.headers.get("content-type", "")
    if header.get_content_type() != header["content-type"].partition(";")[0].strip().lower():
        return ""  # Python puts its own default in a malformed type's place.
    parameters = {name.lower() for name, _ in (header.get_params() or [])[1:]}
    return header.get_content_type() if parameters <= {"charset"} else ""


def parse_object(body: bytes | bytearray) -> Mapping[str, Any]:
    """The JSON object in a body. NaN and infinities, which JSON doesn't have, become strings.

    Raises:
        InvalidRecipe: it is no JSON object, or has more values than any recipe.
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
    """Counts the bytes of all bodies that are being received. For the event loop's thread only."""

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
