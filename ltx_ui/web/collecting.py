"""Collects an ASGI app's answer, so that it can be kept."""

from __future__ import annotations

from starlette.types import ASGIApp, Message, Receive, Scope


async def collected(app: ASGIApp, scope: Scope, receive: Receive) -> tuple[Message, bytes]:
    """How an app's answer to a request starts (status and headers), and its whole body."""
    start: Message = {}
    body = bytearray()

    async def collect(message: Message) -> None:
        nonlocal start
        if message["type"] == "http.response.start":
            start = message
        else:
            body.extend(message.get("body", b""))

    await app(scope, receive, collect)
    return start, bytes(body)
