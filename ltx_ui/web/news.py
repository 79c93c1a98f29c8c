"""Tells an open page by a stream that there is something new for it, so that it need not ask.

The stream says nothing but that: what is new, the page asks for as it does for everything else. A
page without a stream asks whether there is something new, which costs next to nothing, before it
asks for that.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections import OrderedDict
from collections.abc import AsyncGenerator, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from typing import Any, NamedTuple

from fastapi import APIRouter, Request
from sse_starlette import ServerSentEvent
from starlette.responses import Response

from ltx_ui.errors import TooMuch
from ltx_ui.studio.jobs import Job, Queued, Running
from ltx_ui.studio.session import Session
from ltx_ui.studio.studio import Studio
from ltx_ui.web.access import Caller, Owner
from ltx_ui.web.api_v1.events import mark
from ltx_ui.web.streams import HEARTBEAT_SECONDS, Streams, streaming

LOOK_SECONDS = 1.0
"""How often the sessions of open pages are looked at; more often no page is told anything."""
LIFE_SECONDS = 300.0
"""How long a stream lasts. The page asks for another one then."""
MOST_PAGES = 12
"""Streams of one person's pages; what is open beyond that asks now and then."""
MOST_VERSIONS = 500
"""People of whom it is known what their pages show; to others it is news."""
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


class _Version(NamedTuple):
    """What a person's pages show, and the tag that stands for it."""

    session: Session
    tag: str


class News:
    """The routes: one task looks at the sessions of all who have a stream open, as long as there
    are any. To be used on the server's event loop alone."""

    def __init__(self, studio: Studio, streams: Streams) -> None:
        self._studio = studio
        self._streams = streams
        self._followed: dict[str, _Followed] = {}
        self._looking: asyncio.Task[None] | None = None
        self._versions: OrderedDict[str, _Version] = OrderedDict()
        self._tags, self._begun = count(), secrets.token_hex(4)

    def router(self) -> APIRouter:
        """The routes."""
        made = APIRouter(include_in_schema=False)
        made.add_api_route("/session/events", self.events, methods=["GET"])
        made.add_api_route("/session/version", self.version, methods=["GET"])
        return made

    async def events(self, caller: Caller) -> Response:
        """An event at first, and one whenever there is something new for the person who asks."""
        owner = caller.owner
        # Before the first event: what changes while the page asks for what there is, is news.
        session = await asyncio.to_thread(self._studio.session, owner)
        place = self._follow(owner, session)
        return streaming(self._streams, caller, self._told(owner), "beat", place)

    async def version(self, request: Request, owner: Owner) -> Response:
        """Nothing but a tag, which is another one once there is something new for the person who
        asks: for a page that has no stream, or is not seen now."""
        session = await asyncio.to_thread(self._studio.session, owner)
        known = self._versions.get(owner)
        if known is None or is_news(known.session, session):
            known = _Version(session, f'"{next(self._tags)}-{self._begun}"')
            self._versions[owner] = known
        self._versions.move_to_end(owner)
        if len(self._versions) > MOST_VERSIONS:
            self._versions.popitem(last=False)
        same = request.headers.get("if-none-match") == known.tag
        return Response(status_code=304 if same else 204, headers={"ETag": known.tag})

    async def _told(self, owner: str) -> AsyncGenerator[ServerSentEvent]:
        ends = asyncio.get_running_loop().time() + LIFE_SECONDS
        followed = self._followed[owner]
        while True:
            changed = followed.changed
            yield ServerSentEvent("{}", event="changed", sep="\n")
            try:
                async with asyncio.timeout_at(ends):
                    await changed.wait()
            except TimeoutError:
                return

    @contextmanager
    def _follow(self, owner: str, session: Session) -> Iterator[None]:
        """Inside the block an owner has one more page that is told.

        Raises:
            TooMuch: as many are as may be.
        """
        with self._streams.open(owner):
            followed = self._followed.setdefault(owner, _Followed(session))
            if followed.pages >= MOST_PAGES:
                raise TooMuch(
                    f"At most {MOST_PAGES} of your pages are told at once. This one asks for "
                    "itself.",
                    HEARTBEAT_SECONDS,
                )
            followed.pages += 1
            if self._looking is None or self._looking.done():
                self._looking = asyncio.create_task(self._look())
            try:
                yield
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
