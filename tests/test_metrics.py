"""What monitoring is told."""

from __future__ import annotations

from pathlib import Path

import httpx
from prometheus_client.parser import text_string_to_metric_families
from running import RunningApp
from studios import until

SMALL = {"width": 128, "height": 128, "num_frames": 9, "num_inference_steps": 1}


def samples(client: httpx.Client) -> dict[tuple[str, ...], float]:
    """All metrics by their name and the values of their labels."""
    answer = client.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=")
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def test_a_clip_is_counted_with_the_seconds_of_its_stages(http: httpx.Client) -> None:
    # What other files of tests left there is made first.
    until(lambda: not samples(http)["ltx_ui_queue_length",])
    before = samples(http)
    assert http.post("/generate", json={"prompt": "a ball", **SMALL}).status_code == 200
    after = samples(http)
    for counted in (("ltx_ui_jobs_total", "done"), ("ltx_ui_takes_total",)):
        assert after[counted] == before[counted] + 1
    for stage in ("text", "sampling", "decoding", "saving"):
        counted = ("ltx_ui_stage_seconds_total", stage)
        assert after[counted] > before.get(counted, 0)
    assert after["ltx_ui_queue_length",] == 0
    assert after["process_resident_memory_bytes",] > 1e8


def test_answers_are_counted_by_route_and_status(http: httpx.Client) -> None:
    for path in ("/jobs/1", "/jobs/2", "/takes/x.mp4", "/", "/nowhere"):
        http.get(path)
    found = samples(http).items()
    counted = {
        key[1:]: value for key, value in found if key[0] == "ltx_ui_http_answer_seconds_count"
    }
    assert counted["GET", "/jobs/{job_id}", "404"] >= 2
    assert counted["GET", "page", "200"] >= 1
    assert counted["GET", "page", "404"] >= 1
    assert not any("/jobs/1" in key or "/nowhere" in key for key in counted)


def test_a_studio_is_ready_once_its_model_is_loaded(http: httpx.Client) -> None:
    assert (http.get("/ready").status_code, http.get("/ready").json()) == (200, {"state": "ready"})


def test_one_whose_model_cannot_be_loaded_is_not_and_strangers_read_no_metrics(
    tmp_path: Path,
) -> None:
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "model_index.json").write_text("{}")
    flags = ("--model", str(tmp_path / "broken"), "--auth", "ada:secret")
    with RunningApp(tmp_path / "data", *flags) as app, httpx.Client(base_url=app.url) as client:
        assert client.get("/ready").status_code == 503
        assert client.get("/metrics").status_code == 401
        assert client.get("/metrics", auth=("ada", "secret")).status_code == 200
