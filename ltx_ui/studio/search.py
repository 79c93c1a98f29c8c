"""Full-text search over takes: the words of prompts and of what owners wrote, in an FTS5 table of
SQLite's or with an inverted index of PostgreSQL's.

Either gets words that were found here, by the present Unicode, and only keeps their places.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping
from typing import Any

import regex
from sqlalchemy import (
    Connection,
    Select,
    column,
    delete,
    insert,
    select,
    table,
    text,
    update,
)
from sqlalchemy.orm import Session

from ltx_ui.mentions import names_in
from ltx_ui.studio.dialects import HasTerms, Words
from ltx_ui.studio.tables import TakeRow

MAX_SEARCH = 200
"""Characters of a search that count; the rest is left out."""
TABLE = "take_words"
FIELDS = ("prompt", "note")
_CREATE = {
    # To this tokenizer ASCII letters and digits belong to words, and all that is beyond ASCII.
    "sqlite": [f"CREATE VIRTUAL TABLE {TABLE} USING fts5({', '.join(FIELDS)}, tokenize = 'ascii')"],
    # The column with all words has the name of the table, as the hidden one that FTS5 has.
    "postgresql": [
        f"CREATE TABLE {TABLE} (rowid integer PRIMARY KEY, "
        + "".join(f"{field} tsvector NOT NULL, " for field in FIELDS)
        + f"{TABLE} tsvector GENERATED ALWAYS AS ({' || '.join(FIELDS)}) STORED)",
        f"CREATE INDEX ix_{TABLE} ON {TABLE} USING gin ({TABLE})",
    ],
}

_WORDS = table(TABLE, column("rowid"), *(column(field, Words) for field in FIELDS), column(TABLE))
"""``rowid`` is a take's number."""
_ACCENTS = regex.compile(r"\p{InCombiningDiacriticalMarks}")
_SPACELESS = (
    r"[[\p{scx=Han}\p{scx=Hira}\p{scx=Kana}\p{scx=Bopo}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}"
    r"\p{Tibetan}]&&[\p{L}\p{M}\p{N}]]"
)
"""A character of a script that is written without spaces between words."""
_WORD = regex.compile(rf"(?V1){_SPACELESS}|(?:(?!{_SPACELESS})[\p{{L}}\p{{M}}\p{{N}}])+")
_SIGN = regex.compile(r"[\p{P}\p{S}]")
_BEYOND_ASCII = {code: code + 0xFEE0 for code in range(0x21, 0x7F)}
"""ASCII's signs as full-width ones, which a folded text has none of."""


def create(connection: Connection) -> None:
    """Make the table."""
    for statement in _CREATE[connection.dialect.name]:
        connection.exec_driver_sql(statement)


def add_words(session: Session, row: TakeRow) -> None:
    """Let a take be found. It has been flushed, so that it has a number."""
    fields = {"prompt": prompted(row.recipe), "note": _written(row)}
    session.execute(insert(_WORDS).values(rowid=row.number, **fields))


def replace_note(session: Session, row: TakeRow) -> None:
    """Let a take be found by its present name, tags and note."""
    this = _WORDS.c.rowid == row.number
    session.execute(update(_WORDS).where(this).values(note=_written(row)))


def prompted(recipe: Mapping[str, Any]) -> str:
    """The words of a recipe's prompt, and the names in what was typed: the prompt has the words
    that ``@name`` stood for.

    Args:
        recipe: as JSON.
    """
    typed = recipe.get("typed")
    named = names_in(str(typed.get("prompt"))) if isinstance(typed, dict) else []
    return words("\n".join([recipe["prompt"], *named]))


def _written(row: TakeRow) -> str:
    """The words of all that the owner wrote on a take."""
    # In order, as they are read again: a new one stands last until then.
    tags = sorted(each.tag for each in row.tags)
    return words("\n".join([row.name, *tags, row.note]))


def drop_words(session: Session, number: int) -> None:
    """Let a take be found no more. Its words stay in the table's file until :func:`compact`."""
    session.execute(delete(_WORDS).where(_WORDS.c.rowid == number))


def compact(session: Session) -> None:
    """Write SQLite's table anew without the words of takes that are gone: 20 ms for 3 000 takes."""
    if session.get_bind().dialect.name == "sqlite":
        optimize = f"INSERT INTO {TABLE} ({TABLE}) VALUES ('optimize')"  # a constant  # nosec B608
        session.execute(text(optimize))


def out_of_step(session: Session, rows: Iterable[TakeRow]) -> set[int]:
    """The numbers of the takes whose words the table has not, or not as they are, and of those that
    it has and that are none of these."""
    own = {row.number: (prompted(row.recipe), _written(row)) for row in rows}
    wrong = own.keys() ^ set(session.scalars(select(_WORDS.c.rowid)))
    for number, (prompt, note) in own.items():
        # Compared there: PostgreSQL doesn't give words back as it got them.
        same = select(_WORDS.c.rowid).where(_WORDS.c.prompt == prompt, _WORDS.c.note == note)
        if session.scalar(same.where(_WORDS.c.rowid == number)) is None:
            wrong.add(number)
    return wrong


def index_anew(session: Session, rows: Iterable[TakeRow]) -> None:
    """Let these takes be found, and no others."""
    session.execute(delete(_WORDS))
    for row in rows:
        add_words(session, row)
    compact(session)


def found(search: str) -> Select[tuple[int]] | None:
    """The numbers of the takes that have all of a search's terms; None if it has none.

    Terms stand between spaces, in any order, and each may be the beginning of a word. Case and
    accents do not matter. In scripts without spaces a term may stand anywhere. Signs count where a
    term has nothing else.
    """
    terms = [term for typed in search[:MAX_SEARCH].split() for term in _terms(typed)]
    if not terms:
        return None
    return select(_WORDS.c.rowid).where(HasTerms(column(TABLE), terms))


def words(text: str) -> str:
    """A text as the table has it: its words in their order, then its signs, with spaces between."""
    folded = _folded(text)
    signs = sorted({*_SIGN.findall(folded)})
    return " ".join([*_WORD.findall(folded), *_beyond_ascii(signs)])


def _terms(typed: str) -> list[str]:
    """What a term stands for in the table: its words, in their order, or else its signs."""
    folded = _folded(typed)
    in_order = " ".join(_WORD.findall(folded))
    return [in_order] if in_order else _beyond_ascii(_SIGN.findall(folded))


def _beyond_ascii(signs: list[str]) -> list[str]:
    return [sign.translate(_BEYOND_ASCII) for sign in signs]


def _folded(text: str) -> str:
    """A text without accents and without different ways to write the same letter."""
    apart = unicodedata.normalize("NFKD", text)
    return unicodedata.normalize("NFKC", _ACCENTS.sub("", apart).casefold())
