"""What can be known of a clip before it is done: how long it takes, and what it looks like."""

from __future__ import annotations

import io
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image
from streams import frame_count
from studios import PATIENCE

from ltx_ui.errors import NotFound
from ltx_ui.recipe import Recipe
from ltx_ui.settings import Settings
from ltx_ui.studio.jobs import Done
from ltx_ui.studio.studio import Studio

RECIPE = Recipe(prompt="a red ball", width=128, height=160, num_frames=9, num_inference_steps=12)


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("data")


@pytest.fixture(scope="module")
def studio(data_dir: Path) -> Iterator[Studio]:
    made = Studio(Settings(data_dir=data_dir, model="demo"))
    made.start()
    yield made
    made.close()


def make(studio: Studio, recipe: Recipe) -> float:
    """Make a clip; the seconds its take says that it took."""
    job = studio.wait(studio.submit(recipe, "ann").id, "ann", timeout=PATIENCE)
    assert isinstance(job.state, Done)
    return studio.library.take(job.state.take_id, "ann").seconds


def test_time_is_known_after_three_takes_of_a_kind(studio: Studio) -> None:
    assert studio.estimate(RECIPE) is None
    for seed in range(3):
        make(studio, RECIPE.model_copy(update={"seed": seed}))
    estimate = studio.estimate(RECIPE)
    assert estimate is not None and estimate.takes >= 3
    once, thrice = (
        studio.estimate(RECIPE.model_copy(update={"num_takes": takes})) for takes in (1, 3)
    )
    assert once is not None and thrice is not None
    assert 2 < thrice.seconds / once.seconds <= 3


def test_a_restart_remembers_how_long_clips_took_even_those_that_were_deleted(
    studio: Studio, data_dir: Path
) -> None:
    make(studio, RECIPE)
    for take in studio.library.takes("ann"):
        studio.library.delete([take.id], "ann")
    again = Studio(Settings(data_dir=data_dir, model="demo"))
    again.start()
    while again.model_status().state != "ready":
        time.sleep(0.05)
    estimate = again.estimate(RECIPE)
    again.close()
    assert estimate is not None
    assert estimate.takes >= 1


def test_the_clip_is_seen_while_it_is_made_and_only_by_its_owner(studio: Studio) -> None:
    job = studio.submit(RECIPE.model_copy(update={"num_inference_steps": 60}), "ann")
    end = time.monotonic() + PATIENCE
    while (seen := studio.preview(job.id, "ann")) is None:
        assert time.monotonic() < end
        time.sleep(0.01)
    with Image.open(io.BytesIO(seen)) as picture:
        assert picture.format == "WEBP"
    assert frame_count(seen) == 2
    with pytest.raises(NotFound):
        studio.preview(job.id, "ben")
    studio.cancel(job.id, "ann")
    studio.wait(job.id, "ann", timeout=PATIENCE)
    assert studio.preview(job.id, "ann") is None
