"""What can't be read is left out and told in the log; everything else goes on."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from pathlib import Path
from zipfile import ZipFile

import pytest
from kept import keep, open_library
from postgres import NEEDS_POSTGRES
from studios import PATIENCE, OpenStudio, change, leave, quick
from zipped import exported, opened

from ltx_ui.errors import NotFound
from ltx_ui.studio.jobs import Done
from ltx_ui.studio.library import Library

SECRET = "zanzibar"
DAMAGE = {
    "a recipe cut off": ("recipe", f'{{"prompt": "{SECRET}'),
    "a recipe that is none": ("recipe", f'{{"prompt": "{SECRET}", "width": "wide"}}'),
    "no object": ("recipe", "7"),
    "other lists": ("notes", "null"),
    "no time": ("created_at", "yesterday"),
}
KEPT_OUT = {"a recipe cut off", "no time"}
"""What PostgreSQL's types for JSON and times refuse."""
EVERYWHERE = [
    *(("sqlite", kind) for kind in DAMAGE),
    *(
        pytest.param("postgresql", kind, marks=NEEDS_POSTGRES)
        for kind in DAMAGE
        if kind not in KEPT_OUT
    ),
]
Damage = Callable[..., None]


@pytest.fixture
def damage(database: str | None) -> Damage:
    """Damages a row of a folder's library."""

    def damage(folder: Path, table: str, name: str, column: str, value: str) -> None:
        statement = f"UPDATE {table} SET {column} = :value WHERE id = :name"
        change(folder, database, statement, value=value, name=name)

    return damage


@pytest.fixture
def library(tmp_path: Path, database: str | None) -> Library:
    library = open_library(tmp_path, database)
    for name in ("one", "two", "three", "four"):
        keep(library, name)
    return library


@pytest.mark.parametrize(("database", "kind"), EVERYWHERE, indirect=["database"])
def test_a_damaged_take_is_left_out_and_told_of_once(
    kind: str,
    library: Library,
    damage: Damage,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    damage(tmp_path, "takes", "three", *DAMAGE[kind])
    with caplog.at_level(logging.ERROR):
        assert [take.id for take in library.takes("ada")] == ["four", "two", "one"]
        assert [take.id for take in library.newest("ada")] == ["four", "two", "one"]
        assert [take.id for take in library.takes("ada", limit=3)] == ["four", "two", "one"]
        assert [take.id for take in library.those(["one", "three"], "ada")] == ["one"]
        assert library.count("ada") == 3
    assert [record.message.split(" can't")[0] for record in caplog.records] == [
        "Row 3 of the table takes"
    ]
    assert SECRET not in caplog.text
    with pytest.raises(NotFound):
        library.take("three", "ada")


@pytest.mark.parametrize(("database", "kind"), EVERYWHERE, indirect=["database"])
def test_the_other_takes_can_be_taken_along(
    kind: str, library: Library, damage: Damage, database: str | None, tmp_path: Path
) -> None:
    damage(tmp_path, "takes", "three", *DAMAGE[kind])
    studio = opened(tmp_path, database=database)
    with ZipFile(exported(studio, tmp_path / "all.zip", "ada")) as zipped:
        told = json.loads(zipped.read("library.json"))
    studio.close()
    assert [take["id"] for take in told["takes"]] == ["one", "two", "four"]


def test_damaged_takes_and_their_jobs_can_be_deleted(
    open_studio: OpenStudio, damage: Damage, data_dir: Path
) -> None:
    studio = open_studio()
    first, second = (studio.submit(quick(num_takes=2), "ada") for _ in range(2))
    assert isinstance(studio.wait(second.id, "ada", PATIENCE).state, Done)
    damage(data_dir, "jobs", first.id, *DAMAGE["a recipe cut off"])
    damage(data_dir, "takes", first.id, *DAMAGE["a recipe cut off"])
    studio.library.delete(second.take_ids, "ada")
    studio.library.purge()
    assert [take.id for take in studio.library.takes("ada")] == [first.take_ids[1]]
    assert not studio.library.has(second.id)


def test_a_start_goes_on_with_the_jobs_that_can_be_read(
    open_studio: OpenStudio, damage: Damage, data_dir: Path
) -> None:
    studio = open_studio(start=False)
    damaged, ended, sound = (studio.submit(quick(), "ada") for _ in range(3))
    studio.cancel(ended.id, "ada")
    digest = "sha256:" + "0" * 64
    leave(studio)
    damage(data_dir, "jobs", damaged.id, "recipe", f'{{"prompt": "{digest}')
    damage(data_dir, "jobs", ended.id, *DAMAGE["no object"])
    again = open_studio()
    assert again.wait(sound.id, "ada", PATIENCE).state == Done(sound.id)
    assert [job.id for job in again.session("ada").ended] == [sound.id]
    with pytest.raises(NotFound):
        again.job(damaged.id, "ada")
