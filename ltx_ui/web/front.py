"""The page's HTML as it leaves: with its own icon and its own words for who shares its address."""

from __future__ import annotations

import re

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ltx_ui.web.templating import render

TITLE = "LTX-2 Studio"
TAGLINE = "Clips with sound, from words."

_GRADIOS = re.compile(
    rb'<meta\s+(?:property="og:|name="twitter:)[^>]*>|<link\s+rel="manifest"[^>]*>'
)
"""What a chat or a phone would show of Gradio in the studio's place, pictures from other machines
among it. The manifest's address is wrong below a path."""


class Front:
    """Puts the page's own head in; an ASGI app around Gradio's.

    Gradio adds its ``head=`` by script, when the page has loaded: too late for the icon, and for
    who reads the page without running it.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] != "/" or scope["method"] == "POST":
            await self._app(scope, receive, send)
            return
        start: Message = {}
        body = bytearray()

        async def with_head(message: Message) -> None:
            nonlocal start
            if message["type"] == "http.response.start":
                start = message
                return
            body.extend(message.get("body", b""))
            if message.get("more_body"):
                return
            page = own_head(bytes(body))
            MutableHeaders(scope=start)["Content-Length"] = str(len(page))
            await send(start)
            await send({"type": "http.response.body", "body": page})

        await self._app(scope, receive, with_head)


def own_head(page: bytes) -> bytes:
    """A page of Gradio's with the studio's icon, title and description in place of Gradio's."""
    head = render("head.html", title=TITLE, tagline=TAGLINE).encode()
    return _GRADIOS.sub(b"", page).replace(b"<head>", b"<head>" + head, 1)
