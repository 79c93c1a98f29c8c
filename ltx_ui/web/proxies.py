"""Proxies in front of the studio: which are believed about who asks, and what they say."""

from __future__ import annotations

import ipaddress
from typing import Any

from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from ltx_ui.settings import Settings

_THIS_MACHINE = ("127.0.0.0/8", "::1")


class Proxied:
    """Gives requests that come through a trusted proxy the address and the scheme that it names,
    and notes that they do; an ASGI middleware. What others claim is left alone."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        behind = settings.share or settings.allowed_host
        trusted = settings.trusted_proxy or (_THIS_MACHINE if behind else ())
        self._networks = [ipaddress.ip_network(each) for each in trusted]
        believed: Any = ProxyHeadersMiddleware(app, list(trusted))  # type: ignore[arg-type]
        self._believed: ASGIApp = believed
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope.get("client"):
            await self._app(scope, receive, send)
            return
        host, port = scope["client"]
        # A socket for both families tells IPv4 addresses as IPv6 ones.
        host = _plain(host)
        trusted = self._trusts(host)
        scope["client"] = host, port
        scope.setdefault("state", {})["proxied"] = trusted
        await (self._believed if trusted else self._app)(scope, receive, send)

    def _trusts(self, host: str) -> bool:
        try:
            address = ipaddress.ip_address(host)
        except ValueError:
            return False
        return any(address in network for network in self._networks)


def came_through_proxy(request: Request) -> bool:
    """Whether a request's TCP connection came from a trusted proxy."""
    return bool(getattr(request.state, "proxied", False))


def _plain(host: str) -> str:
    try:
        mapped = getattr(ipaddress.ip_address(host), "ipv4_mapped", None)
    except ValueError:
        return host
    return str(mapped) if mapped else host
