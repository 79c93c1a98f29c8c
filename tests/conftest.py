"""What several tests share: the demo model, made once, an engine that has it loaded, studios."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from studios import OpenStudio, leave

from ltx_ui.settings import Settings
from ltx_ui.studio.studio import Studio

if TYPE_CHECKING:
    from ltx_ui.engine.engine import Engine


@pytest.fixture(scope="session")
def demo_models_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A models folder that holds the demo model; read it, don't change it."""
    from ltx_ui.engine.demo import demo_folder

    models_dir = tmp_path_factory.mktemp("models")
    demo_folder(models_dir)
    return models_dir


@pytest.fixture(scope="session")
def engine(demo_models_dir: Path) -> Engine:
    """The demo model, loaded."""
    from ltx_ui.engine.engine import Engine

    loaded = Engine("demo", demo_models_dir)
    loaded.load(lambda message, fraction: None)
    return loaded


@pytest.fixture
def data_dir(tmp_path: Path, demo_models_dir: Path) -> Path:
    """An empty data folder that has the demo model."""
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "models").symlink_to(demo_models_dir, target_is_directory=True)
    return folder


@pytest.fixture
def open_studio(data_dir: Path) -> Iterator[OpenStudio]:
    """Opens studios on one data folder; each must be closed before the next is opened."""
    opened: list[Studio] = []

    def open_one(*, start: bool = True, **settings: object) -> Studio:
        given = {"model": "demo", "data_dir": data_dir, **settings}
        studio = Studio(Settings.model_validate(given))
        opened.append(studio)
        if start:
            studio.start()
        return studio

    yield open_one
    leave(*opened)
