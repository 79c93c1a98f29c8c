"""Links to takes: whoever has one sees that take, until it is taken back."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from html import unescape
from urllib.parse import urlsplit

import httpx
import pytest
from kept import fill, keep, open_library
from serving import BESIDE, PROXY, Served, served

TAKE, THEIRS, GONE = "a" * 32, "b" * 32, "c" * 32
NOTHING = "There is nothing at this link."


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("links") / "data"
    fill(folder, [])
    library = open_library(folder)
    keep(library, TAKE, "local", prompt='A <b>fox</b> & "rain", ' + "on and on " * 20)
    keep(library, THEIRS, "bob")
    keep(library, GONE, "local")
    with served(folder, trusted_proxy=PROXY, visitors="off") as home:
        yield home


@pytest.fixture
def owner(home: Served) -> Iterator[httpx.Client]:
    with home.client(BESIDE) as client:
        yield client


@pytest.fixture
def stranger(home: Served) -> Iterator[httpx.Client]:
    with home.visitor() as client:
        yield client


def made(owner: httpx.Client, take: str = TAKE, **asked: object) -> dict[str, str]:
    answer = owner.post(f"/api/v1/takes/{take}/links", json=asked)
    assert answer.status_code == 201, answer.text
    link: dict[str, str] = answer.json()
    return link | {"path": urlsplit(link["url"]).path}


def test_whoever_has_the_link_sees_the_take_and_nothing_else(
    owner: httpx.Client, stranger: httpx.Client
) -> None:
    link = made(owner)
    page = stranger.get(link["path"], headers={"Accept": "text/html"})
    assert page.status_code == 200
    assert 'A <b>fox</b> & "rain"' in unescape(page.text) and "<b>" not in page.text
    assert "<script" not in page.text and "set-cookie" not in page.headers
    assert page.headers["cache-control"] == "no-store"
    assert "noindex" in page.headers["x-robots-tag"] and "noindex" in page.text
    told = dict(re.findall(r'<meta property="og:([a-z:]+)" content="([^"]*)">', page.text))
    assert (told["url"], told["video:width"]) == (link["url"], "128")
    for kind, file in (("video", "video.mp4"), ("image", "poster.jpg")):
        assert told[kind] == f"{link['url']}/{file}"
        whole = stranger.get(f"{link['path']}/{file}")
        assert (
            whole.content
            == owner.get(f"/api/v1/takes/{TAKE}/{'video' if kind == 'video' else 'poster'}").content
        )
        assert whole.headers["cache-control"] == "no-store"
        assert "noindex" in whole.headers["x-robots-tag"]
        part = stranger.get(f"{link['path']}/{file}", headers={"Range": "bytes=2-5"})
        assert (part.status_code, part.content) == (206, whole.content[2:6])
        head = stranger.head(f"{link['path']}/{file}")
        assert (head.status_code, head.content) == (200, b"")
    assert stranger.head(link["path"]).status_code == 200
    for path in (f"/takes/{TAKE}.mp4", f"/api/v1/takes/{TAKE}", "/", f"{link['path']}/plain.mp4"):
        assert stranger.get(path).status_code in (401, 404)


def test_at_a_link_that_leads_nowhere_all_is_said_in_the_same_words(
    home: Served, owner: httpx.Client, stranger: httpx.Client
) -> None:
    good, revoked, gone = made(owner), made(owner), made(owner, GONE)
    ended = home.studio.take_links.make(TAKE, "local", None)
    links = f"/api/v1/takes/{TAKE}/links"
    assert owner.delete(f"{links}/{revoked['id']}").status_code == 204
    assert owner.delete(f"{links}/{revoked['id']}").status_code == 404
    home.studio.library.delete([GONE], "local")
    signature = good["path"].partition(".")[2]
    name = good["path"].partition(".")[0]
    wrong = [
        revoked["path"],
        gone["path"],
        f"/t/{'0' * 32}.{signature}",
        f"{name}.{signature[:-1]}",
    ]
    wrong += [name, f"{name}.", f"/t/.{signature}", f"/t/{TAKE}", f"{good['path']}x", "/t/%00.x"]
    wrong += [f"{name}.{signature.swapcase()}", f"/t/{'x' * 2000}", f"/t/{ended.id}", "/t/ü.ü"]
    for path in wrong:
        for end in ("", "/video.mp4", "/poster.jpg"):
            answer = stranger.get(path + end)
            assert answer.status_code == 404, path
            assert answer.json()["detail"].startswith(NOTHING), path
            assert stranger.head(path + end).status_code == 404
    home.studio.library.restore([GONE], "local")
    assert stranger.get(gone["path"]).status_code == 200


def test_a_link_expires(home: Served, owner: httpx.Client, stranger: httpx.Client) -> None:
    link = made(owner, expires_in_days=1)
    assert link["expires_at"] > link["created_at"]
    soon = home.studio.take_links.make(TAKE, "local", datetime.now(UTC) + timedelta(seconds=1))
    listed = owner.get(f"/api/v1/takes/{TAKE}/links").json()["links"]
    (url,) = [each["url"] for each in listed if each["id"] == soon.id]
    assert stranger.get(urlsplit(url).path).status_code == 200
    time.sleep(1.1)
    assert stranger.get(urlsplit(url).path).status_code == 404
    assert soon.id not in owner.get(f"/api/v1/takes/{TAKE}/links").text


def test_only_who_may_see_a_take_gives_it_away(home: Served, owner: httpx.Client) -> None:
    home.studio.users.add("ada", "correct horse")
    with home.visitor() as ada:
        links = f"/api/v1/takes/{THEIRS}/links"
        for method in ("GET", "POST"):
            answer = ada.request(method, links, auth=("ada", "correct horse"), json={})
            assert answer.status_code == 404
        link = made(owner, THEIRS)
        refused = ada.delete(f"{links}/{link['id']}", auth=("ada", "correct horse"))
        assert refused.status_code == 404
        other = f"/api/v1/takes/{TAKE}/links/{link['id']}"
        assert owner.delete(other).status_code == 404
        reading, _ = home.studio.tokens.make("bob", "", ["read"])
        keeping, _ = home.studio.tokens.make("bob", "", ["keep"])
        for token, status in ((reading, 403), (keeping, 201)):
            headers = {"Authorization": f"Bearer {token}"}
            assert ada.post(links, json={}, headers=headers).status_code == status
    for wrong in ({"expires_in_days": 0}, {"expires_in_days": "1"}, {"days": 1}):
        assert owner.post(f"/api/v1/takes/{TAKE}/links", json=wrong).status_code == 422
    last = 0
    for _ in range(25):
        last = owner.post(f"/api/v1/takes/{THEIRS}/links", json={}).status_code
    assert last == 409
