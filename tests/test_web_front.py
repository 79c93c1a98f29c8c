"""The page as it leaves: made once for an address, however many ask."""

from __future__ import annotations

import asyncio
from pathlib import Path

import httpx
import pytest
from gradio.brotli_middleware import BrotliMiddleware
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles
from starlette.types import Receive, Scope, Send

from ltx_ui.web.front import Front
from ltx_ui.web.kept_files import FOREVER, KeptFiles
from ltx_ui.web.language import Spoken


class Gradio:
    """An app that counts how often it makes the page, and says for whom."""

    def __init__(self) -> None:
        self.made: list[str] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope)
        await asyncio.sleep(0.01)
        self.made.append(f"{request.method} {request.url}")
        answer: Response = HTMLResponse(
            f'<html lang="en"><head></head>{request.url} {request.headers.get("x-other")}'
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


def test_the_page_is_compressed_for_who_takes_that() -> None:
    takes = ("identity", "gzip, deflate", "gzip, br")
    answers = ask(Gradio(), *(("GET", "/", {"Accept-Encoding": each}) for each in takes))
    assert len({answer.text for answer in answers}) == 1
    told = [answer.headers.get("content-encoding") for answer in answers]
    assert told == [None, "gzip", "br"]
    varies = {answer.headers["vary"] for answer in answers}
    assert varies == {"Accept-Encoding, Accept-Language"}


def test_a_language_has_its_own_page_made_once() -> None:
    gradio = Gradio()

    async def asked(spoken: str) -> str:
        transport = httpx.ASGITransport(Spoken(front))
        async with httpx.AsyncClient(transport=transport, base_url="http://one") as client:
            return (await client.get("/", headers={"Accept-Language": spoken})).text

    front = Front(gradio)
    german, austrian, english = (asyncio.run(asked(tag)) for tag in ("de", "de-AT", "fr"))
    assert german == austrian != english
    assert len(gradio.made) == 2
    assert "Clips mit Ton" in german and '<html lang="de"' in german
    assert "Clips with sound" in english and '<html lang="en"' in english


SCRIPT = "/assets/Index-a1B2c3D4.js"
PLAIN = "/assets/plain.js"


def texts(folder: Path, *asked: str, **headers: str) -> list[httpx.Response]:
    """The answers to requests for files, each of which has another text for each request."""
    files = KeptFiles(Starlette(routes=[Mount("/assets", StaticFiles(directory=folder))]))

    async def play() -> list[httpx.Response]:
        transport, found = httpx.ASGITransport(files), []
        async with httpx.AsyncClient(transport=transport, base_url="http://one") as client:
            for number, path in enumerate(asked):
                (folder / Path(path).name).write_text(f"text {number}")
                found.append(await client.get(path, headers=headers if number else {}))
        return found

    return asyncio.run(play())


def test_a_file_with_a_hash_in_its_name_is_read_once_and_need_not_be_asked_for_again(
    tmp_path: Path,
) -> None:
    answers = texts(tmp_path, SCRIPT, SCRIPT, SCRIPT)
    assert {answer.text for answer in answers} == {"text 0"}
    assert {answer.headers["Cache-Control"] for answer in answers} == {FOREVER}
    assert answers[-1].headers["Content-Length"] == "6"


def test_a_file_without_a_hash_is_read_each_time(tmp_path: Path) -> None:
    answers = texts(tmp_path, PLAIN, PLAIN)
    assert [answer.text for answer in answers] == ["text 0", "text 1"]
    assert "Cache-Control" not in answers[0].headers


def test_a_part_of_a_file_is_no_answer_for_others(tmp_path: Path) -> None:
    _, part = texts(tmp_path, SCRIPT, SCRIPT, Range="bytes=0-3")
    assert (part.status_code, part.text) == (206, "text")


def test_a_file_that_is_not_there_is_looked_for_again(tmp_path: Path) -> None:
    other = "/assets/Index-00000000.css"
    files = KeptFiles(Starlette(routes=[Mount("/assets", StaticFiles(directory=tmp_path))]))

    async def play() -> list[int]:
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(files), base_url="http://one"
        ) as client:
            before = await client.get(other)
            (tmp_path / Path(other).name).write_text("there")
            return [before.status_code, (await client.get(other)).status_code]

    assert asyncio.run(play()) == [404, 200]


@pytest.mark.parametrize(
    ("said", "page", "script"),
    [
        (["br;q=0"], None, None),
        (["gzip;q=0,br;q=0"], None, None),
        (["br;q=0.1,gzip;q=0.9"], "gzip", "br"),
        (["gzip, deflate", "BR"], "br", "br"),
        (["*"], "br", "br"),
        (["*;q=0.5, br;Q=0"], "gzip", None),
        (["br; q = 0.000 , gzip"], "gzip", None),
        (["embroidery"], None, None),
        (["br;q=nan", "gzip;q=x"], None, None),
    ],
)
def test_each_encoding_is_taken_as_the_client_weighs_it(
    tmp_path: Path, said: list[str], page: str | None, script: str | None
) -> None:
    (tmp_path / Path(SCRIPT).name).write_text("text" * 200)
    (tmp_path / Path(PLAIN).name).write_text("text" * 200)
    gradios = BrotliMiddleware(
        Starlette(routes=[Mount("/assets", StaticFiles(directory=tmp_path))])
    )
    asked = [("Accept-Encoding", each) for each in said]

    async def play() -> list[httpx.Response]:
        found = []
        for app, path in ((Front(Gradio()), "/"), (KeptFiles(gradios), SCRIPT)):
            async with httpx.AsyncClient(
                transport=httpx.ASGITransport(app), base_url="http://one", headers=[]
            ) as client:
                del client.headers["accept-encoding"]
                found.append(await client.get(path, headers=asked))
        return found

    answers = asyncio.run(play())
    assert [each.headers.get("content-encoding") for each in answers] == [page, script]
    assert all("Accept-Encoding" in each.headers["vary"] for each in answers)


def test_what_a_browser_has_is_not_sent_again_in_the_encoding_that_it_has(tmp_path: Path) -> None:
    (tmp_path / Path(SCRIPT).name).write_text("text" * 200)
    files = KeptFiles(
        BrotliMiddleware(Starlette(routes=[Mount("/assets", StaticFiles(directory=tmp_path))]))
    )

    async def play(**headers: str) -> httpx.Response:
        transport = httpx.ASGITransport(files)
        async with httpx.AsyncClient(transport=transport, base_url="http://one") as client:
            return await client.get(SCRIPT, headers=headers)

    tags = {}
    for encoding in ("identity", "br"):
        takes = {"Accept-Encoding": encoding}
        first = asyncio.run(play(**takes))
        tags[encoding] = tag = first.headers["etag"]
        since = {"If-Modified-Since": first.headers["last-modified"]}
        for has in ({"If-None-Match": f'"x", W/{tag}'}, {"If-None-Match": tag} | since, since):
            again = asyncio.run(play(**takes, **has))
            assert (again.status_code, again.content) == (304, b"")
            assert again.headers["etag"] == tag and "Accept-Encoding" in again.headers["vary"]
            assert "content-length" not in again.headers
        assert asyncio.run(play(**takes, **{"If-None-Match": '"x"'} | since)).status_code == 200
    assert tags["identity"] != tags["br"]
    part = asyncio.run(play(Range="bytes=0-599", **{"Accept-Encoding": "br"}))
    assert (part.status_code, part.headers.get("content-encoding")) == (206, None)
