"""SQL that SQLite and PostgreSQL say differently."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Dialect,
    Select,
    String,
    Table,
    Text,
    func,
    literal,
    select,
)
from sqlalchemy.dialects.postgresql import TSVECTOR
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.orm import InstrumentedAttribute, Session
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import TypeDecorator, TypeEngine

_LONGEST = 400
"""Characters of a word that count in PostgreSQL, which takes 2046 bytes."""
_END = "."
"""Stands behind the last word of a field, so that no phrase goes on in the next one."""


class Words(TypeDecorator[str]):
    """Words with spaces between, in their order, as full-text search keeps them: as they are in
    SQLite, with their places in PostgreSQL. They are written and never read. None has a quote or a
    backslash."""

    impl = Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """PostgreSQL has a type for them."""
        return dialect.type_descriptor(TSVECTOR() if dialect.name == "postgresql" else Text())

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        """For PostgreSQL as ``'word':1 'word':2 …``."""
        if value is None or dialect.name != "postgresql":
            return value
        placed = enumerate([*value.split(), _END], 1)
        return " ".join(f"{_quoted(word)}:{place}" for place, word in placed)


class HasTerms(FunctionElement[Any]):
    """Whether a row has all of a search's terms: words with spaces between, the last of which may
    be the beginning of one.

    Args:
        words: what holds them all: the table itself in SQLite, a column in PostgreSQL.
    """

    inherit_cache = True  # Of no type: SQLite would compare a truth with 1, but MATCH stands alone.

    def __init__(self, words: ColumnElement[Any], terms: list[str]) -> None:
        for_sqlite = " ".join(f'"{term}" *' for term in terms)
        for_postgres = " & ".join(f"({_phrase(term)}:*)" for term in terms)
        super().__init__(words, literal(for_sqlite, String), literal(for_postgres, String))


class Atoms(FunctionElement[str]):
    """A JSON column's texts, as a table with a column ``atom``. In PostgreSQL these are only the
    digests, found in the text as it is written: its functions for JSON refuse all that has a NUL
    somewhere, as a prompt may."""

    inherit_cache = True


def digests_in(column: InstrumentedAttribute[Any]) -> Select[tuple[str]]:
    """The digests of files in a JSON column, wherever they stand there: whatever kind of input
    comes later, its files are found as well."""
    atom = Atoms(column).table_valued("atom", joins_implicitly=True).c.atom
    return select(atom).select_from(column.class_).where(atom.like("sha256:%"))


def count_on(session: Session, tables: Iterable[Table]) -> None:
    """Let new rows be numbered behind those that were written with their numbers. SQLite does so by
    itself."""
    if session.get_bind().dialect.name != "postgresql":
        return
    for table in tables:
        behind = select(func.coalesce(func.max(table.c.number), 0) + 1).scalar_subquery()
        counter = func.pg_get_serial_sequence(table.name, "number")
        session.execute(select(func.setval(counter, behind, False)))


def _quoted(word: str) -> str:
    return f"'{word[:_LONGEST]}'"


def _phrase(term: str) -> str:
    return " <-> ".join(map(_quoted, term.split()))


def _parts(element: FunctionElement[Any], compiler: SQLCompiler, options: Any) -> list[str]:
    return [compiler.process(each, **options) for each in element.clauses]


@compiles(HasTerms, "sqlite")
def _has_terms_sqlite(element: HasTerms, compiler: SQLCompiler, **options: Any) -> str:
    words, query, _ = _parts(element, compiler, options)
    return f"{words} MATCH {query}"


@compiles(HasTerms, "postgresql")
def _has_terms_postgres(element: HasTerms, compiler: SQLCompiler, **options: Any) -> str:
    words, _, query = _parts(element, compiler, options)
    return f"{words} @@ CAST({query} AS tsquery)"


@compiles(Atoms, "sqlite")
def _atoms_sqlite(element: Atoms, compiler: SQLCompiler, **options: Any) -> str:
    [column] = _parts(element, compiler, options)
    # Its functions fail on a damaged text, and with it the whole query.
    return f"json_tree(CASE WHEN json_valid({column}) THEN {column} END)"


@compiles(Atoms, "postgresql")
def _atoms_postgres(element: Atoms, compiler: SQLCompiler, **options: Any) -> str:
    [column] = _parts(element, compiler, options)
    found = f"""regexp_matches(CAST({column} AS text), '"(sha256:[0-9a-f]+)"', 'g')"""
    return f"LATERAL (SELECT found[1] AS atom FROM {found} AS found)"  # a column  # nosec B608
