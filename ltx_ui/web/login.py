"""The login: a form without script, and the way out."""

from __future__ import annotations

from urllib.parse import parse_qs

from fastapi import APIRouter
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from starlette.requests import Request

from ltx_ui.web.access import SESSION_SECONDS, Locks, address_of, too_many_tries
from ltx_ui.web.bodies import read_body
from ltx_ui.web.front import TITLE
from ltx_ui.web.templating import render

MOST_BYTES = 4096


class Login:
    """The two addresses ``/login`` and ``/logout``."""

    def __init__(self, locks: Locks) -> None:
        self._locks = locks

    def show(self) -> Response:
        """The form; nothing to do where no password is needed."""
        return _form() if self._locks.needed else RedirectResponse("./", 303)

    async def sign_in(self, request: Request) -> Response:
        """Take the form. Says nothing about which of the two was wrong."""
        locks, address = self._locks, address_of(request)
        fields = parse_qs((await read_body(request, MOST_BYTES)).decode(errors="replace"))
        if wait := locks.brake.seconds_left(address):
            sentence, headers = too_many_tries(wait)
            return _form(sentence, 429, headers)
        name, password = (fields.get(field, [""])[0] for field in ("username", "password"))
        if not locks.fits(name, password, address):
            return _form("Name or password is wrong.", 401)
        answer = RedirectResponse("./", 303)
        answer.set_cookie(
            locks.cookie,
            locks.sessions.open(),
            max_age=SESSION_SECONDS,
            httponly=True,
            samesite="lax",
            secure=request.url.scheme == "https",
        )
        return answer

    def sign_out(self, request: Request) -> Response:
        """End the session."""
        self._locks.sessions.close(request.cookies.get(self._locks.cookie, ""))
        answer = RedirectResponse("login", 303)
        answer.delete_cookie(self._locks.cookie, httponly=True, samesite="lax")
        return answer

    def router(self) -> APIRouter:
        """Both addresses; they are the page's, not the API's."""
        router = APIRouter(include_in_schema=False)
        router.add_api_route("/login", self.show, methods=["GET", "HEAD"])
        router.add_api_route("/login", self.sign_in, methods=["POST"])
        router.add_api_route("/logout", self.sign_out, methods=["POST"])
        return router


def _form(problem: str = "", status: int = 200, headers: dict[str, str] | None = None) -> Response:
    page = render("login.html", studio=TITLE, problem=problem)
    return HTMLResponse(page, status, {"Cache-Control": "no-store", **(headers or {})})
