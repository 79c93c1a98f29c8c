"""A studio that makes nothing, served by a real server in this process."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from running import free_port

from ltx_ui.presets import load_presets
from ltx_ui.settings import Settings
from ltx_ui.studio.studio import Studio
from ltx_ui.web.caller import Asking
from ltx_ui.web.server import RunningPage, serve

PROXY, BESIDE = "127.0.0.1", "127.0.0.2"
"""Addresses that clients have: of the trusted proxy, and of somebody else at the machine."""


@dataclass(frozen=True)
class Served:
    """The studio, and where it answers."""

    studio: Studio
    page: RunningPage
    folder: Path

    def client(self, address: str = BESIDE, **headers: str) -> httpx.Client:
        """A client with an address and headers of its own, which keeps its cookies."""
        transport = httpx.HTTPTransport(local_address=address)
        return httpx.Client(
            base_url=self.page.url, transport=transport, timeout=60, headers=headers
        )

    def visitor(self, number: int = 1, **headers: str) -> httpx.Client:
        """A stranger, whose requests the proxy passes on."""
        return self.client(PROXY, **{"X-Forwarded-For": f"203.0.113.{number}", **headers})

    def browser(self, number: int = 1) -> httpx.Client:
        """The same in a browser: it vouches for the studio's page."""
        return self.visitor(number, **{"Sec-Fetch-Site": "same-origin"})


async def everybody(caller: Asking) -> bool:
    """Lets everybody in."""
    return True


@contextmanager
def served(folder: Path, **settings: Any) -> Iterator[Served]:
    """Serve a folder's studio until the block ends."""
    given = Settings.model_validate(
        {"data_dir": folder, "model": "demo", "port": free_port(), **settings}
    )
    studio = Studio(given)
    page = serve(studio, given, load_presets(given.presets))
    try:
        yield Served(studio, page, folder)
    finally:
        page.close()
        studio.close()
