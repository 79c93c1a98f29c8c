"""What the owner sees of the workers, and changes while they make clips."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pytest
from prometheus_client.parser import text_string_to_metric_families
from serving import PROXY, Served, served
from sources import ROOT
from studios import PATIENCE, quick, sampling, take_of, until
from test_workers import LOCAL, lasting

from ltx_ui.errors import ModelUnavailable
from ltx_ui.studio.jobs import Done, Queued
from ltx_ui.studio.worker import ENDED

pytest.importorskip("ray", reason="an optional extra: pip install ray")

WORKERS = "/api/v1/workers"


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model in a folder, which the studio is started with."""
    folder = tmp_path_factory.mktemp("model") / "model"
    shutil.copytree(ROOT / "ltx_ui/engine/demo", folder)
    return folder


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, cache: Path, model: Path) -> Iterator[Served]:
    """Shared through a proxy, with two workers."""
    folder = tmp_path_factory.mktemp("operated") / "data"
    shutil.copytree(cache, folder / "cache")
    with served(folder, model=str(model), workers="2", trusted_proxy=PROXY) as home:
        home.studio.start()
        until(lambda: home.studio.workers() == 2)
        yield home


def asked(home: Served, method: str = "GET", path: str = "", **body: Any) -> dict[str, Any]:
    """What is answered about the workers."""
    with home.client() as owner:
        answer = owner.request(method, WORKERS + path, json=body or None)
        assert answer.status_code == 200, answer.text
        told: dict[str, Any] = answer.json()
        return told


def refused(home: Served, method: str, path: str = "", **body: Any) -> tuple[int, str]:
    """How something about the workers is refused."""
    with home.client() as owner:
        answer = owner.request(method, WORKERS + path, json=body)
        return answer.status_code, answer.json()["detail"]


def states(home: Served) -> list[str]:
    return [each["state"] for each in asked(home)["items"]]


def test_the_owner_alone_sees_each_worker(home: Served, model: Path) -> None:
    take_of(home.studio, quick(), LOCAL)
    until(lambda: sum(each["takes"] for each in asked(home)["items"]) == 1)
    told = asked(home)
    assert [each["number"] for each in told["items"]] == [1, 2]
    assert (told["ready"], told["changeable"], told["change"]) == (2, True, None)
    assert {(each["model"], each["placement"]) for each in told["items"]} == {
        (str(model), "resident")
    }
    job = home.studio.submit(lasting(seed=1), LOCAL)
    until(lambda: sampling(home.studio, job))
    assert [each["job"] for each in asked(home)["items"] if each["job"]] == [job.id]
    with home.client() as owner, home.browser() as visitor:
        sheet = owner.get("/account/workers").text
        assert "Worker 2" in sheet and "A fox in the rain" in sheet and "makes a clip" in sheet
        families = text_string_to_metric_families(owner.get("/metrics").text)
        samples = [sample for each in families for sample in each.samples]
        does = {s.labels["worker"]: s.labels["state"] for s in samples if "worker_info" in s.name}
        assert sorted(does.values()) == ["idle", "working"] and set(does) == {"1", "2"}
        assert sum(s.value for s in samples if s.name == "ltx_ui_worker_takes_total") == 1
        assert visitor.get("/account/workers").status_code == 403
        assert visitor.get(WORKERS).status_code == 403
        for method, path in (("PATCH", ""), ("POST", "/1/drain"), ("POST", "/model")):
            assert visitor.request(method, WORKERS + path, json={"count": 1}).status_code == 403
    home.studio.cancel(job.id, LOCAL)


def test_a_worker_that_is_drained_finishes_its_clip_and_ends(home: Served) -> None:
    until(lambda: states(home) == ["idle", "idle"])
    jobs = [home.studio.submit(lasting(seed=seed), LOCAL).id for seed in (2, 12)]
    until(lambda: states(home) == ["working", "working"])
    busy, other = 1, 2  # The first one has loaded the model for the studio.
    made = {each["number"]: each["job"] for each in asked(home)["items"]}
    assert sorted(made.values()) == sorted(jobs)
    home.studio.cancel(made[other], LOCAL)
    told = asked(home, "POST", f"/{busy}/drain")
    assert [each["state"] for each in told["items"] if each["number"] == busy] == ["draining"]
    assert isinstance(home.studio.wait(made[busy], LOCAL, PATIENCE).state, Done)
    until(lambda: states(home) == ["idle"])
    counted = home.studio.count_tokens("A fox")
    assert counted and counted.count > 0, "one that lives says it"
    (last,) = (each["number"] for each in asked(home)["items"])
    assert last == other
    assert refused(home, "POST", f"/{last}/drain")[0] == 409
    assert refused(home, "POST", f"/{busy}/drain")[0] == 404
    assert refused(home, "POST", "/model", model="demo")[0] == 409, "there is but one"


def test_the_number_of_workers_is_changed_while_they_work(home: Served) -> None:
    job = home.studio.submit(lasting(seed=3, num_takes=2), LOCAL)
    until(lambda: sampling(home.studio, job))
    asked(home, "PATCH", count=2)
    assert sorted(states(home)) == ["loading", "working"]
    asked(home, "PATCH", count=1)
    assert "working" in states(home), "who does nothing yet leaves first"
    asked(home, "PATCH", count=2)
    assert isinstance(home.studio.wait(job.id, LOCAL, PATIENCE).state, Done)
    until(lambda: states(home) == ["idle", "idle"])
    for count in (0, 1001, True, "2"):
        assert refused(home, "PATCH", count=count)[0] == 422
    most = max(2, os.cpu_count() or 1)
    status, sentence = refused(home, "PATCH", count=most + 1)
    assert status == 422 and f"can be {most} at most" in sentence


def test_a_model_that_has_no_room_is_refused_before_a_worker_ends(
    home: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(available=2**30))
    status, sentence = refused(home, "POST", "/model", model="ltx-2")
    assert status == 503 and sentence.startswith("LTX-2 19B needs about")
    assert states(home) == ["idle", "idle"] and asked(home)["change"] is None


def test_a_change_ends_when_the_number_of_workers_is_set(
    home: Served, model: Path, caplog: pytest.LogCaptureFixture
) -> None:
    asked(home, "POST", "/model", model="demo")
    until(lambda: "loading" in states(home))
    told = asked(home, "PATCH", count=2)
    assert told["change"]["state"] == "failed" and "stopped" in told["change"]["message"]
    until(lambda: states(home) == ["idle", "idle"])
    assert {each["model"] for each in asked(home)["items"]} == {str(model)}
    assert [each for each in caplog.records if each.levelname == "ERROR"] == []


def test_another_model_is_brought_to_one_worker_after_the_other(home: Served, model: Path) -> None:
    studio = home.studio
    status, sentence = refused(home, "POST", "/model", model="../elsewhere")
    assert status == 422 and "demo" in sentence
    studio.pause("ada", True)
    waits = studio.submit(quick(seed=5), "ada")
    told = asked(home, "POST", "/model", model="demo")
    assert told["change"]["state"] == "loading" and "idle" in states(home)
    assert refused(home, "POST", "/model", model="demo")[0] == 409
    before = take_of(studio, quick(seed=4), LOCAL)
    assert before.model == str(model), "one goes on with the model of before"
    until(lambda: asked(home)["change"]["state"] == "done")
    studio.pause("ada", False)
    assert states(home) == ["idle", "idle"]
    assert {each["model"] for each in asked(home)["items"]} == {"demo"}
    assert take_of(studio, quick(seed=6), LOCAL).model == "demo"
    state = studio.job(waits.id, "ada").state
    assert isinstance(state, Queued) and state.waits_for == str(model)
    studio.make_with_loaded_model(waits.id, "ada")
    assert isinstance(studio.wait(waits.id, "ada", PATIENCE).state, Done)


def test_a_model_that_can_t_be_loaded_leaves_the_one_of_before(home: Served, model: Path) -> None:
    shutil.rmtree(model)
    asked(home, "POST", "/model", model=str(model))
    until(lambda: asked(home)["change"]["state"] == "failed")
    assert "There is no model" in asked(home)["change"]["message"]
    assert take_of(home.studio, quick(seed=7), LOCAL).model == "demo"
    until(lambda: states(home) == ["idle", "idle"])


# Last: nothing is made after it.
def test_where_no_worker_can_be_started_any_more_it_is_said(
    home: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAY_TMPDIR", "/dev/null")  # Where Ray can write nothing.
    job = home.studio.submit(lasting(seed=8), LOCAL)
    until(lambda: sampling(home.studio, job))
    for each in psutil.Process().children(recursive=True):
        if each.name() == "raylet":
            os.kill(each.pid, signal.SIGKILL)
    until(lambda: home.studio.model_status().state == "failed")
    assert home.studio.model_status().message == ENDED
    assert states(home) == ["failed", "failed"]
    with pytest.raises(ModelUnavailable, match="Restart the program"):
        home.studio.submit(quick(), LOCAL)
