"""The scripts and style sheets of Gradio's page, read and compressed once."""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

import brotli
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ltx_ui.web import encodings
from ltx_ui.web.collecting import collected
from ltx_ui.web.compat import COUNTING, counting_mended

FOREVER = "public, max-age=31536000, immutable"
"""How long a browser may keep a file without asking for it again: its name has a hash."""
MOST_FILES = 300
"""Files that are kept. The page takes some 60; the oldest ones go first."""

_HASHED = re.compile(r"/assets/[\w.-]+-[\w-]{8,}\.(?:js|css)")
_PACKS = ("br", "gzip")
"""Encodings in which Gradio answers with other files."""


@dataclass(frozen=True)
class _Answer:
    start: Message
    body: bytes


class KeptFiles:
    """Answers with files that were answered with before; an ASGI app around Gradio's.

    Gradio reads and compresses each file anew for each request, in threads that wait for each
    other: for the 57 files of a first load that takes longer than the browser needs for them.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._kept: OrderedDict[tuple[str, bool], _Answer] = OrderedDict()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not _is_whole_file(scope):
            await self._app({**scope, "headers": _plainly(scope)}, receive, send)
            return
        asked = Headers(scope=scope)
        packed = encodings.encoding(asked, ["br"]) is not None
        answer = self._kept.get((scope["path"], packed)) or await self._ask(scope, receive, packed)
        # Whoever sends it on changes the headers.
        start, body = {**answer.start, "headers": list(answer.start["headers"])}, answer.body
        headers = MutableHeaders(scope=start)
        if start["status"] == 200 and _has(asked, headers):
            start["status"], body = 304, b""
            del headers["Content-Length"]
        await send(start)
        await send({"type": "http.response.body", "body": body})

    async def _ask(self, scope: Scope, receive: Receive, packed: bool) -> _Answer:
        mends = scope["path"].endswith(f"/{COUNTING}")
        encoding = [(b"accept-encoding", b"br")] if packed and not mends else []
        start, body = await collected(self._app, {**scope, "headers": encoding}, receive)
        found = start["status"] == 200
        headers = MutableHeaders(scope=start)
        if mends and found:
            body = counting_mended(body)
            if packed:
                body = await asyncio.to_thread(brotli.compress, body)
                headers["Content-Encoding"] = "br"
        answer = _Answer(start, body)
        if found:
            headers["Cache-Control"] = FOREVER
            headers["Content-Length"] = str(len(body))
            if encodings.NAME not in headers.get("Vary", ""):  # Gradio tells it of what it packs.
                headers.add_vary_header(encodings.NAME)
            headers["ETag"] = f'"{hashlib.blake2b(body, digest_size=16).hexdigest()}"'
            self._kept[scope["path"], packed] = answer
            if len(self._kept) > MOST_FILES:
                self._kept.popitem(last=False)
        return answer


def _is_whole_file(scope: Scope) -> bool:
    if scope["type"] != "http" or scope["method"] != "GET":
        return False
    return "range" not in Headers(scope=scope) and bool(_HASHED.fullmatch(scope["path"]))


def _has(asked: Headers, told: Headers) -> bool:
    """Whether the client of a request has what is answered with these headers."""
    if tags := asked.get("if-none-match"):
        named = {tag.strip().removeprefix("W/") for tag in tags.split(",")}
        return not named.isdisjoint((told["ETag"], "*"))
    return "last-modified" in told and told["last-modified"] == asked.get("if-modified-since")


def _plainly(scope: Scope) -> Sequence[tuple[bytes, bytes]]:
    """A request's headers for Gradio, which looks only for names in what a client says of
    encodings, and would also pack a part of a file."""
    told = Headers(scope=scope)
    headers = [each for each in scope["headers"] if each[0] != b"accept-encoding"]
    packed = None if "range" in told else encodings.encoding(told, _PACKS)
    return [*headers, (b"accept-encoding", packed.encode())] if packed else headers
