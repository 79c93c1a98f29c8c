"""The protected page in a real browser: with its policy, and behind nginx."""

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from chromium import MISSING, make_a_preview, open_gallery, opened
from playwright.sync_api import Browser, BrowserContext, Page, expect
from running import RunningApp, free_port
from studios import PATIENCE

pytestmark = pytest.mark.skipif(MISSING, reason="there is no Chromium")

NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
CONFIG = """
daemon off; pid {folder}/pid; error_log {folder}/error.log; worker_processes 1;
events {{}}
http {{
  access_log off; client_body_temp_path {folder}; proxy_temp_path {folder};
  fastcgi_temp_path {folder}; uwsgi_temp_path {folder}; scgi_temp_path {folder};
  server {{
    listen 127.0.0.1:{port};
    location {prefix}/ {{
      proxy_pass http://127.0.0.1:{behind}/; proxy_http_version 1.1; proxy_buffering off;
      proxy_set_header Host $http_host; proxy_set_header X-Forwarded-Proto $scheme;
      proxy_set_header X-Forwarded-Host $http_host;
      proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
    }}
  }}
}}
"""


def heard(page: Page) -> list[str]:
    """Errors in the page's console, as they come."""
    said: list[str] = []
    page.on(
        "console",
        lambda line: said.append(f"{line.text} {line.location}") if line.type == "error" else None,
    )
    page.on("pageerror", lambda error: said.append(str(error)))
    return said


def try_everything(page: Page, address: str) -> None:
    """Makes a clip, plays it and looks at every tab; nothing may be refused on the way."""
    said = heard(page)
    page.goto(address)
    expect(page.locator("#model-status")).to_contain_text("Demo model")
    make_a_preview(page, "A red ball bounces")
    open_gallery(page, 1)
    page.locator("#gallery .heart").first.click()
    expect(page.locator("#gallery .heart").first).to_have_attribute("aria-pressed", "true")
    page.get_by_role("tab", name="Guide").click()
    expect(page.locator("#guide")).to_be_visible()
    assert not said


def test_the_page_works_within_its_content_security_policy(
    context: BrowserContext, app: RunningApp
) -> None:
    try_everything(context.new_page(), app.url)


@contextmanager
def nginx(folder: Path, behind: int, prefix: str) -> Iterator[str]:
    """nginx in front of a port; gives the address under which it shows it."""
    folder.mkdir()
    port = free_port()
    config = folder / "nginx.conf"
    config.write_text(CONFIG.format(folder=folder, port=port, behind=behind, prefix=prefix))
    assert NGINX is not None
    process = subprocess.Popen([NGINX, "-e", str(folder / "error.log"), "-c", str(config)])
    try:
        end = time.monotonic() + PATIENCE
        while True:
            try:
                socket.create_connection(("127.0.0.1", port)).close()
                break
            except OSError:
                assert time.monotonic() < end
                time.sleep(0.05)
        yield f"http://studio.localhost:{port}{prefix}/"
    finally:
        process.terminate()
        process.wait()


@pytest.mark.skipif(NGINX is None, reason="there is no nginx")
@pytest.mark.parametrize("prefix", ["", "/studio"])
def test_the_page_works_behind_nginx(browser: Browser, tmp_path: Path, prefix: str) -> None:
    flags = ["--model", "demo", "--auth", "ada:secret", "--root-path", prefix]
    with (
        RunningApp(tmp_path / "data", *flags) as app,
        nginx(tmp_path / "nginx", app.port, prefix) as address,
    ):
        page = browser.new_page()
        page.goto(address)
        page.get_by_label("Name").fill("ada")
        page.get_by_label("Password").fill("secret")
        page.get_by_role("button", name="Sign in").click()
        expect(page).to_have_url(address)
        try_everything(page, address)
        page.close()


def test_the_page_asks_nobody_else_for_anything(browser: Browser, app: RunningApp) -> None:
    context, asked = browser.new_context(), list[str]()
    context.on("request", lambda request: asked.append(request.url))
    page = opened(context, app)
    for tab in ("Gallery", "Guide"):
        page.get_by_role("tab", name=tab).click()
        expect(page.locator(f"#{tab.lower()}")).to_be_visible()
    assert asked
    assert not [url for url in asked if not url.startswith((app.url, "data:", "blob:"))]
    context.close()
