"""Reads request bodies up to a limit, and JSON without holding up the server."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from email.message import Message as Headers
from typing import Any, NoReturn, TypeVar

from fastapi import HTTPException
from pydantic import BaseModel, ValidationError
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ltx_ui.errors import BodyTooLarge, FieldProblem, InvalidRecipe
from ltx_ui.settings import Settings
from ltx_ui.untrusted_json import json_object
from ltx_ui.values import mistake

MOST_BYTES = 512_000_000
"""In all bodies at once."""
SMALL_BYTES = 1_000_000
"""A body of up to so many is never given up for another."""

TO_DISK = "/library/import"
"""The path whose bodies are written to the disk as they come. None of them is held in memory."""

JSON = "application/json"

Model = TypeVar("Model", bound=BaseModel)


def image_limit(settings: Settings) -> int:
    """How many bytes a picture may have."""
    return int(settings.max_image_mb * 1e6)


def recipe_limit(settings: Settings) -> int:
    """How many bytes a recipe may have: two pictures and a sound in base64, and its texts."""
    return 3 * image_limit(settings) * 4 // 3 + 100_000


async def read_body(request: Request, limit: int) -> bytearray:
    """The request's body, never holding more than ``limit`` bytes of it.

    Raises:
        BodyTooLarge: the body is larger; it isn't read any further.
        HTTPException: 400, its length is malformed.
    """
    body = bytearray()
    try:
        _check_size(int(request.headers.get("content-length", "0")), limit)
        async for chunk in request.stream():
            body += chunk
            _check_size(len(body), limit)
    except ValueError:
        raise HTTPException(400, "Content-Length is not a number.") from None
    return body


def read_already(body: bytes, receive: Receive) -> Receive:
    """Gives a body that was read to another app, and then what comes after it."""
    whole: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def again() -> Message:
        return whole.pop() if whole else await receive()

    return again


async def read_json(request: Request, limit: int) -> Mapping[str, Any]:
    """The request's JSON object.

    Raises:
        BodyTooLarge, HTTPException: as :func:`read_json_body`.
        InvalidRecipe: the body is no JSON object.
    """
    return await asyncio.to_thread(parse_object, await read_json_body(request, limit))


async def read_json_body(request: Request, limit: int) -> bytearray:
    """The request's body, which is declared as JSON.

    Raises:
        BodyTooLarge, HTTPException: as :func:`read_body`.
        HTTPException: 415, it is not declared so. Pages of other sites can make a visitor's browser
            send forms here, but not ``application/json``.
    """
    if media_type(request) != JSON:
        raise HTTPException(415, f"Send JSON with the header Content-Type: {JSON}.")
    return await read_body(request, limit)


def validated(kind: type[Model], data: Mapping[str, Any]) -> Model:
    """A client's JSON object as a model.

    Raises:
        InvalidRecipe: a field is not known, is missing, or can't have its value.
    """
    try:
        return kind.model_validate(data)
    except ValidationError as error:
        raise InvalidRecipe([_problem(each) for each in error.errors()]) from None


def _problem(error: Mapping[str, Any]) -> FieldProblem:
    field = ".".join(map(str, error["loc"]))
    return FieldProblem(field, f"{field}: {mistake(error)}.")


def media_type(request: Request) -> str:
    """``type/subtype`` of the request's body, in lower case. Empty if the header is malformed or
    has parameters other than ``charset`` and, as browsers say of what they record, ``codecs``."""
    header = Headers()
    header["content-type"] = request.headers.get("content-type", "")
    if header.get_content_type() != header["content-type"].partition(";")[0].strip().lower():
        return ""  # Python puts its own default in a malformed type's place.
    parameters = {name.lower() for name, _ in (header.get_params() or [])[1:]}
    return header.get_content_type() if parameters <= {"charset", "codecs", ""} else ""


def parse_object(body: bytes | bytearray) -> Mapping[str, Any]:
    """The JSON object in a body, as :func:`~ltx_ui.untrusted_json.json_object` reads it.

    Raises:
        InvalidRecipe: it is no JSON object, or has more values than any recipe.
    """
    try:
        return json_object(body)
    except ValueError as error:
        raise InvalidRecipe.because("body", f"body: {error} /docs names every field.") from None


def _check_size(size: int, limit: int) -> None:
    if size > limit:
        most = f"{limit / 1e6:.1f} MB" if limit >= 1e6 else f"{limit / 1e3:.0f} kB"
        raise BodyTooLarge(f"The request is larger than {most}. Send less at once.")


@dataclass(eq=False)
class _Arriving:
    """A request whose body is on its way or in use.

    Attributes:
        bytes: that came so far.
        last: when the latest of them came, on the event loop's clock.
        waiting: runs while more is waited for.
        complete: whether all of it came; it is in use then.
    """

    bytes: int = 0
    last: float = 0.0
    waiting: asyncio.Timeout | None = None
    complete: bool = False


class Bodies:
    """Bounds the memory of all bodies together, until their requests are answered; an ASGI
    middleware. Where there is no more room, the large body that has stood still for longest makes
    some: whoever sends, comes through, and whoever stalls holds nothing for long."""

    def __init__(self, app: ASGIApp, most: int = MOST_BYTES) -> None:
        self._app = app
        self._most = most
        self._open: set[_Arriving] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope.get("path") == TO_DISK:
            await self._app(scope, receive, send)
            return
        body = _Arriving()

        async def counted() -> Message:
            if body.complete:  # What is asked now is whether the client is still there.
                return await receive()
            try:
                async with asyncio.timeout(None) as body.waiting:
                    message = await receive()
            except TimeoutError:
                _no_room()
            finally:
                body.waiting = None
            body.complete = not message.get("more_body", False)
            self._count(body, len(message.get("body", b"")))
            return message

        self._open.add(body)
        try:
            await self._app(scope, counted, send)
        finally:
            self._open.remove(body)

    def _count(self, body: _Arriving, count: int) -> None:
        now = asyncio.get_running_loop().time()
        body.bytes, body.last = body.bytes + count, now
        if not count or sum(each.bytes for each in self._open) <= self._most:
            return
        stalled = [each for each in self._open if each.waiting and each.bytes > SMALL_BYTES]
        if not stalled:
            _no_room()
        longest = min(stalled, key=lambda each: each.last)
        assert longest.waiting is not None
        longest.waiting.reschedule(now)


def _no_room() -> NoReturn:
    raise HTTPException(503, "Too much is being sent at once. Try again.", {"Retry-After": "10"})
