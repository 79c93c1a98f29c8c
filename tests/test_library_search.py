"""A take is found by words of its prompt and its note, in any script and however they are typed."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from kept import keep, open_library
from postgres import EACH, ON_BOTH
from studios import put_back_to

from ltx_ui.recipe import Typed
from ltx_ui.studio.database import Database
from ltx_ui.studio.library import Library
from ltx_ui.studio.sought import Sought

PROMPTS = {
    "fox": "A red fox runs through the rain. Thunder rolls.",
    "cafe": "Ein Straßencafé in Zürich, ÖFFNET früh — “well-known” since 1900",
    "neko": "雨の夜、赤い猫がスキーヤーを見る。",
    "dragon": "红色的龙在云中飞翔",
    "seoul": "서울의 밤거리를 걷는 사람",
    "elephant": "ช้างเดินในป่า",
    "tea": "Кошка пьёт чай",
    "signs": 'fox* OR "hen" AND NOT -cat ^col: 100% {a|b} \\ 🦊',
}


@pytest.fixture(scope="module", params=EACH)
def kept_once(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[Path], Library]:
    """Copies a library with a take for each prompt into a folder."""
    folder = tmp_path_factory.mktemp("kept")
    server = request.getfixturevalue("postgres") if request.param == "postgresql" else None
    url = server and server.new()
    database = Database(url or folder / "library.sqlite3")
    for name, prompt in PROMPTS.items():
        keep(Library(database, folder / "takes"), name, prompt=prompt)
    database.close()
    return lambda copy: open_library(shutil.copytree(folder, copy), server and server.new(url))


@pytest.fixture
def library(kept_once: Callable[[Path], Library], tmp_path: Path) -> Library:
    return kept_once(tmp_path / "copy")


def hits(library: Library, search: str, **filters: Any) -> set[str]:
    sought = Sought(search, **filters)
    found = [take.id for take in library.takes("ada", sought)]
    assert len(found) == library.count("ada", sought)
    return set(found)


@pytest.mark.parametrize(
    ("search", "found"),
    [
        ("rain fox", {"fox"}),
        ("FOX thund", {"fox"}),
        ("ox", set()),
        ("fox hen", {"signs"}),
        ("strassencafe zurich", {"cafe"}),
        ("offnet", {"cafe"}),
        ("Well known", {"cafe"}),
        ("well-known", {"cafe"}),
        ("rain, red.", {"fox"}),
        ("猫", {"neko"}),
        ("赤い猫", {"neko"}),
        ("い赤", set()),
        ("スキーヤ", {"neko"}),
        ("キーヤー", {"neko"}),
        ("ｽｷｰ", {"neko"}),
        ("云中 红", {"dragon"}),
        ("서울", {"seoul"}),
        ("เดิน", {"elephant"}),
        ("КОШКА пьет", {"tea"}),
        ("Not", {"signs"}),
        ("red NOT fox", set()),
        ("fox OR hen", {"signs"}),
        ('"hen"', {"signs"}),
        ('"', {"signs"}),
        ("*", {"signs"}),
        ("100%", {"signs"}),
        ("_", set()),
        ("🦊", {"signs"}),
        ("fox\x00", {"fox", "signs"}),
    ],
)
def test_what_a_search_finds(library: Library, search: str, found: set[str]) -> None:
    assert hits(library, search) == found


@pytest.mark.parametrize("search", ["", "   ", "\x00", "\n\t"])
def test_a_search_without_words_finds_everything(library: Library, search: str) -> None:
    assert hits(library, search) == PROMPTS.keys()


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(search=st.text(max_size=300))
def test_no_search_is_an_error(library: Library, search: str) -> None:
    assert hits(library, search) <= PROMPTS.keys()


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(name=st.sampled_from([*PROMPTS]), data=st.data())
def test_any_words_of_a_prompt_in_any_order_find_it(
    library: Library, name: str, data: st.DataObject
) -> None:
    words = data.draw(st.permutations(PROMPTS[name].split()))
    assert name in hits(library, " ".join(words[:5]).swapcase())


def test_the_newest_come_first_and_the_rest_by_their_places(library: Library) -> None:
    keep(library, "cub", prompt="Another fox")
    foxes = Sought("fox")
    found = library.takes("ada", foxes, limit=2)
    assert [take.id for take in found] == ["cub", "signs"]
    rest = library.takes("ada", foxes, after=foxes.place(found[-1]))
    assert [take.id for take in rest] == ["fox"]


def test_only_the_owners_takes_are_found_and_no_drafts_until_they_are_favourites(
    library: Library,
) -> None:
    keep(library, "others", owner="bob", prompt="A giraffe")
    keep(library, "draft", draft=True, prompt="A giraffe")
    assert hits(library, "giraffe") == set()
    library.set_favourite("draft", "ada", True)
    assert hits(library, "giraffe") == hits(library, "giraffe", favourites_only=True) == {"draft"}
    assert hits(library, "fox", favourites_only=True) == set()


def test_a_note_is_found_as_it_is_now(library: Library) -> None:
    library.set_note("fox", "ada", "for the intro")
    library.set_note("tea", "ada", "for the outro")
    assert hits(library, "intro fox") == {"fox"}
    library.set_note("fox", "ada", "the end")
    assert hits(library, "intro") == set()
    assert hits(library, "END") == {"fox"}


def test_what_is_deleted_is_not_found(library: Library) -> None:
    library.delete(["fox"], "ada")
    assert hits(library, "fox") == {"signs"}


@ON_BOTH
def test_takes_of_earlier_versions_are_found_and_a_step_back_loses_none(
    tmp_path: Path, database: str | None
) -> None:
    keep(open_library(tmp_path, database), "fox", prompt="A red fox")
    open_library(tmp_path, database).set_note("fox", "ada", "for the intro")
    for _ in range(2):
        put_back_to("0008", database or tmp_path / "library.sqlite3")
        assert hits(open_library(tmp_path, database), "intro re") == {"fox"}


@ON_BOTH
def test_a_take_is_found_by_the_characters_who_were_named(
    tmp_path: Path, database: str | None
) -> None:
    library = open_library(tmp_path, database)
    for name, typed in (
        ("pier", "@Aiko and @ben-li wave"),
        ("cat", "猫@雪が走る, mail me@there.org"),
    ):
        keep(library, name, prompt="A woman waves", typed=Typed(typed))
    for _ in range(2):
        assert hits(library, "@Aiko waves") == hits(library, "BEN-LI") == {"pier"}
        assert hits(library, "@雪") == {"cat"}
        assert hits(library, "there") == hits(library, "猫") == set()
        settings = {kind.settings for kind in library.kinds("ada")}
        # As takes of earlier versions are found.
        put_back_to("0012", database or tmp_path / "library.sqlite3")
        library = open_library(tmp_path, database)
        assert {kind.settings for kind in library.kinds("ada")} == settings != {""}


def test_a_phrase_ends_with_its_field_and_an_endless_word_is_found_by_its_beginning(
    library: Library,
) -> None:
    keep(library, "endless", prompt="a" * 4000)
    library.set_note("endless", "ada", "猫 end" + "z" * 1900)
    keep(library, "split", prompt="黒い")
    library.set_note("split", "ada", "犬 cat")
    assert hits(library, "aaaa endzz") == {"endless"}
    assert hits(library, "a" * 4000) == {"endless"}
    assert hits(library, "い犬") == set()
    assert hits(library, "い 犬") == {"split"}


def test_odd_characters_stay_and_are_no_error(library: Library) -> None:
    odd = "a 'quoted' \\ %s ;-- \u202e\U0001f98a fox\x00hen {x}"
    keep(library, "odd", prompt=odd)
    library.set_note("odd", "ada", "one\x00two")
    assert library.take("odd", "ada").recipe.prompt == odd
    assert hits(library, "quoted hen onetwo") == {"odd"}
    assert library.those(["o\x00dd", "odd\x00"], "ada") == ()
    library.delete(["odd"], "ada")
    assert hits(library, "quoted") == set()
