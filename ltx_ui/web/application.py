"""The whole ASGI app: the studio's routes, Gradio's page, and the middleware around both."""

from __future__ import annotations

import gradio as gr
from fastapi import APIRouter, FastAPI
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Receive, Scope, Send

from ltx_ui.settings import Settings
from ltx_ui.studio.studio import Studio
from ltx_ui.web.access import AuthenticationMiddleware, Authenticator
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
    """The app for the server. From outside in: headers for every answer, the check of host name and
    origin, authentication, the routes.

    Args:
        page: Gradio's page, which is mounted at ``/``.
        head: HTML for the page's head.
        hosts: names that the studio answers to.
    """
    authenticator = Authenticator(settings.credentials, settings.port)
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)
    add_error_answers(app)
    described = [Api(studio, settings).router(), Media(studio, settings).router()]
    docs = APIRouter()
    add_docs(docs, [route for router in described for route in router.routes])
    for router in (*described, docs, Login(authenticator).router()):
        app.include_router(router)
    mount_page(app, page, head)
    app_with_limits = Quiet(Bodies(app))
    return SafeHeaders(OwnSite(AuthenticationMiddleware(app_with_limits, authenticator), hosts))


class Quiet:
    """Drops a request whose client has disconnected, without a traceback; an ASGI middleware."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await self._app(scope, receive, send)
        except ClientDisconnect:
            return
