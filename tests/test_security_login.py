"""Passwords, sessions and the throttle, on a running app that asks for a name and a password."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, expect
from running import RunningApp
from test_security import gradio_routes

from ltx_ui.web.throttle import MOST_ADDRESSES, Throttle

RIGHT = ("ada", "secret")
FORM = {"username": "ada", "password": "secret"}


@pytest.fixture(scope="module")
def locked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningApp]:
    folder = tmp_path_factory.mktemp("locked") / "data"
    flags = ("--model", "demo", "--auth", "ada:secret", "--trusted-proxy", "127.0.0.1")
    with RunningApp(folder, *flags) as app:
        yield app


@pytest.fixture
def http(locked: RunningApp) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=locked.url, timeout=60) as client:
        yield client


def our_routes(http: httpx.Client) -> list[tuple[str, str]]:
    schema = http.get("/openapi.json", auth=RIGHT).json()
    return [
        (method.upper(), re.sub(r"{[^}]*}", "x", path))
        for path, methods in schema["paths"].items()
        for method in methods
    ]


def test_nothing_but_health_and_the_login_is_answered_without_a_password(
    http: httpx.Client,
) -> None:
    routes = {*our_routes(http), *gradio_routes()}
    routes |= {("GET", path) for path in ("/docs", "/openapi.json", "/login", "/owner", "/nothing")}
    assert ("GET", "/takes/x/plain.mp4") in routes
    answered = {
        (method, path) for method, path in routes if http.request(method, path).status_code != 401
    }
    assert {path for _, path in answered} == {"/health", "/ready", "/login", "/owner"}


def test_every_route_that_shows_or_makes_asks_for_the_right_password(http: httpx.Client) -> None:
    for method, path in (("POST", "/generate"), ("GET", "/jobs/x"), ("GET", "/takes/x.mp4")):
        refused = http.request(method, path, auth=("ada", "wrong"))
        assert refused.status_code == 401
        assert refused.headers["WWW-Authenticate"].startswith("Basic")
    assert http.get("/takes/x.mp4", auth=RIGHT).status_code == 404
    assert http.post("/generate", json={}, auth=RIGHT).status_code == 422


def test_a_browser_is_led_to_the_login_and_a_program_told_of_basic(http: httpx.Client) -> None:
    led = http.get("/takes/x.mp4", headers={"Accept": "text/html"})
    assert (led.status_code, led.headers["location"]) == (303, "../login")
    program = http.get("/takes/x.mp4")
    assert program.headers["WWW-Authenticate"].startswith("Basic")
    inside = http.get("/takes/x.mp4", headers={"Sec-Fetch-Mode": "cors"})
    assert (inside.status_code, "WWW-Authenticate" in inside.headers) == (401, False)


def test_who_signs_in_gets_a_cookie_that_scripts_and_other_sites_can_not_use(
    http: httpx.Client,
) -> None:
    signed = http.post("/login", data=FORM)
    assert (signed.status_code, signed.headers["location"]) == (303, "./")
    cookie = signed.headers["set-cookie"].lower()
    assert "httponly" in cookie and "samesite=lax" in cookie and "secure" not in cookie
    assert http.get("/").status_code == 200
    assert http.get("/takes/x.mp4").status_code == 404
    assert http.post("/jobs", json={}).status_code == 401
    own = {"Origin": str(http.base_url).rstrip("/")}
    assert http.post("/jobs", json={}, headers=own).status_code == 422
    kept = "; ".join(f"{name}={value}" for name, value in http.cookies.items())
    assert http.post("/logout", headers=own).status_code == 303
    assert http.get("/", headers={"Cookie": kept}).status_code == 401


def test_behind_https_the_cookie_is_for_https_alone(http: httpx.Client) -> None:
    signed = http.post("/login", data=FORM, headers={"X-Forwarded-Proto": "https"})
    assert "secure" in signed.headers["set-cookie"].lower()


def test_a_login_that_is_too_large_is_told_how_large_it_may_be(http: httpx.Client) -> None:
    answer = http.post("/login", data=FORM | {"password": "x" * 5000})
    assert (answer.status_code, "larger than 4 kB" in answer.text) == (413, True)


def test_the_login_tells_nothing_about_the_server(http: httpx.Client) -> None:
    page = http.get("/login").text
    for word in ("gradio", "script", "version", "file", str(Path.cwd())):
        assert word not in page.lower()


def guess(http: httpx.Client, address: str, password: str = "wrong") -> httpx.Response:
    return http.get("/docs", auth=("ada", password), headers={"X-Forwarded-For": address})


@pytest.mark.parametrize("by_form", [True, False])
def test_who_is_wrong_too_often_has_to_wait_longer_each_time_and_others_do_not(
    http: httpx.Client, by_form: bool
) -> None:
    address = f"203.0.113.{int(by_form)}"

    def wrong() -> httpx.Response:
        if not by_form:
            return guess(http, address)
        wrong_form = FORM | {"password": "wrong"}
        return http.post("/login", data=wrong_form, headers={"X-Forwarded-For": address})

    answers = [wrong() for _ in range(40)]
    assert [answer.status_code for answer in answers[:5]] == [401] * 5
    assert answers[-1].status_code == 429
    assert int(answers[-1].headers["Retry-After"]) >= 1
    assert sum(answer.status_code == 401 for answer in answers) < 15
    assert guess(http, address, "secret").status_code == 429
    assert guess(http, "203.0.113.77", "secret").status_code == 200


def test_the_throttle_waits_longer_forgives_and_remembers_only_so_many() -> None:
    now = 0.0
    throttle = Throttle(lambda: now)
    waits = []
    for _ in range(12):
        throttle.failed("198.51.100.1")
        waits.append(throttle.seconds_left("198.51.100.1"))
        now += waits[-1]
    assert waits == [0, 0, 0, 0, 1, 2, 4, 8, 16, 32, 64, 128]
    throttle.failed("2001:db8::1")
    for _ in range(5):
        throttle.failed("2001:db8::ffff")
    assert throttle.seconds_left("2001:db8::2") > 0
    assert throttle.seconds_left("2001:db8:0:1::2") == 0
    throttle.succeeded("198.51.100.1")
    throttle.failed("198.51.100.1")
    assert throttle.seconds_left("198.51.100.1") == 0
    for number in range(MOST_ADDRESSES + 100):
        throttle.failed(f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}")
    assert len(throttle) == MOST_ADDRESSES


def test_guesses_that_come_from_everywhere_have_to_wait_and_who_was_right_before_is_not() -> None:
    now = 0.0
    throttle = Throttle(lambda: now)
    throttle.succeeded("198.51.100.1")
    for number in range(19):
        throttle.failed(f"203.0.113.{number}")
    assert throttle.seconds_left("192.0.2.1") == 0
    now = 30.0
    throttle.failed("203.0.113.19")
    assert throttle.seconds_left("192.0.2.1") == 30
    assert throttle.seconds_left("198.51.100.1") == 0
    now = 61.0
    assert throttle.seconds_left("192.0.2.1") == 0


def test_a_person_signs_in_makes_the_page_work_and_signs_out(
    browser: Browser, locked: RunningApp
) -> None:
    page = browser.new_page()
    problems: list[Any] = []
    page.on("console", lambda line: problems.append(line.text) if line.type == "error" else None)
    page.goto(locked.url)
    page.get_by_label("Name").fill("ada")
    page.get_by_label("Password").fill("secret")
    page.get_by_role("button", name="Sign in").click()
    expect(page.locator("#model-status")).to_contain_text("Demo model")
    assert not problems
    page.locator("#you button").click()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_label("Password")).to_be_visible()
    page.close()
