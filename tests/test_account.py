"""The account menu, the owner's panel and the licence, over HTTP and without a browser."""

from __future__ import annotations

import time
from collections.abc import Iterator
from html import unescape
from pathlib import Path

import httpx
import pytest
from serving import PROXY, Served, served
from studios import quick

from ltx_ui.errors import LicenceToAccept, WrongMoment
from ltx_ui.settings import VISITOR, Settings
from ltx_ui.studio.studio import Studio
from ltx_ui.web.job_view import job_views
from ltx_ui.web.public import PublicLink

SMALL = {"prompt": "a <b>ball</b>", "width": 128, "height": 128, "num_frames": 9}
SMALL |= {"num_inference_steps": 2}
LICENCE = "LTX-2 Community License"
DECISIONS = {
    "ban": {"who": f"{VISITOR}1-x"},
    "unban": {"who": f"{VISITOR}1-x"},
    "stop": {"job": "0" * 32},
    "hold": {"on": True},
    "close": {},
    "open": {},
}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Shared through a proxy, with the model whose licence restricts its use; makes nothing."""
    folder = tmp_path_factory.mktemp("account") / "data"
    with served(folder, model="ltx-2", trusted_proxy=PROXY, visitor_minutes=30) as home:
        home.studio.users.add("ada", "correct horse")
        yield home


def sheet(client: httpx.Client, path: str = "") -> str:
    answer = client.get(f"/account{path}")
    assert answer.status_code == 200, answer.text
    assert answer.headers["cache-control"] == "no-store"
    return unescape(answer.text)


def test_a_visitor_accepts_the_licence_once_before_clips_are_made(home: Served) -> None:
    with home.browser(1) as visitor, home.client() as owner:
        told = visitor.get("/api/v1/licence").json()
        assert (told["title"], told["to_accept"]) == (LICENCE, True)
        assert owner.get("/api/v1/licence").json()["to_accept"] is False
        assert f"The model’s licence, {LICENCE}" in sheet(visitor)
        for path in ("/api/v1/jobs", "/jobs", "/generate", "/v1/videos"):
            refused = visitor.post(path, json=SMALL)
            assert refused.status_code == 403, path
            assert "POST /api/v1/licence" in refused.text
        problem = visitor.post("/api/v1/jobs", json=SMALL).json()
        assert problem["type"] == "urn:ltx-ui:problem:licence"
        assert visitor.post("/api/v1/licence").json()["to_accept"] is False
        made = visitor.post("/api/v1/jobs", json=SMALL)
        assert made.status_code == 202
        assert "I have read it" not in sheet(visitor)
        assert visitor.delete(f"/api/v1/jobs/{made.json()['id']}").status_code == 200
        mine = owner.post("/api/v1/jobs", json=SMALL)
        assert mine.status_code == 202
        owner.delete(f"/api/v1/jobs/{mine.json()['id']}")


def test_what_was_accepted_is_kept_and_each_licence_is_accepted_by_itself(tmp_path: Path) -> None:
    settings, ada = Settings(data_dir=tmp_path, model="ltx-2"), f"{VISITOR}1-ada"
    studio = Studio(settings)
    studio.licences.accept(ada, studio.model_status())
    studio.close()
    studio = Studio(settings)
    studio.submit(quick(), ada)
    with pytest.raises(LicenceToAccept):
        studio.submit(quick(), f"{VISITOR}1-bob")
    studio.submit(quick(), "bob")
    studio.close()
    demo = Studio(Settings(data_dir=tmp_path, model="demo"))
    demo.submit(quick(), f"{VISITOR}1-bob")
    demo.close()


def test_the_menu_says_who_is_asking_and_what_they_may_ask_for(home: Served) -> None:
    with home.browser(2) as visitor, home.client() as owner, home.browser(3) as ada:
        told = sheet(visitor)
        for words in (
            "You are a visitor",
            "768 × 512 those are 121 frames",
            "Steps: up to 50",
            "At once: 16 clips",
            "30 minutes of work, of which 30 are left",
            'href="login"',
        ):
            assert words in told, words
        assert "account/tokens" not in told and "account/people" not in told
        assert "You are the owner" in sheet(owner) and "account/people" in sheet(owner)
        assert "minutes of work" not in sheet(owner)
        assert ada.post("/login", data={"username": "ada", "password": "correct horse"}).is_redirect
        told = sheet(ada)
        assert "Signed in as ada" in told and 'action="logout"' in told
        assert "account/tokens" in told and "account/people" not in told
        assert "Du bist zu Gast" in visitor.get("/account", headers={"Accept-Language": "de"}).text


def test_nobody_but_the_owner_sees_the_panel_or_decides(home: Served) -> None:
    with home.browser(4) as visitor, home.browser(5) as ada, home.client() as owner:
        ada.post("/login", data={"username": "ada", "password": "correct horse"})
        secret = ada.post("/api/v1/tokens", json={"scopes": ["make", "read", "keep"]}).json()
        for client in (visitor, ada):
            assert client.get("/account/people").status_code == 403
            for path, asked in DECISIONS.items():
                assert client.post(f"/account/{path}", json=asked).status_code == 403, path
        bearer = {"Authorization": f"Bearer {secret['token']}"}
        with home.visitor(6) as program:
            assert program.get("/account", headers=bearer).status_code == 403
        foreign = {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}
        for path, asked in DECISIONS.items():
            answer = owner.post(f"/account/{path}", json=asked, headers=foreign)
            assert answer.status_code == 403, path
            assert owner.post(f"/account/{path}", json={"wrong": 1}).status_code == 422, path
        assert not home.studio.held and not home.studio.bans.names.get()


def test_the_owner_sees_who_is_here_stops_a_clip_and_bans(home: Served) -> None:
    with home.client() as owner, home.browser(7) as visitor:
        visitor.post("/api/v1/licence")
        job = visitor.post("/api/v1/jobs", json=SMALL).json()["id"]
        name = home.studio.job(job, "local").owner
        told = sheet(owner, "/people")
        assert f"Visitor {name[-6:]}" in told and str(SMALL["prompt"]) in told
        assert home.page.owner_link.path in told
        assert owner.post("/account/stop", json={"job": job}).status_code == 204
        assert visitor.get(f"/api/v1/jobs/{job}").json()["state"] == "cancelled"
        assert owner.post("/account/ban", json={"who": name, "address": True}).status_code == 204
        assert visitor.get("/account").status_code == 403
        with home.browser(7) as again:
            assert again.get("/account").status_code == 403
        kept = name.rpartition("-")[0] + "-"
        assert "Everybody from address" in sheet(owner, "/people")
        assert owner.post("/account/unban", json={"who": kept}).status_code == 204
        assert visitor.get("/account").status_code == 200
        for nobody in ("ada", VISITOR, kept):
            assert owner.post("/account/ban", json={"who": nobody}).status_code == 409, nobody


def test_who_only_looks_is_counted_and_not_listed(home: Served) -> None:
    with home.client() as owner:
        listed = sheet(owner, "/people").count("<li>")
        for _ in range(30):
            with home.browser(8) as visitor:
                assert "private" in visitor.get("/").headers["cache-control"]
        told = sheet(owner, "/people")
        assert told.count("<li>") == listed
        assert "more visitors have only looked" in told


def test_the_owner_pauses_the_queue_for_everybody(home: Served) -> None:
    with home.client() as owner:
        assert owner.post("/account/hold", json={"on": True}).status_code == 204
        assert home.studio.session("ada").held
        with home.browser(9) as visitor:
            visitor.post("/api/v1/licence")
            job = visitor.post("/api/v1/jobs", json=SMALL).json()
            assert (job["place"], job["held"], job["seconds_left"]) == (1, True, None)
            assert visitor.get("/api/v1/queue").json()["held"] is True
            found = home.studio.job(job["id"], "local")
            (view,) = job_views([found])
            assert view.title == "Paused for everybody"
            visitor.delete(f"/api/v1/jobs/{job['id']}")
        assert "Paused for everybody" in sheet(owner, "/people")
        assert owner.post("/account/hold", json={"on": False}).status_code == 204
        assert not home.studio.session("ada").held


def test_a_link_that_was_closed_is_opened_again_by_a_new_tunnel(home: Served) -> None:
    with home.client() as owner:
        refused = owner.post("/account/open", json={})
        assert (refused.status_code, "--share" in refused.text) == (409, True)
    addresses = ["https://one.example", "https://two.example"]
    public = PublicLink(lingers=0.2)
    public.open_by(lambda: addresses.pop(0))
    public.close()
    public.open()
    assert (public.url, addresses) == ("https://one.example", ["https://two.example"])
    public.close()
    time.sleep(0.5)
    assert public.can_open
    public.open()
    assert public.url == "https://two.example"
    public.close()
    time.sleep(0.5)
    with pytest.raises(WrongMoment, match="reaches the internet and try again"):
        public.open()
