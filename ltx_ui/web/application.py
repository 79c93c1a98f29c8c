"""The whole app: our routes, the page mounted beside them, and what stands in front of both."""

from __future__ import annotations

import gradio as gr
from fastapi import APIRouter, FastAPI
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Receive, Scope, Send

from ltx_ui.settings import Settings
from ltx_ui.studio.studio import Studio
from ltx_ui.web.access import Door, Locks
from ltx_ui.web.answers import add_error_answers
from ltx_ui.web.api import Api, add_docs
from ltx_ui.web.bodies import Bodies
from ltx_ui.web.headers import SafeHeaders
from ltx_ui.web.login import Login
from ltx_ui.web.media import Media
from ltx_ui.web.mounting import mount_page
from ltx_ui.web.origins import Hosts, OwnSite


def make_app(
    studio: Studio, settings: Settings, page: gr.Blocks, head: str, hosts: Hosts
) -> ASGIApp:
    """What a server is given. From outside in: headers for every answer, then who may ask from
    where, then who is asking, then the routes."""
    locks = Locks(settings.credentials, settings.port)
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)
    add_error_answers(app)
    described = [Api(studio, settings).router(), Media(studio, settings).router()]
    docs = APIRouter()
    add_docs(docs, [route for router in described for route in router.routes])
    for router in (*described, docs, Login(locks).router()):
        app.include_router(router)
    mount_page(app, page, head)
    return SafeHeaders(OwnSite(Door(Quiet(Bodies(app)), locks), hosts))


class Quiet:
    """Ends a request whose client has gone without a traceback; an ASGI middleware."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await self._app(scope, receive, send)
        except ClientDisconnect:
            return
