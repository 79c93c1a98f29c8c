"""Bodies and pictures that come all at once take neither the memory nor everybody's turn."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from typing import Any

import httpx
import pytest
import uvicorn
from fastapi import FastAPI, Request
from running import free_port
from starlette.responses import PlainTextResponse
from studios import until

from ltx_ui.web.application import Quiet
from ltx_ui.web.bodies import Bodies, read_body
from ltx_ui.web.connections import Connection, connections_of
from ltx_ui.web.decoding import AT_ONCE, decoding

MB = 1_000_000


def reads_bodies() -> FastAPI:
    """An app that reads every body and answers how long it was, or works with it for a while and
    listens whether its client goes."""
    app = FastAPI()

    @app.post("/")
    async def read(request: Request) -> PlainTextResponse:
        return PlainTextResponse(str(len(await read_body(request, 100 * MB))))

    @app.post("/work")
    async def work(request: Request) -> PlainTextResponse:
        await read_body(request, 100 * MB)
        gone = asyncio.ensure_future(request.receive())
        await asyncio.wait([gone], timeout=0.3)
        answered = gone.done()
        gone.cancel()
        return PlainTextResponse(f"given up: {answered}")

    return app


def client_of(most: int) -> httpx.AsyncClient:
    """A client of such an app that has so much room for all bodies."""
    transport = httpx.ASGITransport(Bodies(reads_bodies(), most))
    return httpx.AsyncClient(transport=transport, base_url="http://studio")


async def stalling(size: int, gone_on: asyncio.Event) -> AsyncIterator[bytes]:
    """A body that stops short of its end for a while."""
    yield bytes(size)
    await gone_on.wait()
    yield b"the end"


def test_who_stalls_makes_room_for_who_sends_and_small_bodies_are_never_given_up() -> None:
    async def play() -> list[tuple[int, str]]:
        gone_on = asyncio.Event()
        async with client_of(5 * MB) as client:
            slow = [
                asyncio.create_task(client.post("/", content=stalling(size, gone_on)))
                for size in (MB // 2, 3 * MB, MB)
            ]
            await asyncio.sleep(0.1)
            quick = await client.post("/", content=bytes(2 * MB))
            gone_on.set()
            answers = [*await asyncio.gather(*slow), quick]
            return [(answer.status_code, answer.text) for answer in answers]

    small, large, other, quick = asyncio.run(play())
    assert (small, other) == ((200, f"{MB // 2 + 7}"), (200, f"{MB + 7}"))
    assert quick == (200, f"{2 * MB}")
    assert large[0] == 503 and "Try again" in large[1]


def test_a_body_that_is_in_use_is_not_given_up_for_another() -> None:
    async def play() -> tuple[str, int]:
        async with client_of(5 * MB) as client:
            first = asyncio.create_task(client.post("/work", content=bytes(3 * MB)))
            await asyncio.sleep(0.1)
            second = await client.post("/", content=bytes(3 * MB))
            return (await first).text, second.status_code

    assert asyncio.run(play()) == ("given up: False", 503)


def test_what_has_no_room_is_told_to_try_again() -> None:
    async def play() -> httpx.Response:
        async with client_of(MB) as client:
            return await client.post("/", content=bytes(2 * MB))

    answer = asyncio.run(play())
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "10")


def test_pictures_are_decoded_a_few_at_a_time() -> None:
    together, most, lock = 0, 0, threading.Lock()

    def decode() -> None:
        nonlocal together, most
        with lock:
            together += 1
            most = max(most, together)
        time.sleep(0.05)
        with lock:
            together -= 1

    async def play() -> None:
        await asyncio.gather(*(decoding(decode) for _ in range(8)))

    asyncio.run(play())
    assert most == AT_ONCE


class Hasty(Connection):
    """Waits for a body as the studio does, at a fortieth of the time."""

    body_seconds = 0.5


@contextmanager
def listening(http: type[Connection], **limits: Any) -> Iterator[int]:
    """Where an app listens that reads every body."""
    port = free_port()
    config = uvicorn.Config(Quiet(reads_bodies()), http=http, port=port, log_config=None, **limits)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    until(lambda: server.started)
    yield port
    server.should_exit = True
    thread.join()


@pytest.fixture
def port() -> Iterator[int]:
    """Where a hasty one does."""
    with listening(Hasty) as port:
        yield port


@pytest.mark.parametrize("sent", [1, 100_000, 10_000_000])
def test_a_body_that_stands_still_is_cut_off_however_much_of_it_came(port: int, sent: int) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=60) as link:
        link.sendall(
            b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 90000000\r\n\r\n" + bytes(sent)
        )
        with suppress(ConnectionResetError):
            assert link.recv(1) == b""


def test_a_slow_body_that_keeps_coming_is_read_to_its_end(port: int) -> None:
    def slowly() -> Iterator[bytes]:
        for _ in range(15):
            time.sleep(0.1)
            yield bytes(2_000)

    answer = httpx.post(f"http://127.0.0.1:{port}", content=slowly(), timeout=60, trust_env=False)
    assert answer.text == "30000"


STALLED = (b"", b"GET / HT", b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9000\r\n\r\n{")


@pytest.mark.parametrize("stalled", [STALLED, STALLED[2:]])
def test_two_thousand_connections_that_stand_still_keep_nobody_out(
    stalled: Sequence[bytes],
) -> None:
    room = 300
    with ExitStack() as held:
        port = held.enter_context(listening(connections_of(room), limit_concurrency=room + 1))

        def stand(number: int) -> None:
            source = (f"127.0.0.{1 + number % 5}", 0)
            link = socket.create_connection(("127.0.0.1", port), 60, source)
            held.enter_context(link).sendall(stalled[number // 5 % len(stalled)])

        for number in range(2000):
            stand(number)
        for number in range(10):
            # By a connection of its own: one that is idle is closed first, and made again.
            address, sent = f"http://127.0.0.1:{port}", bytes(number)
            answer = httpx.post(address, content=sent, timeout=60, trust_env=False)
            assert answer.text == str(number)
            stand(number)


def test_who_is_one_of_few_is_not_closed_for_those_who_are_many() -> None:
    room = 20
    with ExitStack() as held:
        port = held.enter_context(listening(connections_of(room), limit_concurrency=room + 1))

        def begun(address: str) -> socket.socket:
            link = socket.create_connection(("127.0.0.1", port), 60, (address, 0))
            held.enter_context(link).sendall(
                b"POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 9\r\n\r\n"
            )
            assert link.recv(100).startswith(b"HTTP/1.1 100")
            return link

        alone = begun("127.0.0.9")
        for _ in range(3 * room):
            begun("127.0.0.1")
        alone.sendall(bytes(9))
        assert alone.recv(12) == b"HTTP/1.1 200"
