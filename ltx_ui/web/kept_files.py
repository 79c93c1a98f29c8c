"""The scripts and style sheets of Gradio's page, read and compressed once."""

from __future__ import annotations

import re
from collections import OrderedDict
from dataclasses import dataclass

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ltx_ui.web.collecting import collected
from ltx_ui.web.compat import COUNTING, counting_mended

FOREVER = "public, max-age=31536000, immutable"
"""How long a browser may keep a file without asking for it again: its name has a hash."""
MOST_FILES = 300
"""Files that are kept. The page takes some 60; the oldest ones go first."""

_HASHED = re.compile(r"/assets/[\w.-]+-[\w-]{8,}\.(?:js|css)")
_CONDITIONS = ("range", "if-none-match", "if-modified-since")


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
            await self._app(scope, receive, send)
            return
        packed = "br" in Headers(scope=scope).get("accept-encoding", "")
        answer = self._kept.get((scope["path"], packed)) or await self._ask(scope, receive, packed)
        # Whoever sends it on changes the headers.
        await send({**answer.start, "headers": list(answer.start["headers"])})
        await send({"type": "http.response.body", "body": answer.body})

    async def _ask(self, scope: Scope, receive: Receive, packed: bool) -> _Answer:
        mends = scope["path"].endswith(f"/{COUNTING}")
        encoding = [(b"accept-encoding", b"br")] if packed and not mends else []
        start, body = await collected(self._app, {**scope, "headers": encoding}, receive)
        body = counting_mended(body) if mends else body
        answer = _Answer(start, body)
        if start["status"] == 200:
            headers = MutableHeaders(scope=start)
            headers["Cache-Control"] = FOREVER
            headers["Content-Length"] = str(len(body))
            self._kept[scope["path"], packed] = answer
            if len(self._kept) > MOST_FILES:
                self._kept.popitem(last=False)
        return answer


def _is_whole_file(scope: Scope) -> bool:
    if scope["type"] != "http" or scope["method"] != "GET":
        return False
    headers = Headers(scope=scope)
    plain = not any(name in headers for name in _CONDITIONS)
    return plain and _HASHED.fullmatch(scope["path"]) is not None
