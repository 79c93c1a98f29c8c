"""A job's server-sent events, over HTTP."""

from __future__ import annotations

import asyncio
import json
import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest
from running import RunningApp
from serving import everybody
from starlette.types import Message
from studios import idle, quick
from v1 import SLOW, SMALL, ended, problem, submit

from ltx_ui.errors import TooMuch
from ltx_ui.studio.jobs import Job
from ltx_ui.studio.studio import Studio
from ltx_ui.web import streams
from ltx_ui.web.api_v1 import events as events_module
from ltx_ui.web.api_v1.events import Watching, stream
from ltx_ui.web.caller import Asking
from ltx_ui.web.streams import Streams


class Event(NamedTuple):
    name: str
    id: str
    data: dict[str, Any]


def events(answer: httpx.Response) -> Iterator[Event]:
    """The events of an answer, as they come."""
    assert answer.status_code == 200
    assert answer.headers["content-type"].partition(";")[0] == "text/event-stream"
    assert answer.headers["cache-control"] == "no-store"
    fields: dict[str, str] = {}
    for line in answer.iter_lines():
        if line:
            name, _, value = line.partition(":")
            fields[name] = value.removeprefix(" ")
        elif "data" in fields:
            yield Event(fields["event"], fields["id"], json.loads(fields["data"]))
            fields = {}


def watched(client: httpx.Client, job: dict[str, Any], seen: str = "") -> list[Event]:
    """All events of a job up to the end."""
    headers = {"Last-Event-ID": seen} if seen else {}
    with client.stream("GET", job["events"], headers=headers) as answer:
        return list(events(answer))


def test_a_job_is_followed_to_its_end(ada: httpx.Client) -> None:
    job = submit(ada, SMALL | {"num_inference_steps": 20, "num_takes": 2})
    told = watched(ada, job)
    *before, last = told
    assert {event.name for event in before} == {"progress"}
    assert (last.name, last.id) == ("done", "done")
    assert {event.data["id"] for event in told} == {job["id"]}
    assert len({event.id for event in told}) == len(told)
    fractions = [event.data["fraction"] for event in told]
    assert (fractions, fractions[-1]) == (sorted(fractions), 1.0)
    assert last.data["takes"] == ended(ada, job)["takes"]


def test_who_comes_back_is_told_what_is_new_and_nothing_after_the_end(ada: httpx.Client) -> None:
    before, job = submit(ada, SLOW), submit(ada, SLOW)
    with ada.stream("GET", job["events"]) as answer:
        waits = next(events(answer))
    assert (waits.name, waits.data["state"]) == ("progress", "queued")
    ada.delete(job["href"])
    (cancelled,) = watched(ada, job, seen=waits.id)
    ada.delete(before["href"])
    assert (cancelled.name, cancelled.data["state"]) == ("cancelled", "cancelled")
    again = ada.get(job["events"], headers={"Last-Event-ID": cancelled.id})
    assert (again.status_code, again.content) == (204, b"")
    assert [event.name for event in watched(ada, job)] == ["cancelled"]
    assert [event.name for event in watched(ada, job, seen="of another job")] == ["cancelled"]


def test_all_who_watch_are_told_and_a_stream_without_news_stays_open(
    ada: httpx.Client, app: RunningApp
) -> None:
    before, job = submit(ada, SLOW), submit(ada, SLOW)
    seen: list[str] = []
    heard, many = threading.Semaphore(0), 20

    def watch() -> None:
        with ada.stream("GET", job["events"]) as answer:
            for event in events(answer):
                seen.append(event.name)
                heard.release()

    threads = [threading.Thread(target=watch) for _ in range(many)]
    for thread in threads:
        thread.start()
    for _ in range(many):
        assert heard.acquire(timeout=120)
    ada.delete(job["href"])
    for thread in threads:
        thread.join(30)
    ada.delete(before["href"])
    assert seen.count("cancelled") == many
    assert app.health()["status"] == "healthy"


def test_deleting_all_takes_of_a_watched_job_does_not_hurt(ada: httpx.Client) -> None:
    job = ended(ada, submit(ada, SMALL))
    ada.delete(job["takes"][0]["href"])
    problem(ada.get(job["events"]), 404, "not-found")


def test_head_tells_of_the_stream_and_does_not_wait(ada: httpx.Client) -> None:
    job = submit(ada, SLOW)
    answer = ada.head(job["events"])
    ada.delete(job["href"])
    assert (answer.status_code, answer.content) == (200, b"")


@pytest.fixture
def studio(tmp_path: Path) -> Iterator[Studio]:
    with idle(tmp_path) as studio:
        yield studio


class Reader:
    """Takes what a stream sends, as a server would; waits with it while it is not let."""

    def __init__(self) -> None:
        self.sent = b""
        self.may_send = asyncio.Event()
        self.may_send.set()

    async def send(self, message: Message) -> None:
        await self.may_send.wait()
        self.sent += message.get("body", b"")

    async def receive(self) -> Message:
        await asyncio.Event().wait()
        raise AssertionError

    async def reads(self, words: bytes) -> None:
        async with asyncio.timeout(30):
            while words not in self.sent:
                await asyncio.sleep(0.01)


def test_a_stream_without_news_is_kept_open_and_a_slow_reader_is_told_only_the_latest(
    studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "HEARTBEAT_SECONDS", 0.05)
    monkeypatch.setattr(events_module, "LOOK_SECONDS", 0.02)
    others = [studio.submit(quick(), "ada") for _ in range(5)]
    job = studio.submit(quick(), "ada")

    async def watch() -> bytes:
        reader, watching = Reader(), Watching(studio, Streams(9, everybody))
        answer = stream(watching, job, Asking("ada"), "", "")
        scope = {"type": "http", "method": "GET", "headers": []}
        watched = asyncio.create_task(answer(scope, reader.receive, reader.send))
        await reader.reads(b": still here")
        assert watching.is_watched(job.id)
        reader.may_send.clear()
        for each in others:
            studio.cancel(each.id, "ada")
            await asyncio.sleep(0.1)
        reader.may_send.set()
        await reader.reads(b'"place":1')
        studio.cancel(job.id, "ada")
        async with asyncio.timeout(30):
            await watched
        assert not watching.is_watched(job.id)
        return reader.sent

    places = re.findall(rb'"place":(\d)', asyncio.run(watch()))
    assert (places[0], places[-1]) == (b"6", b"1")
    assert len(places) <= 3


def test_who_has_too_many_streams_is_told_and_others_are_not(
    studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "MOST_OF_ONE", 1)
    mine, others = studio.submit(quick(), "visitor-1-2"), studio.submit(quick(), "visitor-2-1")

    async def watch() -> None:
        watching, reader = Watching(studio, Streams(9, everybody)), Reader()
        scope = {"type": "http", "method": "GET", "headers": []}

        async def watched(job: Job, owner: str) -> None:
            answer = stream(watching, job, Asking(owner), "", "")
            await answer(scope, reader.receive, reader.send)

        async with asyncio.TaskGroup() as together:
            following = together.create_task(watched(mine, mine.owner))
            await reader.reads(b"event: progress")
            with pytest.raises(TooMuch):
                await watched(mine, "visitor-1-3")
            reader.sent = b""
            besides = together.create_task(watched(others, others.owner))
            await reader.reads(b"event: progress")
            following.cancel()
            besides.cancel()
        studio.cancel(mine.id, mine.owner)
        await watched(studio.job(mine.id, mine.owner), mine.owner)

    asyncio.run(watch())
