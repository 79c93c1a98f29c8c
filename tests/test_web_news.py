"""The stream by which an open page learns that there is something new, over HTTP."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
from running import RunningApp
from serving import everybody
from studios import idle, quick, until
from test_api_v1_events import Reader
from v1 import SLOW, SMALL, ended, submit, visitor

from ltx_ui.studio.jobs import Job, JobState, Queued, Running
from ltx_ui.studio.session import Session
from ltx_ui.web import news
from ltx_ui.web.caller import Asking
from ltx_ui.web.news import MOST_PAGES, News, is_news
from ltx_ui.web.streams import Streams

EVENTS = "/session/events"


@contextmanager
def listening(client: httpx.Client) -> Iterator[list[str]]:
    """All lines of somebody's stream but its heartbeats, as they come."""
    lines: list[str] = []

    def read(answer: httpx.Response) -> None:
        with suppress(httpx.HTTPError, httpx.StreamError):
            lines.extend(line for line in answer.iter_lines() if line and line[0] != ":")

    with client.stream("GET", EVENTS) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        reader = threading.Thread(target=read, args=(answer,), daemon=True)
        reader.start()
        until(lambda: "data: {}" in lines)
        yield lines


def test_a_stream_tells_of_ones_own_jobs_and_nothing_of_others(
    ada: httpx.Client, http: httpx.Client
) -> None:
    first = ["retry: 2000", "event: changed", "data: {}"]
    with listening(ada) as strangers, listening(http) as own:
        job = http.post("/jobs", json=SMALL | {"prompt": "only for me"}).json()
        while http.get(f"/jobs/{job['id']}").json()["state"] in ("queued", "running"):
            time.sleep(0.05)
        until(lambda: own.count("event: changed") > 1)
        time.sleep(2 * news.LOOK_SECONDS)
        assert [line for line in strangers if "beat" not in line][:3] == first
        assert strangers.count("event: changed") == 1
        submit(ada, SMALL)
        until(lambda: strangers.count("event: changed") > 1)
        assert {*own, *strangers} <= {*first, "event: beat"}


def test_who_waits_is_told_a_new_place_and_nothing_meanwhile(
    ada: httpx.Client, http: httpx.Client
) -> None:
    before = http.post("/jobs", json=SLOW).json()["id"]
    job = submit(ada, SMALL)
    with listening(ada) as lines:
        time.sleep(4 * news.LOOK_SECONDS)
        # The time until it begins may become known meanwhile.
        assert lines.count("event: changed") <= 3
        http.delete(f"/jobs/{before}")
        ended(ada, job)
        told = lines.count("event: changed")
        until(lambda: lines.count("event: changed") > told)


def test_a_person_may_have_so_many_streams_and_is_told_what_happens_beyond(
    app: RunningApp,
) -> None:
    with visitor(app) as client, ExitStack() as streams:
        ask = partial(client.build_request, "GET", EVENTS)
        with ThreadPoolExecutor(MOST_PAGES + 8) as together:
            asked = [together.submit(client.send, ask(), stream=True) for _ in range(20)]
            answers = [streams.enter_context(closing(each.result())) for each in asked]
        refused = [answer for answer in answers if answer.status_code == 429]
        assert len(answers) - len(refused) == MOST_PAGES
        for answer in refused:
            assert "This one asks for itself." in answer.read().decode()
            assert "retry-after" in answer.headers


def test_a_page_that_asks_learns_by_a_tag_whether_there_is_something_new(
    ada: httpx.Client, http: httpx.Client
) -> None:
    def asked(client: httpx.Client, tag: str = "") -> tuple[int, str]:
        answer = client.get("/session/version", headers={"If-None-Match": tag} if tag else {})
        assert answer.content == b""
        return answer.status_code, answer.headers["etag"]

    (new, first), (_, others) = asked(ada), asked(http)
    assert new == 204 and first != others
    assert asked(ada, first) == (304, first)
    assert asked(ada, others) == (204, first)
    job = ended(ada, submit(ada, SMALL))
    changed, second = asked(ada, first)
    assert changed == 204 and second != first
    assert asked(ada, second) == (304, second)
    ada.patch(job["takes"][0]["href"], json={"favourite": True}).raise_for_status()
    assert asked(ada, second)[0] == 204


def test_a_stream_ends_after_its_life_and_nobody_is_looked_at_then(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(news, "LIFE_SECONDS", 0.3)
    monkeypatch.setattr(news, "LOOK_SECONDS", 0.02)

    async def listen() -> bytes:
        reader, streams = Reader(), Streams(1, everybody)
        told = News(studio, streams)
        answer = await told.events(Asking("ada"))
        scope = {"type": "http", "method": "GET", "headers": []}
        listening = asyncio.create_task(answer(scope, reader.receive, reader.send))
        await reader.reads(b"event: changed")
        studio.submit(quick(), "ada")
        async with asyncio.timeout(30):
            await listening
        with streams.open("ada"):
            return reader.sent

    with idle(tmp_path) as studio:
        assert asyncio.run(listen()).count(b"event: changed") == 2


def session(state: JobState, job: Job) -> Session:
    model = None
    jobs = (replace(job, state=state),)
    return Session(model, jobs, (), (), None, None, False, False, True)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("before", "now", "told"),
    [
        (Queued(2, seconds_left=100.0), Queued(2, seconds_left=90.0), False),
        (Queued(2, seconds_left=100.0), Queued(2, seconds_left=84.0), True),
        (Queued(2, seconds_left=1000.0), Queued(2, seconds_left=920.0), False),
        (Queued(2), Queued(2, seconds_left=84.0), True),
        (Queued(2), Queued(1), True),
        (Queued(1), Running("sampling", 0, 8, 0.1, 9.0), True),
        (Running("sampling", 1, 8, 0.1, 9.0), Running("sampling", 1, 8, 0.1, 8.0), False),
        (Running("sampling", 1, 8, 0.1, 9.0), Running("sampling", 1, 8, 0.1, 4.0), True),
        (Running("sampling", 1, 8, 0.1, 9.0), Running("sampling", 2, 8, 0.2, 9.0), True),
    ],
)
def test_a_time_is_news_once_it_is_off_and_a_step_at_once(
    before: JobState, now: JobState, told: bool, tmp_path: Path
) -> None:
    with idle(tmp_path) as studio:
        job = studio.submit(quick(), "ada")
    assert is_news(session(before, job), session(now, job)) is told


def test_a_page_that_asks_again_is_told_nothing_that_it_knows(ada: httpx.Client) -> None:
    events = ada.get("/config").json()["dependencies"]
    look = next(each for each in events if any(name == "due" for _, name in each["targets"]))

    def told(known: Mapping[int, Any]) -> list[Any]:
        data = [known.get(each) for each in look["inputs"]]
        asked = {"data": data, "fn_index": look["id"], "session_hash": "abcdefghij"}
        answer = ada.post("/gradio_api/run/predict", json=asked)
        return list(answer.raise_for_status().json()["data"])

    nothing = {"__type__": "update"}
    first = dict(zip(look["outputs"], told({}), strict=True))
    assert sum(each != nothing for each in first.values()) > 1
    again = told({number: value for number, value in first.items() if value != nothing})
    # Whether Generate can be pressed is said anew.
    assert all(each.keys() <= {*nothing, "interactive"} for each in again)
