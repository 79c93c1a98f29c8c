"""A job's progress as server-sent events.

Each event tells all there is to tell, so nothing is lost with one that did not arrive: who watches
too slowly, or comes back after a while, is told how the job is now.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing, contextmanager
from dataclasses import dataclass, field

from sse_starlette import ServerSentEvent
from starlette.responses import Response

from ltx_ui.errors import NotFound
from ltx_ui.studio.jobs import Cancelling, Job, JobState, Queued, Running
from ltx_ui.studio.studio import Studio
from ltx_ui.web.api_v1 import schemas
from ltx_ui.web.caller import Asking
from ltx_ui.web.streams import Streams, streaming

LOOK_SECONDS = 0.25
"""How often jobs are looked at while somebody watches them."""
GONE = "gone"
"""The event of a job whose takes were deleted while it was watched."""

EVENT = {
    "type": "object",
    "properties": {
        "id": {"type": "string"},
        "event": {"type": "string", "enum": ["progress", "done", "failed", "cancelled", GONE]},
        "data": {
            "type": "string",
            "contentMediaType": "application/json",
            "contentSchema": {"$ref": "#/components/schemas/Progress"},
        },
    },
    "required": ["id", "event", "data"],
}
"""The OpenAPI description of an event."""

_log = logging.getLogger(__name__)


@dataclass
class _Watched:
    """A job that somebody watches.

    Attributes:
        job: as it was last seen; None once it is gone.
        changed: set when that changes; then there is another one.
        watching: how many do.
    """

    owner: str
    job: Job | None
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    watching: int = 0

    def see(self, job: Job | None) -> None:
        before, self.job = self.job, job
        if mark(job) != mark(before):
            self.changed.set()
            self.changed = asyncio.Event()


class Watching:
    """Follows jobs for all who watch them: one task looks at all of them, as long as there are any.
    To be used on the server's event loop alone.

    Attributes:
        streams: counts who watches.
    """

    def __init__(self, studio: Studio, streams: Streams) -> None:
        self._studio = studio
        self._watched: dict[str, _Watched] = {}
        self.streams = streams
        self._looking: asyncio.Task[None] | None = None

    def is_watched(self, job_id: str) -> bool:
        """Whether somebody watches a job."""
        return job_id in self._watched

    async def follow(self, job: Job) -> AsyncGenerator[Job | None]:
        """A job as it is now, and again each time that it has changed, up to its end; None if it
        is gone. Who follows it has a place among the :attr:`streams`."""
        with self._watch(job) as watched:
            while True:
                now, changed = watched.job, watched.changed
                yield now
                if now is None or not now.live:
                    return
                await changed.wait()

    @contextmanager
    def _watch(self, job: Job) -> Iterator[_Watched]:
        watched = self._watched.setdefault(job.id, _Watched(job.owner, job))
        watched.watching += 1
        if self._looking is None or self._looking.done():
            self._looking = asyncio.create_task(self._look())
        try:
            yield watched
        finally:
            watched.watching -= 1
            if not watched.watching:
                del self._watched[job.id]

    async def _look(self) -> None:
        while self._watched:
            await asyncio.sleep(LOOK_SECONDS)
            watched = dict(self._watched)
            asked = {job_id: each.owner for job_id, each in watched.items()}
            try:
                found = await asyncio.to_thread(self._read, asked)
            except Exception as error:
                _log.warning("Jobs that are watched can't be read: %s", error)
                continue
            for job_id, each in watched.items():
                each.see(found[job_id])

    def _read(self, asked: dict[str, str]) -> dict[str, Job | None]:
        return {job_id: self._job(job_id, owner) for job_id, owner in asked.items()}

    def _job(self, job_id: str, owner: str) -> Job | None:
        try:
            return self._studio.job(job_id, owner)
        except NotFound:
            return None


def stream(watching: Watching, job: Job, caller: Asking, root: str, seen: str) -> Response:
    """The answer to who wants a job's events.

    Args:
        caller: who wants them.
        root: the path below which the studio is.
        seen: the id of the last event that the client has; empty without one.
    """
    if not job.live and seen == mark(job):
        # It has been told everything; with this status browsers don't connect again.
        return Response(status_code=204)
    return streaming(watching.streams, caller, _events(watching.follow(job), root, seen))


async def _events(
    following: AsyncGenerator[Job | None], root: str, seen: str
) -> AsyncGenerator[ServerSentEvent]:
    async with aclosing(following) as states:
        async for now in states:
            if (present := mark(now)) != seen:
                yield _event(now, present, root)
            seen = ""


def _event(job: Job | None, present: str, root: str) -> ServerSentEvent:
    if job is None:
        return ServerSentEvent("{}", event=GONE, id=present, sep="\n")
    name = "progress" if job.live else job.state.name
    told = schemas.progress(job, root).model_dump_json()
    return ServerSentEvent(told, event=name, id=present, sep="\n")


def mark(job: Job | None) -> str:
    """What a job's state is told by: the same text as long as there is nothing new."""
    if job is None:
        return GONE
    if job.elsewhere:
        return f"elsewhere-{_mark(job.state)}"
    return _mark(job.state)


def _mark(state: JobState) -> str:
    match state:
        case Queued():
            waits = f"{2 * state.held + state.paused}-{int(state.waits_for is None)}"
            return f"queued-{state.place}-{waits}"
        case Running():
            at = f"{state.take}-{state.stage}-{state.step}"
            return f"running-{at}-{len(state.take_ids)}"
        case Cancelling():
            return f"cancelling-{len(state.take_ids)}"
    return state.name
