"""Clips are saved while the next one is made, and nothing is lost or made twice by it."""

from __future__ import annotations

import sys
import textwrap
import time
from pathlib import Path
from typing import Any

import pytest
from encoder import Encoder
from forked import Forked
from studios import PATIENCE, OpenStudio, leave, quick, slow, until

from ltx_ui.studio.clip_files import Files
from ltx_ui.studio.jobs import CancelledJob, Done, Failed, Job, Queued, Running
from ltx_ui.studio.studio import Studio

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the encoder is a shell script")


def running(studio: Studio, job: Job) -> Running | None:
    state = studio.job(job.id, "ada").state
    return state if isinstance(state, Running) else None


def is_saved(studio: Studio, job: Job) -> bool:
    state = running(studio, job)
    return state is not None and state.stage == "saving"


def is_sampled(studio: Studio, job: Job, take: int = 1) -> bool:
    state = running(studio, job)
    return state is not None and (state.stage, state.take) == ("sampling", take)


def held_in_saving(studio: Studio, encoder: Encoder) -> tuple[Job, Job]:
    """A job that is saved for as long as the encoder is held, and the next, which is sampled."""
    encoder.hold()
    former, latter = studio.submit(quick(seed=1), "ada"), studio.submit(slow(), "ada")
    until(lambda: is_sampled(studio, latter) and encoder.is_reached())
    assert is_saved(studio, former)
    return former, latter


def seeds(studio: Studio) -> list[int]:
    return [take.recipe.seed for take in studio.library.takes("ada")]


def test_the_next_job_is_sampled_while_the_former_is_saved(
    open_studio: OpenStudio, encoder: Encoder
) -> None:
    studio = open_studio()
    former, latter = held_in_saving(studio, encoder)
    third = studio.submit(quick(), "ada")
    assert isinstance(third.state, Queued) and third.state.place == 1
    assert [job.id for job in studio.session("ada").jobs] == [former.id, latter.id, third.id]
    assert studio.queue_length() == 3
    assert studio.library.takes("ada") == []
    encoder.let_go()
    assert studio.wait(former.id, "ada", PATIENCE).state == Done(former.id)
    assert is_sampled(studio, latter)
    studio.cancel(latter.id, "ada")
    assert studio.wait(third.id, "ada", PATIENCE).state == Done(third.id)
    assert studio.queue_length() == 0


def test_the_next_take_is_sampled_while_the_former_is_saved(
    open_studio: OpenStudio, encoder: Encoder
) -> None:
    studio = open_studio()
    encoder.hold()
    job = studio.submit(quick(num_takes=2, num_inference_steps=20), "ada")
    until(lambda: is_sampled(studio, job, take=2))
    state = running(studio, job)
    assert state is not None
    assert state.take_ids == ()
    encoder.let_go()
    assert studio.wait(job.id, "ada", PATIENCE).state == Done(job.id, job.take_ids[1:])


def test_one_finished_clip_waits_at_most_and_its_wait_is_no_time_of_its_own(
    open_studio: OpenStudio, encoder: Encoder
) -> None:
    studio = open_studio()
    encoder.hold()
    jobs = [studio.submit(quick(seed=seed), "ada") for seed in (1, 2, 3)]
    until(lambda: is_saved(studio, jobs[0]) and is_saved(studio, jobs[1]))
    time.sleep(1.0)
    assert isinstance(studio.job(jobs[2].id, "ada").state, Queued)
    encoder.let_go()
    for job in jobs:
        assert studio.wait(job.id, "ada", PATIENCE).state == Done(job.id)
    assert seeds(studio) == [3, 2, 1]
    held, waited = (studio.library.take(job.id, "ada").timings for job in jobs[:2])
    assert list(waited) == ["text", "sampling", "decoding", "saving"]
    assert held["saving"] > 1.0 + waited["saving"], "it waited for the one before, not for ffmpeg"


def test_a_restart_while_one_is_saved_and_one_is_sampled_loses_neither(
    open_studio: OpenStudio, encoder: Encoder
) -> None:
    studio = open_studio()
    former, latter = held_in_saving(studio, encoder)
    studio.close()  # It would never return if it waited for the encoder, which is held.
    encoder.let_go()
    leave(studio)
    again = open_studio()
    assert again.wait(former.id, "ada", PATIENCE).state == Done(former.id)
    until(lambda: is_sampled(again, latter))
    assert seeds(again) == [1]
    again.cancel(latter.id, "ada")
    assert again.wait(latter.id, "ada", PATIENCE).state == CancelledJob()


KILLED = """
    import sys, time
    from pathlib import Path
    from ltx_ui.recipe import Recipe
    from ltx_ui.settings import Settings
    from ltx_ui.studio.studio import Studio

    studio = Studio(Settings(data_dir=Path(sys.argv[1]), model="demo"))
    studio.start()
    small = {"prompt": "A fox", "width": 128, "height": 128, "num_frames": 9}
    former = studio.submit(Recipe(**small, seed=1, num_inference_steps=2), "ada")
    latter = studio.submit(Recipe(**small, seed=2, num_inference_steps=100), "ada")
    while getattr(studio.job(latter.id, "ada").state, "step", 0) < 1:
        time.sleep(0.01)
    assert studio.job(former.id, "ada").state.stage == "saving"
    print(former.id, latter.id, flush=True)
    time.sleep(600)
"""


def test_a_process_that_is_killed_while_it_saves_and_samples_loses_neither_job(
    open_studio: OpenStudio, encoder: Encoder, data_dir: Path
) -> None:
    encoder.hold()
    with Forked(["-c", textwrap.dedent(KILLED), str(data_dir)]) as process:
        try:
            jobs = process.stdout.readline().split()
        finally:
            process.kill()
            encoder.let_go()
    studio = open_studio()
    assert len(jobs) == 2
    for job_id in jobs:
        assert studio.wait(job_id, "ada", PATIENCE).state == Done(job_id)
    assert seeds(studio) == [2, 1]


def test_what_was_not_saved_before_a_restart_is_made_again_in_its_place(
    open_studio: OpenStudio, encoder: Encoder, data_dir: Path
) -> None:
    studio = open_studio()
    former, latter = held_in_saving(studio, encoder)
    (data_dir / "takes").rename(data_dir / "elsewhere")
    studio.close()
    encoder.let_go()
    leave(studio)
    again = open_studio(start=False)
    assert [job.id for job in again.session("ada").jobs] == [former.id, latter.id]
    again.start()
    assert again.wait(former.id, "ada", PATIENCE).state == Done(former.id)
    again.cancel(latter.id, "ada")


def test_cancelling_the_next_job_does_not_touch_the_one_that_is_saved(
    open_studio: OpenStudio, encoder: Encoder
) -> None:
    studio = open_studio()
    former, latter = held_in_saving(studio, encoder)
    studio.cancel(latter.id, "ada")
    assert studio.wait(latter.id, "ada", PATIENCE).state == CancelledJob()
    assert is_saved(studio, former)
    encoder.let_go()
    assert studio.wait(former.id, "ada", PATIENCE).state == Done(former.id)


def test_a_job_whose_last_take_is_saved_can_no_longer_be_cancelled(
    open_studio: OpenStudio, encoder: Encoder
) -> None:
    studio = open_studio()
    former, latter = held_in_saving(studio, encoder)
    studio.cancel(former.id, "ada")
    encoder.let_go()
    assert studio.wait(former.id, "ada", PATIENCE).state == Done(former.id)
    studio.cancel(latter.id, "ada")


def test_a_cancelled_job_waits_for_the_take_that_is_being_saved(
    open_studio: OpenStudio, encoder: Encoder
) -> None:
    studio = open_studio()
    encoder.hold()
    job = studio.submit(quick(num_takes=3, num_inference_steps=20), "ada")
    until(lambda: is_sampled(studio, job, take=2))
    studio.cancel(job.id, "ada")
    encoder.let_go()
    assert studio.wait(job.id, "ada", PATIENCE).state == CancelledJob((job.id,))


def test_where_one_take_cannot_be_saved_the_others_are_not_made(
    open_studio: OpenStudio, data_dir: Path
) -> None:
    studio = open_studio()
    (data_dir / "takes").write_text("a file where the folder should be")
    job = studio.submit(quick(num_takes=8, num_inference_steps=30), "ada")
    furthest = 0
    while (now := studio.job(job.id, "ada")).live:
        if isinstance(now.state, Running):
            furthest = max(furthest, now.state.take)
        time.sleep(0.002)
    assert isinstance(now.state, Failed)
    assert "could not be written" in now.state.message
    assert furthest <= 3, "one is made beside the saving, and one may have begun by then"


def test_saving_that_breaks_in_an_unforeseen_way_does_not_stop_the_next(
    open_studio: OpenStudio, encoder: Encoder, data_dir: Path
) -> None:
    studio = open_studio()
    former, latter = held_in_saving(studio, encoder)
    # The library takes no two takes by one id.
    taken: dict[str, Any] = {"timings": {}, "versions": {}, "model": "demo", "device": "cpu"}
    nowhere = Files(data_dir / "none.mp4", data_dir / "none.jpg")
    studio.library.keep(former.id, "bob", quick(), nowhere, **taken)
    encoder.let_go()
    state = studio.wait(former.id, "ada", PATIENCE).state
    assert isinstance(state, Failed)
    assert state.message.startswith("Something unexpected went wrong")
    assert list((data_dir / "takes").iterdir()) == []
    studio.cancel(latter.id, "ada")
    after = studio.submit(quick(), "ada")
    assert studio.wait(after.id, "ada", PATIENCE).state == Done(after.id)


def test_a_clip_that_could_not_be_saved_is_not_sampled_again(
    open_studio: OpenStudio, data_dir: Path
) -> None:
    studio = open_studio()
    (data_dir / "takes").write_text("a file where the folder should be")
    failed = studio.submit(quick(seed=5), "ada")
    assert isinstance(studio.wait(failed.id, "ada", PATIENCE).state, Failed)
    (data_dir / "takes").unlink()
    for stages in (["decoding", "saving"], ["text", "sampling", "decoding", "saving"]):
        again = studio.submit(quick(seed=5), "ada")
        assert studio.wait(again.id, "ada", PATIENCE).state == Done(again.id)
        assert list(studio.library.take(again.id, "ada").timings) == stages
