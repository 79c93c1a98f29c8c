"""Who is asking, and what they may do.

One door stands before page, API, media and Gradio's own endpoints. It takes the same name and
password in two ways: HTTP Basic from programs, and the cookie of somebody who signed in on
``/login`` from browsers.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import secrets
import time
from collections import OrderedDict
from typing import Annotated

import gradio as gr
from fastapi import Depends
from fastapi.responses import RedirectResponse, Response
from pydantic import SecretStr
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from ltx_ui.settings import Settings
from ltx_ui.web.answers import is_navigation, refuse
from ltx_ui.web.brake import Brake
from ltx_ui.web.origins import is_proven_own

LOCAL = "local"
"""The owner of everything where nobody has to sign in."""

SHARED_NAME = "guest"
"""Name to sign in with on a public link for which no password was chosen."""

OPEN = frozenset({"/health", "/login"})
"""What is answered without a password."""

SESSION_SECONDS = 30 * 24 * 3600
MOST_SESSIONS = 1000


def with_credentials(settings: Settings) -> Settings:
    """The settings, with a password made up if a public link would otherwise stand open."""
    if not settings.share or settings.credentials is not None:
        return settings
    auth = SecretStr(f"{SHARED_NAME}:{secrets.token_urlsafe(12)}")
    return settings.model_copy(update={"auth": auth})


def owner_of(request: gr.Request) -> str:
    """Who pressed the button: the signed-in name, or ``local``."""
    return request.username or LOCAL


def signed_in(request: Request) -> str:
    """Whose request this is, as :class:`Door` found."""
    owner: str = request.state.owner
    return owner


Owner = Annotated[str, Depends(signed_in)]


class Sessions:
    """Who is signed in, by the token in their cookie. They end with the process."""

    def __init__(self) -> None:
        self._ends: OrderedDict[bytes, float] = OrderedDict()

    def open(self) -> str:
        """A new token."""
        token = secrets.token_urlsafe(32)
        self._ends[_digest(token)] = time.monotonic() + SESSION_SECONDS
        while len(self._ends) > MOST_SESSIONS:
            self._ends.popitem(last=False)
        return token

    def holds(self, token: str) -> bool:
        """Whether somebody is signed in with this token."""
        return self._ends.get(_digest(token), 0.0) > time.monotonic()

    def close(self, token: str) -> None:
        """Sign out."""
        self._ends.pop(_digest(token), None)


class Locks:
    """Name and password, who is signed in, and who was wrong too often."""

    def __init__(self, credentials: tuple[str, str] | None, port: int) -> None:
        self._credentials = credentials
        self.sessions = Sessions()
        self.brake = Brake()
        # Cookies are shared by all ports of a host, and two studios may run on one.
        self.cookie = f"ltx2-studio-{port}"

    @property
    def needed(self) -> bool:
        """Whether visitors have to sign in."""
        return self._credentials is not None

    @property
    def name(self) -> str:
        """The owner of what a visitor makes who was let in."""
        return self._credentials[0] if self._credentials else LOCAL

    def fits(self, name: str, password: str, address: str) -> bool:
        """Whether both are right, compared in constant time. Counts the wrong ones."""
        if self._credentials is None:
            return True
        given, expected = f"{name}:{password}", ":".join(self._credentials)
        right = secrets.compare_digest(given.encode(), expected.encode())
        (self.brake.succeeded if right else self.brake.failed)(address)
        return right

    def has_session(self, request: Request) -> bool:
        """Whether the request carries the cookie of somebody who signed in. To change something it
        also needs a browser's word that the studio's own page sent it."""
        token = request.cookies.get(self.cookie)
        if token is None or not self.sessions.holds(token):
            return False
        return request.method in ("GET", "HEAD") or is_proven_own(request)


class Door:
    """Lets a request in and notes whose it is; an ASGI middleware before everything."""

    def __init__(self, app: ASGIApp, locks: Locks) -> None:
        self._app = app
        self._locks = locks

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request = Request(scope)
        if refusal := self._refusal(request):
            await refusal(scope, receive, send)
            return
        scope.setdefault("state", {})["owner"] = self._locks.name
        await self._app(scope, receive, send)

    def _refusal(self, request: Request) -> Response | None:
        locks = self._locks
        if not locks.needed or request.url.path in OPEN or locks.has_session(request):
            return None
        basic, address = _basic(request), address_of(request)
        if basic is None:
            return _ask(request)
        if wait := locks.brake.seconds_left(address):
            return refuse(request, 429, *too_many_tries(wait))
        return None if locks.fits(*basic, address) else _ask(request)


def too_many_tries(wait: float) -> tuple[str, dict[str, str]]:
    """The sentence and the header for somebody who has to wait so many seconds."""
    seconds = int(wait) + 1
    sentence = f"Too many wrong passwords came from your address. Try again in {seconds} seconds."
    return sentence, {"Retry-After": str(seconds)}


def address_of(request: Request) -> str:
    """The client's address; behind a proxy on this machine the one that the proxy names."""
    return request.client.host if request.client else ""


def _ask(request: Request) -> Response:
    path = request.url.path
    if request.method == "GET" and is_navigation(request):
        return RedirectResponse("../" * (path.count("/") - 1) + "login", 303)
    # A browser would put its own window over the page for this header.
    headers = {"WWW-Authenticate": 'Basic realm="LTX-2 Studio"'}
    program = "sec-fetch-mode" not in request.headers
    sentence = "Sign in with the studio's name and password (HTTP Basic, or the page at /login)."
    return refuse(request, 401, sentence, headers if program else None)


def _basic(request: Request) -> tuple[str, str] | None:
    """Name and password from the request's header; None if it has none."""
    scheme, _, payload = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        name, _, password = base64.b64decode(payload, validate=True).decode().partition(":")
    except (binascii.Error, ValueError):
        return "", ""
    return name, password


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
