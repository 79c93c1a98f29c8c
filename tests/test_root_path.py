"""Below a path, behind a proxy that keeps it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from running import RunningApp

ROOT_PATH = "/my/studio"


@pytest.fixture(scope="module")
def below(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """A client of a studio below a path, as a proxy that keeps the path asks it."""
    folder: Path = tmp_path_factory.mktemp("below") / "data"
    flags = ("--model", "demo", "--root-path", ROOT_PATH, "--allowed-host", "studio.example")
    with RunningApp(folder, *flags) as app:
        assert f"LTX-2 Studio: {app.url}{ROOT_PATH} (data in" in app.output
        with httpx.Client(base_url=f"{app.url}{ROOT_PATH}", timeout=60) as client:
            yield client


def test_all_addresses_are_below_it(below: httpx.Client) -> None:
    assert below.get("/health").status_code == 200
    page = below.get("/")
    assert page.status_code == 200
    assert f'"root":"{str(below.base_url).rstrip("/")}"' in page.text.replace(" ", "")
    assert below.get("/docs").status_code == 200
    job = below.post("/api/v1/jobs", json={"prompt": "A fox"})
    assert job.headers["location"] == f"{ROOT_PATH}/api/v1/jobs/{job.json()['id']}"
    assert below.get(f"/jobs/{job.json()['id']}").status_code == 200  # By the cookie.
    below.delete(f"/jobs/{job.json()['id']}")


def test_cookies_are_for_it_alone(below: httpx.Client) -> None:
    below.cookies.clear()
    assert f"; Path={ROOT_PATH};" in below.get("/").headers["set-cookie"]


def test_what_only_begins_like_it_is_not_below_it(below: httpx.Client) -> None:
    url = str(below.base_url).rstrip("/")
    assert httpx.get(f"{url}s/health").status_code == 404
    assert httpx.get(url).status_code == 200
