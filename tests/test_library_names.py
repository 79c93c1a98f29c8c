"""Takes have names and tags in any script, are found by them, and lose them when they go."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from kept import keep, open_library
from postgres import ON_BOTH

from ltx_ui.errors import InvalidRecipe, NotFound
from ltx_ui.studio.library import Library
from ltx_ui.studio.shelves import MAX_NAME, MAX_NOTE, MAX_TAG, MOST_TAGS
from ltx_ui.studio.sought import Sought

ODD = [
    'it\'s “quoted” "twice"',
    "back\\slash % _ ${x} `tick` {{y}}",
    "🦊👩‍👩‍👧‍👦",
    "שלום עולם",
    "<script>alert(1)</script>",
    "'; DROP TABLE takes; --",
]


@pytest.fixture
def library(tmp_path: Path, database: str | None) -> Library:
    library = open_library(tmp_path, database)
    for name in ("fox", "hen", "tea"):
        keep(library, name)
    return library


def hits(library: Library, search: str) -> set[str]:
    return {take.id for take in library.takes("ada", Sought(search))}


@ON_BOTH
def test_a_name_is_one_line_in_any_script(library: Library) -> None:
    for odd in ODD:
        library.set_name("fox", "ada", odd)
        library.set_tags(["hen"], "ada", add=[odd])
        assert library.take("fox", "ada").name == odd
    assert set(library.take("hen", "ada").tags) == set(ODD)
    library.set_name("fox", "ada", "  the \n\t good\x00\x07 one\ud800 ")
    assert library.take("fox", "ada").name == "the good one"
    library.set_note("fox", "ada", "one\x00\ntwo\udfff")
    assert library.take("fox", "ada").note == "one\ntwo"


@ON_BOTH
def test_the_same_letters_are_the_same_tag(library: Library) -> None:
    library.set_tags(["fox"], "ada", add=["Caf\u00e9", "Cafe\u0301", " ", ""])
    assert library.take("fox", "ada").tags == ("Caf\u00e9",)


@ON_BOTH
def test_commas_part_tags(library: Library) -> None:
    library.set_tags(
        ["fox"], "ada", add=["sea, red", "\u96e8\u3001\u591c", "one\uff0ctwo\u060cthree"]
    )
    parted = {"sea", "red", "\u96e8", "\u591c", "one", "two", "three"}
    assert {*library.take("fox", "ada").tags} == parted
    library.set_tags(["fox"], "ada", remove=["sea,red"])
    assert {*library.take("fox", "ada").tags} == parted - {"sea", "red"}


@ON_BOTH
def test_tags_are_given_and_taken_away_from_many_at_once(library: Library) -> None:
    library.set_tags(["fox", "hen", "gone"], "ada", add=["night", "rain"])
    library.set_tags(["fox"], "ada", add=["intro"], remove=["rain"])
    keep(library, "draft", draft=True)
    library.set_tags(["draft"], "ada", add=["night"])
    assert library.take("fox", "ada").tags == ("intro", "night")
    assert library.tags("ada") == [("night", 2), ("intro", 1), ("rain", 1)]
    with pytest.raises(NotFound):
        library.set_tags(["gone"], "ada", add=["night"])


@ON_BOTH
def test_what_is_too_long_or_too_many_changes_nothing(library: Library) -> None:
    many = [f"tag {number}" for number in range(MOST_TAGS)]
    library.set_tags(["fox"], "ada", add=many)
    changes: list[Callable[[], None]] = [
        lambda: library.set_tags(["hen", "fox"], "ada", add=["another"]),
        lambda: library.set_tags(["hen"], "ada", add=["x" * (MAX_TAG + 1)]),
        lambda: library.set_name("hen", "ada", "x" * (MAX_NAME + 1)),
    ]
    for change in changes:
        with pytest.raises(InvalidRecipe, match="at most"):
            change()
    assert (library.take("hen", "ada").name, library.take("hen", "ada").tags) == ("", ())
    assert len(library.take("fox", "ada").tags) == MOST_TAGS


@ON_BOTH
def test_takes_are_found_by_their_present_names_and_tags(library: Library) -> None:
    library.set_note("fox", "ada", "for the outro")
    library.set_name("fox", "ada", "Ælfgifu")
    library.set_tags(["fox", "hen"], "ada", add=["雨の夜"])
    assert hits(library, "outro ælf") == {"fox"}
    assert hits(library, "の夜") == {"fox", "hen"}
    library.set_name("fox", "ada", "")
    library.set_tags(["hen"], "ada", remove=["雨の夜"])
    assert hits(library, "ælf") == set()
    assert hits(library, "夜 outro") == {"fox"}


def test_names_and_tags_go_with_their_take(library: Library, tmp_path: Path) -> None:
    library.set_name("fox", "ada", "Hildegard")
    library.set_tags(["fox"], "ada", add=["Kunigunde"])
    library.delete(["fox"], "ada")
    assert library.tags("ada") == [] and hits(library, "Hildegard") == set()
    library.purge()
    with sqlite3.connect(tmp_path / "library.sqlite3") as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    left = b"".join(file.read_bytes() for file in tmp_path.glob("library.sqlite3*"))
    for word in (b"Hildegard", b"hildegard", b"Kunigunde", b"kunigunde"):
        assert word not in left


@ON_BOTH
def test_nobody_names_what_belongs_to_another(library: Library) -> None:
    library.set_tags(["fox"], "ada", add=["mine"])
    attempts: list[Callable[[], None]] = [
        lambda: library.set_name("fox", "bob", "his"),
        lambda: library.set_tags(["fox"], "bob", add=["his"], remove=["mine"]),
    ]
    for attempt in attempts:
        with pytest.raises(NotFound):
            attempt()
    assert (library.take("fox", "ada").name, library.take("fox", "ada").tags) == ("", ("mine",))
    assert library.tags("bob") == []


def test_a_client_changes_what_it_sends_and_nothing_else(http: httpx.Client, take: str) -> None:
    sent = {"name": ODD[1], "tags": ["b", "a", "a"], "favourite": True}
    answer = http.patch(f"/takes/{take}", json=sent)
    assert answer.status_code == 200
    assert answer.json() == {**sent, "id": take, "note": "", "tags": ["a", "b"]}
    assert http.patch(f"/takes/{take}", json={"note": "two\nlines"}).json() == {
        **answer.json(),
        "note": "two\nlines",
    }
    assert "patch" in http.get("/openapi.json").json()["paths"]["/takes/{take_id}"]


@pytest.mark.parametrize(
    ("sent", "field"),
    [
        ({"name": "x" * (MAX_NAME + 1)}, "name"),
        ({"note": "x" * (MAX_NOTE + 1)}, "note"),
        ({"name": None}, "name"),
        ({"favourite": "true"}, "favourite"),
        ({"tags": "night"}, "tags"),
        ({"tags": ["a", "x" * (MAX_TAG + 1)]}, "tags.1"),
        ({"tags": [str(number) for number in range(MOST_TAGS + 1)]}, "tags"),
        ({"seed": 7}, "seed"),
    ],
)
def test_a_client_is_told_which_field_is_wrong(
    http: httpx.Client, take: str, sent: dict[str, object], field: str
) -> None:
    before = http.patch(f"/takes/{take}", json={}).json()
    answer = http.patch(f"/takes/{take}", json={"note": "changed", **sent})
    assert answer.status_code == 422
    assert [problem["loc"] for problem in answer.json()["detail"]] == [["body", field]]
    assert http.patch(f"/takes/{take}", json={}).json() == before


def test_what_is_too_long_is_told_with_what_is_allowed(http: httpx.Client, take: str) -> None:
    long_name = http.patch(f"/takes/{take}", json={"name": "x" * (MAX_NAME + 1)})
    assert f"is too long (at most {MAX_NAME} characters)" in long_name.text
    many_tags = [str(number) for number in range(MOST_TAGS + 1)]
    many = http.patch(f"/takes/{take}", json={"tags": many_tags})
    assert f"has too many entries (at most {MOST_TAGS})" in many.text


def test_a_client_is_told_that_a_take_is_not_there(http: httpx.Client) -> None:
    assert http.patch("/takes/0000", json={"name": "x"}).status_code == 404


@pytest.mark.parametrize("path", ["/takes", "/api/v1/takes"])
def test_what_somebody_else_wrote_meanwhile_is_not_replaced(
    http: httpx.Client, take: str, path: str
) -> None:
    def write(**body: object) -> int:
        return http.patch(f"{path}/{take}", json=body).status_code

    assert write(name="one", note=" a\nb ", tags=["x", "y"]) == 200
    assert write(note="c", was={"note": "a\nb", "tags": ["y", "x"]}) == 200
    assert write(note="d", was={"note": "a\nb"}) == 409
    assert write(tags=["z"], note="d", was={"tags": ["x"]}) == 409
    assert write(note="c", was={"note": "a\nb"}) == 200  # Asked once more, for lack of an answer.
    there = http.get(f"/api/v1/takes/{take}").json()
    assert (there["note"], there["tags"], there["name"]) == ("c", ["x", "y"], "one")
    assert write(name="", note="", tags=[]) == 200
