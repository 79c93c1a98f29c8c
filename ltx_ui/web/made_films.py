"""Films that are made when they are asked for, one at a time, and not kept: what they show may be
deleted in the next moment."""

from __future__ import annotations

import asyncio
import secrets
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from fastapi import Request
from fastapi.responses import FileResponse, Response
from starlette.background import BackgroundTask
from starlette.requests import ClientDisconnect

from ltx_ui.errors import WrongMoment
from ltx_ui.media.files import remove
from ltx_ui.settings import Settings

MOST_WAITING = 8
"""Films that wait or are made; of one more is told that it is too many."""
_ASKS_SECONDS = 0.25
"""How often is looked whether a client is still there."""

Make = Callable[[Path, threading.Event], None]
"""Writes a film to a path, unless the event is set meanwhile."""


class MadeFilms:
    """The thread that makes them."""

    def __init__(self, settings: Settings) -> None:
        self._folder = settings.cache_dir / "posting"
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="films")
        self._waiting = 0

    async def film(self, request: Request, make: Make, name: str) -> Response:
        """The answer with a film, which is gone from the disk once it is sent.

        Args:
            name: what the file is called where it is saved.

        Raises:
            WrongMoment: too many are waiting.
            ClientDisconnect: the client hung up, which stops the work.
            MediaError: it could not be made.
        """
        target = self._folder / f"{secrets.token_hex(8)}.mp4"
        if self._waiting >= MOST_WAITING:
            raise WrongMoment(
                f"{MOST_WAITING} exports are waiting or being made. Try again in a minute."
            )
        self._waiting += 1
        try:
            await self._made(request, partial(make, target))
        except BaseException:
            remove(target)
            raise
        finally:
            self._waiting -= 1
        return FileResponse(
            target,
            media_type="video/mp4",
            filename=name,
            headers={"Cache-Control": "no-store"},
            background=BackgroundTask(remove, target),
        )

    async def _made(self, request: Request, make: Callable[[threading.Event], None]) -> None:
        """Wait for the file."""
        stop = threading.Event()
        work = asyncio.get_running_loop().run_in_executor(self._thread, make, stop)
        try:
            while not (await asyncio.wait([work], timeout=_ASKS_SECONDS))[0]:
                if await request.is_disconnected():
                    raise ClientDisconnect
            await work
        finally:
            stop.set()
            await asyncio.wait([work])
            work.exception()  # Whoever has gone is not told of it.
