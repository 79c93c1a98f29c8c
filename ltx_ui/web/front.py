"""The page's HTML as it leaves: made once, with its own icon and description."""

from __future__ import annotations

import asyncio
import re
from collections import OrderedDict
from dataclasses import dataclass
from html import escape

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

TITLE = "LTX-2 Studio"
TAGLINE = "Clips with sound, from words."
ICON = (
    '<link rel="icon" href="data:image/svg+xml,%3Csvg xmlns=%22http://www.w3.org/2000/svg%22 '
    'viewBox=%220 0 8 8%22%3E%3Cpath d=%22M1 1v6l6-3z%22 fill=%22%23b8441a%22/%3E%3C/svg%3E">'
)
"""Without one a browser asks for /favicon.ico, which is not there below a path."""

_HEAD = (
    f'{ICON}<meta name="description" content="{escape(TAGLINE)}">'
    f'<meta property="og:title" content="{escape(TITLE)}">'
    '<meta property="og:type" content="website">'
    f'<meta property="og:description" content="{escape(TAGLINE)}">'
).encode()

_GRADIOS = re.compile(
    rb'<meta\s+(?:property="og:|name="twitter:)[^>]*>|<link\s+rel="manifest"[^>]*>'
)
"""What a chat or a phone would show of Gradio in the studio's place, pictures from other machines
among it. The manifest's address is wrong below a path."""


_KEPT = 32
"""Documents: some ways of writing the studio's address, two for each."""
_ADDRESS = (b"host", b"x-forwarded-host", b"x-forwarded-proto")
"""Headers that tell under which address a visitor sees the studio."""


@dataclass(frozen=True)
class _Document:
    """An answer of Gradio's."""

    start: Message
    body: bytes


class Front:
    """Answers with the page and its configuration; an ASGI app around Gradio's.

    Gradio makes both anew for each request, in half a second that nobody else is answered in,
    although they only depend on the address. So each is made once for an address, one at a time.
    Besides, Gradio adds its ``head=`` by script, when the page has loaded: too late for the icon,
    and for who reads the page without running it.
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
    """A page of Gradio's with the studio's icon, title and description in place of Gradio's."""
    return _GRADIOS.sub(b"", page).replace(b"<head>", b"<head>" + _HEAD, 1)
