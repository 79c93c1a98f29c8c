"""Characters keep their words, pictures and seed, belong to their owner, and leave nothing."""

from __future__ import annotations

import io
import os
import sqlite3
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from kept import keep
from PIL import Image
from postgres import ON_BOTH
from studios import OpenStudio

from ltx_ui.errors import InvalidRecipe, NotFound, WrongMoment
from ltx_ui.recipe import MAX_SEED, Typed
from ltx_ui.studio.characters import MAX_NAME, MAX_WORDS, Character
from ltx_ui.studio.studio import Studio
from ltx_ui.studio.superfluous import UNUSED_SECONDS

ODD = [
    "it's",
    '"quoted"',
    "back\\slash",
    "100%_",
    "$x`y",
    "🦊👩‍👩‍👧",
    "שלום",
    "小明",
    "<b>",
    "'--",
]


@pytest.fixture
def studio(open_studio: OpenStudio) -> Studio:
    return open_studio(start=False)


def picture(studio: Studio, shade: int = 0) -> str:
    buffer = io.BytesIO()
    Image.fromarray(np.full((64, 64, 3), shade, np.uint8)).save(buffer, "PNG")
    return studio.add_image(buffer.getvalue()).digest


def names(studio: Studio, owner: str = "ada") -> list[str]:
    return [each.name for each in studio.characters.all(owner)]


@ON_BOTH
def test_a_character_comes_back_as_it_was_saved_and_can_be_changed(studio: Studio) -> None:
    images = tuple(picture(studio, shade) for shade in (1, 2))
    aiko = studio.characters.save(
        Character(" @Aiko ", "a woman\n in a “red” coat\x00", images, MAX_SEED), "ada"
    )
    assert aiko == Character("Aiko", "a woman in a “red” coat", images, MAX_SEED, aiko.id)
    assert studio.characters.one(aiko.id, "ada") == aiko
    assert studio.characters.called("AIKO", "ada") == aiko
    changed = studio.characters.save(replace(aiko, name="aiko", seed=None, images=()), "ada")
    assert studio.characters.all("ada") == [changed]
    assert (changed.id, changed.name, changed.images, changed.seed) == (aiko.id, "aiko", (), None)


def test_what_was_changed_meanwhile_is_not_replaced(studio: Studio) -> None:
    aiko = studio.characters.save(Character("Aiko", "a woman"), "ada")
    changed = studio.characters.save(replace(aiko, words="a girl"), "ada", aiko)
    with pytest.raises(WrongMoment, match="changed elsewhere"):
        studio.characters.save(replace(aiko, seed=7), "ada", aiko)
    assert studio.characters.save(changed, "ada", aiko) == changed
    assert studio.characters.all("ada") == [changed]


@ON_BOTH
def test_any_script_and_sign_makes_a_name(studio: Studio) -> None:
    for odd in ODD:
        studio.characters.save(Character(odd, f"somebody {odd}"), "ada")
    assert studio.characters.cast("ada") == {odd: f"somebody {odd}" for odd in ODD}


@pytest.mark.parametrize(
    "wrong",
    [
        Character(""),
        Character("@"),
        Character("Aiko Mori"),
        Character("a{b|c}"),
        Character("me@home"),
        Character("x" * (MAX_NAME + 1)),
        Character("Aiko", words="x" * (MAX_WORDS + 1)),
        Character("Aiko", seed=-1),
        Character("Aiko", seed=MAX_SEED + 1),
        Character("Aiko", images=("../../etc/passwd",)),
        Character("Aiko", images=("sha256:" + "0" * 64,)),
        Character("Aiko", images=tuple(f"sha256:{n:064}" for n in range(5))),
        Character("BEN"),
    ],
)
def test_what_is_no_character_is_refused_in_words(studio: Studio, wrong: Character) -> None:
    studio.characters.save(Character("Ben"), "ada")
    with pytest.raises(InvalidRecipe) as refused:
        studio.characters.save(wrong, "ada")
    assert refused.value.problems[0].field in ("name", "words", "images", "seed")
    assert names(studio) == ["Ben"]


@ON_BOTH
def test_nobody_sees_or_touches_another_ones_characters(studio: Studio) -> None:
    aiko = studio.characters.save(Character("Aiko", "a woman"), "ada")
    studio.characters.save(Character("Aiko", "a dog"), "bob")
    assert studio.characters.cast("bob") == {"Aiko": "a dog"}
    attempts: list[Callable[[], object]] = [
        lambda: studio.characters.one(aiko.id, "bob"),
        lambda: studio.characters.save(replace(aiko, name="Mine"), "bob"),
        lambda: studio.characters.delete(aiko.id, "bob"),
        lambda: studio.characters.called("Ben", "bob"),
    ]
    for attempt in attempts:
        with pytest.raises(NotFound):
            attempt()
    assert studio.characters.all("ada") == [aiko]


def test_no_name_can_be_mistaken_for_another_ones(studio: Studio) -> None:
    studio.characters.save(Character("\u0390na"), "ada")
    with pytest.raises(InvalidRecipe, match="is another character's"):
        studio.characters.save(Character("\u03aa\u0301NA"), "ada")


@ON_BOTH
def test_a_picture_is_kept_while_a_character_has_it(studio: Studio) -> None:
    digest = picture(studio)
    aiko = studio.characters.save(Character("Aiko", images=(digest,)), "ada")
    kept = studio.reference(digest, "local")
    old = kept.stat().st_mtime - UNUSED_SECONDS - 60
    os.utime(kept, (old, old))
    ben = studio.characters.save(Character("Ben"), "ada")
    studio.characters.delete(ben.id, "ada")
    assert kept.is_file()
    os.utime(kept, (old, old))
    studio.characters.delete(aiko.id, "ada")
    assert not kept.exists()


def test_a_deleted_characters_words_are_gone_from_the_disk(studio: Studio, data_dir: Path) -> None:
    aiko = studio.characters.save(Character("Kunigunde", "a wanderer from Xanadu"), "ada")
    studio.characters.delete(aiko.id, "ada")
    assert names(studio) == []
    library = data_dir / "library.sqlite3"
    with sqlite3.connect(library) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    left = b"".join(file.read_bytes() for file in data_dir.glob("library.sqlite3*"))
    assert b"Kunigunde" not in left and b"Xanadu" not in left


@ON_BOTH
def test_her_clips_are_those_for_whose_prompt_she_was_typed(studio: Studio) -> None:
    library = studio.library
    prompts = {
        "fox": "A fox",
        "first": "@Aiko waves",
        "other": "@Aikos dog, me@Aiko.com",
        "second": "红色的@aiko在跑",
        "draft": "(@AIKO)",
    }
    for name, typed in prompts.items():
        words = None if name == "fox" else Typed(typed)
        keep(library, name, typed=words, draft=name == "draft")
    keep(library, "bobs", owner="bob", typed=Typed("@Aiko"))
    found = [take.id for take in library.side_by_side("ada", name="Aiko")]
    assert found == ["draft", "second", "first"]
    assert [take.id for take in library.side_by_side("ada", name="Aiko", limit=1)] == ["draft"]
    for odd in ODD:
        keep(library, odd, typed=Typed(f"See @{odd} run"))
        assert [take.id for take in library.side_by_side("ada", name=odd)] == [odd]


@ON_BOTH
def test_a_seeds_clips_are_seen_together_drafts_among_them(studio: Studio) -> None:
    library = studio.library
    for name, seed in (("fox", MAX_SEED), ("hen", 1), ("cub", MAX_SEED)):
        keep(library, name, seed=seed, draft=name == "cub")
    keep(library, "bobs", owner="bob", seed=1)
    assert [take.id for take in library.side_by_side("ada", seed=MAX_SEED)] == ["cub", "fox"]
    assert [take.id for take in library.side_by_side("ada", seed=1)] == ["hen"]
    assert library.side_by_side("ada", seed=0) == []
