"""What a contact sheet makes: drafts of several seeds, and grids over settings."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from studios import quick

from ltx_ui.errors import InvalidRecipe
from ltx_ui.recipe import MAX_SEED, Typed
from ltx_ui.studio.jobs import Job, Queued, Running
from ltx_ui.web.job_view import take_percents
from ltx_ui.web.sheet import (
    CHEAP,
    MOST_TILES,
    Sheet,
    Tile,
    axis_values,
    cheap,
    grid_jobs,
    seed_jobs,
)


def test_a_sheet_has_each_seed_once_and_goes_on_at_nought_after_the_last() -> None:
    jobs = list(seed_jobs(quick(seed=MAX_SEED - 2), 12))
    seeds = [take.seed for job in jobs for take in job.takes()]
    assert seeds == [MAX_SEED - 2, MAX_SEED - 1, MAX_SEED, *range(9)]


def test_each_tile_tells_how_much_of_its_own_clip_is_made() -> None:
    running = Running("sampling", 1, 4, fraction=0.6, seconds_left=None)
    job = Job("0" * 32, "ada", quick(num_takes=4), datetime.now(UTC), running)
    assert list(take_percents(job).values()) == [100, 100, 40, 0]
    assert set(take_percents(replace(job, state=Queued(1))).values()) == {0}


@pytest.mark.parametrize("way", CHEAP)
def test_a_draft_is_never_dearer_than_the_clip(way: str) -> None:
    dear, small = quick(num_frames=49, num_inference_steps=40), quick(num_inference_steps=1)
    assert cheap(small, way) == small
    drafted = cheap(dear, way)
    cost = drafted.num_frames * drafted.num_inference_steps
    assert (cost < 49 * 40) == (way != "full")


def test_what_is_finished_has_the_steps_and_the_length_again() -> None:
    whole = quick(num_frames=17, num_inference_steps=20, seed=4).model_copy(
        update={"typed": Typed("a ball")}
    )
    kept = Sheet(full={"num_frames": 17, "num_inference_steps": 20}).as_kept()
    assert Sheet.read(kept).finished(cheap(whole, "frames")) == whole


def test_a_grid_has_a_cell_for_each_pair_row_by_row() -> None:
    across = ("num_inference_steps", axis_values("num_inference_steps", "2, 4"))
    down = ("prompt", axis_values("prompt", "a ball | a box"))
    cells = grid_jobs(quick(), across, down)
    told = [(label, recipe.prompt, recipe.num_inference_steps) for label, recipe in cells]
    assert told == [
        ("a ball · Steps 2", "a ball", 2),
        ("a ball · Steps 4", "a ball", 4),
        ("a box · Steps 2", "a box", 2),
        ("a box · Steps 4", "a box", 4),
    ]


@pytest.mark.parametrize(
    ("across", "down", "says"),
    [
        ("1,2,3,4,5", "1,2,3,4", "20 clips are too many"),
        ("", "1", "needs 1 to 16 values"),
        ("many", "1", "num_inference_steps"),
        ("1000", "1", "num_inference_steps"),
    ],
)
def test_a_grid_that_can_not_be_made_says_what_is_allowed(
    across: str, down: str, says: str
) -> None:
    def make() -> None:
        wide = ("num_inference_steps", axis_values("num_inference_steps", across))
        grid_jobs(quick(), wide, ("guidance_scale", axis_values("guidance_scale", down)))

    with pytest.raises(InvalidRecipe, match=says):
        make()


@pytest.mark.parametrize(
    "sent",
    [None, [], "x", 5, {"tiles": 7, "jobs": {}, "columns": "4", "full": []}, {"tiles": [[1, 2]]}],
)
def test_a_sheet_that_is_none_is_empty(sent: Any) -> None:
    assert Sheet.read(sent) == Sheet()


def test_a_browser_can_not_make_a_sheet_larger_than_it_may_be_nor_its_clips() -> None:
    sent = {"tiles": [["a", "b"]] * 1000, "full": {"num_frames": 10**9, "seed": 1}}
    sheet = Sheet.read(sent)
    assert sheet.tiles == (Tile("a", "b"),) * MOST_TILES
    with pytest.raises(InvalidRecipe, match="num_frames"):
        sheet.finished(quick())
