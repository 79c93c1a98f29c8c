"""Jobs of the versioned API, over HTTP."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from running import RunningApp
from v1 import JOBS, SLOW, SMALL, ended, problem, submit, visitor


@pytest.fixture(scope="module")
def done(ada: httpx.Client) -> dict[str, Any]:
    """A job of Ada's that was made."""
    return ended(ada, submit(ada, SMALL | {"num_takes": 2, "seed": 7}))


@pytest.fixture
def running(ada: httpx.Client) -> Iterator[dict[str, Any]]:
    """A job of Ada's that runs, and is not done before the test is."""
    job = submit(ada, SLOW)
    while ada.get(job["href"]).json()["state"] != "running":
        time.sleep(0.05)
    yield job
    ada.delete(job["href"])


def test_a_job_is_found_where_the_answer_says_and_so_are_its_takes(
    ada: httpx.Client, done: dict[str, Any]
) -> None:
    answer = ada.get(done["href"])
    assert answer.json() == done
    assert (done["state"], done["fraction"], done["message"]) == ("done", 1.0, None)
    assert (done["recipe"]["seed"], done["recipe"]["num_takes"]) == (7, 2)
    assert len(done["takes"]) == 2
    for take in done["takes"]:
        assert ada.get(take["href"]).json()["id"] == take["id"]
        assert ada.get(take["video"]).content[4:8] == b"ftyp"
        assert ada.get(take["poster"]).content[:2] == b"\xff\xd8"


def test_an_answer_to_a_submission_names_the_job_twice(ada: httpx.Client) -> None:
    answer = ada.post(JOBS, json=SLOW)
    assert (answer.status_code, answer.headers["location"]) == (202, answer.json()["href"])
    assert "idempotency-replayed" not in answer.headers
    cancelled = ada.delete(answer.headers["location"])
    assert cancelled.json()["state"] in ("cancelled", "cancelling")
    assert ended(ada, answer.json())["state"] == "cancelled"


def test_the_recipe_that_a_job_tells_makes_the_same_job(
    ada: httpx.Client, running: dict[str, Any]
) -> None:
    job = submit(ada, running["recipe"])
    ada.delete(job["href"])
    assert job["recipe"] == running["recipe"]


def test_a_running_job_tells_how_far_it_is_and_shows_it(
    ada: httpx.Client, running: dict[str, Any]
) -> None:
    now = running
    while now["stage"] != "sampling" or not now["step"]:
        now = ada.get(running["href"]).json()
    assert (now["state"], now["steps"], now["take"], now["place"]) == ("running", 50, 1, None)
    assert 0 < now["fraction"] < 1
    while (seen := ada.get(running["preview"])).status_code == 404:
        problem(seen, 404, "not-found")
    assert seen.headers["content-type"] == "image/webp"


def test_jobs_are_listed_in_pages_and_by_state(ada: httpx.Client, done: dict[str, Any]) -> None:
    waiting = [submit(ada, SLOW)["id"] for _ in range(3)]
    listed: list[str] = []
    cursor = None
    while cursor or not listed:
        page = ada.get(JOBS, params={"limit": 2, **({"cursor": cursor} if cursor else {})}).json()
        listed += [job["id"] for job in page["items"]]
        cursor = page["next_cursor"]
    live = ada.get(JOBS, params=[("state", "queued"), ("state", "running")]).json()["items"]
    ends = ada.get(JOBS, params={"state": "done"}).json()["items"]
    for job in waiting:
        ada.delete(f"{JOBS}/{job}")
    assert listed[:3] == waiting[::-1]
    assert len(set(listed)) == len(listed)
    assert done["id"] in listed
    assert {job["id"] for job in live} >= set(waiting)
    assert done in ends
    assert {job["state"] for job in ends} == {"done"}


def test_a_waiting_job_is_moved(ada: httpx.Client, running: dict[str, Any]) -> None:
    first, second = submit(ada, SMALL | {"num_frames": 17}), submit(ada, SMALL)
    ahead = ada.post(f"{second['href']}/move", json={"before": first["id"]})
    behind = ada.post(f"{second['href']}/move", json={"before": None})
    ran = ada.post(f"{running['href']}/move", json={"before": None})
    strange = ada.post(f"{second['href']}/move", json={"before": "../x"})
    for job in (first, second):
        ada.delete(job["href"])
    assert ahead.json()["place"] < behind.json()["place"]
    problem(ran, 409, "wrong-moment")
    assert problem(strange, 422, "invalid-recipe")["errors"][0]["field"] == "before"


def test_who_pauses_has_nothing_begun(app: RunningApp, running: dict[str, Any]) -> None:
    with visitor(app) as bob:
        assert bob.patch("/api/v1/queue", json={"paused": True}).json()["paused"] is True
        job = submit(bob, SMALL)
        queue = bob.get("/api/v1/queue").json()
        problem(bob.patch("/api/v1/queue", json={"paused": "no"}), 422, "invalid-recipe")
        goes_on = bob.patch("/api/v1/queue", json={"paused": False}).json()
        bob.delete(job["href"])
    assert queue["jobs"] == [job]
    assert (job["paused"], job["place"]) == (True, 0)
    assert (goes_on["paused"], goes_on["jobs"][0]["paused"]) == (False, False)
    assert queue["length"] >= 1


def test_a_job_that_ended_is_made_again_and_one_that_has_not_is_not(
    ada: httpx.Client, done: dict[str, Any], running: dict[str, Any]
) -> None:
    again = ada.post(f"{done['href']}/again")
    ada.delete(again.headers["location"])
    assert (again.status_code, again.json()["recipe"]) == (202, done["recipe"])
    assert again.json()["id"] != done["id"]
    problem(ada.post(f"{running['href']}/again"), 409, "wrong-moment")


def test_nobody_else_finds_a_job(app: RunningApp, done: dict[str, Any]) -> None:
    with visitor(app) as bob:
        assert bob.get(JOBS).json() == {"items": [], "next_cursor": None}
        for method, path in (
            ("GET", ""),
            ("GET", "/events"),
            ("GET", "/preview"),
            ("DELETE", ""),
            ("POST", "/again"),
        ):
            problem(bob.request(method, done["href"] + path), 404, "not-found")
        moved = bob.post(f"{done['href']}/move", json={"before": None})
        problem(moved, 404, "not-found")


def test_the_same_request_with_the_same_key_is_one_job(ada: httpx.Client) -> None:
    key = {"Idempotency-Key": "one"}
    first = ada.post(JOBS, json=SLOW, headers=key)
    again = ada.post(JOBS, json=SLOW, headers={"Idempotency-Key": '"one"'})
    other = ada.post(JOBS, json=SMALL, headers=key)
    ada.delete(first.headers["location"])
    later = ada.post(JOBS, json=SLOW, headers=key)
    assert again.status_code == later.status_code == 202
    assert first.json()["id"] == again.json()["id"] == later.json()["id"]
    assert first.json()["recipe"]["seed"] == again.json()["recipe"]["seed"]
    assert again.headers["location"] == first.headers["location"]
    assert again.headers["idempotency-replayed"] == "true"
    assert later.json()["state"] in ("cancelling", "cancelled")
    problem(other, 422, "key-reused")


def test_of_many_same_requests_at_once_one_makes_a_job(ada: httpx.Client) -> None:
    def post(number: int) -> httpx.Response:
        return ada.post(JOBS, json=SLOW, headers={"Idempotency-Key": "crowd"})

    with ThreadPoolExecutor(8) as crowd:
        answers = list(crowd.map(post, range(8)))
    ada.delete(answers[0].headers["location"])
    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.json()["id"] for answer in answers}) == 1
    replayed = ["idempotency-replayed" in answer.headers for answer in answers]
    assert replayed.count(False) == 1


def test_a_key_is_its_owners_alone(app: RunningApp, ada: httpx.Client) -> None:
    key = {"Idempotency-Key": "mine"}
    hers = ada.post(JOBS, json=SLOW, headers=key)
    with visitor(app) as bob:
        his = bob.post(JOBS, json=SLOW, headers=key)
        bob.delete(his.headers["location"])
    ada.delete(hers.headers["location"])
    assert his.json()["id"] != hers.json()["id"]


@pytest.mark.parametrize("key", ["", "two words", "x" * 256, '""', "caf\xe9"])
def test_a_key_that_is_none_is_refused(ada: httpx.Client, key: str) -> None:
    headers = [(b"Idempotency-Key", key.encode("latin-1")), (b"Content-Type", b"application/json")]
    answer = ada.post(JOBS, content=json.dumps(SMALL).encode(), headers=headers)
    told = problem(answer, 422, "invalid-request")
    assert told["errors"][0]["field"] == "Idempotency-Key"
