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

from ltx_ui.errors import InvalidRecipe, QueueFull
from ltx_ui.values import mistake

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


def openai_error(
    status: int, sentence: str, headers: Mapping[str, str] | None, error: Exception | None
) -> JSONResponse:
    """The answer with a sentence about what went wrong.

    Args:
        status: which it has elsewhere; here it is the one of the clients' exception.
        error: what was raised, if anything was.
    """
    param, code = None, _CODES.get(status)
    match error:
        case InvalidRecipe():
            status, param = 400, error.problems[0].field
            code = "model_not_found" if param == "model" else "invalid_value"
        case RequestValidationError():
            first = error.errors()[0]
            status, code, param = 400, "invalid_value", str(first["loc"][-1])
            sentence = f"{param}: {mistake(first)}."
        case QueueFull():
            status, code = 429, "queue_full"
    fields = ErrorFields(message=sentence, type=_kind(status), param=param, code=code)
    return JSONResponse(ErrorObject(error=fields).model_dump(), status, headers)


def _kind(status: int) -> Kind:
    if status == 429:
        return "rate_limit_error"
    return "server_error" if status >= 500 else "invalid_request_error"
