"""What several tests share: an engine with the demo model loaded, studios."""

from __future__ import annotations

import functools
import shutil
import ssl
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest
from ordering import longest_first
from recorded import skip_what_passed_before
from studios import OpenStudio, leave

from ltx_ui import runtime
from ltx_ui.settings import Settings
from ltx_ui.studio.studio import Studio

if TYPE_CHECKING:
    from chromium import Desktop
    from encoder import Encoder
    from playwright.sync_api import Browser, BrowserContext, Page
    from postgres import Postgres
    from running import RunningApp

    from ltx_ui.engine.engine import Engine

runtime.set_up()  # Before a test's file imports torch.

# Each client of httpx makes one anew from all of the system's certificates, which takes 20 ms of a
# core; tests that wait for an answer do so ten times a second.
vars(ssl)["create_default_context"] = functools.cache(ssl.create_default_context)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leaves out the long tests that passed before, and begins with the files that take long."""
    skip_what_passed_before(items)
    longest_first(items)


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


@pytest.fixture(scope="session")
def cache(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the first start with the demo model computes and later ones find."""
    from ltx_ui.engine.preview import colours_of

    folder = tmp_path_factory.mktemp("cache")
    colours_of(engine.pipe.vae, folder)
    return folder


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    """An empty data folder."""
    folder = tmp_path / "data"
    folder.mkdir()
    return folder


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A PostgreSQL server."""
    from postgres import running

    with running() as server:
        yield server


@pytest.fixture
def database(request: pytest.FixtureRequest) -> str | None:
    """The URL of an empty PostgreSQL database where the test asks for one; None: SQLite's file."""
    if getattr(request, "param", "sqlite") == "sqlite":
        return None
    url: str = request.getfixturevalue("postgres").new()
    return url


@pytest.fixture
def open_studio(data_dir: Path, cache: Path, database: str | None) -> Iterator[OpenStudio]:
    """Opens studios on one data folder; each must be closed before the next is opened, unless they
    share a PostgreSQL database."""
    opened: list[Studio] = []
    shutil.copytree(cache, data_dir / "cache")

    def open_one(*, start: bool = True, **settings: object) -> Studio:
        given = {"model": "demo", "data_dir": data_dir, "database": database, **settings}
        studio = Studio(Settings.model_validate(given))
        opened.append(studio)
        if start:
            studio.start()
        return studio

    yield open_one
    leave(*opened)


@pytest.fixture
def encoder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, open_studio: OpenStudio
) -> Iterator[Encoder]:
    """Made after the studios' fixture, so that it lets go before they are left."""
    from encoder import Encoder

    made = Encoder(tmp_path)
    monkeypatch.setenv("IMAGEIO_FFMPEG_EXE", str(made.path))
    yield made
    made.let_go()


@pytest.fixture(scope="session")
def clip_files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A clip's mp4, its poster and its recipe as JSON, by their names."""
    from told import files, typed

    return files(tmp_path_factory.mktemp("clip"), typed())


@pytest.fixture(scope="session")
def odd_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with takes of odd prompts, which belong to ``local``."""
    from zipped import fill_oddly

    folder = tmp_path_factory.mktemp("odd") / "data"
    fill_oddly(folder)
    return folder


@pytest.fixture(scope="session")
def zipped(odd_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All of those takes as a zip."""
    from zipped import exported, opened

    studio = opened(odd_folder)
    file = exported(studio, tmp_path_factory.mktemp("zip") / "all.zip")
    studio.close()
    return file


@pytest.fixture
def elsewhere(tmp_path: Path, database: str | None) -> Iterator[Studio]:
    """A studio without takes, in ``to``."""
    from zipped import opened

    studio = opened(tmp_path / "to", database=database)
    yield studio
    studio.close()


@pytest.fixture
def begun() -> Iterator[list[int]]:
    """One entry for each transaction of a database that was begun."""
    from sqlalchemy import Engine, event

    seen: list[int] = []

    def count(_: object) -> None:
        seen.append(1)

    event.listen(Engine, "begin", count)
    yield seen
    event.remove(Engine, "begin", count)


# Of a file alone: as long as it is there, Playwright's event loop is the thread's.
@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A headless Chromium."""
    from chromium import launched

    with launched() as browser:
        yield browser


@pytest.fixture(scope="module")
def desktop(browser: Browser) -> Iterator[Desktop]:
    """What the visitors of a file's tests come with."""
    from chromium import Desktop

    desktop = Desktop(browser)
    yield desktop
    desktop.close()


@pytest.fixture
def context(desktop: Desktop) -> Iterator[BrowserContext]:
    """A visitor of their own, at a desktop."""
    with desktop.visit() as context:
        yield context


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
def ada(app: RunningApp) -> Iterator[httpx.Client]:
    """A program that uses the versioned API of the app as a visitor."""
    from v1 import visitor

    with visitor(app) as client:
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
