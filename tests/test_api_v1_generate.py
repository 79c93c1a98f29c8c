"""``POST /generate`` for clients that may lose their connection: keys, and early answers."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
from running import RunningApp
from v1 import JOBS, SLOW, SMALL, ended, problem

ASYNC = {"Prefer": "respond-async"}


@contextmanager
def asked(client: httpx.Client, app: RunningApp, **headers: str) -> Iterator[str]:
    """The id of a job for whose clip this client waits; it hangs up at the end of the block."""
    body, known = json.dumps(SLOW).encode(), {job["id"] for job in listed(client)}
    told = {"Content-Type": "application/json", **headers}
    request = client.build_request("POST", "/generate", content=body, headers=told)
    head = "".join(f"{name}: {value}\r\n" for name, value in request.headers.items())
    cookies = "; ".join(f"{name}={value}" for name, value in client.cookies.items())
    with socket.create_connection(("127.0.0.1", app.port), timeout=30) as link:
        link.sendall(f"POST /generate HTTP/1.1\r\n{head}Cookie: {cookies}\r\n\r\n".encode() + body)
        while not (new := {job["id"] for job in listed(client)} - known):
            time.sleep(0.05)
        yield new.pop()


def listed(client: httpx.Client) -> list[dict[str, str]]:
    found: list[dict[str, str]] = client.get(JOBS).json()["items"]
    return found


def test_who_prefers_not_to_wait_is_told_where_the_job_is(ada: httpx.Client) -> None:
    answer = ada.post("/generate", json=SLOW, headers={"Prefer": "wait=5, Respond-Async"})
    assert answer.status_code == 202, answer.text
    assert answer.headers["preference-applied"] == "respond-async"
    assert answer.headers["location"] == answer.json()["href"]
    assert ada.delete(answer.headers["location"]).status_code == 200


def test_a_repeated_request_waits_for_the_job_of_the_first(ada: httpx.Client) -> None:
    key = {"Idempotency-Key": "clip"}
    answers: list[httpx.Response] = []

    def ask() -> None:
        answers.append(ada.post("/generate", json=SMALL, headers=key))

    threads = [threading.Thread(target=ask) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    later = ada.post("/generate", json=SMALL, headers=key)
    assert {answer.status_code for answer in (*answers, later)} == {200}
    assert len({answer.json()["video"] for answer in (*answers, later)}) == 1
    assert later.headers["idempotency-replayed"] == "true"
    assert ended(ada, {"href": later.headers["location"]})["state"] == "done"


def test_who_hangs_up_without_a_key_cancels(app: RunningApp, ada: httpx.Client) -> None:
    with asked(ada, app) as job:
        pass
    assert ended(ada, {"href": f"{JOBS}/{job}"})["state"] == "cancelled"


def test_who_hangs_up_with_a_key_finds_the_job_again(app: RunningApp, ada: httpx.Client) -> None:
    key = {"Idempotency-Key": "lost"}
    with asked(ada, app, **key) as job:
        pass
    time.sleep(0.5)  # In which it would be cancelled.
    told = {"Content-Type": "application/json", **key, **ASYNC}
    found = ada.post("/generate", content=json.dumps(SLOW), headers=told)
    ada.delete(found.headers["location"])
    assert (found.json()["id"], found.json()["state"]) in ((job, "queued"), (job, "running"))


def test_a_job_that_somebody_follows_is_not_cancelled_by_a_hang_up(
    app: RunningApp, ada: httpx.Client
) -> None:
    following = threading.Event()

    def follow(job: str) -> None:
        with ada.stream("GET", f"{JOBS}/{job}/events") as events:
            for _ in events.iter_lines():
                following.set()

    with asked(ada, app) as job:
        watcher = threading.Thread(target=follow, args=(job,))
        watcher.start()
        assert following.wait(120)
    time.sleep(0.5)  # In which it would be cancelled.
    state = ada.get(f"{JOBS}/{job}").json()["state"]
    ada.delete(f"{JOBS}/{job}")
    watcher.join(60)
    assert state in ("queued", "running")
    assert not watcher.is_alive()


def test_a_key_that_stands_for_another_clip_is_refused_in_the_old_form(ada: httpx.Client) -> None:
    key = {"Idempotency-Key": "old"}
    first = ada.post("/jobs", json=SLOW, headers=key)
    other = ada.post("/generate", json=SMALL, headers=key)
    ada.delete(f"{JOBS}/{first.json()['id']}")
    assert (other.status_code, list(other.json())) == (422, ["detail"])
    problem(ada.post(JOBS, json=SMALL, headers=key), 422, "key-reused")
