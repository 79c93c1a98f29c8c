"""People move, pause and repeat their own jobs, at nobody else's cost."""

from __future__ import annotations

import shutil
import threading
from pathlib import Path

import pytest
from studios import PATIENCE, OpenStudio, idle, leave, quick, sampling, slow, until

from ltx_ui.errors import InvalidRecipe, NotFound, QueueFull, WrongMoment
from ltx_ui.studio.jobs import Done, Job, Queued
from ltx_ui.studio.studio import Studio
from ltx_ui.studio.waiting import MANY


@pytest.fixture
def studio(open_studio: OpenStudio) -> Studio:
    """One whose model is not loaded, so that what is queued waits."""
    return open_studio(start=False)


def queued(studio: Studio, *asked: tuple[str, int]) -> list[Job]:
    """A job for each owner and number of takes."""
    return [studio.submit(quick(num_takes=takes), owner) for owner, takes in asked]


def line(studio: Studio, *owners: str) -> list[str]:
    """The ids of all jobs that have their turn, the next one first."""
    jobs = [job for owner in owners for job in studio.session(owner).jobs]
    places = {job.id: job.state.place for job in jobs if isinstance(job.state, Queued)}
    return sorted(filter(places.get, places), key=lambda job_id: places[job_id])


def test_everybodys_jobs_are_begun_in_turns(studio: Studio) -> None:
    a, b, c = queued(studio, ("ada", 1), ("ada", 1), ("ada", 1))
    d, e = queued(studio, ("bob", 1), ("bob", 1))
    (f,) = queued(studio, ("cleo", 1))
    assert line(studio, "ada", "bob", "cleo") == [a.id, d.id, f.id, b.id, e.id, c.id]
    studio.pause("bob", True)
    (g,) = queued(studio, ("dora", 1))
    assert line(studio, "ada", "cleo", "dora") == [a.id, f.id, g.id, b.id, c.id]


def test_short_jobs_do_not_wait_behind_long_ones_of_others(studio: Studio) -> None:
    a, b, c = queued(studio, ("ada", 8), ("bob", 8), ("cleo", 1))
    assert line(studio, "ada", "bob", "cleo") == [c.id, a.id, b.id]


def test_turns_hold_over_a_restart(open_studio: OpenStudio, studio: Studio) -> None:
    queued(studio, ("ada", 1), ("ada", 1), ("bob", 1))
    before = line(studio, "ada", "bob")
    leave(studio)
    assert line(open_studio(start=False), "ada", "bob") == before


def test_whose_clip_is_being_made_has_had_a_turn(open_studio: OpenStudio) -> None:
    studio = open_studio()
    running = studio.submit(slow(), "ada")
    until(lambda: sampling(studio, running))
    a, b, c, d = queued(studio, ("ada", 1), ("ada", 1), ("bob", 1), ("cleo", 1))
    assert line(studio, "ada", "bob", "cleo") == [c.id, d.id, a.id, b.id]


def test_moved_jobs_take_their_owners_turns(studio: Studio) -> None:
    a, b, c, d, e = queued(studio, ("ada", 1), ("bob", 1), ("ada", 1), ("bob", 1), ("ada", 1))
    moved = studio.move(e.id, "ada", a.id)
    assert moved.state == Queued(1)
    assert line(studio, "ada", "bob") == [e.id, b.id, a.id, d.id, c.id]
    studio.move(e.id, "ada", None)
    assert line(studio, "ada", "bob") == [a.id, b.id, c.id, d.id, e.id]
    studio.move(c.id, "ada", e.id)
    assert line(studio, "ada", "bob") == [a.id, b.id, c.id, d.id, e.id]
    assert [job.id for job in studio.session("ada").jobs] == [a.id, c.id, e.id]


def test_a_long_job_does_not_slip_in_before_a_strangers(studio: Studio) -> None:
    short, strangers, long, last = queued(studio, ("ada", 1), ("bob", 1), ("ada", 5), ("bob", 1))
    studio.move(long.id, "ada", short.id)
    assert line(studio, "ada", "bob") == [strangers.id, last.id, long.id, short.id]


def test_two_short_jobs_do_not_take_one_turn(studio: Studio) -> None:
    long, strangers, *short = queued(studio, ("ada", 5), ("bob", 1), ("ada", 1), ("ada", 1))
    studio.move(long.id, "ada", None)
    order = line(studio, "ada", "bob")
    assert order == [short[0].id, strangers.id, short[1].id, long.id]


def test_the_order_and_the_pause_hold_over_a_restart(
    open_studio: OpenStudio, studio: Studio
) -> None:
    a, b, c = queued(studio, ("ada", 1), ("ada", 1), ("ada", 1))
    queued(studio, ("bob", 1))
    studio.pause("bob", True)
    studio.move(c.id, "ada", a.id)
    leave(studio)
    again = open_studio(start=False)
    d = again.submit(quick(), "ada")
    assert line(again, "ada", "bob") == [c.id, a.id, b.id, d.id]
    assert again.session("bob").paused and not again.session("ada").paused
    assert not again.held


def test_a_pause_for_everybody_holds_over_a_restart(
    open_studio: OpenStudio, studio: Studio
) -> None:
    first, second = queued(studio, ("ada", 1), ("bob", 1))
    studio.hold(True)
    leave(studio)
    again = open_studio()
    until(lambda: again.model_status().state == "ready")
    assert again.wait(first.id, "ada", 0.5).state == Queued(1, held=True)
    look = again.session("bob")
    assert (look.jobs[0].state, look.held, look.live) == (Queued(2, held=True), True, True)
    again.hold(False)
    assert again.wait(second.id, "bob", PATIENCE).state == Done(second.id)


def test_what_is_put_back_is_begun_first_after_a_restart(open_studio: OpenStudio) -> None:
    studio = open_studio()
    running = studio.submit(slow(), "ada")
    until(lambda: sampling(studio, running))
    a, b = queued(studio, ("ada", 1), ("ada", 1))
    studio.move(b.id, "ada", a.id)
    leave(studio)
    assert line(open_studio(start=False), "ada") == [running.id, b.id, a.id]


def test_what_ran_when_the_program_was_killed_is_begun_first(
    open_studio: OpenStudio, data_dir: Path
) -> None:
    studio = open_studio()
    studio.wait(studio.submit(quick(), "bob").id, "bob", PATIENCE)
    running = studio.submit(slow(), "ada")
    until(lambda: sampling(studio, running))
    a, b = queued(studio, ("ada", 1), ("ada", 1))
    studio.move(b.id, "ada", a.id)
    left = shutil.copytree(data_dir, data_dir.with_name("left"))
    assert line(open_studio(start=False, data_dir=left), "ada") == [running.id, b.id, a.id]


def test_while_one_pauses_others_are_begun_and_what_runs_goes_on(open_studio: OpenStudio) -> None:
    studio = open_studio()
    running = studio.submit(quick(num_inference_steps=60), "ada")
    until(lambda: sampling(studio, running))
    waiting, others = queued(studio, ("ada", 1), ("bob", 1))
    studio.pause("ada", True)
    assert studio.job(waiting.id, "ada").state == Queued(0, paused=True)
    for job in (running, others):
        assert studio.wait(job.id, job.owner, PATIENCE).state == Done(job.id)
    look = studio.session("ada")
    assert ([job.id for job in look.jobs], look.paused, look.live) == ([waiting.id], True, False)
    studio.pause("ada", False)
    assert studio.wait(waiting.id, "ada", PATIENCE).state == Done(waiting.id)
    assert not studio.session("ada").paused


def test_while_the_owner_holds_the_queue_nobodys_jobs_are_begun(open_studio: OpenStudio) -> None:
    studio = open_studio()
    running = studio.submit(quick(num_inference_steps=60), "ada")
    until(lambda: sampling(studio, running))
    studio.hold(True)
    waiting = studio.submit(quick(), "bob")
    assert studio.wait(running.id, "ada", PATIENCE).state == Done(running.id)
    assert isinstance(studio.wait(waiting.id, "bob", 0.5).state, Queued)
    assert studio.session("bob").held
    studio.hold(False)
    assert studio.wait(waiting.id, "bob", PATIENCE).state == Done(waiting.id)


def test_who_goes_on_goes_behind_those_that_wait(studio: Studio) -> None:
    a, b, c = queued(studio, ("ada", 1), ("bob", 1), ("ada", 1))
    studio.pause("ada", True)
    d = studio.submit(quick(), "cleo")
    assert line(studio, "ada", "bob", "cleo") == [b.id, d.id]
    studio.pause("ada", False)
    assert line(studio, "ada", "bob", "cleo") == [b.id, d.id, a.id, c.id]


def test_paused_jobs_take_no_room_from_others_and_have_a_limit(open_studio: OpenStudio) -> None:
    studio = open_studio(start=False, max_queue=2)
    queued(studio, ("ada", 1))
    studio.pause("ada", True)
    queued(studio, ("bob", 1), ("bob", 1), ("ada", 1))
    with pytest.raises(WrongMoment, match="At most 2 clips may be paused"):
        queued(studio, ("ada", 1))
    with pytest.raises(WrongMoment, match="At most 2 clips may be paused"):
        studio.pause("bob", True)
    with pytest.raises(QueueFull):
        queued(studio, ("cleo", 1))


def test_paused_jobs_fail_with_the_model(open_studio: OpenStudio) -> None:
    studio = open_studio(start=False, model="nowhere")
    (job,) = queued(studio, ("ada", 1))
    studio.pause("ada", True)
    studio.start()
    assert studio.wait(job.id, "ada", PATIENCE).state.name == "failed"


def test_only_ones_own_waiting_jobs_can_be_moved(open_studio: OpenStudio) -> None:
    studio = open_studio()
    running = studio.submit(slow(), "ada")
    until(lambda: sampling(studio, running))
    mine, others = queued(studio, ("ada", 1), ("bob", 1))
    for job_id, before in ((others.id, None), (mine.id, others.id), (mine.id, "0" * 32)):
        with pytest.raises(NotFound):
            studio.move(job_id, "ada", before)
    for job_id, before in ((running.id, None), (mine.id, running.id)):
        with pytest.raises(WrongMoment, match="Only clips that wait"):
            studio.move(job_id, "ada", before)
    assert studio.move(mine.id, "ada", mine.id).id == mine.id


def test_again_makes_the_same_clip_as_a_new_job(open_studio: OpenStudio) -> None:
    studio = open_studio()
    first = studio.submit(quick(), "ada")
    with pytest.raises(NotFound):
        studio.again(first.id, "bob")
    studio.wait(first.id, "ada", PATIENCE)
    again = studio.again(first.id, "ada")
    assert (again.recipe, again.owner) == (first.recipe, "ada")
    assert again.id != first.id
    studio.pause("ada", True)
    waiting = studio.submit(quick(), "ada")
    with pytest.raises(WrongMoment, match="still being made"):
        studio.again(waiting.id, "ada")


def test_recipes_that_belong_together_are_queued_all_or_none(open_studio: OpenStudio) -> None:
    studio = open_studio(start=False, max_queue=4)
    first = studio.submit_all([quick(seed=1), quick(seed=2)], "ada")
    assert line(studio, "ada") == [job.id for job in first]
    with pytest.raises(QueueFull):
        studio.submit_all([quick(seed=seed) for seed in (3, 4, 5)], "ada")
    assert line(studio, "ada") == [job.id for job in first]
    assert studio.session("ada").ended == ()
    missing = quick(image_start="sha256:" + 64 * "0")
    with pytest.raises(InvalidRecipe):
        studio.submit_all([quick(seed=3), missing], "bob")
    assert studio.session("bob").jobs == ()


def test_where_very_many_wait_all_have_their_places_after_a_moment(tmp_path: Path) -> None:
    owners = [str(number) for number in range(4)]
    asked = [(owners[number % 4], 1 + 7 * (number % 3 == 0)) for number in range(MANY + 40)]
    with idle(tmp_path, max_queue=2 * MANY) as studio:
        jobs = queued(studio, *asked)

        def places() -> list[int]:
            shown = [job.state for owner in owners for job in studio.session(owner).jobs]
            return sorted(state.place for state in shown if isinstance(state, Queued))

        until(lambda: places() == list(range(1, len(jobs) + 1)))
        for job in jobs[:50]:
            studio.cancel(job.id, job.owner)
        assert places() == list(range(1, len(jobs) - 49))


def test_moves_from_many_threads_lose_no_job(studio: Studio) -> None:
    jobs = queued(studio, *[("ada", takes) for takes in (1, 3, 2, 1)], *[("bob", 2)] * 3)

    def shuffle(job: Job) -> None:
        for other in jobs:
            if other.owner == job.owner:
                studio.move(job.id, job.owner, other.id)

    threads = [threading.Thread(target=shuffle, args=[job]) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(line(studio, "ada", "bob")) == sorted(job.id for job in jobs)
