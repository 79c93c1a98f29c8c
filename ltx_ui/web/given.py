"""Takes that were given away: their pages and files, for whoever has the link."""

from __future__ import annotations

import hashlib
import textwrap

from fastapi import APIRouter, Request
from fastapi.responses import FileResponse, HTMLResponse, Response
from itsdangerous import BadSignature, Signer

from ltx_ui.errors import NotFound
from ltx_ui.studio.clip_files import present
from ltx_ui.studio.studio import Studio
from ltx_ui.studio.takes import Take
from ltx_ui.web.front import TITLE
from ltx_ui.web.routing import add_get
from ltx_ui.web.submitting import root_of
from ltx_ui.web.templating import render

NOTHING = (
    "There is nothing at this link. It may have been taken back, or it has expired, or the clip "
    "was deleted."
)
_HEADERS = {"Cache-Control": "no-store", "X-Robots-Tag": "noindex, nofollow"}
_LONGEST_TITLE = 90


class Given:
    """Links to takes, signed with the studio's key, and what is found at them.

    Args:
        key: of the data folder; what was signed with another one is no link.
    """

    def __init__(self, studio: Studio, key: bytes) -> None:
        self._studio = studio
        self._signer = Signer(
            key, salt="ltx-ui-take", key_derivation="hmac", digest_method=hashlib.sha256
        )

    def url(self, link_id: str, request: Request) -> str:
        """A link's address, as whoever makes this request reaches the studio."""
        signed = self._signer.sign(link_id).decode()
        here = f"{request.url.scheme}://{request.headers['host']}"
        return f"{here}{root_of(request)}/t/{signed}"

    def page(self, request: Request, link: str) -> HTMLResponse:
        """A page that plays the take."""
        take = self._take(link)
        recipe = take.recipe
        page = render(
            "given.html",
            title=textwrap.shorten(take.name or recipe.prompt, _LONGEST_TITLE, placeholder=" …"),
            prompt=recipe.prompt,
            width=recipe.width,
            height=recipe.height,
            here=self.url(link.partition(".")[0], request),
            link=link,
            studio=TITLE,
            file=f"{take.id}.mp4",
        )
        return HTMLResponse(page, headers=_HEADERS)

    def video(self, link: str) -> Response:
        """The take's mp4; ranges work."""
        return FileResponse(
            present(self._take(link).video), media_type="video/mp4", headers=_HEADERS
        )

    def poster(self, link: str) -> Response:
        """The take's still picture."""
        return FileResponse(
            present(self._take(link).poster), media_type="image/jpeg", headers=_HEADERS
        )

    def _take(self, link: str) -> Take:
        try:
            return self._studio.take_links.take(self._signer.unsign(link).decode())
        except (BadSignature, NotFound, ValueError):
            raise NotFound(NOTHING) from None

    def router(self) -> APIRouter:
        """The routes; left out of the API's schema, for they serve people."""
        router = APIRouter(include_in_schema=False)
        add_get(router, "/t/{link}", self.page, response_class=HTMLResponse)
        add_get(router, "/t/{link}/video.mp4", self.video, response_class=FileResponse)
        add_get(router, "/t/{link}/poster.jpg", self.poster, response_class=FileResponse)
        return router
