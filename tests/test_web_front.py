"""The page as it leaves: made once for an address, however many ask."""

from __future__ import annotations

import asyncio

import httpx
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.types import Receive, Scope, Send

from ltx_ui.web.front import Front


class Gradio:
    """An app that counts how often it makes the page, and says for whom."""

    def __init__(self) -> None:
        self.made: list[str] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope)
        await asyncio.sleep(0.01)
        self.made.append(f"{request.method} {request.url}")
        answer: Response = HTMLResponse(
            f"<head></head>{request.url} {request.headers.get('x-other')}"
        )
        if request.url.path == "/other":
            answer = Response(status_code=404)
        await answer(scope, receive, send)


def ask(gradio: Gradio, *asked: tuple[str, str, dict[str, str]]) -> list[httpx.Response]:
    async def play() -> list[httpx.Response]:
        transport = httpx.ASGITransport(Front(gradio))
        async with httpx.AsyncClient(transport=transport, base_url="http://one") as client:
            calls = (client.request(m, path, headers=headers) for m, path, headers in asked)
            return await asyncio.gather(*calls)

    return asyncio.run(play())


def test_everybody_at_an_address_gets_the_same_page_made_once() -> None:
    gradio = Gradio()
    answers = ask(gradio, *[("GET", f"/?x={n}", {"x-other": str(n)}) for n in range(20)])
    assert gradio.made == ["GET http://one/"]
    assert len({answer.text for answer in answers}) == 1
    assert answers[0].text.endswith("http://one/ None")


def test_another_address_gets_its_own_and_the_configuration_is_another_document() -> None:
    gradio = Gradio()
    first, other, behind, config = ask(
        gradio,
        ("GET", "/", {}),
        ("GET", "/", {"Host": "two"}),
        ("GET", "/", {"X-Forwarded-Host": "three"}),
        ("GET", "/config", {}),
    )
    assert len(gradio.made) == 4
    assert "http://two/" in other.text and "http://one/" in first.text
    assert "http://one/config" in config.text and behind.status_code == 200


def test_what_is_not_the_page_is_asked_for_each_time() -> None:
    gradio = Gradio()
    answers = ask(gradio, *[("GET", "/other", {})] * 3, ("POST", "/", {}))
    assert len(gradio.made) == 4
    assert [answer.status_code for answer in answers] == [404, 404, 404, 200]
