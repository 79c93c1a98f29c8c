"""Streams of server-sent events: how many may be open, and what all of them have in common."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from contextlib import AbstractContextManager, aclosing, contextmanager

from anyio import CancelScope
from sse_starlette import EventSourceResponse, ServerSentEvent
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from ltx_ui.errors import TooMuch
from ltx_ui.studio.bans import Bans, is_banned
from ltx_ui.studio.guard import crowd_of, is_visitor

HEARTBEAT_SECONDS = 10.0
"""How often something is sent, so that no proxy takes the connection for dead."""
RETRY_MILLISECONDS = 2000
"""How long a browser waits before it connects again."""
MOST_OF_ONE = 250
"""Streams that all who come from one address may have at once, and that the owner may have."""
LOOK_SECONDS = 0.5
"""How often it is looked whether somebody is let in no more who has a stream."""

_log = logging.getLogger(__name__)


class Streams:
    """Counts the streams that are open, and ends those of who is banned. To be used on the server's
    event loop alone.

    Args:
        most: how many may be open at once, of all people together.
        bans: who is let in no more.
    """

    def __init__(self, most: int, bans: Bans) -> None:
        self._most, self._bans = most, bans
        self._open: Counter[str] = Counter()
        self._visitors: dict[CancelScope, str] = {}
        self._looking: asyncio.Task[None] | None = None

    @contextmanager
    def open(self, owner: str) -> Iterator[None]:
        """Inside the block an owner has one more.

        Raises:
            TooMuch: they have as many as they may, or all together have.
        """
        self._check_room(owner)
        self._open[whose(owner)] += 1
        try:
            yield
        finally:
            self._open[whose(owner)] -= 1
            self._open += Counter()

    @contextmanager
    def while_let_in(self, owner: str) -> Iterator[CancelScope]:
        """The block is left as soon as its owner is banned; the scope tells whether it was."""
        with CancelScope() as scope:
            if not is_visitor(owner):
                yield scope
                return
            self._visitors[scope] = owner
            if self._looking is None or self._looking.done():
                self._looking = asyncio.create_task(self._look())
            try:
                yield scope
            finally:
                del self._visitors[scope]

    async def _look(self) -> None:
        names = self._bans.names
        while self._visitors:
            await asyncio.sleep(LOOK_SECONDS)
            try:
                known = names.known
                banned = await asyncio.to_thread(names.get) if known is None else known
            except Exception as error:
                _log.warning("Who is banned can't be read: %s", error)
                continue
            for scope, owner in self._visitors.items() if banned else ():
                if is_banned(owner, banned):
                    scope.cancel()

    def _check_room(self, owner: str) -> None:
        of_one, of_all = self._open[whose(owner)], self._open.total()
        if of_one >= MOST_OF_ONE or of_all >= self._most:
            most = MOST_OF_ONE if of_one >= MOST_OF_ONE else self._most
            raise TooMuch(
                f"At most {most} streams of events may be open at once. Close some, or "
                "ask for the job itself now and then.",
                HEARTBEAT_SECONDS,
            )


class Stream(EventSourceResponse):
    """An answer that sends events as they come, for as long as who asks is let in.

    Its place is taken when it begins, in one step with the look whether there is one: of many who
    ask at once, no more get one than there are.

    Args:
        place: entered while it is sent; raises what the client is told if there is none.
        beat: makes what is sent now and then.
    """

    def __init__(
        self,
        streams: Streams,
        owner: str,
        events: AsyncIterator[ServerSentEvent],
        beat: Callable[[], ServerSentEvent],
        place: AbstractContextManager[object] | None = None,
    ) -> None:
        super().__init__(events, ping=HEARTBEAT_SECONDS, ping_message_factory=beat, sep="\n")
        self._streams, self._owner = streams, owner
        self._place = streams.open(owner) if place is None else place

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it; part of ASGI."""
        ended = False

        async def sent(message: Message) -> None:
            nonlocal ended
            await send(message)
            ended = not message.get("more_body", True)

        with self._place:
            with self._streams.while_let_in(self._owner) as let_in:
                await super().__call__(scope, receive, sent)
            if let_in.cancelled_caught and not ended:
                await send({"type": "http.response.body", "body": b"", "more_body": False})


def streaming(
    streams: Streams,
    owner: str,
    events: AsyncGenerator[ServerSentEvent],
    heartbeat: str | None = None,
    place: AbstractContextManager[object] | None = None,
) -> Response:
    """The answer that sends events as they come.

    Args:
        owner: who asks for it.
        place: as in :class:`Stream`; one of the streams', if not given.
        heartbeat: the name of an event that tells a page's script that the stream still stands;
            None for a comment, which browsers don't tell scripts of.
    """

    def beat() -> ServerSentEvent:
        if heartbeat is None:
            return ServerSentEvent(comment="still here", sep="\n")
        return ServerSentEvent("{}", event=heartbeat, sep="\n")

    return Stream(streams, owner, _begun(events), beat, place)


async def _begun(events: AsyncGenerator[ServerSentEvent]) -> AsyncIterator[ServerSentEvent]:
    yield ServerSentEvent(comment="watching", retry=RETRY_MILLISECONDS, sep="\n")
    async with aclosing(events):
        async for event in events:
            yield event


def whose(owner: str) -> str:
    """Who is counted together: see :class:`~ltx_ui.studio.guard.Guard`."""
    return crowd_of(owner) if is_visitor(owner) else owner
