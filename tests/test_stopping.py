"""How the studio stops: what a signal does with the clip that is being made."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from running import RunningApp
from studios import until

SMALL = {"prompt": "a ball", "width": 256, "height": 256, "num_frames": 9}
SLOW = SMALL | {"num_frames": 25, "num_inference_steps": 100}


@pytest.fixture
def stopping(tmp_path: Path) -> Iterator[tuple[RunningApp, httpx.Client]]:
    """A studio that finishes what it makes, with a model loaded, and who is at the machine."""
    running = RunningApp(tmp_path / "data", "--model", "demo", "--on-stop", "finish")
    with running as app, httpx.Client(base_url=app.url, timeout=60, trust_env=False) as client:
        yield app.wait_ready(), client


def begun(client: httpx.Client, body: dict[str, Any]) -> str:
    """The id of a job that has made its first step."""
    job = str(client.post("/jobs", json=body).json()["id"])
    until(lambda: client.get(f"/jobs/{job}").json().get("step", 0) >= 1)
    return job


def takes(app: RunningApp) -> list[Path]:
    return list((app.data_dir / "takes").glob("*.mp4"))


def test_the_clip_is_finished_and_no_other_one_begun(
    stopping: tuple[RunningApp, httpx.Client],
) -> None:
    app, client = stopping
    runs = begun(client, SMALL | {"num_inference_steps": 60})
    waits = client.post("/jobs", json=SMALL).json()["id"]
    app.process.send_signal(signal.SIGTERM)
    until(lambda: client.get("/ready").status_code == 503)
    assert "being stopped" in client.get("/health").json()["model"]["message"]
    assert client.get(f"/jobs/{waits}").json()["state"] == "queued"
    assert app.process.wait(timeout=90) == 0
    assert len(takes(app)) == 1
    app.start("--model", "demo")
    assert client.get(f"/jobs/{runs}").json()["state"] == "done"
    until(lambda: client.get(f"/jobs/{waits}").json()["state"] == "done")


def test_a_second_signal_ends_at_once_and_the_clip_is_made_by_the_next_start(
    stopping: tuple[RunningApp, httpx.Client],
) -> None:
    app, client = stopping
    job = begun(client, SLOW)
    app.process.send_signal(signal.SIGINT)
    until(lambda: client.get("/ready").status_code == 503)
    app.process.send_signal(signal.SIGINT)
    assert app.process.wait(timeout=120) == 0
    assert takes(app) == []
    app.start("--model", "demo", "--on-stop", "finish", "--stop-seconds", "0.5").wait_ready()
    until(lambda: client.get(f"/jobs/{job}").json().get("step", 0) >= 1)
    assert app.stop() == 0  # It would take far longer than half a second.
    assert takes(app) == []
    assert "Traceback" not in app.output
