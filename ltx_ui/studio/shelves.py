"""What owners write on their takes: names, tags, notes and hearts."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import regex
from sqlalchemy import Select, Text, cast, func, select
from sqlalchemy.orm import Session

from ltx_ui.errors import ChangedMeanwhile, InvalidRecipe
from ltx_ui.mentions import mentioned
from ltx_ui.studio.search import replace_note
from ltx_ui.studio.tables import TagRow, TakeRow
from ltx_ui.studio.takes import PRESENT
from ltx_ui.words import squeeze

MAX_NAME = 80
MAX_TAG = 40
MAX_NOTE = 2000
MOST_TAGS = 20
"""Tags of one take."""
_AT_ONCE = 100
"""Rows that are fetched together."""
_UNSTORED = regex.compile(r"(?![\t\n\r])[\p{Cc}\p{Cs}]")
"""Control characters, of which PostgreSQL takes no NUL, and halves of surrogate pairs, which are no
text."""


_BETWEEN_TAGS = regex.compile("[,\uff0c\u3001\u060c]")
"""Commas of all scripts: they part tags wherever these are typed, so no tag has one."""


@dataclass(frozen=True)
class Marks:
    """What an owner changes about a take; None leaves it as it is.

    Attributes:
        name, note: empty takes it away.
        favourite: a draft that becomes one, or was one, is no draft any more.
        tags: all that the take has from now on.
        was: what whoever changes it takes for written there; where it is none of that, nothing is
            changed. Empty: whatever is there is replaced.
    """

    name: str | None = None
    note: str | None = None
    favourite: bool | None = None
    tags: Collection[str] | None = None
    was: Sequence[Marks] = ()

    def put(self, session: Session, row: TakeRow) -> None:
        """Change a take's row, and the words that it is found by.

        Raises:
            InvalidRecipe: the name or a tag is too long, or there are too many tags.
            ChangedMeanwhile: something else is written there by now than :attr:`was`.
        """
        # Who asks for what is there already asks once more, for lack of an answer.
        if self.was and not any(each.are_on(row) for each in (*self.was, self)):
            raise ChangedMeanwhile
        if self.favourite is not None:
            row.favourite, row.draft = self.favourite, row.draft and not self.favourite
        if self.note is not None:
            row.note = _as_note(self.note)
        if self.name is not None:
            row.name = one_line(self.name, "name", MAX_NAME)
        if self.tags is not None:
            _tag(row, self.tags)
        replace_note(session, row)

    def are_on(self, row: TakeRow) -> bool:
        """Whether all of it is what a take's row has."""
        return (
            self.favourite in (None, row.favourite)
            and (self.note is None or _as_note(self.note) == row.note)
            and (self.name is None or one_line(self.name, "name", MAX_NAME) == row.name)
            and (self.tags is None or set(as_tags(self.tags)) == {each.tag for each in row.tags})
        )


def _as_note(text: str) -> str:
    return storable(text).strip()[:MAX_NOTE]


def storable(text: str) -> str:
    """A text without what no database can hold or nobody can see; line breaks stay."""
    return _UNSTORED.sub("", text)


def one_line(text: str, field: str, most: int) -> str:
    """A name in one line, its letters written in one way (NFC), so that alike is the same.

    Args:
        field: what it is called in the error.
        most: characters that it may have.

    Raises:
        InvalidRecipe: it has more.
    """
    line = unicodedata.normalize("NFC", squeeze(storable(text)))
    if len(line) > most:
        raise InvalidRecipe.because(
            field, f"{field}: has {len(line)} characters; at most {most} are allowed. Shorten it."
        )
    return line


def change_tags(
    session: Session, rows: Iterable[TakeRow], add: Iterable[str], remove: Iterable[str]
) -> None:
    """Give takes some tags, and take others away.

    Raises:
        InvalidRecipe: as :meth:`Marks.put`.
    """
    more, less = as_tags(add), as_tags(remove)
    for row in rows:
        present = as_tags(each.tag for each in row.tags)
        _tag(row, [tag for tag in dict.fromkeys([*present, *more]) if tag not in less])
        replace_note(session, row)


def as_tags(texts: Iterable[str]) -> list[str]:
    """Tags as they are kept: each once, none empty, parted at commas.

    Raises:
        InvalidRecipe: one is too long.
    """
    parted = (part for text in texts for part in _BETWEEN_TAGS.split(text))
    return list(dict.fromkeys(filter(None, (one_line(part, "tags", MAX_TAG) for part in parted))))


def tags_of(owner: str) -> Select[str, int]:
    """The tags of an owner's takes that are no drafts, each with the number of its takes, the most
    used first."""
    count = func.count()
    return (
        select(TagRow.tag, count)
        .join(TakeRow, TakeRow.number == TagRow.take)
        .where(TakeRow.owner == owner, TakeRow.draft.is_(False), PRESENT)
        .group_by(TagRow.tag)
        .order_by(count.desc(), TagRow.tag)
    )


def of_seed(session: Session, owner: str, seed: int) -> Iterator[int]:
    """The numbers of an owner's takes of a seed, drafts among them, newest first."""
    found = _recipes(session, owner, str(seed))
    return (number for number, recipe in found if recipe.get("seed") == seed)


def naming(session: Session, owner: str, name: str) -> Iterator[int]:
    """The numbers of an owner's takes, drafts among them, for whose prompt somebody typed
    ``@name``; newest first."""
    # JSON may write others as escapes, and not every database knows their small letters.
    plain = name.isascii() and name.isalnum()
    for number, recipe in _recipes(session, owner, f"@{name}" if plain else "@"):
        typed = recipe.get("typed")
        prompt = typed.get("prompt") if isinstance(typed, dict) else None
        if isinstance(prompt, str) and mentioned(prompt, [name]):
            yield number


def _recipes(session: Session, owner: str, part: str) -> Iterator[tuple[int, dict[str, Any]]]:
    """An owner's takes, newest first, with their recipes as JSON, of those that have a part in it.

    They are read here, as the databases' JSON differs, and a damaged one would end a whole query.
    """
    recipe = cast(TakeRow.recipe, Text)
    query = select(TakeRow.number, recipe).where(TakeRow.owner == owner, PRESENT)
    newest_first = query.where(recipe.icontains(part)).order_by(TakeRow.number.desc())
    for number, text in session.execute(newest_first.execution_options(yield_per=_AT_ONCE)):
        with suppress(ValueError):
            if isinstance(read := json.loads(text), dict):
                yield number, read


def _tag(row: TakeRow, texts: Iterable[str]) -> None:
    tags = as_tags(texts)
    if len(tags) > MOST_TAGS:
        raise InvalidRecipe.because(
            "tags", f"tags: there are {len(tags)}; a take has at most {MOST_TAGS}. Remove some."
        )
    kept = {each.tag: each for each in row.tags}
    row.tags = [kept.get(tag) or TagRow(tag=tag) for tag in tags]
