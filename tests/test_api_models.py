"""What the API says while the model is not known, or is not the one that a job was made for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
import torch
from running import free_port
from studios import PATIENCE, OpenStudio, leave, quick, until

from ltx_ui.presets import load_presets
from ltx_ui.request import request_data
from ltx_ui.settings import Settings
from ltx_ui.studio.studio import Studio
from ltx_ui.web.server import RunningPage, serve
from ltx_ui.web.views import model_status

Ask = Callable[[Studio], httpx.Client]


@pytest.fixture
def ask(data_dir: Path) -> Iterator[Ask]:
    """Serves a studio of this process, and gives a client of its API."""
    served: list[tuple[RunningPage, httpx.Client]] = []

    def serve_one(studio: Studio) -> httpx.Client:
        settings = Settings(data_dir=data_dir, port=free_port())
        page = serve(studio, settings, load_presets(settings.presets))
        client = httpx.Client(base_url=page.url, timeout=PATIENCE, trust_env=False)
        served.append((page, client))
        return client

    yield serve_one
    for page, client in served:
        client.close()
        page.close()


def test_health_claims_no_model_before_one_is_chosen(open_studio: OpenStudio, ask: Ask) -> None:
    model = ask(open_studio(start=False, model="auto")).get("/health").json()["model"]
    assert (model["id"], model["title"], model["demo"]) == (None, None, None)
    assert model["state"] != "ready"


def test_a_cut_prompt_is_noted_with_its_clip_and_with_its_job(
    open_studio: OpenStudio, ask: Ask
) -> None:
    api = ask(open_studio())
    body = request_data(quick(prompt="A red ball rolls. " * 200))
    [note] = api.post("/generate", json=body).json()["notes"]
    assert "tokens" in note
    job = api.post("/jobs", json=body).json()["id"]
    until(lambda: api.get(f"/jobs/{job}").json()["state"] == "done")
    assert api.get(f"/jobs/{job}").json()["notes"] == [note]
    assert "notes" not in api.post("/generate", json=request_data(quick())).json()


def test_a_job_left_by_another_model_says_so_and_can_be_made_with_this_one(
    open_studio: OpenStudio, ask: Ask
) -> None:
    before = open_studio(start=False, model="ltx-2")
    job = ask(before).post("/jobs", json=request_data(quick())).json()["id"]
    leave(before)
    studio = open_studio()
    until(lambda: studio.model_status().state == "ready")
    api = ask(studio)
    waiting = api.get(f"/jobs/{job}").json()
    assert (waiting["state"], waiting["waits_for"]) == ("queued", "ltx-2")
    assert api.post(f"/jobs/{job}/make").status_code == 202
    until(lambda: api.get(f"/jobs/{job}").json()["state"] == "done")
    assert api.post(f"/jobs/{job}/make").json()["state"] == "done"
    assert api.post("/jobs/unknown/make").status_code == 404


@pytest.mark.skipif(torch.cuda.is_available(), reason="says what a machine without CUDA says")
def test_a_studio_that_chose_the_demo_says_why_without_the_servers_folders(
    open_studio: OpenStudio, data_dir: Path
) -> None:
    studio = open_studio(model="auto")
    until(lambda: studio.model_status().state == "ready")
    status = studio.model_status()
    assert status.demo and status.why_demo.startswith("LTX-2 19B wants a CUDA device.")
    assert str(data_dir) not in status.why_demo
    assert "wants a CUDA device" in model_status(status)
