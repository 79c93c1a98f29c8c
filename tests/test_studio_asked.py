"""Clients' keys for their requests, on both databases and over a restart."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from postgres import ON_BOTH
from sqlalchemy import update
from studios import engine_of, idle, quick

from ltx_ui.errors import KeyReused, QueueFull
from ltx_ui.studio.asked import KEPT_SECONDS, Key, KeyTaken
from ltx_ui.studio.tables import AskedRow

ONE, OTHER = Key("mine", "1" * 64), Key("mine", "2" * 64)


@ON_BOTH
def test_a_key_stands_for_its_job_over_a_restart(tmp_path: Path, database: str | None) -> None:
    with idle(tmp_path, database) as studio:
        job = studio.submit(quick(), "ada", key=ONE)
        assert studio.asked(ONE, "ada") == job
        assert studio.asked(ONE, "bob") is None
    with idle(tmp_path, database) as studio:
        found = studio.asked(ONE, "ada")
        assert found is not None
        assert found.id == job.id
        with pytest.raises(KeyReused):
            studio.asked(OTHER, "ada")


@ON_BOTH
def test_a_key_is_taken_once_and_not_by_a_job_that_is_refused(
    tmp_path: Path, database: str | None
) -> None:
    other = Key("other", "3" * 64)
    with idle(tmp_path, database, max_queue=2) as studio:
        job = studio.submit(quick(), "ada", key=ONE)
        with pytest.raises(KeyTaken):
            studio.submit(quick(), "ada", key=ONE)
        assert [found for _, found in studio.jobs("ada", limit=10)] == [job]
        studio.submit(quick(), "ada")
        with pytest.raises(QueueFull):
            studio.submit(quick(), "ada", key=other)
        assert studio.asked(other, "ada") is None
        studio.cancel(job.id, "ada")
        assert studio.submit(quick(), "ada", key=other).live


@ON_BOTH
def test_a_key_is_forgotten_after_a_day(tmp_path: Path, database: str | None) -> None:
    long_ago = datetime.now(UTC) - timedelta(seconds=KEPT_SECONDS + 1)
    with idle(tmp_path, database) as studio:
        first = studio.submit(quick(), "ada", key=ONE)
        engine = engine_of(database or tmp_path / "library.sqlite3")
        with engine.begin() as connection:
            connection.execute(update(AskedRow).values(created_at=long_ago))
        engine.dispose()
        assert studio.asked(ONE, "ada") is None
        second = studio.submit(quick(), "ada", key=OTHER)
        found = studio.asked(OTHER, "ada")
        assert found is not None
        assert found.id == second.id != first.id
