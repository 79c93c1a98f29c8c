"""Streams of server-sent events: how many may be open, and what all of them have in common."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import aclosing, contextmanager

from sse_starlette import EventSourceResponse, ServerSentEvent
from starlette.responses import Response

from ltx_ui.errors import TooMuch
from ltx_ui.studio.guard import crowd_of, is_visitor

HEARTBEAT_SECONDS = 10.0
"""How often something is sent, so that no proxy takes the connection for dead."""
RETRY_MILLISECONDS = 2000
"""How long a browser waits before it connects again."""
MOST_OF_ONE = 250
"""Streams that all who come from one address may have at once, and that the owner may have."""


class Streams:
    """Counts the streams that are open. To be used on the server's event loop alone.

    Args:
        most: how many may be open at once, of all people together.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._open: Counter[str] = Counter()

    def check_room(self, owner: str) -> None:
        """Refuse an owner another stream.

        Raises:
            TooMuch: they have as many as they may, or all together have.
        """
        of_one, of_all = self._open[whose(owner)], self._open.total()
        if of_one >= MOST_OF_ONE or of_all >= self._most:
            most = MOST_OF_ONE if of_one >= MOST_OF_ONE else self._most
            raise TooMuch(
                f"At most {most} streams of events may be open at once. Close some, or "
                "ask for the job itself now and then.",
                HEARTBEAT_SECONDS,
            )

    @contextmanager
    def open(self, owner: str) -> Iterator[None]:
        """Inside the block an owner has one more."""
        self._open[whose(owner)] += 1
        try:
            yield
        finally:
            self._open[whose(owner)] -= 1
            self._open += Counter()


def streaming(events: AsyncGenerator[ServerSentEvent], heartbeat: str | None = None) -> Response:
    """The answer that sends events as they come.

    Args:
        heartbeat: the name of an event that tells a page's script that the stream still stands;
            None for a comment, which browsers don't tell scripts of.
    """

    def beat() -> ServerSentEvent:
        if heartbeat is None:
            return ServerSentEvent(comment="still here", sep="\n")
        return ServerSentEvent("{}", event=heartbeat, sep="\n")

    return EventSourceResponse(
        _begun(events),
        ping=HEARTBEAT_SECONDS,
        ping_message_factory=beat,
        sep="\n",
    )


async def _begun(events: AsyncGenerator[ServerSentEvent]) -> AsyncIterator[ServerSentEvent]:
    yield ServerSentEvent(comment="watching", retry=RETRY_MILLISECONDS, sep="\n")
    async with aclosing(events):
        async for event in events:
            yield event


def whose(owner: str) -> str:
    """Who is counted together: see :class:`~ltx_ui.studio.guard.Guard`."""
    return crowd_of(owner) if is_visitor(owner) else owner
