"""The gallery shows what was chosen, and takes nothing for a choice that makes no sense."""

from __future__ import annotations

import io
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from ltx_ui.media.posters import small_poster
from ltx_ui.presets import load_presets
from ltx_ui.request import parse_recipe
from ltx_ui.studio.sought import Kind, Made, Sought
from ltx_ui.studio.takes import settings_of
from ltx_ui.web.gallery_filter import Filter, menus
from ltx_ui.web.made_with import OWN, made_with

NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)
PLAIN = Kind("ltx-2", (768, 512), False, 121 / 24, "", NOON, NOON)
LONG_AGO = (NOON - timedelta(days=40), NOON - timedelta(days=3))
OLD = Kind("demo", (512, 768), True, 73 / 24, "", *LONG_AGO)
PRESETS = load_presets()


def offered(
    *kinds: Kind, tags: tuple[tuple[str, int], ...] = (), **chosen: str
) -> dict[str, list[str]]:
    made = menus(Filter.read(chosen, kinds), kinds, tags, NOON)
    return {menu.name: [value for value, _ in menu.options] for menu in made}


def test_only_what_some_takes_have_and_others_have_not_is_offered() -> None:
    orders = ["oldest", "longest", "favourites"]
    assert offered() == {}
    assert offered(PLAIN) == {"order": orders}
    assert offered(PLAIN, OLD, tags=(("sea", 2),)) == {
        "tag": ["sea"],
        "model": ["demo", "ltx-2"],
        "format": ["512x768", "768x512"],
        "picture": ["with", "without"],
        "length": ["short", "medium"],
        "when": ["today", "week", "month"],
        "order": orders,
    }


def test_what_is_chosen_is_offered_even_where_no_take_has_it_any_more() -> None:
    assert offered(PLAIN, tag="sea", length="long")["tag"] == ["sea"]
    assert offered(PLAIN, length="long")["length"] == ["long"]


def test_choices_become_what_is_sought() -> None:
    chosen = {"search": "fox", "favourites": True, "tag": "sea", "model": "demo", "zone": -60}
    chosen |= {"format": "512x768", "picture": "with", "length": "medium", "order": "longest"}
    assert Filter.read(chosen, [OLD]).sought(NOON) == Sought(
        "fox",
        favourites_only=True,
        tag="sea",
        model="demo",
        resolution=(512, 768),
        with_picture=True,
        shortest=3.1,
        longest=6.1,
        order="longest",
    )


@pytest.mark.parametrize(
    ("when", "zone", "since"),
    [
        ("today", 0, "2026-03-10T00:00"),
        ("today", -120, "2026-03-09T22:00"),
        ("today", -13 * 60, "2026-03-10T11:00"),
        ("week", 300, "2026-03-04T05:00"),
        ("month", 0, "2026-02-09T00:00"),
    ],
)
def test_days_begin_at_the_visitors_midnight(when: str, zone: int, since: str) -> None:
    sought = Filter.read({"when": when, "zone": zone}, []).sought(NOON)
    assert sought.since == datetime.fromisoformat(since).replace(tzinfo=UTC)


def kind_of(preset: str, model: str = "demo", **changed: object) -> Kind:
    settings = {**PRESETS.preset_settings(preset), **changed}
    recipe = parse_recipe({"prompt": "a fox", **settings})
    return replace(PLAIN, model=model, settings=settings_of(recipe))


def test_a_preset_is_found_by_what_it_sets_and_what_is_none_of_them_is_own() -> None:
    best, quick = kind_of("best-quality"), kind_of("fast-preview")
    changed = kind_of("fast-preview", num_inference_steps=6)
    made = made_with(PRESETS, [best, quick, changed, PLAIN])
    assert made["fast-preview"].settings == {("demo", quick.settings)}
    assert made["long-video"].settings == set()
    # A preset that fixes a seed and needs a picture is only those takes.
    seed = PRESETS.preset_settings("character-consistency")["seed"]
    fixed = Made(frozenset({("demo", best.settings)}), seed, with_picture=True)
    assert made["character-consistency"] == fixed
    names = {"fast-preview": "Quick"}
    (menu,) = (
        each
        for each in menus(Filter(), [best, quick, changed], [], NOON, made, names)
        if each.name == "preset"
    )
    assert [value for value, _ in menu.options] == [
        "best-quality",
        "fast-preview",
        "character-consistency",
        OWN,
    ]
    assert dict(menu.options)["fast-preview"] == "Quick"


def test_what_a_model_fixes_makes_no_other_preset() -> None:
    # The distilled models take neither steps nor guidance of anybody.
    distilled = kind_of("balanced", "ltx-2.3-distilled", num_inference_steps=8, guidance_scale=1.0)
    made = made_with(PRESETS, [distilled])
    assert made["balanced"].settings == {("ltx-2.3-distilled", distilled.settings)}


@pytest.mark.parametrize("preset", ["no such", "", 1, None, ["own"]])
def test_a_preset_that_is_none_is_not_sought(preset: object) -> None:
    made = made_with(PRESETS, [])
    read = Filter.read({"preset": preset}, [], made)
    assert read.sought(NOON, made) == Sought()


ANYTHING = st.none() | st.booleans() | st.integers() | st.text() | st.lists(st.text())
NAMES = ("search", "tag", "model", "format", "picture", "length", "when", "order", "zone")


@given(value=st.dictionaries(st.sampled_from(NAMES), ANYTHING) | ANYTHING)
def test_nothing_that_a_browser_sends_is_an_error(value: object) -> None:
    read = Filter.read(value, [PLAIN])
    read.sought(NOON)
    menus(read, [PLAIN], [], NOON)
    assert (read.model, read.format, read.picture) == ("", "", "")


@pytest.mark.parametrize(
    ("asked", "wide"), [(1, 320), (320, 320), (321, 640), (640, 640), (9000, 640)]
)
def test_small_posters_come_in_two_sizes_and_tell_nothing(
    tmp_path: Path, asked: int, wide: int
) -> None:
    exif = Image.Exif()
    exif[270] = "a secret prompt"
    Image.new("RGB", (1280, 704), "teal").save(tmp_path / "poster.jpg", exif=exif)
    small = small_poster(tmp_path / "poster.jpg", asked)
    with Image.open(io.BytesIO(small)) as picture:
        assert (picture.width, picture.height) == (wide, wide * 704 // 1280)
    assert b"secret" not in small


def test_a_small_poster_is_asked_for_again_and_gone_with_its_take(
    http: httpx.Client, take: str
) -> None:
    whole, small = http.get(f"/takes/{take}/poster"), http.get(f"/takes/{take}/poster?w=320")
    assert small.headers["content-type"] == whole.headers["content-type"] == "image/jpeg"
    assert small.headers["cache-control"] == "private, no-cache"
    again = http.get(f"/takes/{take}/poster?w=9", headers={"If-None-Match": small.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert http.get(f"/takes/{take}/poster?w=x").status_code == 422
    assert http.get("/takes/none/poster?w=320").status_code == 404
