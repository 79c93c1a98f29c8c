"""Below a path, behind a proxy that keeps it or strips it."""

from __future__ import annotations

import io
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from PIL import Image
from running import RunningApp, free_port
from studios import until
from test_serving import PATHS, block
from v1 import IMAGES, SLOW, SMALL, ended, submit

ROOT_PATH = "/my/studio"


@pytest.fixture(scope="module")
def app_below(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningApp]:
    """A studio below a path."""
    folder: Path = tmp_path_factory.mktemp("below") / "data"
    flags = ("--model", "demo", "--root-path", ROOT_PATH, "--allowed-host", "studio.example")
    with RunningApp(folder, *flags) as app:
        assert f"LTX-2 Studio: {app.url}{ROOT_PATH} (data in" in app.output
        yield app


@pytest.fixture(scope="module")
def below(app_below: RunningApp) -> Iterator[httpx.Client]:
    """A client of it, as a proxy that keeps the path asks it."""
    with httpx.Client(base_url=f"{app_below.url}{ROOT_PATH}", timeout=60) as client:
        yield client


def caddy(tmp_path: Path, app: RunningApp, port: int) -> list[str]:
    """Caddy as docs/serving.md has it, without TLS and stripping the path."""
    site = block("caddy").replace("127.0.0.1:7860", f"127.0.0.1:{app.port}")
    site = site.replace("studio.example {", f"http://:{port} {{\nhandle_path {ROOT_PATH}/* {{")
    config = tmp_path / "Caddyfile"
    config.write_text(f"{{\nadmin off\n}}\n{site}}}\n")
    return ["caddy", "run", "--config", str(config), "--adapter", "caddyfile"]


def nginx(tmp_path: Path, app: RunningApp, port: int) -> list[str]:
    """nginx as docs/serving.md has it, without TLS and keeping the path."""
    server = block("nginx").replace("127.0.0.1:7860", f"127.0.0.1:{app.port}")
    server = re.sub(r" *ssl_.*\n", "", server).replace("443 ssl", f"127.0.0.1:{port}")
    server = server.replace("location / {", f"location {ROOT_PATH}/ {{")
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    folders = "".join(f"{kind}_temp_path {tmp_path}/{kind};" for kind in kinds)
    config, user = tmp_path / "nginx.conf", "user root;" if os.geteuid() == 0 else ""
    config.write_text(
        f"{user} daemon off; pid {tmp_path}/pid; error_log {tmp_path}/errors; events {{}} "
        f"http {{ access_log off; {folders} {server} }}"
    )
    return ["nginx", "-e", str(tmp_path / "errors"), "-c", str(config)]


@contextmanager
def proxied(command: list[str], tmp_path: Path, port: int) -> Iterator[httpx.Client]:
    """A client of a proxy that runs meanwhile."""
    program = shutil.which(command[0], path=PATHS)
    if program is None:
        pytest.skip(f"there is no {command[0]}")
    with (tmp_path / "output").open("w") as output:
        environment = os.environ | {"HOME": str(tmp_path), "XDG_DATA_HOME": str(tmp_path)}
        process = subprocess.Popen(
            [program, *command[1:]], stdout=output, stderr=output, env=environment
        )
    try:
        url = f"http://127.0.0.1:{port}{ROOT_PATH}"
        with httpx.Client(base_url=url, timeout=60, trust_env=False) as client:
            until(lambda: process.poll() is not None or answers(client))
            assert process.poll() is None, (tmp_path / "output").read_text()
            yield client
    finally:
        process.terminate()
        process.wait(30)


def answers(client: httpx.Client) -> bool:
    try:
        return client.get("/health").status_code == 200
    except httpx.TransportError:
        return False


@pytest.mark.parametrize("proxy", [caddy, nginx])
def test_behind_a_real_proxy_uploads_ranges_and_events_come_through(
    app_below: RunningApp, tmp_path: Path, proxy: Callable[[Path, RunningApp, int], list[str]]
) -> None:
    port = free_port()
    with proxied(proxy(tmp_path, app_below, port), tmp_path, port) as client:
        # Who comes through the proxy is a visitor, whose cookie is for the path alone.
        assert client.get("/api/v1/limits").json()["clips_at_once"] is not None
        assert f'"root":"http://127.0.0.1:{port}{ROOT_PATH}"' in client.get("/").text
        noise = Image.frombytes("RGB", (1024, 1024), os.urandom(3 * 1024 * 1024))
        noise.save(file := io.BytesIO(), "PNG")
        sent = client.post(IMAGES, content=file.getvalue(), headers={"Content-Type": "image/png"})
        assert sent.status_code == 201, sent.text

        job = submit(client, SMALL)
        at = job["href"].removeprefix(ROOT_PATH)
        video = ended(client, {"href": at})["takes"][0]["video"].removeprefix(ROOT_PATH)
        part = client.get(video, headers={"Range": "bytes=4-7"})
        assert (part.status_code, part.content) == (206, b"ftyp")

        # Each event comes when it happens, not with the last one.
        at = submit(client, SLOW)["href"].removeprefix(ROOT_PATH)
        with client.stream("GET", f"{at}/events") as stream:
            told = (line for line in stream.iter_lines() if line.startswith("data:"))
            for _ in range(3):
                next(told)
            assert client.get(at).json()["state"] == "running"
            client.delete(at)
            assert '"state":"cancelled"' in list(told)[-1]


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
