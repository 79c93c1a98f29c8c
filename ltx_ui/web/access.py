"""Authentication: who is asking, and what they may do.

One middleware guards the page, the API, the media and Gradio's own endpoints, and gives each
request its caller: the person at the machine, who signed in with a name, or a visitor. Programs
send a token, or name and password by HTTP Basic; a browser sends the cookie that it got on
``/login``.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import secrets
from typing import Annotated

import gradio as gr
from fastapi import Depends
from fastapi.responses import RedirectResponse, Response
from pydantic import SecretStr
from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Send
from starlette.types import Scope as ASGIScope

from ltx_ui.errors import StudioError
from ltx_ui.settings import LOCAL, Settings
from ltx_ui.studio.tokens import SCOPES, Token, Tokens
from ltx_ui.web.answers import answer_error, is_navigation, refuse
from ltx_ui.web.caller import Asking
from ltx_ui.web.identity import Identities, OwnerLink, is_at_the_machine
from ltx_ui.web.origins import is_proven_own
from ltx_ui.web.rights import need_of
from ltx_ui.web.sessions import Sessions
from ltx_ui.web.throttle import Throttle

SHARED_NAME = "guest"
"""Name to sign in with on a public link for which no password was chosen. Everybody who does is a
visitor of their own."""


def with_credentials(settings: Settings) -> Settings:
    """The settings, with a password made up if a public link would otherwise stand open."""
    if not settings.share or settings.credentials is not None:
        return settings
    auth = SecretStr(f"{SHARED_NAME}:{secrets.token_urlsafe(12)}")
    return settings.model_copy(update={"auth": auth})


def owner_of(request: gr.Request) -> str:
    """The visitor who caused an event of the page: the signed-in name, or ``local``."""
    return request.username or LOCAL


def current_caller(request: Request) -> Asking:
    """Who is asking, by :class:`AuthenticationMiddleware`; a FastAPI dependency."""
    caller: Asking = request.state.caller
    return caller


def current_owner(request: Request) -> str:
    """Whose request this is, by :class:`AuthenticationMiddleware`; a FastAPI dependency."""
    return current_caller(request).owner


Owner = Annotated[str, Depends(current_owner)]
Caller = Annotated[Asking, Depends(current_caller)]


class Authenticator:
    """Checks names and passwords, and keeps the sessions and the failed attempts.

    Attributes:
        identities: names in signed cookies.
        link: makes whoever opens it the owner.
        tokens: by which programs ask for their owners.
    """

    def __init__(
        self, settings: Settings, identities: Identities, link: OwnerLink, tokens: Tokens
    ) -> None:
        self._credentials = settings.credentials
        # Behind a tunnel or a proxy, strangers' requests come from this machine too.
        self._direct = not settings.share and not settings.allowed_host
        self.identities = identities
        self.link = link
        self.tokens = tokens
        self.sessions = Sessions()
        self.throttle = Throttle()
        # Cookies are shared by all ports of a host, and two studios may run on one.
        self.cookie = f"ltx2-studio-{settings.port}"

    @property
    def required(self) -> bool:
        """Whether visitors have to sign in."""
        return self._credentials is not None

    def owner_of(self, request: Request) -> str | None:
        """The owner of what an admitted request makes; None for a visitor who has no name yet."""
        known = self.identities.of(request)
        if known == LOCAL:
            return LOCAL
        if self._credentials is None:
            return LOCAL if self._direct and is_at_the_machine(request) else known
        name = self._credentials[0]
        return known if name == SHARED_NAME else name

    def verify(self, name: str, password: str, address: str) -> bool:
        """Whether name and password are right, compared in constant time.

        Args:
            address: the client's, whose failed attempts are counted.
        """
        if self._credentials is None:
            return True
        given, expected = f"{name}:{password}", ":".join(self._credentials)
        right = secrets.compare_digest(given.encode(), expected.encode())
        (self.throttle.succeeded if right else self.throttle.failed)(address)
        return right

    def has_session(self, request: Request) -> bool:
        """Whether the request carries a valid session's cookie. A request that changes something
        also needs the browser's word that the studio's own page sent it."""
        token = request.cookies.get(self.cookie)
        return token is not None and self.sessions.holds(token) and _is_safe_or_own(request)


class AuthenticationMiddleware:
    """Refuses requests without a valid login, and notes the others' owner; an ASGI middleware."""

    def __init__(self, app: ASGIApp, authenticator: Authenticator) -> None:
        self._app = app
        self._authenticator = authenticator

    async def __call__(self, scope: ASGIScope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request, auth = Request(scope), self._authenticator
        if (secret := _bearer(request)) is not None:
            await self._by_token(secret, request, receive, send)
            return
        if refusal := self._refusal(request):
            await refusal(scope, receive, send)
            return
        known = auth.owner_of(request)
        owner = known or auth.identities.new_visitor(request)
        _note(scope, Asking(owner))
        if known is None and need_of(request.method, request.url.path) != "nothing":
            send = _with_cookie(send, auth.identities.set_cookie(owner, request))
        await self._app(scope, receive, send)

    async def _by_token(self, secret: str, request: Request, receive: Receive, send: Send) -> None:
        scope = request.scope
        try:
            token = await asyncio.to_thread(self._authenticator.tokens.known, secret)
        except StudioError as error:
            await (await answer_error(request, error))(scope, receive, send)
            return
        if token is None:
            await _unknown_token(request)(scope, receive, send)
        elif refused := _out_of_scope(request, token):
            await refused(scope, receive, send)
        else:
            _note(scope, Asking(token.owner, token.scopes))
            await self._app(scope, receive, send)

    def _refusal(self, request: Request) -> Response | None:
        auth = self._authenticator
        if not auth.required or auth.has_session(request):
            return None
        if need_of(request.method, request.url.path) == "nothing":
            return None
        if auth.identities.of(request) == LOCAL and _is_safe_or_own(request):
            return None
        basic, address = _basic(request), address_of(request)
        if basic is None:
            return _ask(request)
        if wait := auth.throttle.seconds_left(address):
            return refuse(request, 429, *too_many_tries(wait))
        return None if auth.verify(*basic, address) else _ask(request)


def _note(scope: ASGIScope, caller: Asking) -> None:
    scope.setdefault("state", {}).update(caller=caller, owner=caller.owner)


def _unknown_token(request: Request) -> Response:
    sentence = (
        "This token is not known here: it was revoked, has expired, or was never made. Make "
        "another one with ltx-ui token."
    )
    return refuse(request, 401, sentence, {"WWW-Authenticate": 'Bearer error="invalid_token"'})


def _out_of_scope(request: Request, token: Token) -> Response | None:
    """The refusal of what a token is not for; None if it is for this."""
    need = need_of(request.method, request.url.path)
    if need in ("nothing", "token") or need in token.scopes:
        return None
    if need in SCOPES:
        sentence = f"This token is not for that: it lacks the scope {need}. Make one that has it."
    else:
        sentence = "A token opens the API alone. Come with a browser, or with name and password."
    challenge = 'Bearer error="insufficient_scope"' + (
        f', scope="{need}"' if need in SCOPES else ""
    )
    return refuse(request, 403, sentence, {"WWW-Authenticate": challenge})


def _is_safe_or_own(request: Request) -> bool:
    """Whether a request changes nothing, or was sent by the studio's own page."""
    return request.method in ("GET", "HEAD") or is_proven_own(request)


def _with_cookie(send: Send, cookie: str) -> Send:
    async def with_cookie(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            # A cache in between would hand the cookie on with what everybody may share.
            if "public" not in headers.get("cache-control", ""):
                headers.append("set-cookie", cookie)
        await send(message)

    return with_cookie


def too_many_tries(wait: float) -> tuple[str, dict[str, str]]:
    """The refusal's sentence and headers for a client that has to wait ``wait`` seconds."""
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
    # With this header a browser would open its own password window over the page.
    headers = {"WWW-Authenticate": 'Basic realm="LTX-2 Studio"'}
    program = "sec-fetch-mode" not in request.headers
    sentence = "Sign in with the studio's name and password (HTTP Basic, or the page at /login)."
    return refuse(request, 401, sentence, headers if program else None)


def _bearer(request: Request) -> str | None:
    """The token in the request's header; None without one."""
    scheme, _, secret = request.headers.get("authorization", "").partition(" ")
    return secret.strip() if scheme.lower() == "bearer" else None


def _basic(request: Request) -> tuple[str, str] | None:
    """Name and password from the request's header: None without one, empty if it is malformed."""
    scheme, _, payload = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        name, _, password = base64.b64decode(payload, validate=True).decode().partition(":")
    except (binascii.Error, ValueError):
        return "", ""
    return name, password
