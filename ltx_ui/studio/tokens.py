"""Tokens, by which programs ask for the person who made them."""

from __future__ import annotations

import hashlib
import re
import secrets
import uuid
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal, get_args

from sqlalchemy import ColumnElement, and_, delete, func, select, update
from sqlalchemy.orm import Session

from ltx_ui.errors import InvalidRecipe, NotFound, StudioError
from ltx_ui.studio.database import Database
from ltx_ui.studio.lately import Lately
from ltx_ui.studio.shelves import one_line
from ltx_ui.studio.tables import TokenRow

Scope = Literal["make", "read", "keep"]
"""What a token is for. ``make``: clips, and all that it takes to have one made; ``read``: what is
there; ``keep``: what is written on takes, links to them, and deleting them."""
SCOPES: tuple[Scope, ...] = get_args(Scope)

MOST = 100
"""Tokens that one owner may have."""
MAX_LABEL = 80
USED_EVERY = timedelta(minutes=5)
"""How exactly it is kept when a token was used last: writing it each time would make every request
of a program wait for the library's writers."""

_FORM = re.compile(r"ltx_[A-Za-z0-9_-]{43}")


@dataclass(frozen=True)
class Token:
    """What is known of a token; the token itself is kept nowhere.

    Attributes:
        owner: for whom it asks.
        label: what its owner calls it.
        used_at: when it was used last, within :data:`USED_EVERY`; None if it never was.
        expires_at: None if it does not.
    """

    id: str
    owner: str
    label: str
    scopes: frozenset[Scope]
    created_at: datetime
    used_at: datetime | None
    expires_at: datetime | None


class Tokens:
    """Everybody's tokens. Safe to call from any thread, and from several processes.

    Attributes:
        ids: those of all tokens that are neither revoked nor expired.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self.ids: Lately[frozenset[str]] = Lately(self._read_ids)

    def make(
        self,
        owner: str,
        label: str,
        scopes: Collection[str],
        expires_at: datetime | None = None,
    ) -> tuple[str, Token]:
        """Make a token; returns it, which nothing tells again, and what is known of it.

        Args:
            expires_at: with a time zone; None for never.

        Raises:
            InvalidRecipe: there is no such scope, or none is named; the label is too long; it would
                expire at once; or the owner has :data:`MOST` of them.
            MediaError: it could not be written.
        """
        now, secret = datetime.now(UTC), "ltx_" + secrets.token_urlsafe(32)
        if not scopes or not set(scopes) <= set(SCOPES):
            known = ", ".join(SCOPES)
            raise InvalidRecipe.because("scopes", f"scopes: must be one or more of {known}.")
        if expires_at is not None and expires_at <= now:
            raise InvalidRecipe.because("expires_at", "expires_at: lies in the past.")
        row = TokenRow(
            id=uuid.uuid4().hex,
            digest=_digest(secret),
            owner=owner,
            label=one_line(label, "label", MAX_LABEL),
            scopes=[scope for scope in SCOPES if scope in scopes],
            created_at=now,
            expires_at=expires_at,
        )
        with self._database.session() as session:
            session.execute(delete(TokenRow).where(TokenRow.owner == owner, _expired(now)))
            theirs = select(func.count(TokenRow.number)).where(TokenRow.owner == owner)
            if session.scalars(theirs).one() >= MOST:
                raise InvalidRecipe.because(
                    "label", f"There are {MOST} tokens already. Revoke one that is not used."
                )
            session.add(row)
        self.ids.changed()
        return secret, _token(row)

    def known(self, secret: str) -> Token | None:
        """What is known of a token that a program sent; None if it was never made, was revoked or
        has expired.

        Raises:
            MediaError: the library can't be read.
        """
        if not _FORM.fullmatch(secret):
            return None
        now = datetime.now(UTC)
        that = select(TokenRow).where(TokenRow.digest == _digest(secret), ~_expired(now))
        with self._database.reading() as session:
            if (row := session.scalar(that)) is None:
                return None
        if row.used_at is None or now - row.used_at > USED_EVERY:
            # A program may go on reading where nothing can be written.
            with suppress(StudioError), self._database.session() as session:
                used = update(TokenRow).where(TokenRow.number == row.number)
                session.execute(used.values(used_at=now))
        return _token(row)

    def all(self, owner: str | None = None) -> list[Token]:
        """The owner's tokens, or everybody's, oldest first; without those that have expired.

        Raises:
            MediaError: the library can't be read.
        """
        those = select(TokenRow).where(~_expired(datetime.now(UTC))).order_by(TokenRow.number)
        if owner is not None:
            those = those.where(TokenRow.owner == owner)
        with self._database.reading() as session:
            return [_token(row) for row in session.scalars(those)]

    def revoke(self, token_id: str, owner: str | None = None) -> None:
        """End a token; from then on it is refused.

        Args:
            owner: whose it has to be; None for anybody's.

        Raises:
            NotFound: there is none by this id, or it is somebody else's.
            MediaError: it could not be written.
        """
        that = select(TokenRow.number).where(TokenRow.id == token_id)
        if owner is not None:
            that = that.where(TokenRow.owner == owner)
        with self._database.session(frees=True) as session:
            if (number := session.scalar(that)) is None:
                raise NotFound("There is no such token. It may have been revoked already.")
            session.execute(delete(TokenRow).where(TokenRow.number == number))
        self.ids.changed()

    def _read_ids(self) -> frozenset[str]:
        with self._database.reading() as session:
            those = select(TokenRow.id).where(~_expired(datetime.now(UTC)))
            return frozenset(session.scalars(those))


def revoke_all(session: Session, owner: str) -> None:
    """End all tokens of an owner, in a session that writes."""
    session.execute(delete(TokenRow).where(TokenRow.owner == owner))


def _digest(secret: str) -> str:
    # Nobody guesses 256 random bits, so a fast hash is as good as a slow one.
    return hashlib.sha256(secret.encode()).hexdigest()


def _expired(now: datetime) -> ColumnElement[bool]:
    # Never NULL, so that its opposite holds of tokens that do not expire.
    return and_(TokenRow.expires_at.is_not(None), TokenRow.expires_at <= now)


def _token(row: TokenRow) -> Token:
    return Token(
        id=row.id,
        owner=row.owner,
        label=row.label,
        scopes=frozenset(scope for scope in SCOPES if scope in row.scopes),
        created_at=row.created_at,
        used_at=row.used_at,
        expires_at=row.expires_at,
    )
