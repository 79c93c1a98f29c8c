"""Tokens: programs that ask for their owners, and get what their tokens are for."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest
from kept import fill, keep, open_library
from serving import BESIDE, PROXY, Served, served

TAKE = "a" * 32


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("tokens") / "data"
    fill(folder, [])
    keep(open_library(folder), TAKE, "local")
    with served(folder, trusted_proxy=PROXY) as home:
        yield home


@pytest.fixture
def http(home: Served) -> Iterator[httpx.Client]:
    """The owner, at the machine."""
    with home.client(BESIDE) as client:
        yield client


@pytest.fixture
def elsewhere(home: Served) -> Iterator[httpx.Client]:
    """A stranger's program."""
    with home.visitor() as client:
        yield client


def make(http: httpx.Client, *scopes: str, **more: object) -> dict[str, str]:
    """A new token of the owner's, with what is known of it."""
    answer = http.post("/api/v1/tokens", json={"scopes": scopes, "label": "mine", **more})
    assert answer.status_code == 201, answer.text
    made: dict[str, str] = answer.json()
    return made


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def test_a_token_asks_for_its_owner_from_anywhere(
    http: httpx.Client, elsewhere: httpx.Client
) -> None:
    token = make(http, "read")["token"]
    assert token.startswith("ltx_") and len(token) == 47
    for scheme in ("Bearer", "bearer"):
        headers = {"Authorization": f"{scheme} {token}"}
        answer = elsewhere.get(f"/takes/{TAKE}.mp4", headers=headers)
        assert answer.status_code == 200
        assert "set-cookie" not in answer.headers
    assert elsewhere.get(f"/takes/{TAKE}.mp4").status_code == 404


def test_a_token_is_for_what_its_scopes_say_and_never_for_the_page_or_tokens(
    http: httpx.Client, elsewhere: httpx.Client
) -> None:
    tokens = {scope: make(http, scope)["token"] for scope in ("make", "read", "keep")}
    asked = {
        "make": ("POST", "/jobs"),
        "read": ("GET", f"/takes/{TAKE}.mp4"),
        "keep": ("PATCH", f"/takes/{TAKE}"),
    }
    nobody = [("GET", "/"), ("GET", "/config"), ("POST", "/gradio_api/run/predict")]
    nobody += [("POST", "/logout"), ("GET", "/api/v1/tokens"), ("POST", "/api/v1/tokens")]
    nobody += [("DELETE", "/api/v1/tokens/x"), ("GET", "/nothing"), ("GET", "/gradio_api/app_id")]
    for mine, token in tokens.items():
        for needed, (method, path) in asked.items():
            answer = elsewhere.request(method, path, headers=bearer(token), json={})
            assert (answer.status_code == 403) == (mine != needed), (mine, path)
            if mine != needed:
                assert f"lacks the scope {needed}" in answer.json()["detail"]
                assert f'scope="{needed}"' in answer.headers["www-authenticate"]
        for method, path in nobody:
            answer = elsewhere.request(method, path, headers=bearer(token), json={})
            assert answer.status_code == 403, path


def test_a_token_that_is_wrong_or_revoked_opens_nothing(
    http: httpx.Client, elsewhere: httpx.Client
) -> None:
    made = make(http, "read")
    token, path = made["token"], f"/takes/{TAKE}.mp4"
    for wrong in (token[:-1], token + "x", token.upper(), token.replace("ltx_", "sk-"), "x"):
        # Not even at the machine: whoever sends a token means to come by it.
        for client in (elsewhere, http):
            answer = client.get(path, headers=bearer(wrong))
            assert (answer.status_code, answer.json()["detail"][:10]) == (401, "This token")
    assert elsewhere.get(path, headers={"Cookie": f"token={token}"}).status_code == 404
    twice = [("Authorization", f"Bearer {token}"), ("Authorization", "Bearer x")]
    assert elsewhere.get(path, headers=twice).status_code == 400
    assert http.delete(f"/api/v1/tokens/{made['id']}").status_code == 204
    assert elsewhere.get(path, headers=bearer(token)).status_code == 401
    assert http.delete(f"/api/v1/tokens/{made['id']}").status_code == 404


def test_tokens_are_listed_without_themselves_and_only_to_their_owner(
    http: httpx.Client, elsewhere: httpx.Client
) -> None:
    made = make(http, "make", "read", expires_in_days=30)
    listed = http.get("/api/v1/tokens")
    assert made["token"] not in listed.text
    (mine,) = [each for each in listed.json()["tokens"] if each["id"] == made["id"]]
    assert (mine["label"], mine["scopes"], mine["used_at"]) == ("mine", ["make", "read"], None)
    assert mine["expires_at"] > mine["created_at"]
    assert elsewhere.get("/api/v1/tokens").json() == {"tokens": []}
    assert elsewhere.delete(f"/api/v1/tokens/{made['id']}").status_code == 404
    assert elsewhere.post("/api/v1/tokens", json={"scopes": ["read"]}).status_code == 403


@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"scopes": []},
        {"scopes": ["all"]},
        {"scopes": "read"},
        {"scopes": ["read"], "label": "x" * 81},
        {"scopes": ["read"], "expires_in_days": 0},
        {"scopes": ["read"], "expires_in_days": 10**9},
        {"scopes": ["read"], "owner": "ada"},
    ],
)
def test_a_token_that_can_not_be_is_refused_in_words(
    http: httpx.Client, asked: dict[str, object]
) -> None:
    assert http.post("/api/v1/tokens", json=asked).status_code == 422
