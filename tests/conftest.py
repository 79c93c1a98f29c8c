"""What several tests share: an engine with the demo model loaded, studios."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest
from studios import OpenStudio, leave
from weights import tested

from ltx_ui import runtime
from ltx_ui.settings import Settings
from ltx_ui.studio.studio import Studio

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page
    from running import RunningApp

    from ltx_ui.engine.engine import Engine

runtime.set_up()  # Before a test's file imports torch.


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leaves out what the weights showed before."""
    if any(item.get_closest_marker("weights") for item in items) and tested():
        skip = pytest.mark.skip(reason="these weights passed; python tests/weights.py tests again")
        for item in items:
            if item.get_closest_marker("weights"):
                item.add_marker(skip)


@pytest.fixture(scope="session")
def models_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where models would be downloaded to."""
    return tmp_path_factory.mktemp("models")


@pytest.fixture(scope="session")
def engine(models_dir: Path) -> Engine:
    """The demo model, loaded."""
    from ltx_ui.engine.engine import Engine

    loaded = Engine("demo", models_dir)
    loaded.load(lambda message, fraction: None)
    return loaded


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    """An empty data folder."""
    folder = tmp_path / "data"
    folder.mkdir()
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


# Of a file alone: as long as it is there, Playwright's event loop is the thread's.
@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A headless Chromium."""
    from chromium import launched

    with launched() as browser:
        yield browser


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    """A visitor of their own, at a desktop."""
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    context.set_default_timeout(60_000)
    yield context
    context.close()


@pytest.fixture(scope="session")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningApp]:
    """The app with the demo model loaded, in a process of its own."""
    from running import RunningApp

    with RunningApp(tmp_path_factory.mktemp("app") / "data", "--model", "demo") as app:
        yield app.wait_ready()


@pytest.fixture(scope="module")
def http(app: RunningApp) -> Iterator[httpx.Client]:
    """A client of the app that keeps its cookies."""
    with httpx.Client(base_url=app.url, timeout=60) as client:
        yield client


@pytest.fixture(scope="module")
def take(http: httpx.Client) -> str:
    """The id of a take that belongs to ``http``."""
    small = {"width": 128, "height": 128, "num_frames": 9, "num_inference_steps": 1}
    job = http.post("/jobs", json={"prompt": "a ball", **small}).json()["id"]
    while "take" not in (state := http.get(f"/jobs/{job}").json()):
        assert state["state"] in ("queued", "running"), state
        time.sleep(0.1)
    return str(state["take"])


@pytest.fixture
def page(context: BrowserContext, app: RunningApp) -> Page:
    """A tab on Create whose kept fields have arrived."""
    from chromium import opened

    return opened(context, app)
