"""What the log tells, and that it never tells what people typed."""

from __future__ import annotations

import io
import json
import logging
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from running import RunningApp
from studios import PATIENCE, OpenStudio, idle, quick, slow, until

from ltx_ui.logs import handler
from ltx_ui.settings import Settings
from ltx_ui.studio.studio import Studio

MARK = "Zebrafink übt 'Tonleitern'"
"""Stands in every prompt; with characters that are written otherwise in literals and in JSON."""
PIECES = ("Zebrafink", "Tonleitern")


@contextmanager
def logged(**settings: object) -> Iterator[io.StringIO]:
    """All that is logged meanwhile, at every level."""
    written, root = io.StringIO(), logging.getLogger()
    writes, level = handler(Settings.model_validate(settings), written), root.level
    root.addHandler(writes)
    root.setLevel(logging.DEBUG)
    yield written
    root.setLevel(level)
    root.removeHandler(writes)


def told(studio: Studio, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The ids of a job that was done, one that was cancelled and one that failed in ffmpeg, whose
    last words were all that it was told."""
    done = studio.submit(quick(prompt=MARK), "local")
    studio.wait(done.id, "local", PATIENCE)
    stopped = studio.submit(slow(prompt=MARK), "ada")
    studio.cancel(stopped.id, "ada")
    studio.wait(stopped.id, "ada", PATIENCE)
    broken = tmp_path / "ffmpeg"
    broken.write_text('#!/bin/sh\necho "$@" >&2\nexit 1\n')
    broken.chmod(broken.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("IMAGEIO_FFMPEG_EXE", str(broken))
    failed = studio.submit(quick(prompt=MARK), "local")
    assert studio.wait(failed.id, "local", PATIENCE).state.name == "failed"
    return {"done": done.id, "cancelled": stopped.id, "failed": failed.id}


def test_no_line_has_a_prompt_and_each_has_its_job(
    open_studio: OpenStudio, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with logged() as text, logged(log_format="json") as objects:
        jobs = told(open_studio(), tmp_path, monkeypatch)
    lines, entries = text.getvalue(), [json.loads(line) for line in objects.getvalue().splitlines()]
    assert [piece for piece in PIECES if piece in lines + objects.getvalue()] == []
    for state, job in jobs.items():
        assert f"Job {job} is {state}." in lines
        assert {"job": job, "message": f"Job {job} is {state}."}.items() <= next(
            each for each in entries if f"is {state}." in each["message"]
        ).items()
    assert "ffmpeg failed" in lines and "[prompt]" in lines
    assert f"(job {jobs['failed']})" in lines
    failing = next(each for each in entries if each["message"].startswith("ffmpeg failed"))
    assert (failing["job"], failing["owner"]) == (jobs["failed"], "owner")
    assert (failing["level"], failing["logger"]) == ("error", "ltx_ui.media.mp4")


def test_a_prompt_is_logged_where_that_is_asked_for(open_studio: OpenStudio) -> None:
    studio = open_studio(log_prompts=True)
    with logged(log_prompts=True) as text:
        studio.wait(studio.submit(quick(prompt=MARK), "local").id, "local", PATIENCE)
    assert "Zebrafink" in text.getvalue()


def test_requests_leave_no_words_in_the_log_and_every_line_is_an_object(tmp_path: Path) -> None:
    flags = ("--model", "demo", "--log-level", "debug", "--log-format", "json", "--access-log")
    with idle(tmp_path / "data") as studio:
        studio.hold(True)
    with RunningApp(tmp_path / "data", *flags) as app:
        with httpx.Client(base_url=app.url, timeout=60, trust_env=False) as client:
            asked: dict[str, Any] = {"prompt": MARK, "width": 128, "height": 128, "num_frames": 9}
            job = client.post("/jobs", json=asked).json()["id"]
            client.delete(f"/jobs/{job}")
            assert client.post("/jobs", json=asked | {"fps": MARK}).status_code == 422
            assert client.post("/api/v1/jobs", json={"prompt": MARK * 999}).status_code == 422
            client.get("/", params={"q": MARK})
            client.get(f"/takes/{MARK}%0A.mp4")
            client.get("/t/0123456789.SignatureOfALink")
            event = {"data": [MARK], "fn_index": 0, "session_hash": MARK}
            client.post("/gradio_api/run/predict", json=event)
            until(lambda: client.get(f"/jobs/{job}").json()["state"] == "cancelled")
        app.stop()
        entries = [json.loads(line) for line in app.output.splitlines()]
    said = [each["message"] for each in entries if each["logger"] == "ltx_ui"]
    assert said[0].startswith(f"LTX-2 Studio: {app.url} ")
    assert "paused for everybody" in said[1]
    access = [each["message"] for each in entries if each["logger"] == "ltx_ui.access"]
    assert any(line.startswith("POST /jobs 202 ") for line in access)
    assert any(line.startswith("GET / 200 ") for line in access)
    assert any(line.startswith("GET /t/{link} 404 ") for line in access)
    assert "SignatureOfALink" not in app.output
    words = [line for line in app.output.splitlines() if any(piece in line for piece in PIECES)]
    assert [line for line in words if "/takes/" not in line] == []
