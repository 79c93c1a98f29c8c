"""What the studio's routes have in common: HEAD beside GET, and how errors are described."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel


def add_get(router: APIRouter, path: str, answer: Callable[..., Any], **options: Any) -> None:
    """Add a route for GET, and for HEAD, whose answer has no body."""
    router.add_api_route(path, answer, methods=["GET"], **options)
    router.add_api_route(path, answer, methods=["HEAD"], **options | {"include_in_schema": False})


def error_answers(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The OpenAPI descriptions of error answers with these statuses."""
    meanings = {
        401: "Name and password are missing or wrong",
        403: "Not from another site's page, or only for the owner: see detail",
        404: "Not here",
        409: "Not now: see detail",
        413: "The body is larger than allowed",
        415: "The body's Content-Type is not the one that is read here",
        422: "The recipe can't be made; detail names the field",
        503: "The queue is full, or the model could not be loaded; see Retry-After",
    }
    return {status: {"description": meanings[status]} for status in statuses}


def json_body(kind: type[BaseModel]) -> dict[str, Any]:
    """The OpenAPI description of a body that is a model as JSON, one of those that it names."""
    content = {"application/json": {"schema": {"$ref": f"#/components/schemas/{kind.__name__}"}}}
    return {"requestBody": {"required": True, "content": content}}
