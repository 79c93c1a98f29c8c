"""The whole ASGI app: the studio's routes, Gradio's page, and the middleware around both."""

from __future__ import annotations

from collections.abc import Mapping

from fastapi import FastAPI
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Receive, Scope, Send

from ltx_ui.presets import Presets
from ltx_ui.settings import Settings
from ltx_ui.studio.studio import Studio
from ltx_ui.web import characters, films, marks, sounds
from ltx_ui.web.access import AuthenticationMiddleware
from ltx_ui.web.account import Account
from ltx_ui.web.along import Along
from ltx_ui.web.answers import add_error_answers
from ltx_ui.web.api import Api
from ltx_ui.web.api_v1 import licence, links, tokens
from ltx_ui.web.api_v1.events import Watching
from ltx_ui.web.api_v1.router import api_v1_router
from ltx_ui.web.api_v1.storyboards import Storyboards
from ltx_ui.web.assistants.endpoint import Assistants
from ltx_ui.web.authenticator import Authenticator
from ltx_ui.web.bodies import Bodies
from ltx_ui.web.cast import KnowsCast
from ltx_ui.web.connections import room_for_connections
from ltx_ui.web.docs import docs_router
from ltx_ui.web.enhancing import Enhance
from ltx_ui.web.examples import router as examples_router
from ltx_ui.web.given import Given
from ltx_ui.web.gradio_clients import GradioClients
from ltx_ui.web.headers import SafeHeaders
from ltx_ui.web.identity import signing_key
from ltx_ui.web.language import Spoken
from ltx_ui.web.larger import Larger
from ltx_ui.web.login import Login
from ltx_ui.web.longer import Longer
from ltx_ui.web.made_films import MadeFilms
from ltx_ui.web.media import Media
from ltx_ui.web.metrics import Measured, Metrics
from ltx_ui.web.mounting import mount_page
from ltx_ui.web.news import News
from ltx_ui.web.origins import Hosts, OwnSite
from ltx_ui.web.page import Page
from ltx_ui.web.parts import router as parts_router
from ltx_ui.web.posting import Exports
from ltx_ui.web.prefix import Prefixed
from ltx_ui.web.proxies import Proxied
from ltx_ui.web.remaking import Remaking
from ltx_ui.web.revoicing import Revoicing
from ltx_ui.web.streams import Streams
from ltx_ui.web.videos.routes import Videos


def make_app(
    studio: Studio,
    settings: Settings,
    presets: Presets,
    pages: Mapping[str, Page],
    hosts: Hosts,
    authenticator: Authenticator,
) -> ASGIApp:
    """The app for the server. From outside in: what proxies say, the measurement, the language,
    headers for every answer, the check of host name and origin, authentication, the routes.

    Args:
        pages: Gradio's page in each language, mounted at ``/``.
        hosts: names that the studio answers to.
        authenticator: tells who is asking.
    """
    metrics = Metrics(studio)
    app = make_routes(studio, settings, presets, pages, authenticator, metrics)
    app_with_limits = KnowsCast(Quiet(Bodies(app)), studio.characters.cast)
    guarded = OwnSite(AuthenticationMiddleware(app_with_limits, authenticator), hosts)
    measured = Measured(Spoken(SafeHeaders(guarded)), metrics, logged=settings.access_log)
    return Proxied(Prefixed(measured, settings.root_path), settings)


def make_routes(
    studio: Studio,
    settings: Settings,
    presets: Presets,
    pages: Mapping[str, Page],
    authenticator: Authenticator,
    metrics: Metrics,
) -> FastAPI:
    """All addresses of the app, Gradio's among them, without the middleware that guards them.

    Args:
        pages: Gradio's page in each language, mounted at ``/``.
        authenticator: tells who is asking.
        metrics: what ``/metrics`` tells.
    """
    streams = Streams(room_for_connections() // 2, authenticator.lets_in)
    watching = Watching(studio, streams)
    assistants = Assistants(studio, settings, presets, watching)
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None, lifespan=assistants.lifespan)
    add_error_answers(app)
    given = Given(studio, signing_key(settings.data_dir))
    along = Along(studio, settings)
    made_films = MadeFilms(settings)
    exports = Exports(studio, made_films, presets)
    enhance = Enhance(studio, presets)
    # First, since pages ask for it again and again, and each route before it is tried.
    app.include_router(News(studio, streams).router())
    described = [
        api_v1_router(studio, settings, presets, watching),
        Api(studio, settings, watching).router(),
        Media(studio, settings).router(),
        sounds.router(studio, settings),
        films.router(studio, settings),
        marks.router(studio),
        characters.router(studio),
        tokens.router(studio),
        links.router(studio, given),
        licence.router(studio),
        exports.router(),
        enhance.router(),
        Storyboards(studio, settings, presets, made_films).router(),
        along.router(),
        metrics.router(),
        Videos(studio, settings, presets).router(),
    ]
    for router in (
        *described,
        docs_router([route for each in described for route in each.routes]),
        examples_router(),
        along.parts(),
        exports.parts(),
        enhance.parts(),
        Longer(studio, settings).parts(),
        Remaking(studio, settings).parts(),
        Revoicing(studio).parts(),
        Larger(studio).parts(),
        parts_router(),
        given.router(),
        Account(studio, authenticator, given).router(),
        GradioClients(studio, settings, watching).router(),
        Login(authenticator).router(),
    ):
        app.include_router(router)
    app.router.routes.append(assistants.route())
    mount_page(app, pages, settings.root_path)
    return app


class Quiet:
    """Drops a request whose client has disconnected, without a traceback; an ASGI middleware."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await self._app(scope, receive, send)
        except ClientDisconnect:
            return
