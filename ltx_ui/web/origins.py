"""Checks that a request names this studio as its host and comes from no other site's page.

Any page that is open in a visitor's browser can send requests here. Those of a foreign page show
by their ``Origin`` or ``Sec-Fetch-Site``, which scripts can't forge, or by their ``Host`` if the
foreign site's name was pointed at this address (DNS rebinding).
"""

from __future__ import annotations

import ipaddress
import re
import socket
from collections.abc import Iterable
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from ltx_ui.settings import Settings
from ltx_ui.web.answers import inner_path, refuse

WILDCARDS = ("0.0.0.0", "::")  # compared with, not listened on  # nosec B104
_AUTHORITY = re.compile(r"(?P<name>\[[0-9a-fA-F:.%]+\]|[A-Za-z0-9._-]+)(:(?P<port>\d{1,5}))?")
_DEFAULT_PORTS = {"http": 80, "https": 443}
_ONCE = ("host", "origin", "sec-fetch-site", "content-type", "authorization")
"""Headers that decide; of two, another program in between may have read the other one."""
_OPEN_TO_LINKS = re.compile("/|/login|/docs|/t/[^/]+")
"""Paths that a link on another site may open in its own tab."""


class Hosts:
    """The host names that the studio answers to. IP addresses are always allowed: only a name can
    be pointed at another machine."""

    def __init__(self, names: Iterable[str]) -> None:
        self._names = {_plain_name(name) for name in names}

    @classmethod
    def of(cls, settings: Settings) -> Hosts:
        """The names that the settings allow; if the studio listens on all addresses, also the
        machine's own."""
        names = [settings.host, *settings.allowed_host]
        if settings.host in WILDCARDS:
            own = socket.gethostname().partition(".")[0]
            names += [socket.gethostname(), own, f"{own}.local"]
        return cls(names)

    def add(self, name: str) -> None:
        """Allow one more name."""
        self._names.add(_plain_name(name))

    def knows(self, authority: str) -> bool:
        """Whether a ``Host`` header, with or without a port, has an allowed name."""
        match = _AUTHORITY.fullmatch(authority)
        if match is None:
            return False
        name = _plain_name(match["name"])
        if name == "localhost" or name.endswith(".localhost") or name in self._names:
            return True
        try:
            ipaddress.ip_address(name)
        except ValueError:
            return False
        return True


class OwnSite:
    """Refuses requests with an unknown host name (421), from a foreign site's page (403), or with
    two of a header that decides (400); an ASGI middleware."""

    def __init__(self, app: ASGIApp, hosts: Hosts) -> None:
        self._app = app
        self._hosts = hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request = Request(scope)
        if twice := next((h for h in _ONCE if len(request.headers.getlist(h)) > 1), None):
            answer = refuse(request, 400, f"The header {twice} stands in this request twice.")
        elif unknown := self._unknown_host(request.headers):
            answer = refuse(request, 421, unknown)
        elif _is_foreign(request):
            answer = refuse(request, 403, "This request comes from another site's page.")
        else:
            await self._app(scope, receive, send)
            return
        await answer(scope, receive, send)

    def _unknown_host(self, headers: Headers) -> str:
        """A sentence about the host name that is not allowed; empty if all are."""
        forwarded = headers.get("x-forwarded-host", "").split(",")
        for name in (headers.get("host", ""), *(each.strip() for each in forwarded if each)):
            if not self._hosts.knows(name):
                shown = name[:100] if _AUTHORITY.fullmatch(name) else "this name"
                return (
                    f"This studio does not answer to {shown}. Open it by its address, or let the "
                    "person who runs it allow the name with --allowed-host."
                )
        return ""


def is_proven_own(request: Request) -> bool:
    """Whether a browser vouches that this was sent by the studio's own page."""
    headers = request.headers
    return headers.get("sec-fetch-site") == "same-origin" or _is_own_origin(headers)


def _is_foreign(request: Request) -> bool:
    headers = request.headers
    site = headers.get("sec-fetch-site")
    if site in ("same-origin", "none"):
        return False
    if site is not None and not _is_link(request):
        return True
    return "origin" in headers and not _is_own_origin(headers)


def _is_link(request: Request) -> bool:
    """Whether somebody follows a link to the studio: the answer fills a tab, and the page with the
    link can't read it."""
    headers = request.headers
    return (
        request.method in ("GET", "HEAD")
        and headers.get("sec-fetch-mode") == "navigate"
        and headers.get("sec-fetch-dest") == "document"
        and _OPEN_TO_LINKS.fullmatch(inner_path(request)) is not None
    )


def _is_own_origin(headers: Headers) -> bool:
    try:
        origin = urlsplit(headers.get("origin", ""))
        asked = (origin.hostname, origin.port or _DEFAULT_PORTS.get(origin.scheme))
    except ValueError:
        return False
    if origin.scheme not in _DEFAULT_PORTS or "@" in origin.netloc:
        return False
    match = _AUTHORITY.fullmatch(headers.get("host", ""))
    if match is None:
        return False
    port = int(match["port"]) if match["port"] else _DEFAULT_PORTS[origin.scheme]
    return asked == (_plain_name(match["name"]), port)


def _plain_name(name: str) -> str:
    return name.lower().strip("[]").rstrip(".")
