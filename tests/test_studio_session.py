"""One person's session says all there is to show, costs next to nothing, and outlives a restart."""

from __future__ import annotations

import io

import pytest
from PIL import Image
from studios import PATIENCE, OpenStudio, leave, quick, sampling, slow, until

from ltx_ui.studio.history import SHOWN
from ltx_ui.studio.jobs import CancelledJob, Done
from ltx_ui.studio.library import NEWEST


def test_a_look_at_a_session_needs_no_database(open_studio: OpenStudio, begun: list[int]) -> None:
    studio = open_studio()
    made = studio.submit(quick(), "ada")
    studio.wait(made.id, "ada", PATIENCE)
    running, waiting = studio.submit(slow(), "ada"), studio.submit(quick(), "ada")
    until(lambda: studio.session("ada").preview is not None)
    begun.clear()
    looks = [studio.session("ada") for _ in range(50)]
    assert begun == []
    for look in looks:
        assert [job.id for job in look.jobs] == [running.id, waiting.id]
        assert [job.id for job in look.ended] == [take.id for take in look.takes] == [made.id]
        assert (look.preview_job, look.live, look.paused) == (running.id, True, False)
    with Image.open(io.BytesIO(looks[0].preview or b"")) as picture:
        assert picture.format == "WEBP"
    others = studio.session("bob")
    assert (others.jobs, others.ended, others.takes, others.preview) == ((), (), (), None)
    assert (others.preview_job, others.live) == (None, False)


def test_a_session_sees_what_is_kept_changed_and_deleted(
    open_studio: OpenStudio, begun: list[int]
) -> None:
    studio = open_studio()
    jobs = [studio.submit(quick(), "ada") for _ in range(2)]
    studio.wait(jobs[1].id, "ada", PATIENCE)
    newest = [job.id for job in reversed(jobs)]
    look = studio.session("ada")
    assert [take.id for take in look.takes] == [job.id for job in look.ended] == newest
    begun.clear()
    assert studio.session("ada") == look
    assert begun == []
    studio.library.set_favourite(jobs[0].id, "ada", True)
    assert [take.favourite for take in studio.session("ada").takes] == [False, True]
    studio.library.set_note(jobs[0].id, "ada", "mine")
    assert [take.note for take in studio.session("ada").takes] == ["", "mine"]
    studio.library.delete([jobs[1].id], "ada")
    assert [take.id for take in studio.session("ada").takes] == [jobs[0].id]


def test_the_latest_that_ended_come_first_after_a_restart_too(open_studio: OpenStudio) -> None:
    studio = open_studio(max_queue=SHOWN + 2)
    running = studio.submit(slow(), "ada")
    until(lambda: sampling(studio, running))
    jobs = [studio.submit(quick(), "ada") for _ in range(SHOWN + 1)]
    for job in reversed(jobs):
        studio.cancel(job.id, "ada")
    studio.cancel(running.id, "ada")
    studio.wait(running.id, "ada", PATIENCE)
    latest = [running.id, *(job.id for job in jobs[: SHOWN - 1])]
    ended = studio.session("ada").ended
    assert [job.id for job in ended] == latest
    assert {type(job.state) for job in ended} == {CancelledJob}
    leave(studio)
    assert studio.session("ada").ended == ended
    assert open_studio(start=False).session("ada").ended == ended


def test_a_session_has_the_newest_takes_only(open_studio: OpenStudio) -> None:
    studio = open_studio()
    jobs = [studio.submit(quick(num_takes=8, num_inference_steps=1), "ada") for _ in range(4)]
    done = studio.wait(jobs[-1].id, "ada", PATIENCE)
    assert isinstance(done.state, Done)
    takes = [take.id for take in studio.session("ada").takes]
    assert takes == [take.id for take in studio.library.takes("ada")][:NEWEST]
    assert takes[0] == done.state.take_ids[-1]
    assert len(takes) == NEWEST


@pytest.mark.parametrize("model", ["demo", "nowhere"])
def test_a_session_is_live_until_the_model_is_there_or_given_up(
    open_studio: OpenStudio, model: str
) -> None:
    studio = open_studio(start=False, model=model)
    assert studio.session("ada").live
    studio.start()
    until(lambda: not studio.session("ada").live)
    assert studio.session("ada").model.state == ("ready" if model == "demo" else "failed")
