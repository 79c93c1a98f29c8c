"""The tables of the library and the queue, as they are after the last migration."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    DateTime,
    Dialect,
    ForeignKey,
    Index,
    String,
    UniqueConstraint,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship
from sqlalchemy.types import TypeDecorator

from ltx_ui.studio.jobs import Queued, Running

LIVE = (Queued.name, Running.name)
"""The column ``state`` of jobs that have not ended."""


class UtcDateTime(TypeDecorator[datetime]):
    """An aware datetime in UTC, stored without a time zone, which SQLite doesn't have."""

    impl = DateTime
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return value and value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        return None if value is None else datetime.replace(value, tzinfo=UTC)


class Base(DeclarativeBase):
    """What the tables are made from."""


class TagRow(Base):
    """A tag of a take; ``take`` is the take's number."""

    __tablename__ = "tags"
    __table_args__ = (Index("ix_tags_tag", "tag"),)

    take: Mapped[int] = mapped_column(
        ForeignKey("takes.number", ondelete="CASCADE"), primary_key=True
    )
    tag: Mapped[str] = mapped_column(String(40), primary_key=True)


class TakeRow(Base):
    """A saved clip. ``number`` is the order in which takes were saved.

    ``made_from`` is the id of the take that it came from, which may be gone, and ``relation`` how.
    ``deleted_at`` is set while its deletion can be undone. ``width`` to ``seed`` repeat the
    recipe, for finding takes by them; ``bytes`` is what its files take, 0 where that is unknown.
    """

    __tablename__ = "takes"
    __table_args__ = (
        Index("ix_takes_owner_number", "owner", "number"),
        Index("ix_takes_made_from", "made_from"),
        Index("ix_takes_deleted_at", "deleted_at"),
    )

    number: Mapped[int] = mapped_column(primary_key=True)
    id: Mapped[str] = mapped_column(String(32), unique=True)
    owner: Mapped[str]
    recipe: Mapped[dict[str, Any]] = mapped_column(JSON)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    seconds: Mapped[float]
    timings: Mapped[dict[str, float]] = mapped_column(JSON)
    versions: Mapped[dict[str, str]] = mapped_column(JSON)
    model: Mapped[str]
    device: Mapped[str]
    notes: Mapped[list[str]] = mapped_column(JSON)
    note: Mapped[str] = mapped_column(default="")
    favourite: Mapped[bool] = mapped_column(default=False)
    draft: Mapped[bool] = mapped_column(default=False)
    findings: Mapped[list[str]] = mapped_column(JSON)
    video: Mapped[str]
    poster: Mapped[str]
    name: Mapped[str] = mapped_column(String(80), default="")
    made_from: Mapped[str | None] = mapped_column(String(32))
    relation: Mapped[str | None] = mapped_column(String(16))
    deleted_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    width: Mapped[int]
    height: Mapped[int]
    length: Mapped[float]
    with_picture: Mapped[bool]
    settings: Mapped[str] = mapped_column(default="")
    seed: Mapped[int] = mapped_column(BigInteger, default=0)
    bytes: Mapped[int] = mapped_column(default=0)
    tags: Mapped[list[TagRow]] = relationship(
        lazy="selectin", cascade="all, delete-orphan", order_by="TagRow.tag"
    )


class JobRow(Base):
    """A job. ``number`` is the order of submission, ``starts`` counts how often it was started,
    ``model`` is the model that it is for, and ``position`` the order of those that wait.
    ``made_from`` and ``relation`` become its takes'. ``holder`` is the process whose job it is
    until it has ended: see :class:`~ltx_ui.studio.backend.Backend`."""

    __tablename__ = "jobs"
    __table_args__ = (
        Index("ix_jobs_state_position", "state", "position"),
        Index("ix_jobs_owner_ended", "owner", "ended_at"),
    )

    number: Mapped[int] = mapped_column(primary_key=True)
    id: Mapped[str] = mapped_column(String(32), unique=True)
    owner: Mapped[str]
    recipe: Mapped[dict[str, Any]] = mapped_column(JSON)
    submitted_at: Mapped[datetime] = mapped_column(UtcDateTime)
    state: Mapped[str] = mapped_column(String(16))
    starts: Mapped[int] = mapped_column(default=0)
    model: Mapped[str]
    message: Mapped[str] = mapped_column(default="")
    position: Mapped[int]
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    draft: Mapped[bool] = mapped_column(default=False)
    made_from: Mapped[str | None] = mapped_column(String(32))
    relation: Mapped[str | None] = mapped_column(String(16))
    holder: Mapped[int] = mapped_column(BigInteger, default=0)


class PausedRow(Base):
    """An owner whose waiting jobs are not begun; without a name it stands for everybody."""

    __tablename__ = "paused"

    owner: Mapped[str] = mapped_column(primary_key=True)


class TimingRow(Base):
    """Seconds by stage of a take; ``settings`` are its recipe's, as JSON with sorted keys. The
    table keeps the name that it was made with."""

    __tablename__ = "paces"
    __table_args__ = (Index("ix_paces_kind", "model", "device", "settings", "texts"),)

    number: Mapped[int] = mapped_column(primary_key=True)
    model: Mapped[str]
    device: Mapped[str]
    settings: Mapped[str]
    texts: Mapped[int]
    timings: Mapped[dict[str, float]] = mapped_column(JSON)


class CharacterRow(Base):
    """Somebody whom clips show again and again. ``words`` describe them, ``images`` are digests of
    stored pictures, the first of which clips start from, and ``seed`` is theirs, if there is one.
    """

    __tablename__ = "characters"
    __table_args__ = (UniqueConstraint("owner", "name"),)

    number: Mapped[int] = mapped_column(primary_key=True)
    id: Mapped[str] = mapped_column(String(32), unique=True)
    owner: Mapped[str]
    name: Mapped[str] = mapped_column(String(40))
    words: Mapped[str] = mapped_column(default="")
    images: Mapped[list[str]] = mapped_column(JSON)
    seed: Mapped[int | None] = mapped_column(BigInteger)
    note: Mapped[str] = mapped_column(default="")
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class UserRow(Base):
    """Somebody with a name and a password of their own; ``password`` is its argon2 hash."""

    __tablename__ = "users"

    number: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(40), unique=True)
    password: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class SignInRow(Base):
    """Somebody is signed in. ``digest`` is the SHA-256 of the token in their cookie, and ``stamp``
    tells whether their password is still the one that they came with."""

    __tablename__ = "sign_ins"
    __table_args__ = (Index("ix_sign_ins_expires_at", "expires_at"),)

    digest: Mapped[str] = mapped_column(String(64), primary_key=True)
    name: Mapped[str]
    stamp: Mapped[str] = mapped_column(String(64))
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)


class TokenRow(Base):
    """A token by which a program asks for an owner. ``digest`` is the SHA-256 of the token, which
    itself is kept nowhere, and ``label`` what its owner calls it."""

    __tablename__ = "tokens"
    __table_args__ = (Index("ix_tokens_owner", "owner"),)

    number: Mapped[int] = mapped_column(primary_key=True)
    id: Mapped[str] = mapped_column(String(32), unique=True)
    digest: Mapped[str] = mapped_column(String(64), unique=True)
    owner: Mapped[str]
    label: Mapped[str] = mapped_column(String(80))
    scopes: Mapped[list[str]] = mapped_column(JSON)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    used_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class TakeLinkRow(Base):
    """A link by which whoever has it sees one take; ``take`` is the take's number."""

    __tablename__ = "take_links"
    __table_args__ = (Index("ix_take_links_take", "take"),)

    number: Mapped[int] = mapped_column(primary_key=True)
    id: Mapped[str] = mapped_column(String(32), unique=True)
    take: Mapped[int] = mapped_column(ForeignKey("takes.number", ondelete="CASCADE"))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class BanRow(Base):
    """Somebody who is not let in any more: a visitor's name, or what the names of all visitors from
    one address begin with."""

    __tablename__ = "bans"

    who: Mapped[str] = mapped_column(primary_key=True)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class AcceptedRow(Base):
    """A visitor has accepted a licence, by its name."""

    __tablename__ = "accepted"

    owner: Mapped[str] = mapped_column(primary_key=True)
    licence: Mapped[str] = mapped_column(primary_key=True)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class AskedRow(Base):
    """A job that was submitted under a key of its client's, so that the same request sent again
    finds it. ``digest`` is the SHA-256 of what was asked."""

    __tablename__ = "asked"
    __table_args__ = (Index("ix_asked_created_at", "created_at"),)

    owner: Mapped[str] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(String(255), primary_key=True)
    digest: Mapped[str] = mapped_column(String(64))
    job: Mapped[str] = mapped_column(String(32))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class SpentRow(Base):
    """For how many seconds the studio has worked for somebody, until when. Rows of more than a day
    ago are deleted with the next."""

    __tablename__ = "spent"
    __table_args__ = (Index("ix_spent_ended_at", "ended_at"),)

    number: Mapped[int] = mapped_column(primary_key=True)
    owner: Mapped[str]
    ended_at: Mapped[datetime] = mapped_column(UtcDateTime)
    seconds: Mapped[float]


class LastFrameRow(Base):
    """An owner has a take's last frame as a picture; ``take`` is the take's number."""

    __tablename__ = "last_frames"
    __table_args__ = (Index("ix_last_frames_take", "take"),)

    owner: Mapped[str] = mapped_column(primary_key=True)
    digest: Mapped[str] = mapped_column(String(80), primary_key=True)
    take: Mapped[int] = mapped_column(ForeignKey("takes.number", ondelete="CASCADE"))


class StoryboardRow(Base):
    """A storyboard: ``told`` is all of it, and ``making`` whether its shots are being made."""

    __tablename__ = "storyboards"
    __table_args__ = (Index("ix_storyboards_owner", "owner"),)

    number: Mapped[int] = mapped_column(primary_key=True)
    id: Mapped[str] = mapped_column(String(32), unique=True)
    owner: Mapped[str]
    told: Mapped[dict[str, Any]] = mapped_column(JSON)
    making: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    changed_at: Mapped[datetime] = mapped_column(UtcDateTime)
