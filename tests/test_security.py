"""Attacks on a running app through real HTTP: foreign sites, names, routes, bodies, connections."""

import json
import re
import socket
import threading
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import gradio as gr
import httpx
import pytest
from fastapi import FastAPI
from running import RunningApp
from starlette.routing import BaseRoute, Mount

from ltx_ui.web.listening import listen, url_of

SMALL = {"prompt": "a ball", "width": 128, "height": 128, "num_frames": 9, "num_inference_steps": 1}
PAGE = ["/", "/config", "/theme.css", "/gradio_api/run/predict"]
OURS = ["/health", "/docs", "/openapi.json", "/generate", "/jobs", "/inputs", "/takes/x.mp4"]


def gradio_routes() -> list[tuple[str, str]]:
    """Method and path of everything that Gradio would answer, with its parameters filled in."""
    app = gr.mount_gradio_app(FastAPI(), gr.Blocks(), path="/")
    (mounted,) = (route for route in app.routes if isinstance(route, Mount))
    assert isinstance(mounted.app, FastAPI)
    found: list[tuple[str, str]] = []

    def walk(routes: list[BaseRoute], prefix: str) -> None:
        for route in routes:
            inner = getattr(route, "original_router", None)
            if inner is not None:
                walk(inner.routes, prefix)
            methods: set[str] = getattr(route, "methods", None) or set()
            path = re.sub(r"{[^}]*}", "x", prefix + getattr(route, "path", ""))
            found.extend((method, path) for method in methods)

    walk(mounted.app.routes, "")
    return found


def test_of_gradios_addresses_only_those_are_open_that_the_page_needs(http: httpx.Client) -> None:
    routes = gradio_routes()
    assert ("POST", "/gradio_api/upload") in routes
    open_ones = set()
    for method, path in routes:
        if "heartbeat" in path or method == "HEAD":
            continue  # An event stream without an end; an answer without a body.
        answer = http.request(method, path)
        if (answer.status_code, answer.text) != (404, json.dumps(NOT_HERE, separators=(",", ":"))):
            open_ones.add(path)
    assert open_ones <= {
        *("/", "/config", "/config/", "/theme.css"),
        *("/robots.txt", "/static/x", "/assets/x", "/svelte/x", "/gradio_api/run/x"),
        *("/gradio_api/app_id", "/gradio_api/app_id/"),
        *("/login", "/login/", "/logout", "/openapi.json"),  # Ours, by the same name.
    }
    assert http.get("/", params={"deep_link": "x"}).status_code == 404


NOT_HERE = {"detail": "There is nothing at this address."}


@pytest.mark.parametrize(
    "host", ["evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "", "a b", "127.1"]
)
def test_a_name_that_was_pointed_here_is_not_answered(http: httpx.Client, host: str) -> None:
    for path in (*PAGE[:3], *OURS[:3]):
        answer = http.get(path, headers={"Host": host})
        assert answer.status_code in (400, 421)
    if host == "evil.example":
        assert "--allowed-host" in answer.json()["detail"]


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:7860", "[::1]:80", "192.168.1.5:7860"])
def test_own_names_and_addresses_are_answered(http: httpx.Client, host: str) -> None:
    assert http.get("/health", headers={"Host": host}).status_code == 200


FOREIGN: list[dict[str, str]] = [
    {"Origin": "https://evil.example"},
    {"Origin": "null"},
    {"Origin": "http://localhost:1"},
    {"Origin": "http://evil@localhost"},
    {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"},
    {"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "cors"},
    {
        "Sec-Fetch-Site": "cross-site",
        "Sec-Fetch-Mode": "navigate",
        "Sec-Fetch-Dest": "iframe",
    },
]


@pytest.mark.parametrize("headers", FOREIGN)
def test_a_foreign_page_gets_and_does_nothing(http: httpx.Client, headers: dict[str, str]) -> None:
    for path in PAGE + OURS:
        for method in ("GET", "POST", "OPTIONS", "DELETE"):
            asks = {"Access-Control-Request-Method": "POST"} if method == "OPTIONS" else {}
            answer = http.request(method, path, headers=headers | asks)
            assert answer.status_code == 403, (method, path)
            assert "access-control-allow-origin" not in answer.headers
    assert http.get("/health").json()["queue_length"] == 0


def test_a_link_elsewhere_may_open_the_page_and_its_own_requests_pass(
    app: RunningApp, http: httpx.Client
) -> None:
    link = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}
    link["Sec-Fetch-Dest"] = "document"
    assert http.get("/", headers=link).status_code == 200
    assert http.get("/takes/x.mp4", headers=link).status_code == 403
    assert http.post("/jobs", json=SMALL, headers=link).status_code == 403
    for own in ({"Origin": app.url}, {"Sec-Fetch-Site": "same-origin"}):
        answer = http.get("/config", headers=own)
        assert answer.status_code == 200
        assert "access-control-allow-credentials" not in answer.headers


@pytest.mark.parametrize("name", ["Origin", "Sec-Fetch-Site", "Content-Type"])
def test_a_header_that_decides_may_not_stand_twice(http: httpx.Client, name: str) -> None:
    headers = [("Host", "localhost"), (name, "same-origin"), (name, "https://evil.example")]
    assert http.post("/jobs", content=b"{}", headers=headers).status_code == 400


def test_a_method_that_an_address_does_not_take_is_named(http: httpx.Client) -> None:
    for method, path, allowed in (
        ("PATCH", "/jobs", "POST"),
        ("OPTIONS", "/generate", "POST"),
        ("DELETE", "/takes/x.mp4", "GET, HEAD, PATCH"),
    ):
        answer = http.request(method, path)
        assert (answer.status_code, answer.headers["allow"]) == (405, allowed)


@pytest.mark.parametrize(
    "kind",
    [
        "text/plain;x=json",
        "text/plain; application/json",
        "application/json; x=y",
        "json",
        "x/json",
    ],
)
def test_only_json_itself_is_taken_for_json(http: httpx.Client, kind: str) -> None:
    content, headers = json.dumps(SMALL), {"Content-Type": kind}
    for path in ("/generate", "/jobs", "/gradio_api/run/predict"):
        assert http.post(path, content=content, headers=headers).status_code == 415
    good = {"Content-Type": "Application/JSON; charset=UTF-8"}
    assert http.post("/jobs", content=b"{}", headers=good).status_code == 422


def test_of_many_problems_ten_are_told(http: httpx.Client) -> None:
    told = http.post("/jobs", json=SMALL | {f"k{n}": 1 for n in range(25)}).json()["detail"]
    assert len(told) == 11
    assert told[-1]["msg"].startswith("And 15 more")


def test_a_million_fields_are_refused_in_a_sentence_and_nobody_waits(http: httpx.Client) -> None:
    body = json.dumps(SMALL | {f"k{n}": 1 for n in range(1_000_000)})
    answers: list[httpx.Response] = []
    headers = {"Content-Type": "application/json"}
    sender = threading.Thread(
        target=lambda: answers.append(http.post("/generate", content=body, headers=headers))
    )
    sender.start()
    others = []
    while sender.is_alive():
        others.append(http.get("/health").status_code)
    assert set(others) == {200}
    assert answers[0].status_code == 422
    assert len(answers[0].content) < 2000


def test_every_answer_says_what_a_browser_may_do_with_it(http: httpx.Client, take: str) -> None:
    answers = [
        http.get(path) for path in ("/", "/health", "/docs", "/nothing", f"/takes/{take}.mp4")
    ]
    answers += [http.post("/generate"), http.get("/", headers={"Host": "evil.example"})]
    # Elsewhere than on its own machine a browser heeds it with TLS alone, and warns without.
    heeded = ["cross-origin-opener-policy" in answer.headers for answer in answers]
    assert heeded == [True] * 6 + [False]
    assert http.get("/", headers={"Host": "[half"}).status_code in (400, 421)
    assert {answer.status_code for answer in answers} == {200, 404, 415, 421}
    for answer in answers:
        policy = answer.headers["content-security-policy"]
        assert "default-src" in policy and "frame-ancestors" in policy and "http" not in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "same-origin"
        assert "server" not in answer.headers
    # A sound is recorded on the page and nowhere else.
    heard = ["microphone=(self)" in answer.headers["permissions-policy"] for answer in answers]
    pages = [answer.url.path == "/" and answer.status_code == 200 for answer in answers]
    assert heard == pages and any(pages) and not all(pages)
    policies = [answer.headers["content-security-policy"] for answer in answers]
    docs = policies.pop(2)
    assert "script-src 'self';" in docs
    assert all("script" not in policy for policy in policies[1:])


def connect(app: RunningApp) -> socket.socket:
    return socket.create_connection(("127.0.0.1", app.port), timeout=90)


def ended(link: socket.socket) -> bool:
    """Waits until the server has closed the connection."""
    try:
        while link.recv(4096):
            pass
    except ConnectionError:
        return True
    return True


def test_half_sent_requests_are_not_waited_for(app: RunningApp, http: httpx.Client) -> None:
    head = b"POST /generate HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    starts = [b"", b"GET / HTT", head]
    with ExitStack() as stack:
        links = [stack.enter_context(connect(app)) for _ in range(100)]
        for number, link in enumerate(links):
            link.sendall(starts[number % len(starts)])
        assert http.get("/health").status_code == 200
        assert all(map(ended, links))


def test_sixty_idle_connections_leave_room_with_sixty_four_file_descriptors(tmp_path: Path) -> None:
    limited = ["prlimit", "--nofile=64:64"]
    with RunningApp(tmp_path / "data", "--model", "demo", through=limited) as app, ExitStack() as s:
        app.wait_ready()
        for _ in range(60):
            s.enter_context(connect(app)).sendall(b"GET /health HTTP/1.1\r\nHost: localhost\r\n")
        assert httpx.post(f"{app.url}/generate", json=SMALL, timeout=120).status_code == 200
        assert "Traceback" not in app.output


def test_a_client_that_goes_away_leaves_no_traceback(app: RunningApp, http: httpx.Client) -> None:
    for path, kind in (
        *(("/generate", "application/json"), ("/inputs", "image/png"), ("/login", "text/plain")),
        ("/recipe", "video/mp4"),
        ("/gradio_api/run/predict", "application/json"),
    ):
        with connect(app) as link:
            head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: {kind}\r\n"
            link.sendall(f"{head}Content-Length: 3000\r\n\r\n{{".encode())
            assert http.get("/health").status_code == 200
    http.get("/health")
    assert "Traceback" not in app.output


def test_a_download_that_is_cut_off_leaves_no_traceback(
    app: RunningApp, http: httpx.Client, take: str
) -> None:
    for path in (f"/takes/{take}.mp4", f"/takes/{take}/plain.mp4", "/"):
        with connect(app) as link:
            link.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
            link.recv(10)
            reset = (1).to_bytes(4, "little") + (0).to_bytes(4, "little")
            link.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, reset)
    http.get("/health")
    assert "Traceback" not in app.output


def test_what_is_not_here_is_said_calmly_to_programs_and_to_people(http: httpx.Client) -> None:
    assert http.get("/etc/passwd").json() == NOT_HERE
    page = http.get("/etc/passwd", headers={"Accept": "text/html"})
    assert page.status_code == 404
    assert "There is nothing at this address." in page.text
    assert 'href="../"' in page.text
    for word in ("uvicorn", "gradio", "python", "<script"):
        assert word not in page.text.lower()


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "0.0.0.0", "::", "::1", "[::1]"])
def test_every_way_to_write_an_address_listens_and_names_one_that_opens(host: str) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    sockets = listen(host, port)
    try:
        address: Any = httpx.URL(url_of(host, port))
        socket.create_connection((address.host, address.port), timeout=10).close()
        if host == "::":
            socket.create_connection(("127.0.0.1", port), timeout=10).close()
    finally:
        for each in sockets:
            each.close()


def test_it_starts_behind_proxies_and_on_ipv6(tmp_path: Path) -> None:
    nowhere = "http://127.0.0.1:9"
    proxies = dict.fromkeys(("HTTP_PROXY", "http_proxy", "HTTPS_PROXY"), nowhere)
    proxies |= dict.fromkeys(("ALL_PROXY", "all_proxy"), "socks5://127.0.0.1:9")
    with RunningApp(tmp_path / "data", host="[::1]", **proxies) as app:
        assert f"LTX-2 Studio: {app.url}" in app.output
        assert httpx.get(app.url, trust_env=False, timeout=60).status_code == 200


def test_who_shares_the_address_shares_the_studio_and_not_gradio(http: httpx.Client) -> None:
    page = http.get("/").text
    head = page.partition("<head>")[2]
    assert head.startswith('<link rel="icon" href="data:image/svg+xml')
    assert '<meta property="og:title" content="LTX-2 Studio">' in head
    for others in ("twitter:", 'content="Gradio"', 'rel="manifest"'):
        assert others not in page
    plain = {"Accept-Encoding": "identity"}
    told = http.head("/", headers=plain).headers["content-length"]
    assert int(told) == len(http.get("/", headers=plain).content)
