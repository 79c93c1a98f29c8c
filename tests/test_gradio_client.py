"""``/gradio`` with Gradio's own client for programs."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from gradio_client import Client
from gradio_client.exceptions import AppError
from running import RunningApp
from studios import until
from v1 import SLOW, SMALL

from ltx_ui.recall import recall


def client_of(app: RunningApp, folder: Path, **headers: str) -> Client:
    return Client(
        f"{app.url}/gradio",
        verbose=False,
        analytics_enabled=False,
        download_files=folder,
        headers=headers,
    )


@pytest.fixture
def visitor(app: RunningApp, tmp_path: Path) -> Iterator[Client]:
    """The client of somebody who comes through a proxy."""
    client = client_of(app, tmp_path, Via="1.1 elsewhere")
    yield client
    client.close()


def test_a_clip_is_made_followed_and_brought(visitor: Client) -> None:
    told = visitor.view_api(print_info=False, return_format="dict")
    assert list(told["named_endpoints"]) == ["/generate"] and not told["unnamed_endpoints"]
    call = visitor.submit(recipe=SMALL | {"seed": 5}, api_name="/generate")
    again = visitor.submit(SMALL | {"seed": 6}, api_name="/generate")
    for number, each in ((5, call), (6, again)):
        file, job = each.result(timeout=120)
        assert recall(Path(file)).recipe.seed == number
        assert (job["state"], job["recipe"]["seed"]) == ("done", number)


def test_what_is_refused_is_told_in_its_own_words(visitor: Client) -> None:
    with pytest.raises(AppError, match="num_frames: is 120; allowed"):
        visitor.predict(SMALL | {"num_frames": 120}, api_name="/generate")
    with pytest.raises(AppError, match="visitors of this studio may have up to 50"):
        visitor.predict(SMALL | {"num_inference_steps": 90}, api_name="/generate")
    call = visitor.submit(SLOW, api_name="/generate")
    until(lambda: call.status().code.name == "PROGRESS")
    call.cancel()


def test_nobody_hears_or_fetches_what_is_anothers(
    app: RunningApp, visitor: Client, tmp_path: Path
) -> None:
    _, job = visitor.predict(SMALL, api_name="/generate")
    session = visitor.session_hash
    call = {"data": [SMALL], "fn_index": 0, "session_hash": session}
    with httpx.Client(base_url=f"{app.url}/gradio", headers={"Via": "1.1 elsewhere"}) as stranger:
        assert stranger.get("/config").status_code == 200
        told = stranger.get("/queue/data", params={"session_hash": session}).text
        assert "close_stream" in told and job["id"] not in told
        assert stranger.get(f"/file={job['id']}.mp4").status_code == 404
        assert stranger.post("/cancel", json={"event_id": job["id"]}).status_code == 404
        for path in ("/upload", "/queue/status", "/reset", "/heartbeat/x", "/file=/etc/passwd"):
            assert stranger.get(path).status_code in (404, 405), path
        wrongs: tuple[dict[str, Any], ...] = (
            *({"fn_index": 1}, {"data": []}),
            *({"data": ["x"]}, {"session_hash": "a b"}),
        )
        for wrong in wrongs:
            assert stranger.post("/queue/join", json=call | wrong).status_code == 422, wrong
        assert stranger.get("/queue/data", params={"session_hash": "a b"}).status_code == 422
        foreign = {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}
        assert stranger.post("/queue/join", json=call, headers=foreign).status_code == 403
    secret = httpx.post(f"{app.url}/api/v1/tokens", json={"label": "", "scopes": ["read"]}).json()
    reads = {"Authorization": f"Bearer {secret['token']}"}
    refused = httpx.post(f"{app.url}/gradio/queue/join", json=call, headers=reads)
    assert refused.status_code == 403
    mine = client_of(app, tmp_path / uuid.uuid4().hex, **reads)
    with pytest.raises(httpx.HTTPStatusError):
        mine.predict(SMALL, api_name="/generate")
    mine.close()
