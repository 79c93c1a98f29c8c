"""Gradio's page in our own app, with only those of its addresses open that the page uses."""

from __future__ import annotations

import re
from typing import NoReturn

import gradio as gr
from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.routing import BaseRoute, Match, Mount, NoMatchFound
from starlette.types import Receive, Scope, Send

from ltx_ui.web import compat
from ltx_ui.web.access import signed_in
from ltx_ui.web.events import MOST_BYTES, Events
from ltx_ui.web.front import Front
from ltx_ui.web.templating import ASSETS
from ltx_ui.web.theme import make_theme

EVENT = "/gradio_api/run/predict"
"""Where the page sends all of its events."""

_READ = re.compile(
    r"/|/config/?|/theme\.css|/favicon\.ico|/manifest\.json|/robots\.txt"
    r"|/(static|assets|svelte)/[^?#]+"
    # Asked after a call was not answered, to learn whether this is still the same program.
    r"|/gradio_api/app_id/?"
    # An event stream for as long as the page is open: its end ends the visitor's session.
    r"|/gradio_api/heartbeat/[A-Za-z0-9_-]{1,64}"
)
"""What the page loads. Gradio's other addresses (uploads, files by path, proxying, the queue, calls
by name, recordings, monitoring, deep links) are not there."""

MOST_VISITORS = 200
"""Whose state is kept at once."""


class Closed(BaseRoute):
    """A route that takes every request but those of the allow list, and answers 404. What stands
    after it gets the rest."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """As Starlette asks each route in turn."""
        return (Match.NONE if is_open(scope) else Match.FULL), {}

    def url_path_for(self, name: str, /, **path_params: object) -> NoReturn:
        """There is no address by a name here."""
        raise NoMatchFound(name, path_params)

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer."""
        raise HTTPException(404)


def is_open(scope: Scope) -> bool:
    """Whether the page needs this address of Gradio's."""
    if scope["type"] != "http" or b"deep_link" in scope["query_string"]:
        return False
    if scope["method"] == "POST":
        return str(scope["path"]) == EVENT
    return scope["method"] in ("GET", "HEAD") and _READ.fullmatch(scope["path"]) is not None


def mount_page(app: FastAPI, page: gr.Blocks, head: str) -> None:
    """Put the page at the app's root, after every route that the app has by now.

    Args:
        head: HTML for the page's head: its scripts.
    """
    # Gradio leaves out its own CORS headers, which let foreign sites in, where the app has some.
    app.add_middleware(CORSMiddleware)
    app.router.routes.append(Closed())
    page.queue(api_open=False, max_size=64, default_concurrency_limit=8)
    compat.keep_sessions(page, MOST_VISITORS)
    compat.log_tracebacks()
    gr.mount_gradio_app(
        app,
        page,
        path="/",
        auth_dependency=signed_in,
        show_error=False,
        run_history=False,
        enable_monitoring=False,
        footer_links=[],
        max_file_size=MOST_BYTES,
        ssr_mode=False,
        mcp_server=False,
        pwa=False,
        theme=make_theme(),
        css_paths=ASSETS / "style.css",
        head=head,
        app_kwargs={"docs_url": None, "redoc_url": None, "openapi_url": None},
    )
    mounted = app.router.routes[-1]
    assert isinstance(mounted, Mount)
    mounted.app = Front(Events(mounted.app, compat.event_inputs(page)))
