"""Serves the page and the API in a background thread, until they are closed."""

from __future__ import annotations

import logging
import socket
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

import gradio as gr
import uvicorn
from starlette.types import ASGIApp

from ltx_ui.errors import StudioError, WrongMoment
from ltx_ui.presets import Presets
from ltx_ui.settings import Settings
from ltx_ui.studio.studio import Studio
from ltx_ui.texts import LANGUAGES
from ltx_ui.web import compat
from ltx_ui.web.application import make_app
from ltx_ui.web.authenticator import Authenticator
from ltx_ui.web.connections import connections_of, room_for_connections
from ltx_ui.web.identity import Identities, OwnerLink, signing_key
from ltx_ui.web.listening import BACKLOG, listen, url_of
from ltx_ui.web.origins import Hosts
from ltx_ui.web.page import Page, pages
from ltx_ui.web.public import PublicLink

CLOSING_SECONDS = 1.0
STARTING_SECONDS = 60.0
KEEP_ALIVE_SECONDS = 15
"""How long an idle connection is kept open for the page's next poll."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class RunningPage:
    """The server while it is running, with the addresses to open, and the owner link."""

    url: str
    share_url: str | None
    owner_link: OwnerLink
    pages: Mapping[str, Page]
    server: uvicorn.Server
    thread: threading.Thread

    def close(self) -> None:
        """Stop serving at once. Requests are cut off: one that makes a clip can take minutes."""
        # uvicorn would log each cut-off request as an error with a traceback.
        logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL + 1)
        compat.close_tunnels()
        for page in self.pages.values():
            page.blocks.close(verbose=False)
        self.server.force_exit = self.server.should_exit = True
        self.thread.join(CLOSING_SECONDS)


def serve(
    studio: Studio,
    settings: Settings,
    presets: Presets,
    sockets: Sequence[socket.socket] | None = None,
) -> RunningPage:
    """Start serving the page and the API in the background.

    Args:
        sockets: bound ones from :func:`~ltx_ui.web.listening.listen`; opened here if None.

    Raises:
        SettingsError: the port is taken, or the address can't be used.
    """
    sockets = sockets or listen(settings.host, settings.port)
    made, hosts, link = pages(studio, settings, presets), Hosts.of(settings), OwnerLink()
    identities = Identities(signing_key(settings.data_dir), settings.port)
    authenticator = Authenticator(settings, identities, link, studio)
    server = _server(make_app(studio, settings, presets, made, hosts, authenticator))
    thread = threading.Thread(
        target=server.run, kwargs={"sockets": list(sockets)}, name="server", daemon=True
    )
    thread.start()
    _wait_until_started(server, thread)
    if settings.share:
        _share(authenticator.public, made[LANGUAGES[0]].blocks, settings, hosts)
    url = url_of(settings.host, settings.port) + settings.root_path
    return RunningPage(url, authenticator.public.url, link, made, server, thread)


def _server(app: ASGIApp) -> uvicorn.Server:
    room = room_for_connections()
    config = uvicorn.Config(
        app,
        http=connections_of(room),
        ws="none",
        lifespan="on",
        log_config=None,
        proxy_headers=False,  # See ltx_ui/web/proxies.py.
        access_log=False,
        server_header=False,
        limit_concurrency=room + 1,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=0,
        # uvicorn accepts up to this many at once, before any of them can close an idle one.
        backlog=min(BACKLOG, max(4, room // 4)),
    )
    return uvicorn.Server(config)


def _wait_until_started(server: uvicorn.Server, thread: threading.Thread) -> None:
    end = time.monotonic() + STARTING_SECONDS
    while not server.started:
        if not thread.is_alive() or time.monotonic() > end:
            raise StudioError("The page could not be started; the log says why.")
        time.sleep(0.01)


def _share(public: PublicLink, page: gr.Blocks, settings: Settings, hosts: Hosts) -> None:
    """Open the public link; a warning in the log where that can't be done."""
    local = urlsplit(url_of(settings.host, settings.port)).hostname or "127.0.0.1"

    def tunnel() -> str:
        address = urlsplit(compat.open_tunnel(page, local, settings.port))
        if address.hostname:
            hosts.add(address.hostname)
        return address._replace(scheme="https").geturl()

    try:
        public.open_by(tunnel)
    except WrongMoment as error:
        _log.warning("%s", error)
