"""The public link: how long it lives, and how it is closed."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

from starlette.requests import Request

from ltx_ui.errors import NotAllowed
from ltx_ui.web import compat

LIVES = timedelta(days=7)
"""How long Gradio's servers keep a tunnel at most: "up to 1 week (best effort)", as ``launch`` of
Gradio 6 says."""
LINGERS = 20.0
"""Seconds for which a closed link still leads here, so that who looks at the page is told."""
CLOSED = "The owner of this studio has closed its public link."


class PublicLink:
    """A public address that leads to the studio, if there is one.

    Attributes:
        url: the address; None if there is none, or it was closed.
        ends_at: when it ends by itself.
    """

    def __init__(self) -> None:
        self.url: str | None = None
        self.ends_at = datetime.now(UTC)
        self._closed: str | None = None

    def opened(self, url: str) -> None:
        """The address leads here now."""
        self.url, self.ends_at = url, datetime.now(UTC) + LIVES

    def close(self) -> None:
        """Refuse who comes by the link, and then close the tunnel as well. Nothing happens where
        there is no link."""
        if self.url is None:
            return
        self._closed, self.url = urlsplit(self.url).hostname, None
        timer = threading.Timer(LINGERS, compat.close_tunnels)
        timer.daemon = True
        timer.start()

    def check(self, request: Request) -> None:
        """Refuse what comes by a closed link.

        Raises:
            NotAllowed: it does.
        """
        if self._closed is not None and request.url.hostname == self._closed:
            raise NotAllowed(CLOSED)
