"""Errors as OpenAI's clients read them: ``{"error": {message, type, param, code}}``.

The statuses are those for which the clients have exceptions of their own, so that a wrong field is
400 here and a full queue 429.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from starlette.requests import Request

from ltx_ui.errors import InvalidRecipe, QueueFull
from ltx_ui.values import mistake

PREFIX = "/v1/"
"""How the paths begin that are OpenAI's."""

Kind = Literal["invalid_request_error", "rate_limit_error", "server_error"]
_CODES = {
    401: "invalid_api_key",
    403: "permission_denied",
    404: "not_found",
    409: "not_now",
    413: "request_too_large",
    429: "rate_limit_exceeded",
    503: "unavailable",
}


class ErrorFields(BaseModel):
    """What went wrong."""

    message: str = Field(description="A sentence with what is allowed and what to do.")
    type: Kind
    param: str | None = Field(None, description="The field that has to change, if it is one.")
    code: str | None = None


class ErrorObject(BaseModel):
    """An error as OpenAI's clients read it."""

    error: ErrorFields


def speaks_openai(request: Request) -> bool:
    """Whether a request's path is one of OpenAI's."""
    return request.url.path.startswith(PREFIX)


def openai_refusal(
    status: int,
    message: str,
    headers: Mapping[str, str] | None = None,
    *,
    param: str | None = None,
    code: str | None = None,
) -> JSONResponse:
    """An answer with this status and sentence."""
    fields = ErrorFields(
        message=message, type=_kind(status), param=param, code=code or _CODES.get(status)
    )
    return JSONResponse(ErrorObject(error=fields).model_dump(), status, headers)


def openai_error(error: Exception) -> JSONResponse | None:
    """The answer to an error that has another status, or more to tell, than elsewhere; None for all
    others."""
    match error:
        case InvalidRecipe():
            field = error.problems[0].field
            code = "model_not_found" if field == "model" else "invalid_value"
            return openai_refusal(400, str(error), param=field, code=code)
        case QueueFull():
            headers = {"Retry-After": str(error.retry_after)}
            return openai_refusal(429, str(error), headers, code="queue_full")
        case RequestValidationError():
            first = error.errors()[0]
            name = str(first["loc"][-1])
            return openai_refusal(
                400, f"{name}: {mistake(first)}.", param=name, code="invalid_value"
            )
    return None


def _kind(status: int) -> Kind:
    if status == 429:
        return "rate_limit_error"
    return "server_error" if status >= 500 else "invalid_request_error"
