"""Streams of server-sent events: how many may be open, and what all of them have in common."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractContextManager, aclosing, contextmanager

from anyio import CancelScope
from sse_starlette import EventSourceResponse, ServerSentEvent
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from ltx_ui.errors import NotAllowed, TooMuch
from ltx_ui.studio.guard import crowd_of, is_visitor
from ltx_ui.web.caller import Asking

HEARTBEAT_SECONDS = 10.0
"""How often something is sent, so that no proxy takes the connection for dead."""
RETRY_MILLISECONDS = 2000
"""How long a browser waits before it connects again."""
MOST_OF_ONE = 250
"""Streams that all who come from one address may have at once, and that the owner may have."""
LOOK_SECONDS = 0.5
"""How often it is looked whether somebody is let in no more who has a stream, or waits."""

_log = logging.getLogger(__name__)


class Streams:
    """Counts the streams that are open, and ends those of who is let in no more. To be used on the
    server's event loop alone.

    Args:
        most: how many may be open at once, of all people together.
        lets_in: whether who came in would be let in again.
    """

    def __init__(self, most: int, lets_in: Callable[[Asking], Awaitable[bool]]) -> None:
        self._most, self._lets_in = most, lets_in
        self._open: Counter[str] = Counter()
        self._inside: dict[CancelScope, Asking] = {}
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
    def while_let_in(self, caller: Asking) -> Iterator[CancelScope]:
        """The block is left as soon as the caller is let in no more; the scope tells whether it
        was."""
        with CancelScope() as scope:
            self._inside[scope] = caller
            if self._looking is None or self._looking.done():
                self._looking = asyncio.create_task(self._look())
            try:
                yield scope
            finally:
                del self._inside[scope]

    @contextmanager
    def waiting(self, caller: Asking) -> Iterator[None]:
        """The block, in which a caller waits for an answer, is left as soon as they are let in no
        more.

        Raises:
            NotAllowed: they are not.
        """
        with self.while_let_in(caller) as let_in:
            yield
        if let_in.cancelled_caught:
            raise NotAllowed("You are let in no more: what you came in by was taken back.")

    async def _look(self) -> None:
        while self._inside:
            await asyncio.sleep(LOOK_SECONDS)
            for scope, caller in list(self._inside.items()):
                try:
                    let_in = await self._lets_in(caller)
                except Exception as error:
                    _log.warning("Who is let in can't be read: %s", error)
                    break
                if not let_in:
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
        caller: Asking,
        events: AsyncIterator[ServerSentEvent],
        beat: Callable[[], ServerSentEvent],
        place: AbstractContextManager[object] | None = None,
    ) -> None:
        super().__init__(events, ping=HEARTBEAT_SECONDS, ping_message_factory=beat, sep="\n")
        self._streams, self._caller = streams, caller
        self._place = streams.open(caller.owner) if place is None else place

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it; part of ASGI."""
        ended = False

        async def sent(message: Message) -> None:
            nonlocal ended
            await send(message)
            ended = not message.get("more_body", True)

        with self._place:
            with self._streams.while_let_in(self._caller) as let_in:
                await super().__call__(scope, receive, sent)
            if let_in.cancelled_caught and not ended:
                await send({"type": "http.response.body", "body": b"", "more_body": False})


def streaming(
    streams: Streams,
    caller: Asking,
    events: AsyncGenerator[ServerSentEvent],
    heartbeat: str | None = None,
    place: AbstractContextManager[object] | None = None,
) -> Response:
    """The answer that sends events as they come.

    Args:
        caller: who asks for it.
        place: as in :class:`Stream`; one of the streams', if not given.
        heartbeat: the name of an event that tells a page's script that the stream still stands;
            None for a comment, which browsers don't tell scripts of.
    """

    def beat() -> ServerSentEvent:
        if heartbeat is None:
            return ServerSentEvent(comment="still here", sep="\n")
        return ServerSentEvent("{}", event=heartbeat, sep="\n")

    return Stream(streams, caller, _begun(events), beat, place)


async def _begun(events: AsyncGenerator[ServerSentEvent]) -> AsyncIterator[ServerSentEvent]:
    yield ServerSentEvent(comment="watching", retry=RETRY_MILLISECONDS, sep="\n")
    async with aclosing(events):
        async for event in events:
            yield event


def whose(owner: str) -> str:
    """Who is counted together: see :class:`~ltx_ui.studio.guard.Guard`."""
    return crowd_of(owner) if is_visitor(owner) else owner
