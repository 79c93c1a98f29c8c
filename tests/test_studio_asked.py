"""Clients' keys for their requests, on both databases and over a restart."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from postgres import ON_BOTH
from sqlalchemy import update
from studios import OpenStudio, quick

from ltx_ui.errors import KeyReused, QueueFull
from ltx_ui.studio.asked import KEPT_SECONDS, Key, KeyTaken
from ltx_ui.studio.tables import AskedRow

ONE, OTHER = Key("mine", "1" * 64), Key("mine", "2" * 64)


@ON_BOTH
def test_a_key_stands_for_its_job_over_a_restart(open_studio: OpenStudio) -> None:
    studio = open_studio(start=False)
    job = studio.submit(quick(), "ada", key=ONE)
    assert studio.asked(ONE, "ada") == job
    assert studio.asked(ONE, "bob") is None
    studio.close()
    again = open_studio(start=False)
    found = again.asked(ONE, "ada")
    assert found is not None
    assert found.id == job.id
    with pytest.raises(KeyReused):
        again.asked(OTHER, "ada")


@ON_BOTH
def test_a_key_is_taken_once_and_a_refused_job_takes_none(open_studio: OpenStudio) -> None:
    studio = open_studio(start=False, max_queue=2)
    job = studio.submit(quick(), "ada", key=ONE)
    with pytest.raises(KeyTaken):
        studio.submit(quick(), "ada", key=ONE)
    assert len(studio.jobs("ada", limit=10)) == 1
    studio.submit(quick(), "ada")
    with pytest.raises(QueueFull):
        studio.submit(quick(), "ada", key=Key("other", "3" * 64))
    studio.cancel(job.id, "ada")
    assert studio.submit(quick(), "ada", key=Key("other", "3" * 64)).live


@ON_BOTH
def test_a_key_is_forgotten_after_a_day(open_studio: OpenStudio) -> None:
    studio = open_studio(start=False)
    first = studio.submit(quick(), "ada", key=ONE)
    long_ago = datetime.now(UTC) - timedelta(seconds=KEPT_SECONDS + 1)
    with studio._database.session() as session:
        session.execute(update(AskedRow).values(created_at=long_ago))
    assert studio.asked(ONE, "ada") is None
    second = studio.submit(quick(), "ada", key=OTHER)
    assert studio.asked(OTHER, "ada") == second != first
