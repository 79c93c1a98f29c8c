"""Checks the page's events before Gradio reads them.

Gradio passes on whatever a request holds, and opens files that it names. Here an event is refused
unless it holds plain values of the types that the page's fields send.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from contextvars import ContextVar
from typing import Any, NoReturn

from fastapi import HTTPException
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ltx_ui.errors import QueueFull, StudioError
from ltx_ui.web.bodies import media_type, read_already, read_body

MOST_BYTES = 1_000_000
"""Size of an event at most. A draft and all of the page's fields take some 20 kB."""
MOST_TEXT = 100_000
"""Characters in one value at most; a prompt may have 4000."""
MOST_DEPTH = 8
"""How deep lists and objects may be nested."""
LARGEST = 2**53
"""Up to here every JSON reader reads whole numbers exactly."""

_SESSION = re.compile(r"[A-Za-z0-9_-]{1,64}")
_OF_FILES = frozenset({"path", "url", "meta", "__type__", "is_stream"})
_KINDS: Mapping[str, type | tuple[type, ...]] = {
    "string": (str, int, float),  # Gradio's dropdowns of numbers claim to send strings.
    "number": (int, float),
    "integer": (int, float),
    "boolean": bool,
    "array": list,
    "object": dict,
}


_REFUSALS: ContextVar[list[StudioError] | None] = ContextVar("refusals", default=None)


def note_refusal(error: StudioError) -> None:
    """Tell with which error the event is refused that is being answered."""
    if (noted := _REFUSALS.get()) is not None:
        noted.append(error)


class Events:
    """Reads and checks an event before Gradio does; an ASGI app around Gradio's.

    Gradio answers whatever goes wrong with 500. An event that the studio refuses has the status
    that the API would give, for it is no fault of the studio's.
    """

    def __init__(self, app: ASGIApp, inputs: Mapping[int, Sequence[str]]) -> None:
        self._app = app
        self._inputs = inputs

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "POST":
            await self._app(scope, receive, send)
            return
        request = Request(scope, receive)
        if media_type(request) != "application/json":
            raise HTTPException(415, "Send JSON with the header Content-Type: application/json.")
        body = bytes(await read_body(request, MOST_BYTES))
        check_event(body, self._inputs)
        refusals: list[StudioError] = []

        async def refused(message: Message) -> None:
            if refusals and message["type"] == "http.response.start":
                message = {**message, "status": _status(refusals[0])}
            await send(message)

        token = _REFUSALS.set(refusals)
        try:
            await self._app(scope, read_already(body, receive), refused)
        finally:
            _REFUSALS.reset(token)


def check_event(body: bytes, inputs: Mapping[int, Sequence[str]]) -> None:
    """Check that an event has the form in which the page sends it.

    Args:
        body: JSON.
        inputs: the JSON types of each event's inputs, by the event's number.

    Raises:
        HTTPException: 422 with what is wrong, or 404 for an unknown event.
    """
    try:
        event = json.loads(body, parse_constant=_no_number)
        _check_plain(event, 0)
    except (ValueError, RecursionError):
        _refuse("is not JSON, or holds what the page's fields never send")
    if not isinstance(event, dict):
        _refuse("is not a JSON object")
    number, data = event.get("fn_index"), event.get("data")
    if type(number) is not int or number not in inputs:
        raise HTTPException(404, "There is no such event on this page. Load the page again.")
    session = event.get("session_hash")
    if session is not None and not (isinstance(session, str) and _SESSION.fullmatch(session)):
        _refuse("has no session of the usual form")
    kinds = inputs[number]
    if not isinstance(data, list) or len(data) != len(kinds):
        _refuse(f"needs a list of {len(kinds)} values")
    if not all(map(_is_kind, data, kinds)):
        _refuse("has a value of another kind than its field")


def _status(error: StudioError) -> int:
    # To who waits before the page, a full queue is a limit like the others.
    return 429 if isinstance(error, QueueFull) else error.http_status


def _is_kind(value: Any, kind: str) -> bool:
    if value is None or kind not in _KINDS:
        return True
    if isinstance(value, bool):
        return kind == "boolean"
    return isinstance(value, _KINDS[kind])


def _check_plain(value: Any, depth: int) -> None:
    if depth > MOST_DEPTH:
        raise ValueError("nested too deeply")
    if isinstance(value, dict):
        if not _OF_FILES.isdisjoint(value):
            raise ValueError("a file")
        for each in value.values():
            _check_plain(each, depth + 1)
    elif isinstance(value, list):
        for each in value:
            _check_plain(each, depth + 1)
    elif isinstance(value, str):
        if len(value) > MOST_TEXT:
            raise ValueError("too long a text")
        value.encode()  # Fails for half of a surrogate pair.
    elif isinstance(value, int | float) and abs(value) > LARGEST:
        raise ValueError("too large a number")


def _no_number(word: str) -> NoReturn:
    raise ValueError(f"{word} is no number")


def _refuse(reason: str) -> NoReturn:
    raise HTTPException(422, f"This event {reason}. Load the page again.")
