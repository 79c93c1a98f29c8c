"""The page's HTML and configuration, made once for an address and a language, with the studio's own
icon, title and description in place of Gradio's."""

from __future__ import annotations

import asyncio
import gzip
import re
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import brotli
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ltx_ui.web import encodings
from ltx_ui.web.caller import Asking
from ltx_ui.web.collecting import collected
from ltx_ui.web.language import language, t
from ltx_ui.web.templating import render

TITLE = "LTX-2 Studio"

_GRADIOS = re.compile(
    rb'<meta\s+(?:property="og:|name="twitter:)[^>]*>|<link\s+rel="manifest"[^>]*>'
)
"""Tags by which a link's preview or a phone's home screen would show Gradio, with pictures from its
servers. The manifest's address is wrong below a path."""
_LANGUAGE = re.compile(rb'<html\s+lang="en"')
"""How Gradio's page begins, in whatever language it is."""
_KEPT = 64
"""Documents that are kept: two for each language and way of writing the studio's address."""
_ADDRESS = (b"host", b"x-forwarded-host", b"x-forwarded-proto")
"""Headers that say under which address a visitor sees the studio."""


_NOBODY = ""
"""The owner for whom the page is made: Gradio writes the name into it."""


@dataclass(frozen=True)
class _Document:
    """An answer of Gradio's: how it starts, and its whole body, plain and compressed.

    Attributes:
        packed: by the names of the encodings, the best one first.
    """

    start: Message
    body: bytes
    packed: Mapping[str, bytes]

    def answer(self, asked: Headers) -> tuple[Message, bytes]:
        """How the answer starts, and its body, for a request with these headers."""
        body, start = self.body, {**self.start, "headers": list(self.start["headers"])}
        headers = MutableHeaders(scope=start)
        headers["Vary"] = f"{encodings.NAME}, Accept-Language"
        if headers.get("content-type", "").startswith("text/html"):
            headers["Cache-Control"] = "private, no-cache"  # It comes with a visitor's cookie.
        if encoding := encodings.encoding(asked, [*self.packed]):
            body = self.packed[encoding]
            headers["Content-Encoding"] = encoding
        headers["Content-Length"] = str(len(body))
        return start, body


class Front:
    """Answers with the page and its configuration; an ASGI app around Gradio's.

    Gradio makes both anew for each request, which takes half a second in which nobody else is
    answered, although they depend on nothing but the address and the language. Here each is
    made once for both, one at a time. Gradio also adds the HTML of its ``head=`` by script once the
    page has loaded. That is too late for the icon, and link previews read the page without running
    scripts.

    Args:
        files: addresses of the scripts and style sheets that the page will ask for, one after the
            other; a browser fetches them while it reads the page.
    """

    def __init__(self, app: ASGIApp, files: Sequence[str] = ()) -> None:
        self._app = app
        self._soon = render("soon.html", files=files).encode()
        self._made: OrderedDict[object, _Document] = OrderedDict()
        self._making = asyncio.Lock()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope.get("path", "").rstrip("/")
        if scope["type"] != "http" or scope["method"] == "POST" or path not in ("", "/config"):
            await self._app(scope, receive, send)
            return
        document = await self._document(scope, receive)
        # It holds nothing of a visitor's, so its compressed length tells nothing of one.
        start, body = document.answer(Headers(scope=scope))
        await send(start)
        await send({"type": "http.response.body", "body": body})

    async def _document(self, scope: Scope, receive: Receive) -> _Document:
        headers = [each for each in scope["headers"] if each[0] in _ADDRESS]
        nobody = {**scope.get("state", {}), "owner": _NOBODY, "caller": Asking(_NOBODY)}
        same = {"method": "GET", "headers": headers, "query_string": b"", "state": nobody}
        asked = {**scope, **same}
        key = (language(), scope["path"], scope["scheme"], scope.get("root_path"), *headers)
        async with self._making:
            document = self._made.get(key) or await self._make(asked, receive)
            if document.start["status"] == 200:
                self._made[key] = document
                self._made.move_to_end(key)
            if len(self._made) > _KEPT:
                self._made.popitem(last=False)
        return document

    async def _make(self, scope: Scope, receive: Receive) -> _Document:
        start, body = await collected(self._app, scope, receive)
        page = own_head(body).replace(b"</head>", self._soon + b"</head>", 1)
        packed = await asyncio.to_thread(_packed, page)
        return _Document(start, page, packed)


_QUALITY = 9
"""Brotli's of 11. The best takes five times as long, and saves a twelfth more."""


def _packed(page: bytes) -> dict[str, bytes]:
    return {
        "br": brotli.compress(page, mode=brotli.MODE_TEXT, quality=_QUALITY),
        "gzip": gzip.compress(page, mtime=0),
    }


def own_head(page: bytes) -> bytes:
    """Gradio's page in the language that is spoken, with the studio's own tags in its head."""
    head = render("head.html", title=TITLE, tagline=t("brand.tagline")).encode()
    page = _LANGUAGE.sub(b'<html lang="%b"' % language().encode(), page, count=1)
    return _GRADIOS.sub(b"", page).replace(b"<head>", b"<head>" + head, 1)
