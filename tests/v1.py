"""Programs that use the versioned API of a running app, each as a visitor of their own."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import count
from typing import Any

import httpx
from running import RunningApp

JOBS, TAKES, IMAGES = "/api/v1/jobs", "/api/v1/takes", "/api/v1/images"
SMALL = {"prompt": "a ball", "width": 128, "height": 128, "num_frames": 9, "num_inference_steps": 1}
SLOW = {**SMALL, "width": 384, "height": 384, "num_frames": 25, "num_inference_steps": 50}
PROBLEM = "application/problem+json"

_numbers = count(1)


@contextmanager
def visitor(app: RunningApp) -> Iterator[httpx.Client]:
    """A client that came through a proxy, from an address that nobody else has, with a name."""
    through = {"X-Forwarded-For": "203.0.113.1"}
    own = httpx.HTTPTransport(local_address=f"127.0.1.{next(_numbers)}")
    with httpx.Client(base_url=app.url, timeout=120, headers=through, transport=own) as client:
        assert client.get("/api/v1/limits").json()["clips_at_once"] is not None
        yield client


def submit(client: httpx.Client, recipe: Mapping[str, Any], **headers: str) -> dict[str, Any]:
    """Submits a job; returns it."""
    answer = client.post(JOBS, json=recipe, headers=headers)
    assert answer.status_code == 202, answer.text
    job: dict[str, Any] = answer.json()
    return job


def ended(client: httpx.Client, job: Mapping[str, Any]) -> dict[str, Any]:
    """A job once it has ended."""
    end = time.monotonic() + 120
    while (now := client.get(job["href"]).json())["state"] in ("queued", "running", "cancelling"):
        assert time.monotonic() < end, now
        time.sleep(0.05)
    found: dict[str, Any] = now
    return found


def problem(answer: httpx.Response, status: int, kind: str) -> dict[str, Any]:
    """The problem in an answer, which is of this status and kind."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == PROBLEM
    told: dict[str, Any] = answer.json()
    assert (told["status"], told["type"]) == (status, f"urn:ltx-ui:problem:{kind}")
    assert told["title"]
    assert told["detail"].endswith(".")
    return told
