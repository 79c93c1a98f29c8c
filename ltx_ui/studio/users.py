"""Named users: people with a name and a password of their own."""

from __future__ import annotations

import hashlib
import re
import secrets
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy import Select, select, update
from sqlalchemy.orm import Session

from ltx_ui.errors import InvalidRecipe, NotFound, WrongMoment
from ltx_ui.settings import GUEST, LOCAL, VISITOR
from ltx_ui.studio.database import Database
from ltx_ui.studio.lately import Lately
from ltx_ui.studio.sign_ins import sign_out
from ltx_ui.studio.tables import UserRow
from ltx_ui.studio.tokens import revoke_all

MAX_NAME = 40
LEAST_PASSWORD, MOST_PASSWORD = 8, 200
_NAME = re.compile(r"[^\W_][\w.@+-]*")
_HASHER = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
"""Argon2id with OWASP's first choice of parameters: 19 MiB and some 20 ms for each password."""


@dataclass(frozen=True)
class User:
    """Somebody who signs in with a name of their own."""

    name: str
    created_at: datetime


class Users:
    """Everybody who has a name here. Safe to call from any thread, and from several processes.

    Attributes:
        stamps: for each name a text that is another one as soon as the password is.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._key = secrets.token_bytes(32)
        self._right: dict[str, tuple[str, bytes]] = {}
        self.stamps: Lately[Mapping[str, str]] = Lately(self._read_stamps)

    def add(self, name: str, password: str) -> User:
        """Give somebody a name and a password.

        Raises:
            InvalidRecipe: the name or the password can't be used.
            WrongMoment: somebody has this name.
            MediaError: it could not be written.
        """
        name = checked_name(name)
        row = UserRow(name=name, password=_hash(password), created_at=datetime.now(UTC))
        with self._database.session() as session:
            for taken in session.scalars(select(UserRow.name)):
                if taken.casefold() == name.casefold():
                    raise WrongMoment(f"There is a user {taken} already.")
            session.add(row)
        self.stamps.changed()
        return User(row.name, row.created_at)

    def all(self) -> list[User]:
        """All of them, by name.

        Raises:
            MediaError: the library can't be read.
        """
        with self._database.reading() as session:
            rows = session.scalars(select(UserRow).order_by(UserRow.name))
            return [User(row.name, row.created_at) for row in rows]

    def remove(self, name: str) -> None:
        """Let somebody sign in no more. Their sessions and tokens end; their takes stay, for the
        owner to see.

        Raises:
            NotFound: there is nobody of this name.
            MediaError: it could not be written.
        """
        with self._database.session(frees=True) as session:
            session.delete(_found(session, name))
            revoke_all(session, name)
            sign_out(session, name)
        self.stamps.changed()

    def set_password(self, name: str, password: str) -> None:
        """Change somebody's password. Their sessions and tokens end.

        Raises:
            NotFound: there is nobody of this name.
            InvalidRecipe: the password can't be used.
            MediaError: it could not be written.
        """
        hashed = _hash(password)
        with self._database.session() as session:
            _found(session, name).password = hashed
            revoke_all(session, name)
            sign_out(session, name)
        self.stamps.changed()

    def verify(self, name: str, password: str) -> bool:
        """Whether there is somebody of this name with this password. It takes as long where there
        is nobody, so that nobody learns who is here. Takes some 20 ms of a CPU; a password that was
        right before takes none.

        Raises:
            MediaError: the library can't be read.
        """
        if len(password) > MOST_PASSWORD or len(name) > MAX_NAME:
            return False
        with self._database.reading() as session:
            # PostgreSQL takes no NUL, for one.
            row = session.scalar(_row_of(name)) if _NAME.fullmatch(name) else None
        hashed = row.password if row else _nobodys()
        digest = self._digest(password)
        if row and self._right.get(name) == (hashed, digest):
            return True
        if not _is_right(hashed, password) or row is None:
            return False
        if _HASHER.check_needs_rehash(hashed):
            hashed = self._hash_again(name, hashed, password)
        self._right[name] = hashed, digest
        return True

    def _read_stamps(self) -> Mapping[str, str]:
        with self._database.reading() as session:
            rows = session.execute(select(UserRow.name, UserRow.password))
            return {name: hashlib.sha256(each.encode()).hexdigest() for name, each in rows}

    def _hash_again(self, name: str, before: str, password: str) -> str:
        after = _HASHER.hash(password)
        with self._database.session() as session:
            same = update(UserRow).where(UserRow.name == name, UserRow.password == before)
            session.execute(same.values(password=after))
        self.stamps.changed()
        return after

    def _digest(self, password: str) -> bytes:
        """What a password that was right is known by again, in this process alone."""
        return hashlib.blake2b(password.encode(), key=self._key).digest()


def checked_name(name: str, most: int = MAX_NAME) -> str:
    """A name that somebody may have.

    Args:
        most: characters that it may have.

    Raises:
        InvalidRecipe: nobody may; says what is allowed.
    """
    name = unicodedata.normalize("NFC", name)
    if len(name) > most or not _NAME.fullmatch(name):
        raise InvalidRecipe.because(
            "name",
            f"A name has 1 to {most} letters, digits and characters of . _ @ + -, and begins with "
            "a letter or a digit.",
        )
    if name.casefold().startswith(VISITOR) or name.casefold() in (LOCAL, GUEST):
        raise InvalidRecipe.because("name", "The studio calls others by this name. Take another.")
    return name


def _hash(password: str) -> str:
    if not LEAST_PASSWORD <= len(password) <= MOST_PASSWORD or not password.isprintable():
        raise InvalidRecipe.because(
            "password",
            f"A password has {LEAST_PASSWORD} to {MOST_PASSWORD} characters, none of which is "
            "invisible.",
        )
    return _HASHER.hash(password)


def _is_right(hashed: str, password: str) -> bool:
    try:
        return _HASHER.verify(hashed, password)
    except (VerificationError, InvalidHashError):
        return False


@cache
def _nobodys() -> str:
    """The hash of a password that nobody knows."""
    return _HASHER.hash(secrets.token_hex())


def _row_of(name: str) -> Select[UserRow]:
    return select(UserRow).where(UserRow.name == name)


def _found(session: Session, name: str) -> UserRow:
    row = session.scalar(_row_of(name)) if _NAME.fullmatch(name) else None
    if row is None:
        raise NotFound("There is no user of this name. ltx-ui user list tells them all.")
    return row
