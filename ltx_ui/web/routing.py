"""How our own routes are added: each that is read can also be asked with HEAD."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fastapi import APIRouter


def add_get(router: APIRouter, path: str, answer: Callable[..., Any], **options: Any) -> None:
    """A route for GET; HEAD answers the same without the body."""
    router.add_api_route(path, answer, methods=["GET"], **options)
    router.add_api_route(path, answer, methods=["HEAD"], **options | {"include_in_schema": False})


def error_answers(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """What the schema says about answers that are errors."""
    meanings = {
        401: "Name and password are missing or wrong",
        403: "The request comes from another site's page",
        404: "Not here",
        413: "The body is larger than allowed",
        415: "The body's Content-Type is not the one that is read here",
        422: "The recipe can't be made; detail names the field",
        503: "The queue is full, or the model could not be loaded; see Retry-After",
    }
    return {status: {"description": meanings[status]} for status in statuses}
