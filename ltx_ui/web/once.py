"""Lets an event that arrives twice happen once.

When an answer gets lost on its way, the page can't know whether its event happened, and sends it
again. Without this, a second clip would be made, and a heart would be taken back.
"""

from __future__ import annotations

import asyncio
import copy
import logging
import re
from collections import OrderedDict

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

HEADER = "x-event"
"""Names an event: some 40 characters that the page draws at random."""
KEPT = 300
"""Answers that are kept, of all visitors together; the oldest go first."""
LARGEST = 100_000
"""Bytes of an answer that is kept. Larger ones show something, and change nothing."""

_log = logging.getLogger(__name__)
_NAME = re.compile(r"[0-9-]{20,64}")


class Once:
    """Answers an event that was sent before with the answer from then; an ASGI app around Gradio's.
    Events are told apart by their name and by the visitor's cookies, so that nobody gets another
    visitor's answer."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._answers: OrderedDict[tuple[str, str], asyncio.Task[list[Message]]] = OrderedDict()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope)
        name = headers.get(HEADER, "")
        if scope["type"] != "http" or not _NAME.fullmatch(name):
            await self._app(scope, receive, send)
            return
        for message in await self._once((headers.get("cookie", ""), name), scope, receive):
            await send(copy.deepcopy(message))  # Whoever sends it on changes the headers.

    async def _once(self, key: tuple[str, str], scope: Scope, receive: Receive) -> list[Message]:
        """The event's answer, from the first time that succeeded."""
        while (earlier := self._answers.get(key)) is not None:
            try:
                return await asyncio.shield(earlier)
            except Exception:
                _log.debug("An event that failed is tried again", exc_info=True)
        answer = self._answers[key] = asyncio.create_task(self._answer(scope, receive))
        answer.add_done_callback(lambda done: self._keep(key, done))
        # Shielded: who hangs up does not stop what has begun.
        return await asyncio.shield(answer)

    async def _answer(self, scope: Scope, receive: Receive) -> list[Message]:
        messages: list[Message] = []

        async def collect(message: Message) -> None:
            messages.append(message)

        await self._app(scope, receive, collect)
        return messages

    def _keep(self, key: tuple[str, str], answer: asyncio.Task[list[Message]]) -> None:
        """Keep an answer if it is worth keeping. What failed may be tried again."""
        failed = answer.cancelled() or answer.exception() is not None
        if failed or _size(answer.result()) > LARGEST:
            self._answers.pop(key, None)
        while len(self._answers) > KEPT:
            self._answers.popitem(last=False)


def _size(messages: list[Message]) -> int:
    return sum(len(message.get("body", b"")) for message in messages)
