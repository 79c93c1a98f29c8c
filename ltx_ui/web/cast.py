"""For whom ``@name`` stands: the characters of the visitor whose request is being answered.

Like the language (:mod:`ltx_ui.web.language`) it belongs to the request, so that nothing that reads
a prompt has to pass on whose it is. They are read when a prompt first has an @.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextvars import ContextVar
from functools import cache

from starlette.types import ASGIApp, Receive, Scope, Send

from ltx_ui.presets import Presets
from ltx_ui.prompting import NOBODY, compile_prompt
from ltx_ui.recipe import PromptFields

Cast = Mapping[str, str]
"""Words by name."""

_cast: ContextVar[Callable[[], Cast]] = ContextVar("cast", default=lambda: NOBODY)


def model_reads(fields: PromptFields, presets: Presets) -> str:
    """The paragraph of the fields, as :func:`~ltx_ui.prompting.compile_prompt` makes it, with the
    words of the visitor's characters."""
    return compile_prompt(fields, presets, _cast.get()() if "@" in fields.prompt else NOBODY)


class KnowsCast:
    """Lets names stand for the words of the asking owner's characters; an ASGI middleware within
    the one that finds out who asks.

    Args:
        cast: gives the words of an owner's characters.
    """

    def __init__(self, app: ASGIApp, cast: Callable[[str], Cast]) -> None:
        self._app, self._words = app, cast

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        owner = scope.get("state", {}).get("owner")
        if owner is None:
            await self._app(scope, receive, send)
            return
        before = _cast.set(cache(lambda: self._words(owner)))
        try:
            await self._app(scope, receive, send)
        finally:
            _cast.reset(before)
