"""Security headers for every answer: what a browser may do with it."""

from __future__ import annotations

from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ltx_ui.web.identity import is_loopback

PAGE_POLICY = "; ".join(
    (
        "default-src 'self'",
        # Gradio writes its configuration into the page as a script, and makes functions of the
        # text of js= and js_on_load.
        "script-src 'self' 'unsafe-inline' 'unsafe-eval'",
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data: blob:",
        "media-src 'self' blob:",
        "font-src 'self' data:",
        "object-src 'none'",
        "base-uri 'self'",
        "form-action 'self'",
        "frame-ancestors 'self'",
    )
)
"""Content security policy of the page at ``/``."""

DOCS_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        # Swagger UI sizes what it draws in style attributes, and draws from data: addresses.
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data: blob:",
        "media-src 'self' blob:",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    )
)
"""Content security policy of ``/docs``: the scripts that come along, and none in its text."""

PLAIN_POLICY = "; ".join(
    (
        "default-src 'none'",
        "style-src 'unsafe-inline'",
        # For a clip or a picture that is opened in its own tab.
        "img-src 'self' data:",
        "media-src 'self'",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    )
)
"""Content security policy of all other answers: no scripts."""

_POLICIES = {"/": PAGE_POLICY, "/docs": DOCS_POLICY}

_PERMISSIONS = "Permissions-Policy"
_NO_PERMISSIONS = "camera=(), microphone=(), geolocation=(), payment=(), usb=()"
_PAGE_PERMISSIONS = _NO_PERMISSIONS.replace("microphone=()", "microphone=(self)")
"""On the page a sound can be recorded, by itself and not by what it might frame."""

_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    _PERMISSIONS: _NO_PERMISSIONS,
}

_OPENER = {"Cross-Origin-Opener-Policy": "same-origin"}
"""Heeded in secure contexts alone: elsewhere browsers warn of it on their consoles."""


class SafeHeaders:
    """Adds the security headers to every answer; an ASGI middleware."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        secure = _is_secure(scope)

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.update(_HEADERS | _OPENER if secure else _HEADERS)
                if headers.get("content-type", "").startswith("application/json"):
                    headers.setdefault("Cache-Control", "no-store")
                own = _POLICIES.get(scope["path"]) if message["status"] == 200 else None
                headers["Content-Security-Policy"] = own or PLAIN_POLICY
                if own is PAGE_POLICY:
                    headers[_PERMISSIONS] = _PAGE_PERMISSIONS
            await send(message)

        await self._app(scope, receive, with_headers)


def _is_secure(scope: Scope) -> bool:
    """Whether a browser takes the address for a secure context: by TLS, or on its own machine."""
    if scope["scheme"] == "https":
        return True
    try:
        return is_loopback(urlsplit(f"//{Headers(scope=scope).get('host', '')}").hostname)
    except ValueError:  # It is no address at all.
        return False
