"""Problem details: whatever is refused below ``/api/v1``, and by whomever."""

from __future__ import annotations

import json
import socket

import httpx
import pytest
from running import RunningApp
from sources import ROOT
from v1 import JOBS, PROBLEM, SMALL, TAKES, problem

from ltx_ui.web.api_v1.problems import KINDS, URN

JSON = {"Content-Type": "application/json"}


@pytest.mark.parametrize(
    "body",
    [
        "[" * 10_000,
        '{"a":' * 10_000,
        '{"prompt": "a", "seed": 1, "seed": 2}',
        '{"prompt": "a", "seed": ' + "9" * 5000 + "}",
        "null",
        '"prompt"',
        "",
        "{'prompt': 'a'}",
        "\ufeff{}",
    ],
)
def test_json_that_is_no_recipe_is_a_problem_of_the_body(http: httpx.Client, body: str) -> None:
    told = problem(http.post(JOBS, content=body, headers=JSON), 422, "invalid-recipe")
    assert [error["field"] for error in told["errors"]] in (["body"], ["prompt"], ["seed"])


@pytest.mark.parametrize("content", [b"\xff\xfe{}", b"\x80", json.dumps(SMALL).encode("utf-16")])
def test_bytes_that_are_no_recipe_are_a_problem(http: httpx.Client, content: bytes) -> None:
    answer = http.post(JOBS, content=content, headers=JSON)
    if answer.status_code == 202:  # JSON may be UTF-16, which tells itself.
        http.delete(answer.headers["location"])
    else:
        problem(answer, 422, "invalid-recipe")


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"seed": 1e300}, "seed"),
        ({"width": 10**400}, "width"),
        ({"guidance_scale": "Infinity"}, "guidance_scale"),
        ({"prompt": "\ud800"}, "prompt"),
        ({"\ud800": 1}, "?"),
        ({"image_start": "sha256:" + "0" * 64}, "image_start"),
        ({"model": "another"}, "model"),
        ({"mode": {"a": ["b"] * 1000}}, "mode"),
    ],
)
def test_a_field_that_can_not_be_used_is_named(
    http: httpx.Client, fields: dict[str, object], field: str
) -> None:
    content = json.dumps(SMALL | fields)
    told = problem(http.post(JOBS, content=content, headers=JSON), 422, "invalid-recipe")
    assert [error["field"] for error in told["errors"]] == [field]
    assert len(told["detail"]) < 1000


def test_a_prompt_with_nul_is_harmless(http: httpx.Client) -> None:
    answer = http.post(JOBS, json=SMALL | {"prompt": "a\0ball"})
    assert answer.status_code in (202, 422)
    if answer.status_code == 202:
        http.delete(answer.headers["location"])
        assert http.get(answer.headers["location"]).status_code == 200


def test_routes_and_methods_that_are_not_there_are_problems(http: httpx.Client) -> None:
    for path in ("/api/v1", "/api/v1/", "/api/v1/nothing", f"{JOBS}/x/y", "/api/v1/../v1/x"):
        problem(http.get(path), 404, "not-found")
    refused = http.put(JOBS, json={})
    problem(refused, 405, "method-not-allowed")
    assert refused.headers["allow"] == "GET, HEAD, POST"
    person = http.get(f"{JOBS}/x", headers={"Accept": "text/html", "Sec-Fetch-Mode": "navigate"})
    problem(person, 404, "not-found")


def test_a_body_of_another_type_or_size_is_a_problem(http: httpx.Client) -> None:
    for kind in ("text/plain", "application/json; v=1", "application/json, text/plain", ""):
        answer = http.post(JOBS, content="{}", headers={"Content-Type": kind})
        problem(answer, 415, "unsupported-media-type")
    large = http.patch(f"{TAKES}/{'0' * 32}", json={"note": "x" * 60_000})
    problem(large, 413, "too-large")


def test_what_the_guards_in_front_refuse_is_a_problem_too(http: httpx.Client) -> None:
    foreign = http.post(JOBS, json=SMALL, headers={"Origin": "https://evil.example"})
    problem(foreign, 403, "forbidden")
    problem(http.get(JOBS, headers={"Host": "evil.example"}), 421, "misdirected")
    twice = [("Host", "localhost"), ("Content-Type", "a/b"), ("Content-Type", "application/json")]
    problem(http.post(JOBS, content="{}", headers=twice), 400, "bad-request")
    token = http.get(JOBS, headers={"Authorization": "Bearer ltx_" + "x" * 43})
    problem(token, 401, "sign-in")


def test_a_body_that_is_cut_off_by_its_limit_is_a_problem(app: RunningApp) -> None:
    head = f"POST {TAKES}/x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99\r\n\r\n"
    with socket.create_connection(("127.0.0.1", app.port), timeout=30) as link:
        link.sendall(head.encode())
        answer = link.recv(65536).decode()
    assert " 405 " in answer.splitlines()[0]
    assert f"content-type: {PROBLEM}" in answer


def test_the_old_routes_keep_their_form(http: httpx.Client) -> None:
    assert list(http.get("/jobs/x").json()) == ["detail"]
    assert http.post("/jobs", json={}).json()["detail"][0]["loc"] == ["body", "prompt"]


def test_every_kind_is_explained() -> None:
    told = (ROOT / "docs" / "api.md").read_text("utf-8")
    missing = [
        kind.name for kind in KINDS if f"| `{kind.name}` | {kind.status} | {kind.title}" not in told
    ]
    assert missing == []
    assert URN in told
