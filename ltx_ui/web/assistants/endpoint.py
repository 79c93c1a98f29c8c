"""``/mcp``: the tools behind the official SDK, as a part of the studio's app.

Each request stands by itself, without a session: whoever sends it is checked as for any other
address, and nobody can speak in a session that another one opened. Answers that take a while are
streams of events, so that progress is told.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI
from mcp.server.mcpserver import Context, MCPServer
from mcp.server.mcpserver.exceptions import ResourceError, ToolError
from mcp.server.transport_security import TransportSecuritySettings
from mcp_types import CallToolResult, InputRequiredResult, ToolAnnotations
from pydantic import ValidationError
from starlette.requests import Request
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from ltx_ui import __version__
from ltx_ui.errors import StudioError
from ltx_ui.presets import Presets
from ltx_ui.settings import Settings
from ltx_ui.studio.studio import Studio
from ltx_ui.values import mistake, shown
from ltx_ui.web.api_v1.events import Watching
from ltx_ui.web.assistants.tools import Tools
from ltx_ui.web.bodies import read_already, read_body

PATH = "/mcp"
MOST_BYTES = 200_000
"""In a request; a prompt has 4000 characters."""

_INSTRUCTIONS = (
    "This studio makes short clips with sound by the model LTX-2. Describe in one paragraph what "
    "is seen and heard: who or what, what it does, where, the camera, the light, the sounds. Try "
    "a seed with the preset fast-preview first, then make it with best-quality and the same seed."
)
_READS = ToolAnnotations(read_only_hint=True, open_world_hint=False)
_ADDS = ToolAnnotations(read_only_hint=False, destructive_hint=False, open_world_hint=False)
_STOPS = ToolAnnotations(
    read_only_hint=False, destructive_hint=True, idempotent_hint=True, open_world_hint=False
)
_MARKS = ToolAnnotations(
    read_only_hint=False, destructive_hint=False, idempotent_hint=True, open_world_hint=False
)


class Assistants(MCPServer[Any]):
    """The server, whose errors are the studio's own sentences."""

    def __init__(
        self, studio: Studio, settings: Settings, presets: Presets, watching: Watching
    ) -> None:
        tools = Tools(studio, settings, presets, watching)
        logging.getLogger("mcp").setLevel(logging.WARNING)  # It tells each request otherwise.
        super().__init__(
            "ltx-2-studio",
            title="LTX-2 Studio",
            version=__version__,
            instructions=_INSTRUCTIONS,
            subscriptions=False,
        )
        offered: tuple[tuple[Callable[..., Any], str, ToolAnnotations], ...] = (
            (tools.generate_clip, "Make a clip", _ADDS),
            (tools.job_status, "How far a clip is", _READS),
            (tools.cancel_job, "Stop a clip", _STOPS),
            (tools.search_takes, "Find clips", _READS),
            (tools.get_take, "Look at a clip", _READS),
            (tools.set_favourite, "Make a clip a favourite", _MARKS),
            (tools.list_presets, "Presets and formats", _READS),
        )
        for tool, title, hints in offered:
            told = " ".join((tool.__doc__ or "").split())
            self.add_tool(tool, title=title, description=told, annotations=hints)
        recipe = self.resource("takes://{take_id}/recipe", mime_type="application/json")
        recipe(tools.recipe)
        self.streamable_http_app(
            streamable_http_path=PATH,
            stateless_http=True,
            # Hosts and origins are checked before, for all addresses alike.
            transport_security=TransportSecuritySettings(enable_dns_rebinding_protection=False),
        )

    def route(self) -> Route:
        """The endpoint, which answers within :meth:`lifespan`."""
        return Route(PATH, _Bounded(self.session_manager.asgi_app), methods=["POST"])

    @asynccontextmanager
    async def lifespan(self, app: FastAPI) -> AsyncIterator[None]:
        """Answer requests for as long as an app runs. Can be entered once."""
        async with self.session_manager.run():
            yield

    async def call_tool(
        self, name: str, arguments: dict[str, Any], context: Context[Any, Any] | None = None
    ) -> CallToolResult | InputRequiredResult:
        """Call a tool.

        Raises:
            ToolError: it can't be done; says why, as the studio does elsewhere.
        """
        try:
            await self._check_names(name, arguments)
            return await super().call_tool(name, arguments, context)
        except ToolError as error:
            match error.__cause__:
                case (StudioError() | ResourceError()) as cause:
                    raise ToolError(str(cause)) from cause
                case ValidationError() as cause:
                    told = [_sentence(each) for each in cause.errors(include_url=False)]
                    raise ToolError(" ".join(told)) from cause
            raise

    async def _check_names(self, name: str, arguments: Mapping[str, Any]) -> None:
        """Refuse arguments that a tool does not have, rather than do something else than asked."""
        known = {tool.name: tool.input_schema["properties"] for tool in await self.list_tools()}
        for strange in arguments.keys() - known.get(name, arguments).keys():
            allowed = ", ".join(known[name]) or "none"
            raise ToolError(f"{shown(strange)} is no argument of {name}. It has: {allowed}.")


class _Bounded:
    """Reads a request's body before the SDK does, whose refusal of a large one is no JSON; an ASGI
    app."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = bytes(await read_body(Request(scope, receive), MOST_BYTES))
        await self._app(scope, read_already(body, receive), send)


def _sentence(error: Mapping[str, Any]) -> str:
    """What is wrong with an argument."""
    return f"{'.'.join(map(str, error['loc']))}: {mistake(error)}."
