"""Two studios on one PostgreSQL database, whose workers one cluster of Ray's keeps."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
from postgres import NEEDS_POSTGRES
from running import RunningApp
from studios import rows, until
from test_workers import workers

pytest.importorskip("ray", reason="an optional extra: pip install ray")

SMALL = {"prompt": "a ball", "width": 128, "height": 128, "num_frames": 9, "num_inference_steps": 1}
LASTING = {**SMALL, "num_frames": 49, "num_inference_steps": 60, "num_takes": 2}


class Cluster:
    """A head, which makes nothing, and a machine with two GPUs as far as Ray knows."""

    def __init__(self) -> None:
        from ray.cluster_utils import Cluster

        head = {"num_cpus": 0, "num_gpus": 0, "include_dashboard": False}
        self._cluster: Any = Cluster(initialize_head=True, head_node_args=head)
        self.address: str = self._cluster.address
        self._join()

    def _join(self) -> None:
        self._machine = self._cluster.add_node(num_cpus=0, num_gpus=2)

    def lose_its_machine(self) -> None:
        """The machine dies with all that it does, and another one joins."""
        self._cluster.remove_node(self._machine, allow_graceful=False)
        self._join()

    def close(self) -> None:
        """End it."""
        self._cluster.shutdown()


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    started = Cluster()
    yield started
    started.close()


def submit(app: RunningApp, recipe: dict[str, Any]) -> str:
    answer = httpx.post(f"{app.url}/jobs", json=recipe, timeout=60, trust_env=False)
    return str(answer.raise_for_status().json()["id"])


def told_of(app: RunningApp, job: str) -> dict[str, Any]:
    answer = httpx.get(f"{app.url}/jobs/{job}", timeout=60, trust_env=False)
    told: dict[str, Any] = answer.raise_for_status().json()
    assert told["state"] in ("queued", "running", "done"), told
    return told


def steps(app: RunningApp, job: str) -> bool:
    """Whether a job's second take has made its first step."""
    told = told_of(app, job)
    return told.get("stage") == "sampling" and told["step"] >= 1 and len(told["takes"]) == 1


def done(app: RunningApp, job: str) -> bool:
    return bool(told_of(app, job)["state"] == "done")


@NEEDS_POSTGRES
@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_each_job_is_made_once_whatever_is_killed(
    data_dir: Path, database: str, cluster: Cluster
) -> None:
    given = ["--model", "demo", "--workers", "1", "--ray-address", cluster.address]
    apps = [RunningApp(data_dir, *given, LTX_UI_DATABASE=database) for _ in range(2)]
    with apps[0] as killed, apps[1] as living:
        lasting = [submit(killed, LASTING)]
        small = [submit(app, SMALL) for _ in range(4) for app in (killed, living)]
        until(partial(steps, killed, lasting[0]))
        killed.stop(signal.SIGKILL)
        for job in (*lasting, *small):
            until(partial(done, living, job))

        lasting.append(submit(living, LASTING))
        until(partial(steps, living, lasting[-1]))
        until(lambda: len(workers()) == 1)
        for worker in workers():
            os.kill(worker, signal.SIGKILL)
        until(partial(done, living, lasting[-1]))

        lasting.append(submit(living, LASTING))
        until(partial(steps, living, lasting[-1]))
        cluster.lose_its_machine()
        until(partial(done, living, lasting[-1]))

    assert dict(rows(database, "SELECT id, starts FROM jobs")) == dict.fromkeys(
        small, 1
    ) | dict.fromkeys(lasting, 2)
    takes = rows(database, "SELECT id, video, poster FROM takes ORDER BY number")
    assert len({id for id, *_ in takes}) == len(takes) == len(small) + 2 * len(lasting)
    files = {name for _, *names in takes for name in names}
    assert {path.name for path in data_dir.glob("takes/*")} == files
