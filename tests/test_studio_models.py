"""A job is made with the model that it was made for."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from studios import PATIENCE, OpenStudio, leave, put_back_to, quick, sampling, slow, until

from ltx_ui.errors import NotFound
from ltx_ui.studio.jobs import CancelledJob, Done, Job, Queued
from ltx_ui.studio.studio import Studio

DEMO = Path(__file__).resolve().parent.parent / "ltx_ui" / "engine" / "demo"


def queued(studio: Studio, job: Job) -> Queued:
    state = studio.job(job.id, "ada").state
    assert isinstance(state, Queued)
    return state


def left_by_another(open_studio: OpenStudio, count: int = 3) -> list[Job]:
    """Jobs that a studio with another model did not come to."""
    studio = open_studio(start=False, model="ltx-2")
    jobs = [studio.submit(quick(seed=seed), "ada") for seed in range(count)]
    leave(studio)
    return jobs


def test_jobs_of_another_model_wait_and_nobody_waits_for_them(open_studio: OpenStudio) -> None:
    left = left_by_another(open_studio)
    studio = open_studio(max_queue=1)
    own = studio.submit(quick(), "ada")
    assert studio.wait(own.id, "ada", PATIENCE).state == Done(own.id)
    assert [queued(studio, job) for job in left] == [Queued(0, waits_for="ltx-2")] * 3
    assert studio.queue_length() == 0
    assert not studio.session("ada").live
    assert studio.cancel(left[0].id, "ada").state == CancelledJob()


def test_they_are_made_once_their_model_is_back(open_studio: OpenStudio) -> None:
    studio = open_studio(start=False, model=str(DEMO))
    job = studio.submit(quick(), "ada")
    leave(studio)
    studio = open_studio()
    until(lambda: studio.model_status().state == "ready")
    assert queued(studio, job).waits_for == str(DEMO)
    leave(studio)
    assert open_studio(model=str(DEMO)).wait(job.id, "ada", PATIENCE).state == Done(job.id)


def test_they_can_be_made_with_the_loaded_model(open_studio: OpenStudio) -> None:
    first, second, _ = left_by_another(open_studio)
    studio = open_studio()
    until(lambda: studio.model_status().state == "ready")
    with pytest.raises(NotFound):
        studio.make_with_loaded_model(first.id, "bob")
    studio.make_with_loaded_model(second.id, "ada")
    assert studio.wait(second.id, "ada", PATIENCE).state == Done(second.id)
    assert studio.library.take(second.id, "ada").model == "demo"
    assert queued(studio, first).waits_for == "ltx-2"
    assert studio.make_with_loaded_model(second.id, "ada").state == Done(second.id)


def test_what_was_adopted_stays_adopted_after_a_restart(open_studio: OpenStudio) -> None:
    first, *_ = left_by_another(open_studio)
    studio = open_studio()
    running = studio.submit(slow(), "ada")
    until(lambda: sampling(studio, running))
    state = studio.make_with_loaded_model(first.id, "ada").state
    assert isinstance(state, Queued) and (state.place, state.waits_for) == (1, None)
    studio.cancel(running.id, "ada")
    leave(studio)
    assert open_studio().wait(first.id, "ada", PATIENCE).state == Done(first.id)


def test_a_job_from_before_the_model_is_known_is_for_the_one_that_is_loaded(
    open_studio: OpenStudio, data_dir: Path
) -> None:
    studio = open_studio(start=False, model="auto")
    early = studio.submit(quick(), "ada")
    named = studio.submit(quick(model="ltx-2"), "ada")
    leave(studio)
    studio = open_studio()
    assert studio.wait(early.id, "ada", PATIENCE).state == Done(early.id)
    assert queued(studio, named).waits_for == "ltx-2"
    with sqlite3.connect(data_dir / "library.sqlite3") as connection:
        models = connection.execute("SELECT model FROM jobs ORDER BY number").fetchall()
    assert models == [("demo",), ("ltx-2",)]


def test_what_an_earlier_version_queued_is_made_unless_it_names_another_model(
    open_studio: OpenStudio, data_dir: Path
) -> None:
    studio = open_studio(start=False, model="auto")
    unnamed, named = (studio.submit(quick(model=model), "ada") for model in (None, "ltx-2"))
    leave(studio)
    put_back_to("0003", data_dir / "library.sqlite3")
    studio = open_studio()
    assert studio.wait(unnamed.id, "ada", PATIENCE).state == Done(unnamed.id)
    assert queued(studio, named).waits_for == "ltx-2"


def test_a_model_that_cannot_be_loaded_leaves_the_jobs_of_others(
    open_studio: OpenStudio, tmp_path: Path
) -> None:
    left = left_by_another(open_studio, 1)
    studio = open_studio(model=str(tmp_path / "nowhere"))
    until(lambda: studio.model_status().state == "failed")
    until(lambda: queued(studio, left[0]).waits_for == "ltx-2")
