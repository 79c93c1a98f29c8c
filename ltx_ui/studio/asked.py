"""Clients' keys for their requests: who sends a request again, finds the job of the first time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import delete
from sqlalchemy.orm import Session

from ltx_ui.errors import KeyReused, StudioError
from ltx_ui.studio.tables import AskedRow

KEPT_SECONDS = 24 * 3600.0
"""How long a key stands for its request."""


@dataclass(frozen=True)
class Key:
    """A client's key for a request.

    Attributes:
        name: what the client calls it; at most 255 characters.
        digest: SHA-256 of what was asked, in hexadecimal digits.
    """

    name: str
    digest: str


class KeyTaken(StudioError):
    """The same request arrived a moment earlier, and has its job by now."""

    http_status = 409

    def __init__(self) -> None:
        super().__init__("The same request is being answered. Send it again in a moment.")


def note(session: Session, key: Key, owner: str, job_id: str) -> None:
    """Let a key of an owner's stand for a job that is written in the same session. Keys of long ago
    are forgotten.

    Raises:
        KeyTaken: it stands for a job already.
    """
    now = datetime.now(UTC)
    session.execute(delete(AskedRow).where(AskedRow.created_at < _too_long_ago(now)))
    if session.get(AskedRow, (owner, key.name)) is not None:
        raise KeyTaken
    row = AskedRow(owner=owner, key=key.name, digest=key.digest, job=job_id, created_at=now)
    session.add(row)


def job_of(session: Session, key: Key, owner: str) -> str | None:
    """The id of the job that an owner's key stands for; None if it stands for none.

    Raises:
        KeyReused: it stands for one, but something else is asked for now.
    """
    row = session.get(AskedRow, (owner, key.name))
    if row is None or row.created_at < _too_long_ago(datetime.now(UTC)):
        return None
    if row.digest != key.digest:
        raise KeyReused(
            "This Idempotency-Key came with another request before. Give each request a key of its "
            "own, and send the same bytes again only to repeat one."
        )
    return row.job


def _too_long_ago(now: datetime) -> datetime:
    return now - timedelta(seconds=KEPT_SECONDS)
