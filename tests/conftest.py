"""What several tests share: the demo model, made once, and an engine that has it loaded."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

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
