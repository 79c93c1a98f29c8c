"""``ltx-ui`` without a command: settings → studio → page, until a signal, and a clean end."""

from __future__ import annotations

import logging
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, NoReturn

from ltx_ui import runtime
from ltx_ui.commands import COMMANDS
from ltx_ui.commands.folder import alone, noted_address
from ltx_ui.flags import read_settings
from ltx_ui.logs import announcer, log_as
from ltx_ui.presets import load_presets
from ltx_ui.settings import Settings
from ltx_ui.web.gradio_import import as_installed
from ltx_ui.web.listening import listen

if TYPE_CHECKING:
    from ltx_ui.studio.studio import Studio

POLL_SECONDS = 0.1
"""How often it is looked whether the last clip is finished."""
ANSWER_SECONDS = 1.0
"""How long who waits for that clip then has to be answered."""
_AT_THE_MACHINE = ("127.0.0.1", "localhost", "::1")

_log = logging.getLogger(__name__)


def run(argv: Sequence[str], program: str) -> int:
    """Serve the studio until SIGINT or SIGTERM; the process ends here.

    Raises:
        StudioError: it could not be started.
        SystemExit: after ``--help``.
    """
    commands = {name: command.does for name, command in COMMANDS.items()}
    settings = read_settings(argv, program, commands)
    log_as(settings)
    with alone(settings):
        _serve(settings, listen(settings.host, settings.port))


def _serve(settings: Settings, sockets: Sequence[socket.socket]) -> NoReturn:
    runtime.set_up(settings.cache_dir)
    presets = load_presets(settings.presets)

    # They import libraries that read their environment, which is set up above.
    from ltx_ui.studio.studio import Studio

    with as_installed():
        from ltx_ui.web.authenticator import with_credentials
        from ltx_ui.web.server import serve

    stop, at_once = threading.Event(), threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: (at_once if stop.is_set() else stop).set())

    chosen, settings = settings, with_credentials(settings)
    studio = Studio(settings)
    page = serve(studio, settings, presets, sockets)
    studio.start(presets.sampled_sizes)
    announce = announcer(settings)
    announce(f"LTX-2 Studio: {page.url} (data in {settings.data_dir.resolve()})")
    if studio.held:
        announce("The queue is paused for everybody. Under People the owner lets it go on.")
    if settings.database:
        announce(f"The library is in PostgreSQL at {studio.library_name}")
    if page.share_url:
        announce(f"Public link: {page.share_url}")
    if settings.credentials and not chosen.credentials:
        name, password = settings.credentials
        announce(f"Sign in as {name} with the password {password}")
    between = settings.share or settings.allowed_host or settings.trusted_proxy
    if between or settings.host not in _AT_THE_MACHINE:
        page.owner_link.tell(lambda path: announce(f"Owner link: {page.url}/{path}"))
    with noted_address(settings, page.url):
        stop.wait()
    if settings.on_stop == "finish":
        _finish(studio, settings.stop_seconds, at_once)
    _log.info("Stopping.")
    page.close()
    studio.close()
    _leave()


def _finish(studio: Studio, seconds: float, at_once: threading.Event) -> None:
    """Let the clip that is being made be finished, unless it takes longer than ``seconds`` or
    ``at_once`` is set meanwhile."""
    studio.finish()
    if not studio.running():
        return
    _log.info("Finishing the clip that is being made. A second signal ends at once.")
    end = time.monotonic() + seconds
    while studio.running() and time.monotonic() < end:
        if at_once.wait(POLL_SECONDS):
            return
    at_once.wait(ANSWER_SECONDS)


def _leave() -> NoReturn:
    """End now: a step that is still being computed in a thread can't be interrupted, and the job
    behind it is on disk and starts again next time."""
    logging.shutdown()
    sys.stdout.flush()
    os._exit(0)
