"""What somebody who looks at a studio is told of jobs and takes, and what the look costs."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from studios import PATIENCE, OpenStudio, leave, quick, sampling, slow, until

from ltx_ui.errors import MediaError, NotFound
from ltx_ui.studio import sqlite
from ltx_ui.studio.jobs import CancelledJob, Cancelling, Done, Job, Queued, Running
from ltx_ui.studio.studio import Studio
from ltx_ui.web.api import job_answer


def running(studio: Studio, job: Job) -> Running:
    state = studio.job(job.id, "ada").state
    assert isinstance(state, Running)
    return state


def test_a_preview_is_encoded_once_however_often_it_is_looked_at(open_studio: OpenStudio) -> None:
    studio = open_studio()
    job = studio.submit(slow(), "ada")
    until(lambda: studio.session("ada").preview is not None)
    looks = [studio.session("ada") for _ in range(50)]
    pictures = {look.preview for look in looks}
    assert len({id(look.preview) for look in looks}) == len(pictures)
    assert studio.preview(job.id, "ada") is not None


def test_a_job_of_an_earlier_start_is_read_from_the_database_once(
    open_studio: OpenStudio, begun: list[int]
) -> None:
    studio = open_studio()
    job = studio.submit(quick(num_takes=2), "ada")
    studio.wait(job.id, "ada", PATIENCE)
    leave(studio)
    again = open_studio(start=False)
    begun.clear()
    look = again.session("ada")
    assert [ended.state for ended in look.ended] == [Done(job.id, job.take_ids[1:])]
    assert [take.id for take in look.takes] == [*reversed(job.take_ids)]
    assert begun
    begun.clear()
    assert again.session("ada") == look
    assert begun == []


def test_the_first_clip_on_a_machine_says_how_long_it_takes_and_so_does_the_queue(
    open_studio: OpenStudio,
) -> None:
    studio = open_studio()
    job = studio.submit(slow(), "ada")
    until(lambda: sampling(studio, job) and running(studio, job).step >= 2)
    early = running(studio, job)
    assert early.seconds_left is not None and early.seconds_left > 0
    nearest, next_one = (studio.submit(quick(), "ada").state for _ in range(2))
    assert isinstance(nearest, Queued) and isinstance(next_one, Queued)
    assert nearest.seconds_left is not None
    assert nearest.seconds_left <= early.seconds_left
    assert next_one.seconds_left is None, "nothing is known of the one before it"
    studio.cancel(job.id, "ada")


def test_who_waits_knows_the_seconds_of_those_before(open_studio: OpenStudio) -> None:
    studio = open_studio()
    studio.wait(studio.submit(quick(), "ada").id, "ada", PATIENCE)
    job = studio.submit(slow(), "ada")
    until(lambda: sampling(studio, job))
    for _ in range(3):
        studio.submit(quick(num_inference_steps=50), "ada")
    states = [each.state for each in studio.session("ada").jobs]
    seconds = [state.seconds_left for state in states if isinstance(state, Queued)]
    estimate = studio.estimate(quick(num_inference_steps=50))
    assert estimate is not None and None not in seconds
    first, second, third = (each or 0.0 for each in seconds)
    assert second - first == pytest.approx(estimate.seconds, abs=0.05)
    assert third - second == pytest.approx(estimate.seconds, abs=0.05)
    studio.cancel(job.id, "ada")


def test_everybody_who_looks_sees_that_a_job_is_being_cancelled(open_studio: OpenStudio) -> None:
    studio = open_studio()
    job = studio.submit(slow(), "ada")
    until(lambda: sampling(studio, job))
    asked = studio.cancel(job.id, "ada")
    for seen in (asked, studio.job(job.id, "ada"), *studio.session("ada").jobs):
        assert isinstance(seen.state, Cancelling)
        assert job_answer(seen)["state"] == "cancelling"
    assert studio.wait(job.id, "ada", PATIENCE).state == CancelledJob()


def test_the_api_says_which_model_a_job_waits_for(open_studio: OpenStudio) -> None:
    studio = open_studio(start=False, model="ltx-2")
    job = studio.submit(quick(), "ada")
    leave(studio)
    answer = job_answer(open_studio(start=False).job(job.id, "ada"))
    assert (answer["state"], answer["place"], answer["waits_for"]) == ("queued", 0, "ltx-2")


def test_a_take_whose_file_was_removed_by_hand_says_so(open_studio: OpenStudio) -> None:
    studio = open_studio()
    job = studio.submit(quick(), "ada")
    studio.wait(job.id, "ada", PATIENCE)
    (take,) = studio.session("ada").takes
    before = take.missing
    studio.library.video(job.id, "ada").unlink()
    assert (before, take.missing) == (False, True)
    with pytest.raises(NotFound, match="was removed from the disk"):
        studio.library.video(job.id, "ada")
    assert studio.library.poster(job.id, "ada").is_file()
    assert studio.library.take(job.id, "ada").recipe == job.recipe


def test_a_library_that_is_being_written_can_be_read(
    open_studio: OpenStudio, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite, "BUSY_TIMEOUT_MS", 50)
    studio = open_studio(start=False)
    job = studio.submit(quick(), "ada")
    writer = sqlite3.connect(data_dir / "library.sqlite3", isolation_level=None)
    writer.execute("BEGIN IMMEDIATE")
    assert studio.library.takes("ada") == []
    assert studio.session("ada").takes == ()
    with pytest.raises(MediaError, match="another program holds it"):
        studio.cancel(studio.submit(quick(), "ada").id, "ada")
    writer.execute("ROLLBACK")
    writer.close()
    assert studio.cancel(job.id, "ada").state == CancelledJob()
