"""PostgreSQL's errors as errors for a person, with what to do about them."""

from __future__ import annotations

from sqlalchemy.exc import (
    DBAPIError,
    InterfaceError,
    OperationalError,
    SQLAlchemyError,
    TimeoutError,
)

from ltx_ui.errors import LibraryUnavailable, MediaError, StudioError

_AWAY = (
    LibraryUnavailable,
    "The studio's library can't be reached at the moment. Try again in a minute; if it stays so, "
    "the operator finds the reason in the log.",
)
_HELD = (
    LibraryUnavailable,
    "The studio's library was busy with something else for too long. Try again.",
)
_FULL = (
    MediaError,
    "There is no room left to save this: the disk of the studio's database is full. Its operator "
    "has to make some.",
)
_FORBIDDEN = (
    MediaError,
    "The studio's library can't be written: its user may only read the database. Its operator has "
    "to grant it more.",
)
_SAID: dict[str, tuple[type[StudioError], str]] = {
    "08": _AWAY,  # the connection
    "57": _AWAY,  # the server shuts down, starts, or ends what runs
    "53": _AWAY,  # too many connections, too little memory
    "58": _AWAY,  # the server's own machine
    "40": _HELD,  # a deadlock
    "55": _HELD,  # a lock that was not given in time
    "53100": _FULL,
    "42501": _FORBIDDEN,
    "25006": _FORBIDDEN,
}
"""What is said of an error code of PostgreSQL's, or of all that begin with two characters."""


def person_error(error: SQLAlchemyError) -> StudioError | None:
    """The error for a person; None if PostgreSQL's error tells of a fault in this program."""
    if (said := _said(error)) is None:
        return None
    kind, sentence = said
    return kind(sentence)


def unreachable(name: str, error: SQLAlchemyError) -> LibraryUnavailable:
    """The error for an operator who starts the program."""
    return LibraryUnavailable(
        f"The library in PostgreSQL at {name} can't be used: {first_line(error)}. Check that the "
        "server runs, that the database is there and its user may make tables in it, and that "
        "--database (LTX_UI_DATABASE) is right."
    )


def first_line(error: SQLAlchemyError) -> str:
    """What the server or the driver says; neither statements nor what was written stand in it."""
    said = error.orig if isinstance(error, DBAPIError) else error
    return str(said).strip().partition("\n")[0]


def _said(error: SQLAlchemyError) -> tuple[type[StudioError], str] | None:
    if isinstance(error, TimeoutError):
        return _HELD
    code = getattr(error.orig, "sqlstate", None) if isinstance(error, DBAPIError) else None
    if code is None:
        # psycopg gives those no code that come from the network, or from a server that refuses.
        return _AWAY if isinstance(error, OperationalError | InterfaceError) else None
    return _SAID.get(code, _SAID.get(code[:2]))
