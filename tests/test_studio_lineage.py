"""A take knows which one it came from, and what came of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import get_args

import pytest
from postgres import ON_BOTH
from studios import PATIENCE, OpenStudio, change, leave, quick

from ltx_ui.errors import InvalidRecipe, NotFound
from ltx_ui.media.metadata import read_metadata
from ltx_ui.recall import recall
from ltx_ui.recipe import Recipe
from ltx_ui.studio.jobs import Done, Origin, Relation
from ltx_ui.studio.studio import Studio
from ltx_ui.studio.takes import Take

OWNER = "ada"


def made(studio: Studio, recipe: Recipe, origin: Origin | None = None, owner: str = OWNER) -> Take:
    job = studio.submit(recipe, owner, origin=origin)
    assert isinstance(studio.wait(job.id, owner, PATIENCE).state, Done)
    return studio.library.take(job.id, owner)


@ON_BOTH
def test_a_take_tells_where_it_came_from_and_what_came_of_it(open_studio: OpenStudio) -> None:
    studio = open_studio()
    first = made(studio, quick())
    others = [
        made(studio, quick(seed=number), Origin(first.id, relation))
        for number, relation in enumerate(get_args(Relation))
    ]
    assert [take.relation for take in others] == [*get_args(Relation)]
    lineage = studio.library.lineage(first.id, OWNER)
    assert (lineage.came_from, lineage.gone) == (None, False)
    assert [take.id for take in lineage.came_of] == [take.id for take in others]
    of_other = studio.library.lineage(others[1].id, OWNER)
    assert of_other.came_from == first and of_other.came_of == ()


def test_a_take_whose_origin_was_deleted_says_so(open_studio: OpenStudio) -> None:
    studio = open_studio()
    first = made(studio, quick())
    second = made(studio, quick(seed=2), Origin(first.id, "variation"))
    studio.library.delete([first.id], OWNER)
    lineage = studio.library.lineage(second.id, OWNER)
    assert (lineage.came_from, lineage.gone) == (None, True)


def test_what_starts_from_a_takes_last_frame_goes_on_from_it(open_studio: OpenStudio) -> None:
    studio = open_studio()
    first = made(studio, quick())
    digest = studio.last_frame(first.id, OWNER).digest
    leave(studio)
    studio = open_studio()
    second = made(studio, quick(image_start=digest))
    assert (second.made_from, second.relation) == (first.id, "continued")
    assert made(studio, quick(image_end=digest)).made_from is None
    with pytest.raises(InvalidRecipe, match="not here"):
        studio.submit(quick(image_start=digest), "bob")


def test_nobody_elses_take_becomes_an_origin_or_is_told_of(open_studio: OpenStudio) -> None:
    studio = open_studio()
    bobs = made(studio, quick(), owner="bob")
    mine = made(studio, quick(seed=2), Origin(bobs.id, "variation"))
    assert mine.made_from is None
    assert studio.library.lineage(bobs.id, "bob").came_of == ()
    with pytest.raises(NotFound):
        studio.library.lineage(bobs.id, OWNER)


def test_a_job_keeps_its_origin_over_a_restart_and_when_it_is_made_again(
    open_studio: OpenStudio,
) -> None:
    studio = open_studio()
    first = made(studio, quick())
    leave(studio)
    studio = open_studio(start=False)
    job = studio.submit(quick(num_takes=2), OWNER, origin=Origin(first.id, "variation"))
    leave(studio)
    studio = open_studio()
    ended = studio.wait(job.id, OWNER, PATIENCE)
    takes = studio.library.those(ended.kept, OWNER)
    assert [take.made_from for take in takes] == [first.id, first.id]
    again = studio.again(job.id, OWNER)
    assert again.origin == Origin(first.id, "variation")


def test_the_file_tells_where_its_take_came_from(open_studio: OpenStudio) -> None:
    studio = open_studio()
    first = made(studio, quick())
    assert "made_from" not in read_metadata(first.video)
    second = made(studio, quick(seed=2), Origin(first.id, "finished"))
    for file in (second.video, second.poster):
        found = recall(file)
        assert (found.making.made_from, found.making.relation) == (first.id, "finished")
        assert found.recipe == second.recipe


def test_what_a_newer_version_tells_of_an_origin_spoils_no_recipe(tmp_path: Path) -> None:
    told = {"recipe": {"prompt": "A fox"}, "made_from": {"take": 5}, "relation": 3, "new": [1]}
    file = tmp_path / "recipe.json"
    file.write_text(json.dumps(told))
    found = recall(file)
    assert found.recipe.prompt == "A fox" and found.making.made_from is None


@ON_BOTH
def test_a_relation_that_this_version_does_not_know_is_none(
    open_studio: OpenStudio, data_dir: Path, database: str | None
) -> None:
    studio = open_studio(start=False)
    job = studio.submit(quick(), OWNER)
    leave(studio)
    change(data_dir, database, "UPDATE jobs SET made_from = 'other', relation = 'dreamt'")
    studio = open_studio(start=False)
    assert studio.job(job.id, OWNER).origin is None
