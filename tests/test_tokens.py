"""Tokens: programs that ask for their owners, and get what their tokens are for."""

from __future__ import annotations

import httpx
import pytest
from running import RunningApp

SMALL = {"prompt": "a ball", "width": 128, "height": 128, "num_frames": 9, "num_inference_steps": 1}
PROXY = {"X-Forwarded-For": "203.0.113.9"}
"""Who comes with it is a visitor."""


def make(http: httpx.Client, *scopes: str, **more: object) -> dict[str, str]:
    """A new token of the owner's, with what is known of it."""
    answer = http.post("/api/v1/tokens", json={"scopes": scopes, "label": "mine", **more})
    assert answer.status_code == 201, answer.text
    made: dict[str, str] = answer.json()
    return made


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"} | PROXY


def test_a_token_asks_for_its_owner_from_anywhere(
    app: RunningApp, http: httpx.Client, take: str
) -> None:
    token = make(http, "read")["token"]
    assert token.startswith("ltx_") and len(token) == 47
    assert httpx.get(f"{app.url}/takes/{take}.mp4", headers=PROXY).status_code == 404
    for scheme in ("Bearer", "bearer"):
        headers = {"Authorization": f"{scheme} {token}"} | PROXY
        answer = httpx.get(f"{app.url}/takes/{take}.mp4", headers=headers)
        assert answer.status_code == 200
        assert "set-cookie" not in answer.headers


def test_a_token_is_for_what_its_scopes_say_and_never_for_the_page_or_tokens(
    app: RunningApp, http: httpx.Client, take: str
) -> None:
    tokens = {scope: make(http, scope)["token"] for scope in ("make", "read", "keep")}
    asked = {
        "make": ("POST", "/jobs"),
        "read": ("GET", f"/takes/{take}.mp4"),
        "keep": ("PATCH", f"/takes/{take}"),
    }
    nobody = [("GET", "/"), ("GET", "/config"), ("POST", "/gradio_api/run/predict")]
    nobody += [("POST", "/logout"), ("GET", "/api/v1/tokens"), ("POST", "/api/v1/tokens")]
    nobody += [("DELETE", "/api/v1/tokens/x"), ("GET", "/nothing"), ("GET", "/gradio_api/app_id")]
    for mine, token in tokens.items():
        for needed, (method, path) in asked.items():
            answer = httpx.request(method, app.url + path, headers=bearer(token), json={})
            assert (answer.status_code == 403) == (mine != needed), (mine, path)
            if mine != needed:
                assert f"lacks the scope {needed}" in answer.json()["detail"]
                assert f'scope="{needed}"' in answer.headers["www-authenticate"]
        for method, path in nobody:
            answer = httpx.request(method, app.url + path, headers=bearer(token), json={})
            assert answer.status_code == 403, path


def test_a_token_that_is_wrong_revoked_or_elsewhere_than_in_its_header_opens_nothing(
    app: RunningApp, http: httpx.Client, take: str
) -> None:
    made = make(http, "read")
    token, url = made["token"], f"{app.url}/takes/{take}.mp4"
    for wrong in (
        token[:-1],
        token + "x",
        token.upper(),
        token.replace("ltx_", "sk-"),
        "",
        "x" * 9,
    ):
        answer = httpx.get(url, headers=bearer(wrong))
        assert (answer.status_code, answer.json()["detail"][:10]) == (401, "This token")
        # Not even at the machine: whoever sends a token means to come by it.
        local = httpx.get(url, headers={"Authorization": f"Bearer {wrong}"})
        assert local.status_code == 401
    assert httpx.get(url, params={"token": token}, headers=PROXY).status_code == 404
    assert httpx.get(url, params={"access_token": token}, headers=PROXY).status_code == 404
    assert httpx.get(url, headers={"Cookie": f"token={token}"} | PROXY).status_code == 404
    twice = [("Authorization", f"Bearer {token}"), ("Authorization", "Bearer x")]
    assert httpx.get(url, headers=twice).status_code == 400
    assert http.delete(f"/api/v1/tokens/{made['id']}").status_code == 204
    assert httpx.get(url, headers=bearer(token)).status_code == 401
    assert http.delete(f"/api/v1/tokens/{made['id']}").status_code == 404


def test_tokens_are_listed_without_themselves_and_only_to_their_owner(http: httpx.Client) -> None:
    made = make(http, "make", "read", expires_in_days=30)
    listed = http.get("/api/v1/tokens")
    assert made["token"] not in listed.text
    (mine,) = [each for each in listed.json()["tokens"] if each["id"] == made["id"]]
    assert (mine["label"], mine["scopes"], mine["used_at"]) == ("mine", ["make", "read"], None)
    assert mine["expires_at"] > mine["created_at"]
    visitor = http.get("/api/v1/tokens", headers=PROXY).json()
    assert visitor == {"tokens": []}
    assert http.delete(f"/api/v1/tokens/{made['id']}", headers=PROXY).status_code == 404
    assert http.post("/api/v1/tokens", json={"scopes": ["read"]}, headers=PROXY).status_code == 403


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
