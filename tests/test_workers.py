"""Clips that are made in processes of their own, which Ray keeps."""

import os
import pickle
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import httpx
import numpy as np
import psutil
import pytest
from films import heard, seen
from running import RunningApp
from sources import ROOT
from studios import quick, sampling, take_of, until, working

from ltx_ui.clip import Silent
from ltx_ui.engine.engine import Engine
from ltx_ui.errors import SettingsError
from ltx_ui.media.mp4 import write_mp4
from ltx_ui.recipe import Recipe
from ltx_ui.settings import Settings
from ltx_ui.studio.engines import EngineChoice
from ltx_ui.studio.jobs import LOST, CancelledJob, Done, Failed, Job
from ltx_ui.studio.studio import Studio

pytest.importorskip("ray", reason="an optional extra: pip install ray")

LOCAL = "local"


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory, cache: Path) -> Iterator[Studio]:
    """A studio with two workers."""
    folder = tmp_path_factory.mktemp("workers")
    with working(folder, cache, workers="2") as opened:
        until(lambda: opened.workers() == 2)
        yield opened


def lasting(**fields: object) -> Recipe:
    """Runs for some seconds."""
    return quick(**{"num_inference_steps": 100, "num_frames": 49, **fields})


def workers(of: int | None = None) -> dict[int, float]:
    """The seconds of processor time that each worker has taken, by the numbers of the processes.

    Args:
        of: the process whose workers they are; None: this one's.
    """
    found = {}
    for each in psutil.Process(of).children(recursive=True):
        with suppress(psutil.Error):  # It has just ended.
            if "EngineActor" in " ".join(each.cmdline()):
                found[each.pid] = each.cpu_times().user
    return found


def kill_who_makes(studio: Studio, job: Job) -> None:
    """Kill the process that makes a job, while the other one has nothing to do."""
    until(lambda: sampling(studio, job) and studio.workers() == 2)
    before = workers()

    def taken() -> dict[int, float]:
        return {pid: seconds - before[pid] for pid, seconds in workers().items() if pid in before}

    until(lambda: max(taken().values()) > 0.3)
    process = max(taken().items(), key=lambda each: each[1])[0]
    os.kill(process, signal.SIGKILL)
    until(lambda: studio.workers() < 2)


def ended(studio: Studio, job: Job) -> object:
    return studio.wait(job.id, LOCAL, 300).state


def test_a_clip_is_the_same_bit_for_bit(studio: Studio, engine: Engine, tmp_path: Path) -> None:
    recipe = quick(seed=5, num_inference_steps=4)
    there, here = take_of(studio, recipe, LOCAL), tmp_path / "here.mp4"
    write_mp4(engine.generate(recipe, Silent()), here, {})
    assert np.array_equal(seen(there.video), seen(here))
    one, other = heard(there.video), heard(here)
    assert one is not None and other is not None and np.array_equal(one, other)
    assert there.versions == engine.versions


def test_two_clips_are_made_at_once_seen_and_stopped(studio: Studio) -> None:
    jobs = [studio.submit(lasting(seed=seed), LOCAL) for seed in (1, 2)]
    until(lambda: all(sampling(studio, job) for job in jobs))
    until(lambda: studio.preview(jobs[0].id, LOCAL) is not None)
    for job in jobs:
        studio.cancel(job.id, LOCAL)
    assert [type(ended(studio, job)) for job in jobs] == [CancelledJob] * 2
    assert take_of(studio, quick(seed=9), LOCAL).recipe.seed == 9


def test_a_worker_that_is_killed_costs_a_step_and_no_take(studio: Studio) -> None:
    job = studio.submit(lasting(seed=3, num_takes=3), LOCAL)
    until(lambda: studio.library.has(job.id))
    first = studio.library.take(job.id, LOCAL)
    kill_who_makes(studio, job)
    state = ended(studio, job)
    assert isinstance(state, Done) and state.take_ids == job.take_ids
    assert studio.library.take(job.id, LOCAL) == first


def side_by_side(studio: Studio, job: Job) -> bool:
    """Whether both workers make takes of a job."""
    made = [each.job.id for each in studio.each_worker() if each.job]
    return made == [job.id] * 2 and sampling(studio, job)


def test_takes_of_one_job_are_made_side_by_side_and_are_the_same(
    studio: Studio, engine: Engine, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "ltx_ui")
    recipe = quick(seed=21, num_takes=4, num_inference_steps=20)
    until(lambda: studio.workers() == 2)
    before = {each.number: each.takes for each in studio.each_worker()}
    job = studio.submit(recipe, LOCAL)
    assert ended(studio, job) == Done(job.id, job.take_ids[1:])
    until(lambda: all(each.takes > before[each.number] for each in studio.each_worker()))
    lines = [line for line in caplog.messages if line.startswith("Begun")]
    begun = re.findall(r"\d+", " ".join(line.partition("seed")[2] for line in lines))
    assert sorted(begun) == ["21", "22", "23", "24"], "each take is said once"
    made = [studio.library.take(each, LOCAL) for each in job.take_ids]
    assert [take.recipe.seed for take in made] == [21, 22, 23, 24]
    for take in made[1:3]:
        write_mp4(engine.generate(take.recipe, Silent()), tmp_path / "here.mp4", {})
        assert np.array_equal(seen(take.video), seen(tmp_path / "here.mp4"))


def test_a_job_that_two_workers_make_is_cancelled_as_a_whole(studio: Studio) -> None:
    until(lambda: studio.workers() == 2)
    job = studio.submit(lasting(seed=25, num_takes=3), LOCAL)
    until(lambda: side_by_side(studio, job))
    studio.cancel(job.id, LOCAL)
    assert isinstance(ended(studio, job), CancelledJob)
    assert take_of(studio, quick(seed=26), LOCAL).recipe.seed == 26


def test_where_one_of_two_dies_the_takes_that_it_had_begun_are_made_all_the_same(
    studio: Studio,
) -> None:
    job = studio.submit(lasting(seed=27, num_takes=2), LOCAL)
    until(lambda: side_by_side(studio, job))
    os.kill(next(iter(workers())), signal.SIGKILL)
    assert ended(studio, job) == Done(job.id, job.take_ids[1:])
    assert sum(each.deaths for each in studio.each_worker()) > 0
    until(lambda: studio.workers() == 2)


def test_workers_that_end_while_they_have_nothing_to_do_are_replaced(studio: Studio) -> None:
    until(lambda: [each.state for each in studio.each_worker()] == ["idle", "idle"])
    before = sum(each.deaths for each in studio.each_worker())
    for process in workers():
        os.kill(process, signal.SIGKILL)
    until(lambda: sum(each.deaths for each in studio.each_worker()) == before + 2)
    until(lambda: studio.workers() == 2)
    assert take_of(studio, quick(seed=29), LOCAL).recipe.seed == 29


def test_a_job_of_which_each_of_two_workers_dies_fails_in_words(studio: Studio) -> None:
    job = studio.submit(lasting(seed=28, num_takes=2, width=256, height=256), LOCAL)
    until(lambda: side_by_side(studio, job))
    for process in workers():
        os.kill(process, signal.SIGKILL)
    state = ended(studio, job)
    assert isinstance(state, Failed) and state.message == LOST
    until(lambda: studio.workers() == 2)


def test_a_job_that_ends_two_workers_fails_in_words(studio: Studio) -> None:
    job = studio.submit(lasting(seed=4, width=256, height=256), LOCAL)
    for _ in range(2):
        kill_who_makes(studio, job)
    state = ended(studio, job)
    assert isinstance(state, Failed) and state.message == LOST
    assert take_of(studio, quick(seed=10), LOCAL).recipe.seed == 10


def test_where_ray_itself_is_killed_it_is_started_again(studio: Studio) -> None:
    job = studio.submit(lasting(seed=6), LOCAL)
    until(lambda: sampling(studio, job))
    for each in psutil.Process().children(recursive=True):
        if each.name() == "raylet":
            each.kill()
    assert isinstance(ended(studio, job), Done)


def test_where_the_studio_is_killed_its_workers_end_and_the_job_is_made(tmp_path: Path) -> None:
    with RunningApp(tmp_path / "data", "--workers", "2") as app:
        app.wait_ready()
        asked = {"prompt", "width", "height", "num_frames", "num_inference_steps"}
        body = lasting().model_dump(mode="json", include=asked)
        job = httpx.post(f"{app.url}/api/v1/jobs", json=body).raise_for_status().json()
        until(lambda: httpx.get(f"{app.url}{job['href']}").json()["stage"] == "sampling")
        theirs = workers(app.process.pid)
        assert theirs
        app.stop(signal.SIGKILL)
        until(lambda: not any(psutil.pid_exists(each) for each in theirs))
        app.start("--workers", "1").wait_ready()
        until(lambda: httpx.get(f"{app.url}{job['href']}").json()["state"] == "done")


def test_a_worker_is_told_no_password() -> None:
    given = {"auth": "anna:hunter2", "database": "postgresql://anna:hunter2@db/x", "model": "demo"}
    settings = Settings.model_validate(given)
    assert b"hunter2" not in pickle.dumps(EngineChoice.of(settings, [(512, 288)]))


def test_without_workers_nothing_of_ray_is_imported() -> None:
    program = "import sys, ltx_ui.studio.studio; sys.exit('ray' in sys.modules)"
    subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=True)


def test_without_ray_it_is_said_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ltx_ui.studio.crew.find_spec", lambda name: None)
    with pytest.raises(SettingsError, match=re.escape("pip install")):
        Studio(Settings.model_validate({"data_dir": tmp_path, "workers": "2"}))


@pytest.mark.parametrize("workers", ["0", "-1", "many", "2.5", ""])
def test_a_number_of_workers_is_one(workers: str) -> None:
    with pytest.raises(ValueError, match="workers"):
        Settings.model_validate({"workers": workers})
