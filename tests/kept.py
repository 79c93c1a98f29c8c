"""A library by itself with takes in it, without a studio or a model."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from ltx_ui.clip import Clip
from ltx_ui.recipe import Recipe
from ltx_ui.studio.clip_files import Files
from ltx_ui.studio.database import Database
from ltx_ui.studio.jobs import Origin
from ltx_ui.studio.library import Library

SMALL = {"width": 128, "height": 128, "num_frames": 9}
GREY = Clip(np.full((9, 128, 128, 3), 90, np.uint8), 24, None, 24000)


@contextmanager
def in_use(folder: Path) -> Iterator[None]:
    """A data folder that another studio is using: it holds the lock, which is one of SQLite's."""
    with closing(sqlite3.connect(folder / "studio.lock", isolation_level=None)) as lock:
        lock.execute("BEGIN EXCLUSIVE")
        yield


def open_library(folder: Path, url: str | None = None) -> Library:
    """The library of a folder, or of a PostgreSQL database with the takes' files in the folder."""
    return Library(Database(url or folder / "library.sqlite3"), folder / "takes")


def keep(
    library: Library,
    name: str,
    owner: str = "ada",
    seed: int = 1,
    notes: tuple[str, ...] = (),
    noted_by_files: tuple[str, ...] = (),
    draft: bool = False,
    prompt: str = "",
    files: Files | None = None,
    origin: Origin | None = None,
    findings: tuple[str, ...] = (),
    model: str = "demo",
    **settings: Any,
) -> None:
    """Adds a take; the name is its id, and the settings are its recipe's."""
    prompt = prompt or f"A clip called {name}"
    library.keep(
        name,
        owner,
        Recipe(**{"prompt": prompt, "seed": seed, **SMALL, **settings}),
        replace(files or library.write(GREY, {}), notes=noted_by_files),
        timings={"text": 0.5, "sampling": 2.0},
        versions={"torch": "2.13.0"},
        model=model,
        device="cpu",
        notes=notes,
        draft=draft,
        origin=origin,
        findings=findings,
    )


def fill(
    folder: Path,
    prompts: Iterable[str],
    owner: str = "local",
    settings: Callable[[int], dict[str, Any]] = lambda number: {},
) -> Library:
    """A library with a take for each prompt: take0, take1, … One clip is encoded for all."""
    library = open_library(folder)
    made = library.write(GREY, {})
    for number, prompt in enumerate(prompts):
        video, poster = (
            Path(shutil.copy(path, path.with_name(f"{number}{path.suffix}")))
            for path in (made.video, made.poster)
        )
        files = Files(video, poster)
        keep(library, f"take{number}", owner, prompt=prompt, files=files, **settings(number))
    made.remove()
    return library
