"""The path below which a proxy has the studio, whether the proxy strips it or not."""

from __future__ import annotations

from starlette.types import ASGIApp, Receive, Scope, Send


class Prefixed:
    """Takes requests with the prefix and without it; an ASGI middleware. Behind it addresses have
    none, and what has to name one in full finds it as ``root_path``.

    Args:
        prefix: such as ``/studio``; empty for none.
    """

    def __init__(self, app: ASGIApp, prefix: str) -> None:
        self._app = app
        self._prefix = prefix

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._prefix and scope["type"] == "http":
            changed = {"root_path": self._prefix, "path": self._without(scope["path"])}
            scope = {**scope, **changed}
        await self._app(scope, receive, send)

    def _without(self, path: str) -> str:
        inside = path == self._prefix or path.startswith(f"{self._prefix}/")
        return path[len(self._prefix) :] or "/" if inside else path


def cookie_path(scope: Scope) -> str:
    """The path that cookies are for: other programs on the host have theirs beside it."""
    root: str = scope.get("root_path", "")
    return root or "/"
