"""The studio as its visitors meet it: real jobs on the demo model."""

from __future__ import annotations

import io
import time
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image
from streams import packets
from studios import PATIENCE, OpenStudio, leave, quick, sampling, slow, until

from ltx_ui.errors import InvalidRecipe, ModelUnavailable, NotFound, QueueFull
from ltx_ui.media.metadata import read_metadata
from ltx_ui.recipe import Recipe
from ltx_ui.studio.jobs import CancelledJob, Cancelling, Done, Failed, Queued, Running
from ltx_ui.studio.studio import Studio


def places(studio: Studio, owner: str) -> list[int]:
    states = [job.state for job in studio.session(owner).jobs]
    return [state.place for state in states if isinstance(state, Queued)]


def picture(colour: str = "orange") -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (200, 150), colour).save(buffer, "PNG")
    return buffer.getvalue()


def test_a_recipe_becomes_a_take_that_plays(open_studio: OpenStudio, data_dir: Path) -> None:
    studio = open_studio()
    job = studio.submit(quick(seed=42), "ada")
    ended = studio.wait(job.id, "ada", PATIENCE)
    assert ended.state == Done(job.id)
    assert not ended.live
    take = studio.library.take(job.id, "ada")
    with av.open(str(take.video)) as container:
        video = container.streams.video[0]
        assert (video.frames, video.width, video.height) == (9, 128, 128)
        sound = np.concatenate([f.to_ndarray() for f in container.decode(audio=0)], axis=1)
        assert np.sqrt((sound**2).mean()) > 1e-4
    kept = read_metadata(take.video)
    assert Recipe.model_validate(kept["recipe"]) == take.recipe == quick(seed=42)
    assert kept["versions"] == take.versions
    assert kept["versions"].keys() >= {"torch", "diffusers", "transformers", "ltx_ui"}
    assert list(take.timings) == ["text", "sampling", "decoding", "saving"]
    assert take.seconds == pytest.approx(sum(take.timings.values()))
    assert set((data_dir / "takes").iterdir()) == {take.video, take.poster}


def test_the_same_seed_gives_the_same_clip_and_another_seed_does_not(
    open_studio: OpenStudio,
) -> None:
    studio = open_studio()
    jobs = [studio.submit(quick(seed=seed), "ada") for seed in (1, 1, 2)]
    clips = []
    for job in jobs:
        studio.wait(job.id, "ada", PATIENCE)
        clips.append(packets(studio.library.take(job.id, "ada").video))
    assert clips[0] == clips[1]
    assert clips[0] != clips[2]


def test_two_visitors_take_turns_and_see_only_their_own(open_studio: OpenStudio) -> None:
    studio = open_studio()
    first, second, third = (
        studio.submit(quick(num_inference_steps=6), owner) for owner in ("ada", "bob", "ada")
    )
    seen: list[list[str]] = []
    while studio.job(third.id, "ada").live:
        running = [
            job.id
            for owner in ("ada", "bob")
            for job in studio.session(owner).jobs
            if isinstance(job.state, Running)
        ]
        if running and (not seen or seen[-1] != running):
            seen.append(running)
        assert {job.owner for job in studio.session("bob").jobs} <= {"bob"}
        time.sleep(0.005)
    order = [running for running in seen if len(running) == 1]
    assert order == [[first.id], [second.id], [third.id]]
    with pytest.raises(NotFound):
        studio.job(second.id, "ada")
    with pytest.raises(NotFound):
        studio.cancel(first.id, "bob")
    assert [take.id for take in studio.library.takes("bob")] == [second.id]
    assert [take.id for take in studio.library.takes("ada")] == [third.id, first.id]


def test_who_waits_knows_the_place_and_moves_up(open_studio: OpenStudio) -> None:
    studio = open_studio()
    running = studio.submit(slow(), "ada")
    until(lambda: sampling(studio, running))
    waiting = [studio.submit(quick(), "bob") for _ in range(3)]
    assert places(studio, "bob") == [1, 2, 3]
    assert studio.queue_length() == 4
    assert studio.cancel(waiting[0].id, "bob").state == CancelledJob()
    assert places(studio, "bob") == [1, 2]
    assert studio.cancel(waiting[0].id, "bob").state == CancelledJob()


def test_cancel_stops_a_running_job_within_a_step_and_leaves_nothing(
    open_studio: OpenStudio, data_dir: Path
) -> None:
    studio = open_studio()
    job = studio.submit(slow(), "ada")
    until(lambda: sampling(studio, job))
    state = studio.cancel(job.id, "ada").state
    assert isinstance(state, Cancelling)
    fractions = {state.fraction}
    while (now := studio.job(job.id, "ada")).live:
        assert isinstance(now.state, Cancelling)
        fractions.add(now.state.fraction)
        time.sleep(0.002)
    assert now.state == CancelledJob()
    assert len(fractions) <= 2, "each step would make it larger"
    assert studio.library.takes("ada") == []
    assert not (data_dir / "takes").exists() or not list((data_dir / "takes").iterdir())
    after = studio.submit(quick(), "ada")
    assert studio.wait(after.id, "ada", PATIENCE).state == Done(after.id)


def test_progress_goes_forward_through_every_stage(open_studio: OpenStudio) -> None:
    studio = open_studio()
    studio.wait(studio.submit(quick(), "ada").id, "ada", PATIENCE)
    job = studio.submit(quick(num_inference_steps=30), "ada")
    seen: list[Running] = []
    while (now := studio.job(job.id, "ada")).live:
        if isinstance(now.state, Running):
            seen.append(now.state)
        time.sleep(0.002)
    stages = list(dict.fromkeys(state.stage for state in seen))
    assert stages[-3:] == ["sampling", "decoding", "saving"]
    fractions = [state.fraction for state in seen]
    assert fractions == sorted(fractions)
    assert len(set(fractions)) > 10
    assert all(state.seconds_left is not None for state in seen if state.stage == "sampling")


def test_a_full_queue_says_when_to_come_back(open_studio: OpenStudio) -> None:
    studio = open_studio(max_queue=2)
    running = studio.submit(slow(), "ada")
    until(lambda: sampling(studio, running))
    for _ in range(2):
        studio.submit(quick(), "ada")
    with pytest.raises(QueueFull, match="2 clips are waiting") as caught:
        studio.submit(quick(), "bob")
    assert caught.value.retry_after >= 1


def test_a_reference_image_is_kept_once_and_named_by_digest(
    open_studio: OpenStudio, data_dir: Path
) -> None:
    studio = open_studio()
    digest = studio.add_image(picture()).digest
    job = studio.submit(quick(image_start=digest, image_end=digest), "ada")
    assert studio.wait(job.id, "ada", PATIENCE).state == Done(job.id)
    take = studio.library.take(job.id, "ada")
    assert list(take.recipe.inputs.named()) == [("image_start", digest), ("image_end", digest)]
    stored = studio.reference(digest, "local")
    assert stored.read_bytes() == picture()
    assert list((data_dir / "references").iterdir()) == [stored]
    again = studio.submit(take.recipe, "ada")
    assert studio.wait(again.id, "ada", PATIENCE).state == Done(again.id)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"num_frames": 257}, "this studio allows"),
        ({"image_end": "sha256:" + "0" * 64}, "image_end: .*not here any more"),
    ],
)
def test_what_cannot_be_made_never_reaches_the_queue(
    open_studio: OpenStudio, fields: dict[str, object], words: str
) -> None:
    studio = open_studio(max_volume=128 * 128 * 200)
    with pytest.raises(InvalidRecipe, match=words):
        studio.submit(quick(**fields), "ada")
    assert studio.session("ada").jobs == ()


def test_a_recipe_for_another_model_is_refused(open_studio: OpenStudio) -> None:
    studio = open_studio(start=False)
    with pytest.raises(InvalidRecipe, match="this studio runs 'demo'"):
        studio.submit(quick(model="ltx-2"), "ada")
    studio.start()
    job = studio.submit(quick(model="demo"), "ada")
    assert studio.wait(job.id, "ada", PATIENCE).state == Done(job.id)


def test_a_model_that_cannot_be_loaded_fails_what_waits_and_says_why(
    open_studio: OpenStudio, tmp_path: Path
) -> None:
    studio = open_studio(start=False, model=str(tmp_path / "nowhere"))
    job = studio.submit(quick(), "ada")
    studio.start()
    state = studio.wait(job.id, "ada", PATIENCE).state
    assert isinstance(state, Failed)
    assert "nowhere" in state.message
    status = studio.model_status()
    assert (status.state, status.message) == ("failed", state.message)
    with pytest.raises(ModelUnavailable, match="nowhere"):
        studio.submit(quick(), "ada")


def test_a_job_that_breaks_in_an_unforeseen_way_does_not_stop_the_next(
    open_studio: OpenStudio, data_dir: Path
) -> None:
    studio = open_studio()
    (data_dir / "references" / f"{'0' * 64}.png").mkdir(parents=True)
    broken = studio.submit(quick(image_start="sha256:" + "0" * 64), "ada")
    state = studio.wait(broken.id, "ada", PATIENCE).state
    assert isinstance(state, Failed)
    assert state.message.startswith("Something unexpected went wrong")
    after = studio.submit(quick(), "ada")
    assert studio.wait(after.id, "ada", PATIENCE).state == Done(after.id)


def test_closing_leaves_the_clip_to_the_next_start(
    open_studio: OpenStudio,
) -> None:
    studio = open_studio()
    done = studio.submit(quick(), "ada")
    studio.wait(done.id, "ada", PATIENCE)
    running, waiting = studio.submit(slow(), "ada"), studio.submit(quick(), "ada")
    until(lambda: sampling(studio, running))
    studio.close()
    leave(studio)

    again = open_studio()
    assert [job.id for job in again.session("ada").jobs] == [running.id, waiting.id]
    assert again.job(done.id, "ada").state == Done(done.id)
    until(lambda: sampling(again, running))
    again.cancel(running.id, "ada")
    assert again.wait(waiting.id, "ada", PATIENCE).state == Done(waiting.id)
    assert [take.id for take in again.library.takes("ada")] == [waiting.id, done.id]
    assert again.job(running.id, "ada").state == CancelledJob()
