"""Studios in this process, for tests."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from sqlalchemy import Engine, create_engine, text

from ltx_ui.recipe import Recipe
from ltx_ui.request import parse_recipe
from ltx_ui.settings import Settings
from ltx_ui.studio.jobs import Done, Job, Origin, Running
from ltx_ui.studio.studio import Studio
from ltx_ui.studio.takes import Take

PATIENCE = 600.0
"""Seconds after which a test gives up on a clip: far beyond what a slow, busy machine takes."""

OpenStudio = Callable[..., Studio]


@contextmanager
def idle(folder: Path, database: str | None = None, **settings: object) -> Iterator[Studio]:
    """A studio that takes jobs and begins none, without a model."""
    given = {"model": "demo", "data_dir": folder, "database": database, **settings}
    studio = Studio(Settings.model_validate(given))
    yield studio
    studio.close()


@contextmanager
def working(folder: Path, cache: Path, **settings: object) -> Iterator[Studio]:
    """A studio that makes clips with the demo model.

    Args:
        cache: what its first start would compute.
    """
    shutil.copytree(cache, folder / "cache")
    given = {"model": "demo", "data_dir": folder, **settings}
    studio = Studio(Settings.model_validate(given))
    studio.start()
    yield studio
    studio.close()


def take_of(studio: Studio, recipe: Recipe, owner: str, origin: Origin | None = None) -> Take:
    """The take that comes of a recipe."""
    job = studio.submit(recipe, owner, origin=origin)
    state = studio.wait(job.id, owner, PATIENCE).state
    assert isinstance(state, Done), state
    return studio.library.take(job.id, owner)


def quick(**fields: object) -> Recipe:
    """Made in a moment."""
    small = {"width": 128, "height": 128, "num_frames": 9, "num_inference_steps": 2}
    return parse_recipe({"prompt": "A fox in the rain", **small, **fields})


def slow(**fields: object) -> Recipe:
    """Runs for seconds: a hundred steps."""
    return quick(num_inference_steps=100, width=384, height=384, num_frames=25, **fields)


def until(reached: Callable[[], bool]) -> None:
    """Return when it is."""
    deadline = time.monotonic() + PATIENCE
    while not reached():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def sampling(studio: Studio, job: Job) -> bool:
    """Whether a job has made its first step."""
    state = studio.job(job.id, job.owner).state
    return isinstance(state, Running) and state.stage == "sampling" and state.step >= 1


def put_back_to(revision: str, library: Path | str) -> None:
    """Make a library's file, or PostgreSQL database, what an earlier version of the program
    left."""
    config = Config()
    config.set_main_option("script_location", "ltx_ui.studio:migrations")
    engine = engine_of(library)
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, revision)
    engine.dispose()


def engine_of(library: Path | str) -> Engine:
    """A connection to a library's file, or to the PostgreSQL database of a URL."""
    if isinstance(library, Path):
        return create_engine(f"sqlite:///{library}")
    return create_engine(library.replace("postgresql://", "postgresql+psycopg://"))


def change(folder: Path, database: str | None, statement: str, **values: object) -> None:
    """Change a folder's library, or the PostgreSQL database that it has instead, from outside."""
    engine = engine_of(database or folder / "library.sqlite3")
    with engine.begin() as connection:
        connection.execute(text(statement), values)
    engine.dispose()


def rows(database: str, query: str) -> list[tuple[Any, ...]]:
    """What a query finds in the PostgreSQL database of a URL."""
    engine = engine_of(database)
    with engine.connect() as connection:
        found = [tuple(row) for row in connection.execute(text(query))]
    engine.dispose()
    return found


def leave(*studios: Studio) -> None:
    """Close, and wait for the threads as well: what a process does by ending."""
    for studio in studios:
        studio.close()
    for thread in threading.enumerate():
        if thread.name.startswith("studio-"):
            thread.join()
