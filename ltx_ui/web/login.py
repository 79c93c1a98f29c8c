"""Signing in, by a form without script or by the owner link, and signing out."""

from __future__ import annotations

import asyncio
import unicodedata
from urllib.parse import parse_qs

from fastapi import APIRouter
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from starlette.requests import Request

from ltx_ui.errors import TooMuch
from ltx_ui.settings import LOCAL
from ltx_ui.studio.sign_ins import LASTS
from ltx_ui.web.authenticator import Authenticator, address_of
from ltx_ui.web.bodies import read_body
from ltx_ui.web.front import TITLE
from ltx_ui.web.language import t
from ltx_ui.web.prefix import cookie_path
from ltx_ui.web.templating import render

MOST_BYTES = 4096


class Login:
    """The routes ``/login``, ``/logout`` and ``/owner``."""

    def __init__(self, authenticator: Authenticator) -> None:
        self._authenticator = authenticator

    async def show(self) -> Response:
        """The form; straight on to the page if there is no name to sign in with."""
        return _form() if await self._authenticator.has_names() else RedirectResponse("./", 303)

    async def sign_in(self, request: Request) -> Response:
        """Check the form's name and password. The answer doesn't tell which of them was wrong."""
        auth = self._authenticator
        fields = parse_qs((await read_body(request, MOST_BYTES)).decode(errors="replace"))
        name, password = (fields.get(field, [""])[0] for field in ("username", "password"))
        name = unicodedata.normalize("NFC", name)
        try:
            who = await auth.verify(name, password, address_of(request))
        except TooMuch as error:
            return _form(str(error), 429, {"Retry-After": str(error.retry_after)})
        if who is None:
            return _form(t("login.wrong"), 401)
        answer = RedirectResponse("./", 303)
        if auth.identities.of(request) == LOCAL:
            auth.identities.forget(answer, request)
        if before := request.cookies.get(auth.cookie):
            await asyncio.to_thread(auth.sign_ins.close, before)
        answer.set_cookie(
            auth.cookie,
            await asyncio.to_thread(auth.sign_ins.open, who),
            max_age=int(LASTS.total_seconds()),
            path=cookie_path(request.scope),
            httponly=True,
            samesite="lax",
            secure=request.url.scheme == "https",
        )
        return answer

    def sign_out(self, request: Request) -> Response:
        """End the session. A browser that the owner link made the owner's is nobody's again."""
        auth = self._authenticator
        if before := request.cookies.get(auth.cookie):
            auth.sign_ins.close(before)
        answer = RedirectResponse("login", 303)
        path = cookie_path(request.scope)
        answer.delete_cookie(auth.cookie, path=path, httponly=True, samesite="lax")
        if auth.identities.of(request) == LOCAL:
            auth.identities.forget(answer, request)
        return answer

    def show_owner_link(self, token: str = "") -> Response:
        """Ask whoever opened the owner link before it is used up: programs open links too."""
        return self._owner_page(token) if self._authenticator.link.is_right(token) else self._used()

    async def become_owner(self, request: Request) -> Response:
        """Make the browser the owner's, if its link has not been used."""
        fields = parse_qs((await read_body(request, MOST_BYTES)).decode(errors="replace"))
        if not self._authenticator.link.take(fields.get("token", [""])[0]):
            return self._used()
        answer = RedirectResponse("./", 303)
        self._authenticator.identities.keep(LOCAL, answer, request)
        return answer

    def _owner_page(self, token: str) -> Response:
        return _no_store(render("owner.html", studio=TITLE, token=token, used=False))

    def _used(self) -> Response:
        return _no_store(render("owner.html", studio=TITLE, token="", used=True), 403)

    def router(self) -> APIRouter:
        """The routes; left out of the API's schema, for they serve the page."""
        router = APIRouter(include_in_schema=False)
        router.add_api_route("/login", self.show, methods=["GET", "HEAD"])
        router.add_api_route("/login", self.sign_in, methods=["POST"])
        router.add_api_route("/owner", self.show_owner_link, methods=["GET", "HEAD"])
        router.add_api_route("/owner", self.become_owner, methods=["POST"])
        router.add_api_route("/logout", self.sign_out, methods=["POST"])
        return router


def _form(problem: str = "", status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return _no_store(render("login.html", studio=TITLE, problem=problem), status, headers)


def _no_store(page: str, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return HTMLResponse(page, status, {"Cache-Control": "no-store", **(headers or {})})
