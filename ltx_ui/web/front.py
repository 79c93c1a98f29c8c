"""The page's HTML and configuration, made once for an address, with the studio's own icon, title
and description in place of Gradio's."""

from __future__ import annotations

import asyncio
import re
from collections import OrderedDict
from dataclasses import dataclass

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
_KEPT = 32
"""Documents that are kept: two for each way in which visitors write the studio's address."""
_ADDRESS = (b"host", b"x-forwarded-host", b"x-forwarded-proto")
"""Headers that say under which address a visitor sees the studio."""


@dataclass(frozen=True)
class _Document:
    """An answer of Gradio's: how it starts, and its whole body."""

    start: Message
    body: bytes


class Front:
    """Answers with the page and its configuration; an ASGI app around Gradio's.

    Gradio makes both anew for each request, which takes half a second in which nobody else is
    answered, although they depend on nothing but the address. Here each is made once for an
    address, one at a time. Gradio also adds the HTML of its ``head=`` by script once the page has
    loaded. That is too late for the icon, and link previews read the page without running scripts.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._made: OrderedDict[object, _Document] = OrderedDict()
        self._making = asyncio.Lock()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope.get("path", "").rstrip("/")
        if scope["type"] != "http" or scope["method"] == "POST" or path not in ("", "/config"):
            await self._app(scope, receive, send)
            return
        document = await self._document(scope, receive)
        # Whoever sends it on changes the headers.
        await send({**document.start, "headers": list(document.start["headers"])})
        await send({"type": "http.response.body", "body": document.body})

    async def _document(self, scope: Scope, receive: Receive) -> _Document:
        headers = [each for each in scope["headers"] if each[0] in _ADDRESS]
        asked = {**scope, "method": "GET", "headers": headers, "query_string": b""}
        key = (scope["path"], scope["scheme"], scope.get("root_path"), *headers)
        async with self._making:
            document = self._made.get(key) or await self._make(asked, receive)
            if document.start["status"] == 200:
                self._made[key] = document
                self._made.move_to_end(key)
            if len(self._made) > _KEPT:
                self._made.popitem(last=False)
        return document

    async def _make(self, scope: Scope, receive: Receive) -> _Document:
        start: Message = {}
        body = bytearray()

        async def collect(message: Message) -> None:
            nonlocal start
            if message["type"] == "http.response.start":
                start = message
            else:
                body.extend(message.get("body", b""))

        await self._app(scope, receive, collect)
        page = own_head(bytes(body))
        MutableHeaders(scope=start)["Content-Length"] = str(len(page))
        return _Document(start, page)


def own_head(page: bytes) -> bytes:
    """Gradio's page with the studio's own tags in its head."""
    head = render("head.html", title=TITLE, tagline=TAGLINE).encode()
    return _GRADIOS.sub(b"", page).replace(b"<head>", b"<head>" + head, 1)
