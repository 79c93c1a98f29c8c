"""Two processes on one PostgreSQL database lose nothing, and see what the other does."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
from forked import ran
from postgres import NEEDS_POSTGRES, Postgres, running
from running import RunningApp
from studios import PATIENCE, OpenStudio, leave, quick, rows, sampling, slow, until

from ltx_ui.errors import LibraryUnavailable, NotFound, TooMuch, WrongMoment
from ltx_ui.settings import VISITOR
from ltx_ui.studio.jobs import CancelledJob, Done, Queued
from ltx_ui.studio.studio import Studio
from ltx_ui.web.job_view import job_views

pytestmark = [
    NEEDS_POSTGRES,
    pytest.mark.parametrize("database", ["postgresql"], indirect=True),
]

SMALL = {"prompt": "a ball", "width": 128, "height": 128, "num_frames": 9, "num_inference_steps": 1}
LONG = {**SMALL, "width": 256, "height": 256, "num_frames": 25, "num_inference_steps": 20}
ENDLESS = {**SMALL, "width": 640, "height": 640, "num_frames": 49, "num_inference_steps": 100}
"""Is cancelled before it is done."""


@pytest.fixture
def one(open_studio: OpenStudio) -> Studio:
    return open_studio()


@pytest.fixture
def other(one: Studio, open_studio: OpenStudio) -> Studio:
    """A second one beside the first, which makes no clips itself."""
    return open_studio(start=False)


@pytest.fixture
def apps(data_dir: Path, database: str) -> list[RunningApp]:
    """Two processes, which are not started yet."""
    return [RunningApp(data_dir, "--model", "demo", LTX_UI_DATABASE=database) for _ in range(2)]


def submit(app: RunningApp, recipe: dict[str, Any]) -> str:
    answer = httpx.post(f"{app.url}/jobs", json=recipe, timeout=60, trust_env=False)
    assert answer.status_code == 202, answer.text
    return str(answer.json()["id"])


def told_of(app: RunningApp, job: str) -> dict[str, Any]:
    answer = httpx.get(f"{app.url}/jobs/{job}", timeout=60, trust_env=False)
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json()
    assert told["state"] in ("queued", "running", "done"), told
    return told


def done(app: RunningApp, job: str) -> bool:
    return bool(told_of(app, job)["state"] == "done")


def steps(app: RunningApp, job: str) -> bool:
    """Whether a job has made its first step."""
    told = told_of(app, job)
    return told.get("stage") == "sampling" and told["step"] >= 1


def elsewhere(app: RunningApp, job: str) -> bool:
    """Whether the versioned API says that another process has a job, wherever it tells of it."""
    with httpx.Client(base_url=f"{app.url}/api/v1", timeout=60, trust_env=False) as client:
        listed = {each["id"]: each for each in client.get("/jobs").json()["items"]}
        one = client.get(f"/jobs/{job}").json()
        with client.stream("GET", f"/jobs/{job}/events") as events:
            data = next(line for line in events.iter_lines() if line.startswith("data:"))
    told = {each["elsewhere"] for each in (listed[job], one, json.loads(data[5:]))}
    assert len(told) == 1
    return bool(told.pop())


def test_two_processes_make_clips_at_once_and_both_have_all(
    apps: list[RunningApp], database: str
) -> None:
    with apps[0] as one, apps[1] as other:
        third = ran(["app.py", "--data-dir", str(one.data_dir)])
        assert third.returncode == 2 and "another studio is using" in third.stderr
        jobs = {submit(app, SMALL): app for _ in range(4) for app in (one, other)}
        for job, app in jobs.items():
            elsewhere = other if app is one else one
            until(partial(done, elsewhere, job))
        for job in jobs:
            for app in (one, other):
                video = httpx.get(f"{app.url}/takes/{job}.mp4", trust_env=False)
                assert video.status_code == 200 and video.content[4:8] == b"ftyp"
    assert {id for (id,) in rows(database, "SELECT id FROM takes")} == jobs.keys()


def test_a_job_whose_process_was_killed_is_taken_up_and_that_of_a_living_one_is_not(
    apps: list[RunningApp], database: str
) -> None:
    starts = "SELECT starts, state FROM jobs ORDER BY number"
    with apps[0] as killed, apps[1] as living:
        job, waiting = submit(killed, ENDLESS), submit(killed, SMALL)
        until(partial(steps, killed, job))
        own = submit(living, SMALL)
        until(partial(done, living, own))
        assert rows(database, starts)[:2] == [(1, "running"), (0, "queued")]
        assert told_of(living, job)["state"] == "running"
        assert [elsewhere(app, job) for app in (killed, living)] == [False, True]
        killed.stop(signal.SIGKILL)
        until(partial(steps, living, job))
        assert not elsewhere(living, job)
        httpx.delete(f"{living.url}/jobs/{job}", timeout=60, trust_env=False)
        until(partial(done, living, waiting))
    assert rows(database, starts) == [(2, "cancelled"), (1, "done"), (1, "done")]
    assert {id for (id,) in rows(database, "SELECT id FROM takes")} == {waiting, own}


def test_a_process_that_seemed_to_have_ended_lets_go_of_what_others_took_up(
    apps: list[RunningApp], database: str
) -> None:
    with apps[0] as silent, apps[1] as living:
        job = submit(silent, ENDLESS)
        until(partial(steps, silent, job))
        silent.process.send_signal(signal.SIGSTOP)
        # What the server does by itself when it has not heard of a machine for half a minute.
        rows(
            database,
            "SELECT pg_terminate_backend(pid) FROM pg_locks JOIN jobs "
            "ON holder = (classid::bigint << 32 | objid::bigint) WHERE locktype = 'advisory'",
        )
        until(partial(steps, living, job))
        silent.process.send_signal(signal.SIGCONT)
        until(partial(elsewhere, silent, job))
        own = submit(silent, SMALL)
        until(partial(done, silent, own))
        assert told_of(living, job)["state"] == "running" and not elsewhere(living, job)
        httpx.delete(f"{silent.url}/jobs/{job}", timeout=60, trust_env=False)
    found = rows(database, "SELECT starts, state FROM jobs ORDER BY number")
    assert found == [(2, "cancelled"), (1, "done")]


def test_a_job_that_was_killed_goes_on_with_the_next_start(
    apps: list[RunningApp], database: str
) -> None:
    with apps[0] as app:
        job = submit(app, LONG)
        until(partial(steps, app, job))
        app.stop(signal.SIGKILL)
        app.start()
        until(partial(done, app, job))
    assert rows(database, "SELECT starts FROM jobs") == [(2,)]


def test_what_one_changes_the_other_shows_at_once(one: Studio, other: Studio) -> None:
    job = one.submit(quick(), "ada")
    assert one.wait(job.id, "ada", PATIENCE).state == Done(job.id)
    for studio in (one, other):
        assert [take.id for take in studio.session("ada").takes] == [job.id]
        assert studio.job(job.id, "ada").state == Done(job.id)
    for favourite in (True, False):
        other.library.set_favourite(job.id, "ada", favourite)
        assert one.library.take(job.id, "ada").favourite is favourite
        assert [take.favourite for take in one.session("ada").takes] == [favourite]
    other.library.set_tags([job.id], "ada", add=["rain"])
    assert one.library.take(job.id, "ada").tags == ("rain",)
    assert one.room("ada").takes == len(one.library.kinds("ada")) == 1
    one.library.delete([job.id], "ada")
    shown = other.session("ada")
    assert (shown.takes, shown.ended, other.room("ada").takes) == ((), (), 0)
    assert not other.library.kinds("ada")
    other.library.restore([job.id], "ada")
    assert [take.id for take in one.session("ada").takes] == [job.id]
    assert one.job(job.id, "ada").state == Done(job.id)
    one.library.delete([job.id], "ada")
    for ask in (other.job, other.library.take):
        with pytest.raises(NotFound):
            ask(job.id, "ada")


def test_jobs_are_cancelled_paused_and_waited_for_from_the_other_side(
    one: Studio, open_studio: OpenStudio
) -> None:
    # Two models can't be loaded in one process at the same time.
    until(lambda: one.model_status().state == "ready")
    other = open_studio()
    runs, waits, last = (
        one.submit(slow(), "ada"),
        one.submit(slow(), "ada"),
        one.submit(quick(), "bob"),
    )
    until(lambda: sampling(one, runs))
    told = job_views(other.session("ada").jobs)
    assert [(view.title, view.runs) for view in told] == [
        ("Making the clip", True),
        ("Next in the queue", False),
    ]
    with pytest.raises(WrongMoment, match="another process"):
        other.move(waits.id, "ada", None)
    for job in (waits, runs):
        other.cancel(job.id, "ada")
    until(lambda: one.job(runs.id, "ada").state == CancelledJob())
    assert one.job(waits.id, "ada").state == CancelledJob()
    assert other.wait(last.id, "bob", PATIENCE).state == Done(last.id)
    for studio in (other, one):
        studio.pause("ada", True)
    paused = one.submit(quick(), "ada")
    other.pause("ada", False)
    assert other.wait(paused.id, "ada", PATIENCE).state == Done(paused.id)


def test_what_waits_belongs_to_the_living_and_the_next_start_takes_the_rest(
    open_studio: OpenStudio,
) -> None:
    one = open_studio(start=False)
    job = one.submit(quick(), "ada")
    assert [each.elsewhere for each in open_studio(start=False).session("ada").jobs] == [True]
    leave(one)
    [own] = open_studio(start=False).session("ada").jobs
    assert (own.id, own.elsewhere) == (job.id, False)


def test_no_row_has_a_word_of_a_deleted_take(one: Studio, database: str) -> None:
    job = one.submit(quick(prompt="A zanzibar fox"), "ada")
    one.wait(job.id, "ada", PATIENCE)
    one.library.set_note(job.id, "ada", "quixotic")
    assert told(database, "zanzibar", "quixotic") == {"zanzibar", "quixotic"}
    one.library.delete([job.id], "ada")
    one.library.purge()
    assert told(database, "zanzibar", "quixotic") == set()


def told(database: str, *words: str) -> set[str]:
    """Those of the words that stand in some row."""
    names = rows(database, "SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    assert len(names) > 3
    held = str([rows(database, f"SELECT each::text FROM {name} AS each") for (name,) in names])
    return {word for word in words if word in held}


@pytest.fixture
def server() -> Iterator[Postgres]:
    """A server that nobody else uses."""
    with running() as server:
        yield server


def test_a_server_that_is_started_again_costs_no_job(
    open_studio: OpenStudio, server: Postgres
) -> None:
    url = server.new()
    studio = open_studio(database=url)
    done = studio.submit(quick(), "ada")
    studio.wait(done.id, "ada", PATIENCE)
    job = studio.submit(slow(), "ada")
    until(lambda: sampling(studio, job))
    server.stop()
    with pytest.raises(LibraryUnavailable, match="can't be reached at the moment") as raised:
        studio.library.takes("ada")
    assert "127.0.0.1" not in str(raised.value)
    server.start()
    until(lambda: reached(studio))
    until(lambda: len(rows(url, "SELECT 1 FROM pg_locks WHERE locktype = 'advisory'")) == 1)
    other = open_studio(database=url, start=False)
    assert [each.elsewhere for each in other.session("ada").jobs] == [True]
    assert studio.wait(job.id, "ada", PATIENCE).state == Done(job.id)
    assert {take.id for take in other.library.takes("ada")} == {done.id, job.id}


def reached(studio: Studio) -> bool:
    try:
        return bool(studio.library.takes("ada"))
    except LibraryUnavailable:
        return False


def test_what_waits_in_one_process_is_shown_and_cancelled_in_the_other(
    open_studio: OpenStudio,
) -> None:
    one, other = open_studio(start=False), open_studio(start=False)
    first, second = (one.submit(quick(num_takes=2), "ada") for _ in range(2))
    here = other.submit(quick(), "ada")
    shown = other.session("ada")
    assert [job.id for job in shown.jobs] == [here.id, first.id, second.id]
    assert [job.elsewhere for job in shown.jobs] == [False, True, True]
    assert [job.state for job in shown.jobs] == [Queued(1), Queued(1), Queued(2)]
    assert shown.live and other.session("bob").jobs == ()
    assert one.job(second.id, "ada").state == other.job(second.id, "ada").state == Queued(2)
    assert [job and job.elsewhere for _, job in other.jobs("ada", limit=3)] == [False, True, True]
    views = job_views(shown.jobs)
    assert [(view.title, view.first, view.last) for view in views[1:]] == [
        ("Next in the queue", True, True),
        ("Place 2 in line", True, True),
    ]
    assert {view.detail for view in views[1:]} == {"In another process of this studio"}
    assert other.cancel(first.id, "ada").state == CancelledJob()
    assert [job.id for job in other.session("ada").jobs] == [here.id, second.id]
    other.pause("ada", True)
    assert [job.state for job in other.session("ada").jobs] == [Queued(0, paused=True)] * 2


def test_visitors_limits_are_those_of_all_processes(open_studio: OpenStudio) -> None:
    one, other = (open_studio(start=False, visitor_clips=3) for _ in range(2))
    ada = f"{VISITOR}1-ada"
    one.submit(quick(num_takes=2), ada)
    with pytest.raises(TooMuch, match="it would be 4"):
        other.submit(quick(num_takes=2), ada)
