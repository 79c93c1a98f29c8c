"""The page's HTML gets the studio's icon, title and description in place of Gradio's."""

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
"""Tags by which a link's preview or a phone's home screen would show Gradio, with pictures from its
servers. The manifest's address is wrong below a path."""


class Front:
    """Replaces those tags in the page; an ASGI app around Gradio's.

    Gradio adds the HTML of its ``head=`` by script once the page has loaded. That is too late for
    the icon, and link previews read the page without running scripts.
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
    """Gradio's page with the studio's own tags in its head."""
    head = render("head.html", title=TITLE, tagline=TAGLINE).encode()
    return _GRADIOS.sub(b"", page).replace(b"<head>", b"<head>" + head, 1)
