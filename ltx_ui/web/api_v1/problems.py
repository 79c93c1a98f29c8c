"""Errors of the versioned API: problem details, as RFC 9457 has them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from pydantic import BaseModel, Field

from ltx_ui.errors import (
    Cancelled,
    ChangedMeanwhile,
    InvalidParameter,
    InvalidRecipe,
    KeyReused,
    LibraryUnavailable,
    LicenceToAccept,
    ModelUnavailable,
    QueueFull,
    TooMuch,
    WrongMoment,
)
from ltx_ui.values import mistake

MEDIA_TYPE = "application/problem+json"
URN = "urn:ltx-ui:problem:"
"""What the type of every problem begins with."""


class Kind(NamedTuple):
    """A kind of problem: the end of its type, its title, and the status that it comes with."""

    name: str
    title: str
    status: int


KINDS = tuple(
    Kind(*each)
    for each in (
        ("invalid-recipe", "A field of the body can't be used as it is", 422),
        ("invalid-request", "A parameter can't be used as it is", 422),
        ("key-reused", "The Idempotency-Key belongs to another request", 422),
        ("bad-request", "The request is malformed", 400),
        ("sign-in", "Who is asking is not known", 401),
        ("forbidden", "This is not allowed to who is asking", 403),
        ("licence", "The model's licence has to be accepted first", 403),
        ("not-found", "There is nothing here", 404),
        ("method-not-allowed", "The address does not take this method", 405),
        ("wrong-moment", "This can't be done in the present state", 409),
        ("cancelled", "The job was cancelled", 409),
        ("too-large", "The body is larger than allowed", 413),
        ("unsupported-media-type", "The body's Content-Type is not read here", 415),
        ("misdirected", "The studio does not answer to this host name", 421),
        ("too-much", "More was asked for than is allowed at once, or in a day", 429),
        ("too-many-tries", "Too many wrong passwords or tokens came", 429),
        ("queue-full", "As many jobs wait as may", 503),
        ("model-unavailable", "The model can't be used", 503),
        ("library-unavailable", "The database can't be reached", 503),
        ("busy", "Too much is going on at once", 503),
        ("no-room", "Memory or disk ran out", 507),
        ("unexpected", "Something went wrong here", 500),
    )
)
"""All kinds; ``docs/api.md`` explains them."""

_BY_NAME = {kind.name: kind for kind in KINDS}
_BY_ERROR: Mapping[type[Exception], str] = {
    InvalidRecipe: "invalid-recipe",
    InvalidParameter: "invalid-request",
    RequestValidationError: "invalid-request",
    KeyReused: "key-reused",
    WrongMoment: "wrong-moment",
    Cancelled: "cancelled",
    TooMuch: "too-much",
    LicenceToAccept: "licence",
    QueueFull: "queue-full",
    ModelUnavailable: "model-unavailable",
    LibraryUnavailable: "library-unavailable",
}
_BY_STATUS = {429: "too-many-tries", 503: "busy", 409: "wrong-moment", 422: "invalid-request"}


class FieldError(BaseModel):
    """What is wrong with one field, and what is allowed."""

    field: str = Field(description="Its name in the body, or of the parameter.")
    message: str


class Problem(BaseModel):
    """Why a request can't be fulfilled (RFC 9457)."""

    type: str = Field(description=f"{URN} and the kind; see docs/api.md for all of them.")
    title: str = Field(description="The kind in words; always the same for it.")
    status: int = Field(description="The answer's status.")
    detail: str = Field(description="What was wrong, what is allowed, what to do.")
    errors: list[FieldError] | None = Field(
        None, description="The fields that have to change, where it is about fields."
    )
    present: dict[str, Any] | None = Field(
        None, description="A storyboard as it is now, where it is not what was says any more."
    )


def problem(
    status: int,
    sentence: str,
    headers: Mapping[str, str] | None = None,
    error: Exception | None = None,
) -> Response:
    """An answer with a problem.

    Args:
        sentence: what to tell the client.
        error: what was raised, if anything was.
    """
    errors = _fields(error)
    if isinstance(error, RequestValidationError):
        sentence = " ".join(each.message for each in errors or ())
    kind = _kind(status, error)
    told = Problem(
        type=f"{URN}{kind.name}",
        title=kind.title,
        status=status,
        detail=sentence,
        errors=errors,
        present=error.present if isinstance(error, ChangedMeanwhile) else None,
    )
    body = told.model_dump_json(exclude_none=True)
    return Response(body, status, {"Cache-Control": "no-store", **(headers or {})}, MEDIA_TYPE)


def _kind(status: int, error: Exception | None) -> Kind:
    if error is not None and (name := _BY_ERROR.get(type(error))):
        return _BY_NAME[name]
    if name := _BY_STATUS.get(status):
        return _BY_NAME[name]
    return next((kind for kind in KINDS if kind.status == status), _of_class(status))


def _of_class(status: int) -> Kind:
    """The kind for a status that has none of its own."""
    return _BY_NAME["bad-request" if status < 500 else "unexpected"]


def _fields(error: Exception | None) -> list[FieldError] | None:
    if isinstance(error, InvalidRecipe):
        return [FieldError(field=each.field, message=each.message) for each in error.problems]
    if isinstance(error, RequestValidationError):
        return [_field(each) for each in error.errors()[: InvalidRecipe.LIMIT]]
    return None


def _field(error: Mapping[str, Any]) -> FieldError:
    # The first part of the place says whether it is in the path, the query or a header.
    name = ".".join(map(str, error["loc"][1:])) or "body"
    # A half of a surrogate pair, which an address can bring along, is no text.
    name = name[:60].encode(errors="replace").decode()
    return FieldError(field=name, message=f"{name}: {mistake(error)}.")


def problem_answers(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The OpenAPI descriptions of problems with these statuses, and of all others."""
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    described: dict[int | str, dict[str, Any]] = {
        status: {
            "description": "; or: ".join(k.title for k in KINDS if k.status == status),
            "content": content,
        }
        for status in (401, *statuses)
    }
    for status in {429, 503} & described.keys():
        described[status]["headers"] = {
            "Retry-After": {
                "description": "Seconds after which it is worth trying again.",
                "schema": {"type": "integer", "minimum": 0},
            }
        }
    described["default"] = {"description": "Any other problem", "content": content}
    return described
