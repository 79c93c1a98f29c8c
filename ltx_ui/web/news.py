"""Tells an open page by a stream that there is something new for it, so that it need not ask.

The stream says nothing but that: what is new, the page asks for as it does for everything else.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from fastapi import APIRouter
from sse_starlette import ServerSentEvent
from starlette.responses import Response

from ltx_ui.errors import TooMuch
from ltx_ui.studio.jobs import Job, Queued, Running
from ltx_ui.studio.session import Session
from ltx_ui.studio.studio import Studio
from ltx_ui.web.access import Owner
from ltx_ui.web.api_v1.events import mark
from ltx_ui.web.streams import HEARTBEAT_SECONDS, Streams, streaming

LOOK_SECONDS = 1.0
"""How often the sessions of open pages are looked at; more often no page is told anything."""
LIFE_SECONDS = 300.0
"""How long a stream lasts. The page asks for another one then, and may have to sign in for it."""
MOST_PAGES = 12
"""Streams of one person's pages; what is open beyond that asks now and then."""
SHARE_OFF = 0.1
"""By how much of itself a time may be off that a page shows, or by the seconds below."""
RUNS_OFF, WAITS_OFF = 5.0, 15.0

_log = logging.getLogger(__name__)


@dataclass
class _Followed:
    """A person whose pages are told.

    Attributes:
        session: what their pages know.
        changed: set when there is something new; then there is another one.
        pages: how many they have.
    """

    session: Session
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    pages: int = 0

    def see(self, session: Session) -> None:
        if is_news(self.session, session):
            self.session = session
            self.changed.set()
            self.changed = asyncio.Event()


class News:
    """The route of the stream: one task looks at the sessions of all who have one open, as long as
    there are any. To be used on the server's event loop alone."""

    def __init__(self, studio: Studio, streams: Streams) -> None:
        self._studio = studio
        self._streams = streams
        self._followed: dict[str, _Followed] = {}
        self._looking: asyncio.Task[None] | None = None

    def router(self) -> APIRouter:
        """The route."""
        made = APIRouter(include_in_schema=False)
        made.add_api_route("/session/events", self.events, methods=["GET"])
        return made

    async def events(self, owner: Owner) -> Response:
        """An event at first, and one whenever there is something new for the person who asks."""
        self._check_room(owner)
        # Before the first event: what changes while the page asks for what there is, is news.
        session = await asyncio.to_thread(self._studio.session, owner)
        return streaming(self._told(owner, session), heartbeat="beat")

    def _check_room(self, owner: str) -> None:
        self._streams.check_room(owner)
        if owner in self._followed and self._followed[owner].pages >= MOST_PAGES:
            raise TooMuch(
                f"At most {MOST_PAGES} of your pages are told at once. This one asks for itself.",
                HEARTBEAT_SECONDS,
            )

    async def _told(self, owner: str, session: Session) -> AsyncGenerator[ServerSentEvent]:
        ends = asyncio.get_running_loop().time() + LIFE_SECONDS
        with self._streams.open(owner), self._follow(owner, session) as followed:
            while True:
                changed = followed.changed
                yield ServerSentEvent("{}", event="changed", sep="\n")
                try:
                    async with asyncio.timeout_at(ends):
                        await changed.wait()
                except TimeoutError:
                    return

    @contextmanager
    def _follow(self, owner: str, session: Session) -> Iterator[_Followed]:
        followed = self._followed.setdefault(owner, _Followed(session))
        followed.pages += 1
        if self._looking is None or self._looking.done():
            self._looking = asyncio.create_task(self._look())
        try:
            yield followed
        finally:
            followed.pages -= 1
            if not followed.pages:
                del self._followed[owner]

    async def _look(self) -> None:
        while self._followed:
            await asyncio.sleep(LOOK_SECONDS)
            try:
                found = await asyncio.to_thread(self._read, list(self._followed))
            except Exception as error:
                _log.warning("The sessions of open pages can't be read: %s", error)
                continue
            for owner, session in found.items():
                if owner in self._followed:
                    self._followed[owner].see(session)

    def _read(self, owners: Collection[str]) -> Mapping[str, Session]:
        found = {}
        for owner in owners:
            self._studio.presence.seen(owner)
            found[owner] = self._studio.session(owner)
        return found


def is_news(before: Session, now: Session) -> bool:
    """Whether a page shows something else for a session than for an earlier one."""
    if _shown(before) != _shown(now):
        return True
    return any(map(_is_off, before.jobs, now.jobs))


def _shown(session: Session) -> tuple[Any, ...]:
    jobs = [(job.id, job.model, mark(job)) for job in session.jobs]
    seen = session.preview_job, session.preview
    kept = session.ended, session.takes
    return session.model, jobs, seen, kept, session.paused, session.held, session.live


def _is_off(before: Job, now: Job) -> bool:
    """Whether the time that a page shows of a job has become another one meanwhile."""
    first, second = _seconds_left(before), _seconds_left(now)
    if first is None or second is None:
        return first is not second
    least = WAITS_OFF if isinstance(now.state, Queued) else RUNS_OFF
    return abs(first - second) >= max(least, SHARE_OFF * first)


def _seconds_left(job: Job) -> float | None:
    return job.state.seconds_left if isinstance(job.state, Queued | Running) else None
