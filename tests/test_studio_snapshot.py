"""One look at a studio costs next to nothing and says all there is to show."""

from __future__ import annotations

import io
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image
from sqlalchemy import Engine, event
from studios import PATIENCE, OpenStudio, leave, quick, sampling, slow, until

from ltx_ui.errors import MediaError, NotFound
from ltx_ui.studio import database
from ltx_ui.studio.jobs import CancelledJob, Cancelling, Done, Job, Queued, Running
from ltx_ui.studio.studio import Studio
from ltx_ui.web.api import job_answer


@pytest.fixture
def begun() -> Iterator[list[int]]:
    """One entry for each transaction of a database that was begun."""
    seen: list[int] = []

    def count(_: object) -> None:
        seen.append(1)

    event.listen(Engine, "begin", count)
    yield seen
    event.remove(Engine, "begin", count)


def running(studio: Studio, job: Job) -> Running:
    state = studio.job(job.id, "ada").state
    assert isinstance(state, Running)
    return state


def test_a_look_at_a_running_job_needs_no_database(
    open_studio: OpenStudio, begun: list[int]
) -> None:
    studio = open_studio()
    job = studio.submit(slow(), "ada")
    until(lambda: studio.snapshot(job.id, "ada").preview is not None)
    begun.clear()
    looks = [studio.snapshot(job.id, "ada") for _ in range(50)]
    assert begun == []
    assert all(look.live and look.job and look.takes == () for look in looks)
    pictures = {look.preview_number: look.preview for look in looks}
    assert 0 not in pictures
    assert len({id(look.preview) for look in looks}) == len(pictures)
    with Image.open(io.BytesIO(pictures[looks[0].preview_number] or b"")) as picture:
        assert picture.format == "WEBP"
    others = studio.snapshot(job.id, "bob")
    assert (others.job, others.preview, others.preview_number) == (None, None, 0)
    assert not others.live


def test_takes_are_seen_as_they_are_kept_and_read_once(
    open_studio: OpenStudio, begun: list[int]
) -> None:
    studio = open_studio()
    job = studio.submit(quick(num_takes=2), "ada")
    studio.wait(job.id, "ada", PATIENCE)
    look = studio.snapshot(job.id, "ada")
    assert [take.id for take in look.takes] == list(job.take_ids)
    assert not look.live
    begun.clear()
    assert studio.snapshot(job.id, "ada") == look
    assert begun == []
    studio.library.set_favourite(job.id, "ada", True)
    assert [take.favourite for take in studio.snapshot(job.id, "ada").takes] == [True, False]
    studio.library.delete(job.id, "ada")
    assert [take.id for take in studio.snapshot(job.id, "ada").takes] == [job.take_ids[1]]


def test_a_job_of_an_earlier_start_costs_one_look_into_the_database(
    open_studio: OpenStudio, begun: list[int]
) -> None:
    studio = open_studio()
    job = studio.submit(quick(), "ada")
    studio.wait(job.id, "ada", PATIENCE)
    leave(studio)
    again = open_studio(start=False)
    assert again.snapshot(None, "ada").live, "the model is not there yet"
    begun.clear()
    look = again.snapshot(job.id, "ada")
    assert look.job is not None and look.job.state == Done(job.id)
    assert [take.id for take in look.takes] == [job.id]
    assert len(begun) == 1


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
    states = [each.state for each in studio.live_jobs("ada")]
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
    for seen in (asked, studio.job(job.id, "ada"), studio.snapshot(job.id, "ada").job):
        assert seen is not None and isinstance(seen.state, Cancelling)
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
    (take,) = studio.snapshot(job.id, "ada").takes
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
    monkeypatch.setattr(database, "BUSY_TIMEOUT_MS", 50)
    studio = open_studio(start=False)
    job = studio.submit(quick(), "ada")
    writer = sqlite3.connect(data_dir / "library.sqlite3", isolation_level=None)
    writer.execute("BEGIN IMMEDIATE")
    assert studio.library.takes("ada") == []
    assert studio.snapshot("f" * 32, "ada").job is None
    with pytest.raises(MediaError, match="another program holds it"):
        studio.cancel(studio.submit(quick(), "ada").id, "ada")
    writer.execute("ROLLBACK")
    writer.close()
    assert studio.cancel(job.id, "ada").state == CancelledJob()
