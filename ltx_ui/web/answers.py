"""The answers to requests that can't be fulfilled: JSON for programs, a small page for people.

What JSON says depends on the address: each API has errors of its own shape, in English. Elsewhere
the page's scripts ask, so a sentence is in the visitor's language where it is translated.

Nothing here says more than the error's own sentence: no paths, no versions, no traceback.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from http import HTTPStatus

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse, Response
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from ltx_ui.errors import InvalidRecipe, QueueFull, StudioError, TooMuch
from ltx_ui.web.api_v1.problems import problem
from ltx_ui.web.language import said, t
from ltx_ui.web.templating import render
from ltx_ui.web.videos.errors import openai_error

CLIENT_GONE = 499
"""Status for a client that hung up, as in nginx's logs; nobody reads the answer."""

UNEXPECTED = "Something unexpected went wrong here; the log has the details. Try it again."
_NOT_HERE = "There is nothing at this address."
_PHRASES = {status.value: status.phrase for status in HTTPStatus}
_PLAIN = {
    404: _NOT_HERE,
    405: "This address does not take this method.",
    413: "The request is larger than this address takes.",
    500: UNEXPECTED,
}


Shape = Callable[[int, str, Mapping[str, str] | None, Exception | None], Response]
"""Makes an answer of a status, a sentence, headers, and what was raised, if anything was."""

_SHAPES: Mapping[str, Shape] = {"/api/v1": problem, "/v1": openai_error}
"""How errors look below a path; elsewhere they are JSON with ``detail``, or a page."""


def inner_path(request: Request) -> str:
    """A request's path as the routes know it: without the one that a proxy has the studio under."""
    path, root = str(request.scope["path"]), str(request.scope.get("root_path", "")).rstrip("/")
    inside = root and (path == root or path.startswith(f"{root}/"))
    return (path[len(root) :] or "/") if inside else path


def is_navigation(request: Request) -> bool:
    """Whether a person opens this address in a tab; otherwise a program or a script asks."""
    mode = request.headers.get("sec-fetch-mode")
    if mode is not None:
        return mode == "navigate"
    return "text/html" in request.headers.get("accept", "")


def refuse(
    request: Request,
    status: int,
    sentence: str,
    headers: Mapping[str, str] | None = None,
    error: Exception | None = None,
) -> Response:
    """An answer with this status and sentence: a page for a person, else JSON.

    Args:
        error: what was raised, if anything was.
    """
    if shape := _shape(request):
        return shape(status, sentence, headers, error)
    sentence = said(sentence)
    if not is_navigation(request):
        return JSONResponse({"detail": sentence}, status, headers)
    title = _PHRASES.get(status, t("refusal.title"))
    home = "../" * (inner_path(request).count("/") - 1) or "./"
    page = render("refusal.html", title=title, sentence=sentence, home=home)
    return HTMLResponse(page, status, headers)


def _shape(request: Request) -> Shape | None:
    path = inner_path(request)
    below = (shape for start, shape in _SHAPES.items() if f"{path}/".startswith(f"{start}/"))
    return next(below, None)


async def answer_error(request: Request, error: Exception) -> Response:
    """The answer to a :class:`StudioError`: its sentence, or for an invalid recipe the fields that
    have to change."""
    if isinstance(error, InvalidRecipe) and not _shape(request):
        told = [
            {"loc": ["body", p.field], "msg": p.message, "type": "recipe"} for p in error.problems
        ]
        return JSONResponse({"detail": told}, 422)
    status = error.http_status if isinstance(error, StudioError) else 500
    if isinstance(error, QueueFull | TooMuch):
        return refuse(request, status, str(error), {"Retry-After": str(error.retry_after)}, error)
    headers = {"Retry-After": "60"} if status == 503 else None
    return refuse(request, status, str(error), headers, error)


async def _answer_http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    status, told = error.status_code, str(error.detail)
    sentence = _PLAIN.get(status, told) if told == _PHRASES.get(status) else told
    return refuse(request, status, sentence, error.headers, error)


async def _answer_unexpected(request: Request, error: Exception) -> Response:
    return refuse(request, 500, UNEXPECTED, error=error)


async def _answer_gone(request: Request, error: Exception) -> Response:
    return Response(status_code=CLIENT_GONE)


async def _answer_invalid(request: Request, error: Exception) -> Response:
    sentence = "This request does not have the form that /docs describes."
    return refuse(request, 422, sentence, error=error)


def add_error_answers(app: FastAPI) -> None:
    """Make this module answer all of an app's errors."""
    app.add_exception_handler(StudioError, answer_error)
    app.add_exception_handler(HTTPException, _answer_http)
    app.add_exception_handler(RequestValidationError, _answer_invalid)
    app.add_exception_handler(ClientDisconnect, _answer_gone)
    app.add_exception_handler(Exception, _answer_unexpected)
