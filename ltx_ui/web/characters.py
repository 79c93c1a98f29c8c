"""Characters on their shelf, and for programs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from ltx_ui.errors import InvalidRecipe
from ltx_ui.inputs import ACCEPTED
from ltx_ui.recipe import MAX_SEED
from ltx_ui.studio.characters import MAX_NAME, MAX_WORDS, MOST_IMAGES, Character
from ltx_ui.studio.studio import Studio
from ltx_ui.web.access import Owner
from ltx_ui.web.routing import add_get, error_answers
from ltx_ui.web.templating import render
from ltx_ui.web.wiring import texts


class CharacterAnswer(BaseModel):
    """Somebody whom clips show again and again."""

    model_config = ConfigDict(from_attributes=True)

    id: str
    name: str = Field(description="What @name stands for on the page.")
    words: str
    images: tuple[str, ...] = Field(description="Digests, as in GET /inputs/{digest}.")
    seed: int | None


class CharactersAnswer(BaseModel):
    """All of the owner's characters, by name."""

    characters: list[CharacterAnswer]


def router(studio: Studio) -> APIRouter:
    """The route, over one studio."""

    def characters(owner: Owner) -> CharactersAnswer:
        """The characters that @name stands for in the page's prompt. POST /jobs takes its prompt as
        it is: put a character's words, picture and seed in yourself."""
        known = map(CharacterAnswer.model_validate, studio.characters.all(owner))
        return CharactersAnswer(characters=list(known))

    made = APIRouter()
    add_get(made, "/characters", characters, responses=error_answers(401))
    return made


def shelf_of_characters(studio: Studio, owner: str) -> str:
    """The shelf's HTML."""
    return render("characters.html", characters=studio.characters.all(owner))


def form_of(character: Character) -> str:
    """The HTML of the form that makes or changes a character."""
    return render(
        "character_form.html",
        character=character,
        was=CharacterAnswer.model_validate(character).model_dump_json() if character.id else "",
        accept=",".join(ACCEPTED),
        most={"name": MAX_NAME, "words": MAX_WORDS, "images": MOST_IMAGES, "seed": MAX_SEED},
    )


def read_character(given: Any) -> Character:
    """The character that a browser's form tells; nothing in it is trusted.

    Raises:
        InvalidRecipe: its seed is no whole number.
    """
    told: Mapping[Any, Any] = given if isinstance(given, Mapping) else {}
    name, words, character_id = (str(told.get(key) or "") for key in ("name", "words", "id"))
    images = tuple(texts(told.get("images")))
    return Character(name, words, images, _seed(told.get("seed")), character_id)


def _seed(given: Any) -> int | None:
    text = str("" if given is None else given).strip()
    if not text:
        return None
    if not (text.isdecimal() and len(text) <= len(str(MAX_SEED))):
        raise InvalidRecipe.because(
            "seed", f"seed: is a whole number from 0 to {MAX_SEED}. Leave it empty for any."
        )
    return int(text)
