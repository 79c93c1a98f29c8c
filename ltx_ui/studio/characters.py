"""Characters: those whom an owner's clips show again and again."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import regex
from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from ltx_ui.errors import ChangedMeanwhile, InvalidRecipe, NotFound
from ltx_ui.inputs import is_digest
from ltx_ui.mentions import alike
from ltx_ui.recipe import MAX_SEED
from ltx_ui.studio.database import Database
from ltx_ui.studio.input_store import InputStore
from ltx_ui.studio.shelves import one_line
from ltx_ui.studio.tables import CharacterRow

MAX_NAME = 40
MAX_WORDS = 1000
MOST_IMAGES = 4
MOST_CHARACTERS = 100
"""Of one owner."""
_NOT_IN_A_NAME = regex.compile(r"[\s@{|}]")


@dataclass(frozen=True)
class Character:
    """Somebody whom clips show again and again.

    Attributes:
        id: empty for one that is not stored yet.
        name: one word without spaces; ``@name`` in a prompt stands for the words.
        words: what they look like, as a part of a sentence.
        images: digests of stored pictures; clips start from the first one.
        seed: what locks in their seed; None for any.
    """

    name: str
    words: str = ""
    images: tuple[str, ...] = ()
    seed: int | None = None
    id: str = ""


class Characters:
    """The characters of all owners. Safe to call from any thread."""

    def __init__(self, database: Database, inputs: InputStore) -> None:
        self._database, self._inputs = database, inputs

    def all(self, owner: str) -> list[Character]:
        """The owner's characters, by name."""
        with self._database.reading() as session:
            found = [_character(row) for row in session.scalars(_of(owner))]
        return sorted(found, key=lambda each: alike(each.name))

    def cast(self, owner: str) -> Mapping[str, str]:
        """The words for each of the owner's characters, by name."""
        return {each.name: each.words for each in self.all(owner)}

    def one(self, character_id: str, owner: str) -> Character:
        """One character.

        Raises:
            NotFound: there is none by this id, or it belongs to somebody else.
        """
        with self._database.reading() as session:
            return _character(_row(session, character_id, owner))

    def called(self, name: str, owner: str) -> Character:
        """The owner's character of a name, in whatever letters.

        Raises:
            NotFound: there is none.
        """
        for each in self.all(owner):
            if alike(each.name) == alike(name):
                return each
        raise NotFound("There is no character of this name any more.")

    def save(self, character: Character, owner: str, was: Character | None = None) -> Character:
        """Store a character, or change the one of its id; returns it as it is stored.

        Args:
            was: what whoever changes it takes it for; None to replace it, whatever it is.

        Raises:
            InvalidRecipe: a field can't have its value, another one has the name, or there are too
                many.
            NotFound: as :meth:`one`.
            ChangedMeanwhile: it is another one by now than it was.
        """
        values = columns_of(character)
        named = [("images", digest) for digest in values["images"]]
        with self._inputs.held(named, owner), self._database.session() as session:
            others = [row for row in session.scalars(_of(owner)) if row.id != character.id]
            check_room(values["name"], [row.name for row in others])
            if character.id:
                row = _row(session, character.id, owner)
                present = {name: getattr(row, name) for name in values}
                if was is not None and present not in (columns_of(was), values):
                    raise ChangedMeanwhile
            else:
                made = {"id": secrets.token_hex(16), "created_at": datetime.now(UTC)}
                row = CharacterRow(owner=owner, **made)
                session.add(row)
            for name, value in values.items():
                setattr(row, name, value)
            session.flush()
            return _character(row)

    def delete(self, character_id: str, owner: str) -> None:
        """Delete a character, and its pictures where nothing else uses them and they are old.

        Raises:
            NotFound: as :meth:`one`.
        """
        with self._database.session(frees=True) as session:
            row = _row(session, character_id, owner)
            session.delete(row)
        self._database.forget()
        self._inputs.sweep()


def _of(owner: str) -> Select[CharacterRow]:
    return select(CharacterRow).where(CharacterRow.owner == owner)


def _row(session: Session, character_id: str, owner: str) -> CharacterRow:
    row = session.scalar(_of(owner).where(CharacterRow.id == character_id))
    if row is None:
        raise NotFound("This character is not here any more. It may have been deleted.")
    return row


def _character(row: CharacterRow) -> Character:
    return Character(row.name, row.words, tuple(row.images), row.seed, row.id)


def columns_of(character: Character) -> dict[str, Any]:
    """What a character's row has of it, by column.

    Raises:
        InvalidRecipe: a field can't have its value.
    """
    name = one_line(character.name.strip().removeprefix("@"), "name", MAX_NAME)
    if not name or _NOT_IN_A_NAME.search(name):
        raise InvalidRecipe.because(
            "name",
            "name: has to be one word without spaces and the signs @ { | }, as in @Aiko; a "
            "hyphen may stand for a space.",
        )
    images = list(dict.fromkeys(character.images))
    if len(images) > MOST_IMAGES or not all(map(is_digest, images)):
        raise InvalidRecipe.because(
            "images", f"images: at most {MOST_IMAGES} pictures are kept with a character."
        )
    seed = character.seed
    if seed is not None and not 0 <= seed <= MAX_SEED:
        raise InvalidRecipe.because(
            "seed", f"seed: is a whole number from 0 to {MAX_SEED}. Leave it out for any."
        )
    words = one_line(character.words, "words", MAX_WORDS)
    return {"name": name, "words": words, "images": images, "seed": seed}


def check_room(name: str, others: Sequence[str]) -> None:
    """See that another character may be added.

    Args:
        others: the names of those that the owner has.

    Raises:
        InvalidRecipe: one of them has the name, or there are too many.
    """
    if alike(name) in map(alike, others):
        raise InvalidRecipe.because(
            "name", f"name: {name} is another character's. Choose another name."
        )
    if len(others) >= MOST_CHARACTERS:
        raise InvalidRecipe.because(
            "name", f"name: {MOST_CHARACTERS} characters are the most. Delete one first."
        )
