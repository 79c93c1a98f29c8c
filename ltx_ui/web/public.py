"""The public link: how long it lives, and how it is closed and opened again."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

from starlette.requests import Request

from ltx_ui.errors import NotAllowed, WrongMoment
from ltx_ui.web import compat

LIVES = timedelta(days=7)
"""How long Gradio's servers keep a tunnel at most: "up to 1 week (best effort)", as ``launch`` of
Gradio 6 says."""
LINGERS = 20.0
"""Seconds for which a closed link still leads here, so that who looks at the page is told."""
CLOSED = "The owner of this studio has closed its public link."


class PublicLink:
    """A public address that leads to the studio, if there is one. Safe to call from any thread.

    Args:
        lingers: seconds as :data:`LINGERS`.

    Attributes:
        url: the address; None if there is none, or it was closed.
        ends_at: when it ends by itself.
    """

    def __init__(self, lingers: float = LINGERS) -> None:
        self.url: str | None = None
        self.ends_at = datetime.now(UTC)
        self._lingers = lingers
        self._lock = threading.Lock()
        self._opens: Callable[[], str] | None = None
        self._closed: str | None = None
        self._tunnel: str | None = None

    @property
    def can_open(self) -> bool:
        """Whether there is no link, and one can be asked for."""
        return self.url is None and self._opens is not None

    def open_by(self, opens: Callable[[], str]) -> None:
        """Open it, and know from now on how that is done.

        Args:
            opens: opens a tunnel and returns its address.

        Raises:
            WrongMoment: it can't be opened now; says what to do.
        """
        self._opens = opens
        self.open()

    def open(self) -> None:
        """Open the link, by the tunnel that is still there or by a new one, whose address may be
        another. Nothing happens where it is open.

        Raises:
            WrongMoment: it can't be opened now, or the studio was started without one; says what to
                do.
        """
        with self._lock:
            if self.url is not None:
                return
            if self._opens is None:
                raise WrongMoment("Start the studio with --share to have a public link.")
            if self._tunnel is None:
                self._tunnel = _opened(self._opens)
                self.ends_at = datetime.now(UTC) + LIVES
            self.url, self._closed = self._tunnel, None

    def close(self) -> None:
        """Refuse who comes by the link, and then close the tunnel as well. Nothing happens where
        there is no link."""
        with self._lock:
            if self.url is None:
                return
            self._closed, self.url = urlsplit(self.url).hostname, None
        timer = threading.Timer(self._lingers, self._end)
        timer.daemon = True
        timer.start()

    def _end(self) -> None:
        """Close the tunnel, unless the link was opened again meanwhile."""
        with self._lock:
            if self.url is None:
                self._tunnel = None
                compat.close_tunnels()

    def check(self, request: Request) -> None:
        """Refuse what comes by a closed link.

        Raises:
            NotAllowed: it does.
        """
        if self._closed is not None and request.url.hostname == self._closed:
            raise NotAllowed(CLOSED)


def _opened(opens: Callable[[], str]) -> str:
    try:
        return opens()
    except Exception as error:  # Network, certificate, download, a program that can't be run.
        raise WrongMoment(
            f"The public link can't be opened ({error}). See that this machine reaches the "
            "internet and try again, or start the studio again with --share. The page is open on "
            "this machine all the same."
        ) from error
