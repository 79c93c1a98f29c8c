"""An event that arrives twice happens once."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from starlette.types import Message, Receive, Scope, Send

from ltx_ui.web.once import KEPT, LARGEST, Once

NAME = "1-22-333-4444-5555-6666"


class App:
    """Counts what happens, and answers with the count."""

    def __init__(self, size: int = 0) -> None:
        self.happened, self.size = 0, size
        self.go_on = asyncio.Event()
        self.go_on.set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.happened += 1
        count = self.happened
        await self.go_on.wait()
        if scope["path"] == "/fails" and count == 1:
            raise ValueError
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"%d" % count + b" " * self.size})


async def ask(once: Once, name: str = NAME, cookie: str = "", path: str = "/") -> int:
    headers = [(b"x-event", name.encode()), (b"cookie", cookie.encode())]
    told: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        if "headers" in message:
            message["headers"].append((b"x", b"y"))
            assert len(message["headers"]) == 1
        told.append(message)

    scope: dict[str, Any] = {"type": "http", "method": "POST", "path": path, "headers": headers}
    await once(scope, receive, send)
    return int(told[-1]["body"])


async def in_turn(once: Once, *askings: dict[str, str]) -> list[int]:
    return [await ask(once, **asking) for asking in askings]


@pytest.mark.parametrize(
    ("askings", "answers"),
    [
        ([{}, {}], [1, 1]),
        ([{}, {"name": "9" * 30}], [1, 2]),
        ([{}, {"cookie": "another=visitor"}], [1, 2]),
        ([{"name": ""}, {"name": ""}], [1, 2]),
        ([{"name": "short"}, {"name": "short"}], [1, 2]),
    ],
    ids=["same", "another event", "another visitor", "without a name", "no name of ours"],
)
def test_the_same_event_of_the_same_visitor_happens_once(
    askings: list[dict[str, str]], answers: list[int]
) -> None:
    assert asyncio.run(in_turn(Once(App()), *askings)) == answers


def test_an_event_that_comes_again_while_it_happens_waits_for_it() -> None:
    async def play() -> tuple[list[int], int]:
        app = App()
        once = Once(app)
        app.go_on.clear()
        both = [asyncio.create_task(ask(once)) for _ in range(2)]
        await asyncio.sleep(0)
        app.go_on.set()
        return await asyncio.gather(*both), app.happened

    assert asyncio.run(play()) == ([1, 1], 1)


def test_who_hangs_up_does_not_stop_it() -> None:
    async def play() -> int:
        app = App()
        once = Once(app)
        app.go_on.clear()
        first = asyncio.create_task(ask(once))
        await asyncio.sleep(0.01)
        first.cancel()
        app.go_on.set()
        return await ask(once)

    assert asyncio.run(play()) == 1


def test_what_failed_happens_again_for_who_asked_again_meanwhile() -> None:
    async def play() -> tuple[Any, Any]:
        app = App()
        once = Once(app)
        app.go_on.clear()
        both = [asyncio.create_task(ask(once, path="/fails")) for _ in range(2)]
        await asyncio.sleep(0.01)
        app.go_on.set()
        first, second = await asyncio.gather(*both, return_exceptions=True)
        return type(first), second

    assert asyncio.run(play()) == (ValueError, 2)


def test_large_answers_and_the_oldest_are_forgotten() -> None:
    assert asyncio.run(in_turn(Once(App(LARGEST)), {}, {})) == [1, 2]
    many = [{"name": f"{n:030d}"} for n in range(KEPT + 1)]
    told = asyncio.run(in_turn(Once(App()), *many, many[1], many[0]))
    assert told[-2:] == [2, KEPT + 2]
