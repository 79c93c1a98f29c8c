"""Mounts Gradio's page in the studio's app, with only those of its addresses that the page uses."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import NoReturn

import gradio as gr
from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.routing import BaseRoute, Match, Mount, NoMatchFound
from starlette.types import ASGIApp, Receive, Scope, Send

from ltx_ui.web import compat
from ltx_ui.web.access import current_owner
from ltx_ui.web.events import MOST_BYTES, Events
from ltx_ui.web.front import Front
from ltx_ui.web.kept_files import KeptFiles
from ltx_ui.web.language import language
from ltx_ui.web.once import Once
from ltx_ui.web.page import Page
from ltx_ui.web.parts import FIRST
from ltx_ui.web.templating import ASSETS
from ltx_ui.web.theme import make_theme

EVENT = "/gradio_api/run/predict"
"""The path to which the page posts its events."""

_READ = re.compile(
    r"/|/config/?|/theme\.css|/robots\.txt"
    r"|/(static|assets|svelte)/[^?#]+"
    # The page asks it after a failed call, to learn whether the program was restarted.
    r"|/gradio_api/app_id/?"
)
"""Paths that the page loads. All others of Gradio's (uploads, heartbeats, files by path, proxying,
the queue, calls by name, recordings, monitoring, deep links) are answered with 404."""

_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")

MOST_VISITORS = 200
"""Visitors whose state Gradio keeps at the same time, of each language."""


class Open(Mount):
    """The route to Gradio's page, for the requests in the allow list alone."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Match what is allowed; part of Starlette's interface of a route."""
        return super().matches(scope) if is_open(scope) else (Match.NONE, {})


class Closed(BaseRoute):
    """The last route, which refuses every request: with 405 if a route before it takes other
    methods at this address, else with 404."""

    def __init__(self, before: Sequence[BaseRoute]) -> None:
        self._before = before

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Match; part of Starlette's interface of a route."""
        return Match.FULL, {}

    def url_path_for(self, name: str, /, **path_params: object) -> NoReturn:
        """Fail: this route has no name. Part of Starlette's interface of a route."""
        raise NoMatchFound(name, path_params)

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse, and say which methods the address takes, if it takes any."""
        if allowed := [method for method in _METHODS if self._takes(scope, method)]:
            raise HTTPException(405, headers={"Allow": ", ".join(allowed)})
        raise HTTPException(404)

    def _takes(self, scope: Scope, method: str) -> bool:
        asked = {**scope, "method": method}
        return any(route.matches(asked)[0] is Match.FULL for route in self._before)


def is_open(scope: Scope) -> bool:
    """Whether a request is in the allow list."""
    if scope["type"] != "http" or b"deep_link" in scope["query_string"]:
        return False
    if scope["method"] == "POST":
        return str(scope["path"]) == EVENT
    return scope["method"] in ("GET", "HEAD") and _READ.fullmatch(scope["path"]) is not None


class InLanguage:
    """Lets the page of the language that is spoken answer; an ASGI app around Gradio's."""

    def __init__(self, apps: Mapping[str, ASGIApp]) -> None:
        self._apps = apps

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._apps[language()](scope, receive, send)


def mount_page(app: FastAPI, pages: Mapping[str, Page], root_path: str) -> None:
    """Mount the page at the app's root, and refuse what neither it nor the app's routes answer.

    The page comes before all routes, none of which has one of its addresses: it is asked for most
    often, and to find that none of two hundred routes fits takes as long as to answer.

    Args:
        root_path: the path below which a proxy has it; empty for none.
    """
    # Gradio's own CORS headers let foreign sites in. It leaves them out if the app has its own.
    app.add_middleware(CORSMiddleware)
    compat.log_tracebacks()
    apps = {spoken: _mounted(app, page, root_path) for spoken, page in pages.items()}
    files = compat.files_of(next(iter(pages.values())).blocks)  # the same in each language
    page = KeptFiles(Front(Once(InLanguage(apps)), files))
    routes = list(app.router.routes)
    app.router.routes.insert(0, Open("/", page))
    app.router.routes.append(Closed(routes))


def _mounted(app: FastAPI, page: Page, root_path: str) -> ASGIApp:
    """Gradio's app for one of the pages. It starts and ends with the studio's."""
    blocks = page.blocks
    blocks.queue(api_open=False, max_size=64, default_concurrency_limit=8)
    compat.calm_queue(blocks)
    compat.keep_sessions(blocks, MOST_VISITORS)
    gr.mount_gradio_app(
        app,
        blocks,
        path="/",
        root_path=root_path or None,  # None: what GRADIO_ROOT_PATH says.
        auth_dependency=current_owner,
        show_error=False,
        run_history=False,
        enable_monitoring=False,
        footer_links=[],
        max_file_size=MOST_BYTES,
        ssr_mode=False,
        mcp_server=False,
        pwa=False,
        theme=make_theme(),
        css_paths=[ASSETS / name for name in FIRST.styles],
        head=page.head,
        app_kwargs={"docs_url": None, "redoc_url": None, "openapi_url": None},
    )
    mounted = app.router.routes.pop()
    assert isinstance(mounted, Mount)
    return Events(mounted.app, compat.event_inputs(blocks))
