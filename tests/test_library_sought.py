"""Takes are found by what they are, in every order and by pages, whatever happens in between."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from kept import GREY, keep, open_library
from postgres import ON_BOTH

from ltx_ui.inputs import ImageInput, Inputs
from ltx_ui.studio.library import Library
from ltx_ui.studio.sought import ORDERS, Kind, Made, Order, Sought
from ltx_ui.studio.takes import settings_of

WIDE: dict[str, Any] = {"width": 256, "height": 128}
TALL: dict[str, Any] = {"width": 128, "height": 256}
PICTURE = Inputs(images=(ImageInput(digest="sha256:" + "0" * 64, at=0),))
FRAMES = {"one": 9, "two": 97, "three": 49, "four": 49, "five": 121}


@pytest.fixture
def library(tmp_path: Path, database: str | None) -> Library:
    """Takes of ada's, from one to five seconds long, of which two and three are favourites."""
    library = open_library(tmp_path, database)
    files = library.write(GREY, {})
    for name, frames in FRAMES.items():
        keep(library, name, files=files, num_frames=frames)
    keep(library, "others", owner="bob", files=files, num_frames=49)
    for favourite in ("two", "three"):
        library.set_favourite(favourite, "ada", True)
    return library


def found(library: Library, sought: Sought) -> list[str]:
    ids = [take.id for take in library.takes("ada", sought)]
    assert len(ids) == library.count("ada", sought)
    return ids


@ON_BOTH
@pytest.mark.parametrize(
    ("order", "ids"),
    [
        ("newest", ["five", "four", "three", "two", "one"]),
        ("oldest", ["one", "two", "three", "four", "five"]),
        ("longest", ["five", "two", "four", "three", "one"]),
        ("favourites", ["three", "two", "five", "four", "one"]),
    ],
)
@pytest.mark.parametrize("size", [1, 2, 5])
def test_pages_put_together_are_the_whole_in_every_order(
    library: Library, order: Order, ids: list[str], size: int
) -> None:
    sought = Sought(order=order)
    listed, after = [], None
    while page := library.takes("ada", sought, limit=size, after=after):
        listed += [take.id for take in page]
        after = sought.place(page[-1])
    assert listed == ids == found(library, sought)


@ON_BOTH
@pytest.mark.parametrize("order", ORDERS)
def test_a_page_goes_on_where_a_take_was_that_is_gone(library: Library, order: Order) -> None:
    sought = Sought(order=order)
    _, second, *rest = library.takes("ada", sought)
    library.set_favourite(second.id, "ada", not second.favourite)
    place = sought.place(second)
    library.delete([second.id], "ada")
    assert [take.id for take in library.takes("ada", sought, after=place)] == [
        take.id for take in rest
    ]


@ON_BOTH
@pytest.mark.parametrize(
    ("sought", "ids"),
    [
        (Sought(longest=3), ["four", "three", "one"]),
        (Sought(shortest=3, longest=4.5), ["two"]),
        (Sought(shortest=4.5), ["five"]),
        (Sought(longest=3, favourites_only=True), ["three"]),
        (Sought(search="called f"), ["five", "four"]),
        (Sought(search="called f", order="oldest"), ["four", "five"]),
        (Sought(tag="none has it"), []),
        (Sought(model="another"), []),
        (Sought(drafts=True), []),
    ],
)
def test_what_is_sought_is_found(library: Library, sought: Sought, ids: list[str]) -> None:
    assert found(library, sought) == ids


@ON_BOTH
def test_takes_are_found_by_model_format_and_picture(library: Library) -> None:
    keep(library, "wide", **WIDE, model="another")
    keep(library, "tall", **TALL, inputs=PICTURE)
    assert found(library, Sought(model="another")) == ["wide"]
    assert found(library, Sought(resolution=(128, 256))) == ["tall"]
    assert found(library, Sought(with_picture=True)) == ["tall"]
    assert found(library, Sought(with_picture=False, resolution=(256, 128))) == ["wide"]


@ON_BOTH
def test_takes_are_found_by_the_settings_they_were_made_with(library: Library) -> None:
    keep(library, "dear", num_inference_steps=11, seed=7)
    keep(library, "again", num_inference_steps=11, seed=8, inputs=PICTURE)
    of_takes = {take.id: settings_of(take.recipe) for take in library.takes("ada", Sought())}
    kinds = library.kinds("ada")
    assert {kind.settings for kind in kinds} == set(of_takes.values())
    dear = frozenset(
        (kind.model, kind.settings)
        for kind in kinds
        if '"num_inference_steps": 11' in kind.settings
    )
    for made, ids in (
        (Made(dear), ["again", "dear"]),
        (Made(dear, seed=7), ["dear"]),
        (Made(dear, with_picture=True), ["again"]),
        (Made(frozenset()), []),
    ):
        assert found(library, Sought(bundles=(made,))) == ids
        others = [take for take in ("again", "dear", *FRAMES) if take not in ids]
        assert set(found(library, Sought(bundles=(made,), otherwise=True))) == set(others)


@ON_BOTH
def test_takes_are_found_by_when_they_were_made(library: Library) -> None:
    here = datetime.now(UTC) + timedelta(hours=1)
    ago = here - timedelta(days=1)
    assert len(found(library, Sought(since=ago, until=here))) == len(FRAMES)
    assert found(library, Sought(since=here)) == found(library, Sought(until=ago)) == []


@ON_BOTH
def test_the_kinds_there_are_change_with_the_takes(library: Library) -> None:
    lengths = {take.recipe.duration for take in library.takes("ada")}
    assert {kind.length for kind in library.kinds("ada")} == lengths
    keep(library, "tall", **TALL, model="another", inputs=PICTURE)
    tall = library.take("tall", "ada")
    made, alike = tall.created_at, settings_of(tall.recipe)
    new = Kind("another", (128, 256), True, tall.recipe.duration, alike, made, made)
    assert new in library.kinds("ada")
    library.delete(["tall"], "ada")
    assert new not in library.kinds("ada")
    assert library.kinds("nobody") == []


@ON_BOTH
def test_a_draft_that_is_kept_brings_its_kind(library: Library) -> None:
    keep(library, "tall", **TALL, draft=True)
    assert (128, 256) not in {kind.resolution for kind in library.kinds("ada")}
    library.set_favourite("tall", "ada", True)
    assert (128, 256) in {kind.resolution for kind in library.kinds("ada")}
