"""Authentication: who is asking, and what they may do.

One middleware guards the page, the API, the media and Gradio's own endpoints, and gives each
request its caller: the person at the machine, who signed in with a name, or a visitor. Programs
send a token, or name and password by HTTP Basic; a browser sends the cookie that it got on
``/login``.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

import gradio as gr
from fastapi import Depends
from fastapi.responses import RedirectResponse, Response
from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ltx_ui.errors import StudioError
from ltx_ui.settings import LOCAL
from ltx_ui.studio.tokens import SCOPES, Token
from ltx_ui.web.answers import answer_error, inner_path, is_navigation, refuse
from ltx_ui.web.authenticator import Authenticator, WrongPassword, bearer
from ltx_ui.web.caller import Asking, ByToken, asked_by
from ltx_ui.web.rights import Need, need_of


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


class AuthenticationMiddleware:
    """Refuses requests of who may not come in, and notes who sends the others; an ASGI
    middleware."""

    def __init__(self, app: ASGIApp, authenticator: Authenticator) -> None:
        self._app = app
        self._authenticator = authenticator

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request = Request(scope)
        need = need_of(request.method, inner_path(request))
        try:
            self._authenticator.public.check(request)
            caller = await self._caller(request, need)
            if isinstance(caller, Asking):
                if is_new := not caller.owner:
                    new = self._authenticator.identities.new_visitor(request)
                    caller = replace(caller, owner=new)
                if need != "nothing":
                    await self._authenticator.admit(caller.owner)
        except WrongPassword:
            caller = _ask(request)
        except StudioError as error:
            caller = await answer_error(request, error)
        if isinstance(caller, Response):
            await caller(scope, receive, send)
            return
        if is_new and need != "nothing":
            cookie = self._authenticator.identities.set_cookie(caller.owner, request)
            send = _with_cookie(send, cookie)
        scope.setdefault("state", {}).update(caller=caller, owner=caller.owner)
        with asked_by(caller.owner):
            await self._app(scope, receive, send)

    async def _caller(self, request: Request, need: Need | None) -> Asking | Response:
        """Who is asking, without a name if it is a new visitor; or the answer that refuses them."""
        auth = self._authenticator
        if need == "nothing":
            return Asking(auth.visitor(request))
        if (secret := bearer(request)) is not None:
            token = await auth.token(secret)
            if token is None:
                return _unknown_token(request)
            caller = Asking(token.owner, token.scopes, ByToken(token.id))
            return _out_of_scope(request, token, need) or caller
        if (named := await auth.named(request)) is not None:
            return named
        owner = auth.unnamed(request)
        return _ask(request) if owner is None else Asking(owner)


def _unknown_token(request: Request) -> Response:
    sentence = (
        "This token is not known here: it was revoked, has expired, or was never made. Make "
        "another one with ltx-ui token."
    )
    return refuse(request, 401, sentence, {"WWW-Authenticate": 'Bearer error="invalid_token"'})


def _out_of_scope(request: Request, token: Token, need: Need | None) -> Response | None:
    """The refusal of what a token is not for; None if it is for this."""
    if need == "token" or need in token.scopes:
        return None
    challenge = 'Bearer error="insufficient_scope"'
    if need in SCOPES:
        sentence = f"This token is not for that: it lacks the scope {need}. Make one that has it."
        challenge += f', scope="{need}"'
    else:
        sentence = "A token opens the API alone. Come with a browser, or with name and password."
    return refuse(request, 403, sentence, {"WWW-Authenticate": challenge})


def _with_cookie(send: Send, cookie: str) -> Send:
    async def with_cookie(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            # A cache in between would hand the cookie on with what everybody may share.
            if "public" not in headers.get("cache-control", ""):
                headers.append("set-cookie", cookie)
        await send(message)

    return with_cookie


def _ask(request: Request) -> Response:
    if request.method == "GET" and is_navigation(request):
        return RedirectResponse("../" * (inner_path(request).count("/") - 1) + "login", 303)
    # With this header a browser would open its own password window over the page.
    headers = {"WWW-Authenticate": 'Basic realm="LTX-2 Studio"'}
    program = "sec-fetch-mode" not in request.headers
    sentence = "Sign in with the studio's name and password (HTTP Basic, or the page at /login)."
    return refuse(request, 401, sentence, headers if program else None)
