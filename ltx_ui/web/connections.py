"""Deadlines and a cap for connections, so that slow or idle clients can't block the server.

uvicorn closes a connection that is idle after an answer. But it waits for ever for the rest of a
request, and accepts connections until the process has no file descriptors left; it has no options
against either. So this protocol adds deadlines for a request's head, for its body and for a client
that does not read its answer, and closes a connection that is idle, or waits for its client, when
the cap is reached.
"""

from __future__ import annotations

import asyncio
import sys
from collections import Counter
from pathlib import Path
from typing import Any

from ltx_ui.web.compat import IDLE, SEND_BODY, H11Protocol

HEAD_SECONDS = 10.0
"""Time for a request's first line and headers, and for a new connection's first byte."""
BODY_SECONDS, BODY_RATE = 20.0, 4_000
"""Time between two looks at a body, and the bytes that must have come in each of its seconds. A
slow phone (64 kB/s) sends sixteen times as many."""
SEND_SECONDS = 120.0
"""Time for a client to read on in its answer. A player that was paused longer asks for the
rest again."""
MOST_CONNECTIONS = 1000
SPARE_DESCRIPTORS = 24
"""File descriptors left for the library, ffmpeg's pipes and files that are being written."""


def room_for_connections() -> int:
    """How many connections the process's file descriptors allow, two for each: its socket and a
    file to send. Raises the soft limit of descriptors to the hard one."""
    if sys.platform == "win32":
        return MOST_CONNECTIONS
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    if hard == resource.RLIM_INFINITY:
        return MOST_CONNECTIONS
    free = hard - sum(1 for _ in Path("/dev/fd").iterdir()) - SPARE_DESCRIPTORS
    return max(4, min(MOST_CONNECTIONS, free // 2))


class Connection(H11Protocol):
    """One client's connection."""

    room = MOST_CONNECTIONS
    """How many connections there may be; :func:`connections_of` sets it in a subclass."""
    head_seconds, body_seconds = HEAD_SECONDS, BODY_SECONDS

    def connection_made(self, transport: Any) -> None:
        """Start the deadline; if there are too many connections, the longest idle one is closed. If
        none is idle, one is whose client is waited for: the oldest of those who have most."""
        super().connection_made(transport)
        self._deadline: asyncio.TimerHandle | None = None
        self._sending: asyncio.TimerHandle | None = None
        self._phase: object = None
        self._received = 0
        self.since = self.loop.time()
        self._make_room()
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the deadlines."""
        self._stop_clock()
        self.resume_writing()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take more of a request, and set the deadline for what comes next."""
        self._received += len(data)
        super().data_received(data)
        self._watch()

    def on_response_complete(self) -> None:
        """Note since when the connection is idle; the deadline for the next request starts."""
        self.since = self.loop.time()
        super().on_response_complete()
        self._watch()

    def pause_writing(self) -> None:
        """Start the deadline for a client that doesn't read its answer."""
        super().pause_writing()
        if self._sending is None:
            self._sending = self.loop.call_later(SEND_SECONDS, self.transport.abort)

    def resume_writing(self) -> None:
        """Stop that deadline: the client has read on."""
        super().resume_writing()
        if self._sending is not None:
            self._sending.cancel()
            self._sending = None

    @property
    def idle(self) -> bool:
        """Whether no request is being answered on this connection."""
        cycle: Any = self.cycle
        return cycle is None or bool(cycle.response_complete)

    @property
    def waits(self) -> bool:
        """Whether it is the client that is waited for: for the rest of a body, or to read on."""
        return self.conn.their_state is SEND_BODY or self._sending is not None

    def _make_room(self) -> None:
        if len(self.connections) <= self.room:
            return
        others = [
            each for each in self.connections if isinstance(each, Connection) and each is not self
        ]
        chosen = min((each for each in others if each.idle), key=_age, default=None)
        if chosen is None and (waiting := [each for each in others if each.waits]):
            of_each = Counter(map(_address, others))
            chosen = min(waiting, key=lambda each: (-of_each[_address(each)], each.since))
        if chosen is not None:
            self.connections.discard(chosen)
            chosen.transport.abort()

    def _watch(self) -> None:
        """Set the deadline for what the client has to send next."""
        phase: object = self.conn.their_state
        if phase is IDLE and self.timeout_keep_alive_task is not None:
            phase = None  # Nothing has begun; uvicorn's own clock runs.
        if phase is self._phase:
            return
        self._stop_clock()
        self._phase, self._received = phase, 0
        if phase is IDLE:
            self._deadline = self.loop.call_later(self.head_seconds, self.transport.abort)
        elif phase is SEND_BODY:
            self._deadline = self.loop.call_later(self.body_seconds, self._check_body)

    def _check_body(self) -> None:
        # What the studio itself has not read yet does not count against the client.
        if not self.flow.read_paused and self._received < self.body_seconds * BODY_RATE:
            self.transport.abort()
            return
        self._received = 0
        self._deadline = self.loop.call_later(self.body_seconds, self._check_body)

    def _stop_clock(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None


def _address(connection: Connection) -> str:
    return connection.client[0] if connection.client else ""


def _age(connection: Connection) -> float:
    return connection.since


def connections_of(room: int) -> type[Connection]:
    """The protocol class for uvicorn, with a cap of ``room`` connections."""
    return type("CappedConnection", (Connection,), {"room": room})
