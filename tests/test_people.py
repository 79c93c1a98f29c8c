"""Who is asking: users by form, Basic and a proxy's word, and everybody else who tries."""

from __future__ import annotations

import base64
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from kept import fill, keep, open_library
from PIL import Image
from serving import BESIDE, PROXY, Served, served
from studios import quick

from ltx_ui.errors import NotAllowed
from ltx_ui.settings import VISITOR
from ltx_ui.studio.sought import Sought
from ltx_ui.web import streams

PASSWORD = "correct horse"
HEADER = "X-Forwarded-User"
PUBLIC = {"X-Forwarded-For": "203.0.113.5"}
SMALL = {"prompt": "a ball", "width": 128, "height": 128, "num_frames": 9, "num_inference_steps": 1}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Behind a proxy that names who has signed in, and with users; a take of each kind of owner."""
    folder = tmp_path_factory.mktemp("people") / "data"
    fill(folder, [])
    library = open_library(folder)
    keep(library, "9" * 32, "local")
    for name, owner in (("1" * 32, "ada"), ("2" * 32, "bob"), ("3" * 32, "carol@example.org")):
        keep(library, name, owner)
    with served(folder, user_header=HEADER, trusted_proxy=PROXY, visitors="on") as home:
        home.studio.users.add("ada", PASSWORD)
        home.studio.users.add("bob", PASSWORD)
        yield home


def whose(client: httpx.Client, **headers: str) -> list[str]:
    """Ids of the takes that are listed."""
    answer = client.get("/api/v1/takes", headers=headers)
    assert answer.status_code == 200, answer.text
    return [each["id"][:1] for each in answer.json()["items"]]


def basic(name: str, password: str) -> dict[str, str]:
    word = base64.b64encode(f"{name}:{password}".encode()).decode()
    return {"Authorization": f"Basic {word}"}


@contextmanager
def signed_in(home: Served, name: str, number: int = 1) -> Iterator[httpx.Client]:
    """A browser in which somebody has signed in."""
    with home.browser(number) as client:
        answer = client.post("/login", data={"username": name, "password": PASSWORD})
        assert answer.status_code == 303, answer.text
        yield client


def test_users_sign_in_by_the_form_or_by_basic_and_each_sees_their_own(home: Served) -> None:
    with signed_in(home, "ada") as ada, home.visitor(2) as program, home.visitor(3) as nobody:
        assert whose(ada) == ["1"]
        assert whose(program, **basic("bob", PASSWORD)) == ["2"]
        assert whose(nobody) == []
        paths = [f"/takes/{'2' * 32}{end}" for end in (".mp4", "/plain.mp4", "/poster")]
        paths += [f"/api/v1/takes/{'2' * 32}{end}" for end in ("", "/video", "/poster", "/links")]
        for client in (ada, nobody):
            assert {client.get(path).status_code for path in paths} == {404}
            assert client.delete(f"/api/v1/takes/{'2' * 32}").status_code == 404
            assert client.patch(f"/takes/{'2' * 32}", json={"name": "mine"}).status_code == 404
        assert ada.post("/logout").status_code == 303
        assert whose(ada) == []


def test_a_wrong_password_is_refused_and_not_taken_for_a_visitor(home: Served) -> None:
    with home.visitor(9) as client:
        for name, password in (
            ("ada", "wrong password"),
            ("nobody", PASSWORD),
            ("ada\0", PASSWORD),
        ):
            answer = client.get("/api/v1/takes", headers=basic(name, password))
            assert answer.status_code == 401
        assert client.get("/jobs/x", headers={"Authorization": "Basic ???"}).status_code == 401
        form = client.post("/login", data={"username": "ada", "password": "wrong password"})
        assert (form.status_code, "ltx2-studio" in form.headers.get("set-cookie", "")) == (
            401,
            False,
        )
        assert client.get("/jobs/x", headers=basic("ada", PASSWORD)).status_code == 429


@pytest.mark.parametrize(
    "name", [f"{VISITOR}1-x", "local", "LOCAL", "guest", "", "a b", "x" * 41, "-a"]
)
def test_some_names_nobody_can_have(home: Served, name: str) -> None:
    with pytest.raises(Exception, match="name"):
        home.studio.users.add(name, PASSWORD)


def test_a_session_is_a_new_one_with_each_sign_in_and_ends_with_the_password(home: Served) -> None:
    home.studio.users.add("eve", PASSWORD)
    secret, _ = home.studio.tokens.make("eve", "", ["read"])
    name = f"ltx2-studio-{urlsplit(home.page.url).port}"
    fixed = {"Cookie": f"{name}=chosen-by-an-attacker"}
    keep(home.studio.library, "4" * 32, "eve")
    with home.browser(4) as client:
        form = {"username": "eve", "password": PASSWORD}
        answer = client.post("/login", data=form, headers=fixed)
        assert name in answer.cookies and answer.cookies[name] != "chosen-by-an-attacker"
    with home.browser(5) as client:
        assert whose(client, **fixed) == []
    with signed_in(home, "eve", 6) as eve, home.visitor(7) as program:
        first = dict(eve.cookies)
        assert whose(eve) == ["4"]
        eve.post("/login", data=form)
        with home.browser(8) as stolen:
            stolen.cookies.update(first)
            assert whose(stolen) == []
        token = {"Authorization": f"Bearer {secret}"}
        assert whose(program, **token) == ["4"]
        home.studio.users.set_password("eve", "another password")
        assert whose(eve) == []
        assert program.get("/api/v1/takes", headers=token).status_code == 401
        assert program.get("/jobs/x", headers=basic("eve", PASSWORD)).status_code == 401
        assert whose(program, **basic("eve", "another password")) == ["4"]
        home.studio.users.remove("eve")
        assert program.get("/jobs/x", headers=basic("eve", "another password")).status_code == 401
    assert home.studio.library.take("4" * 32, "local").owner == "eve"


def test_a_session_changes_nothing_without_the_browsers_word(home: Served) -> None:
    with signed_in(home, "ada") as ada:
        del ada.headers["Sec-Fetch-Site"]
        marks: dict[str, Any] = {"json": {"note": "x"}}
        assert ada.patch(f"/takes/{'1' * 32}", **marks).status_code == 404
        foreign = {"Origin": "https://evil.example"}
        assert ada.patch(f"/takes/{'1' * 32}", headers=foreign, **marks).status_code == 403
        own = {"Sec-Fetch-Site": "same-origin"}
        assert ada.patch(f"/takes/{'1' * 32}", headers=own, **marks).status_code == 200


def test_forged_cookies_name_nobody(home: Served) -> None:
    port = urlsplit(home.page.url).port
    with home.visitor() as client:
        for value in ("local", "local.x.y", "ada", "x" * 3000, "%00", "local.aaaa.AAAA"):
            for name in (f"ltx2-who-{port}", f"ltx2-studio-{port}"):
                sent = {"Cookie": f"{name}={value}"}
                assert client.get(f"/takes/{'1' * 32}.mp4", headers=sent).status_code == 404


def test_a_proxy_is_believed_by_its_address_alone(home: Served) -> None:
    with home.client(PROXY, **PUBLIC) as proxy, home.client(BESIDE, **PUBLIC) as forger:
        assert whose(proxy, **{HEADER: "bob"}) == ["2"]
        assert whose(proxy, **{HEADER.lower(): "carol@example.org"}) == ["3"]
        assert whose(proxy, **{HEADER.upper(): "bob"}) == ["2"]
        assert whose(proxy) == whose(proxy, **{HEADER: ""}) == []
        assert whose(proxy, X_Forwarded_User="bob") == []
        for forged in (HEADER, HEADER.upper(), "X-Forwarded-USER"):
            assert whose(forger, **{forged: "bob"}) == []
            assert (
                forger.get(f"/takes/{'2' * 32}.mp4", headers={forged: "local"}).status_code == 404
            )


@pytest.mark.parametrize(
    "name",
    ["local", "Local", "guest", f"{VISITOR}1-2", "a\tb", "a/b", "ä\xff", "b" * 1000, "a,b", "-"],
)
def test_a_proxys_name_that_nobody_can_have_is_refused(home: Served, name: str) -> None:
    with home.client(PROXY) as proxy:
        answer = proxy.get("/api/v1/takes", headers=[(HEADER.encode(), name.encode("latin-1"))])
        assert answer.status_code == 403
        assert "nobody can have" in answer.text


def raw(home: Served, *lines: bytes) -> bytes:
    """The first line of the answer to a request that no client library would send."""
    request = b"\r\n".join([b"GET /api/v1/takes HTTP/1.1", b"Host: localhost", *lines, b"", b""])
    address = urlsplit(home.page.url)
    with socket.create_connection((address.hostname or "", address.port or 0), timeout=60) as link:
        link.sendall(request)
        return link.recv(12)


def test_odd_headers_of_a_proxy_are_refused(home: Served) -> None:
    user = HEADER.encode()
    assert raw(home, user + b":   bob  ").endswith(b"200")
    assert raw(home, user + b": bob", user + b": ada").endswith(b"403")
    assert raw(home, user + b": bob", user.lower() + b":").endswith(b"403")
    assert raw(home, user + b": b\0b").endswith(b"400")
    assert raw(home, user + b": " + b"b" * 100_000).endswith(b"403")


def test_at_the_machine_one_is_the_owner_unless_the_proxy_asks(home: Served) -> None:
    with home.client(BESIDE) as direct, home.client(PROXY) as proxy:
        assert whose(direct) == ["9"]
        assert direct.get(f"/takes/{'2' * 32}.mp4").status_code == 200
        assert whose(proxy) == []
        assert proxy.get(f"/takes/{'2' * 32}.mp4").status_code == 404


def test_the_owner_sees_everybodys_takes_and_jobs(home: Served) -> None:
    keep(home.studio.library, "5" * 32, "bob")
    with home.client(BESIDE) as owner, home.visitor(11) as bob:
        paths = [f"/takes/{'5' * 32}{end}" for end in (".mp4", "/plain.mp4", "/poster")]
        paths += [f"/api/v1/takes/{'5' * 32}{end}" for end in ("", "/video", "/poster")]
        assert {owner.get(path).status_code for path in paths} == {200}
        job = bob.post("/jobs", json=SMALL, headers=basic("bob", PASSWORD)).json()["id"]
        assert owner.get(f"/jobs/{job}").json()["state"] == "queued"
        assert owner.delete(f"/jobs/{job}").json()["state"] == "cancelled"
        assert owner.patch(f"/takes/{'5' * 32}", json={"name": "Seen"}).status_code == 200
        # What bob is shown follows at once.
        named = bob.get(f"/api/v1/takes/{'5' * 32}", headers=basic("bob", PASSWORD)).json()
        assert named["name"] == "Seen"
        assert "5" in whose(bob, **basic("bob", PASSWORD))
        assert owner.delete(f"/api/v1/takes/{'5' * 32}").status_code == 200
        assert "5" not in whose(bob, **basic("bob", PASSWORD))
    everybody = home.studio.library.takes("local", Sought(everybody=True))
    assert {"local", "ada", "bob"} <= {take.owner for take in everybody}
    assert {take.owner for take in home.studio.library.takes("bob", Sought(everybody=True))} == {
        "bob"
    }


def test_a_digest_alone_shows_nobody_another_ones_picture(home: Served) -> None:
    buffer = BytesIO()
    Image.radial_gradient("L").save(buffer, "PNG")
    picture: dict[str, Any] = {"content": buffer.getvalue()}
    kind = {"Content-Type": "image/png"}
    ada, bob = basic("ada", PASSWORD), basic("bob", PASSWORD)
    with home.visitor(14) as client, home.client(BESIDE) as owner:
        digest = client.post("/inputs", headers=ada | kind, **picture).json()["digest"]
        for path in (f"/inputs/{digest}", f"/api/v1/images/{digest}"):
            assert client.get(path, headers=ada).status_code == 200
            assert client.get(path, headers=bob).status_code == 404
            assert client.get(path).status_code == 404
            assert owner.get(path).status_code == 200
        used = SMALL | {"image_start": digest}
        assert client.post("/jobs", json=used, headers=bob).status_code == 422
        assert client.post("/inputs", headers=bob | kind, **picture).json()["digest"] == digest
        assert client.get(f"/inputs/{digest}", headers=bob).status_code == 200


def test_a_token_expires_and_goes_nowhere_but_into_its_header(home: Served) -> None:
    soon = datetime.now(UTC) + timedelta(seconds=1)
    secret, token = home.studio.tokens.make("ada", "", ["read"], soon)
    headers = {"Authorization": f"Bearer {secret}"}
    with home.visitor(15) as client:
        assert whose(client, **headers) == ["1"]
        for elsewhere in ({"token": secret}, {"access_token": secret}, {"authorization": secret}):
            assert client.get("/api/v1/takes", params=elsewhere).status_code in (200, 422)
            assert client.get(f"/takes/{'1' * 32}.mp4", params=elsewhere).status_code == 404
        time.sleep(1.1)
        assert client.get("/api/v1/takes", headers=headers).status_code == 401
        assert client.get("/health", headers=headers).status_code == 200
    assert token.id not in {each.id for each in home.studio.tokens.all("ada")}


def test_the_owner_is_told_who_is_here(home: Served) -> None:
    with home.visitor(12) as bob, home.visitor(13) as stranger:
        assert whose(bob, **basic("bob", PASSWORD)) == ["2"]
        job = stranger.post("/jobs", json=SMALL)
        assert job.status_code == 202
        last, before, *_ = home.studio.people()
        assert (last.role, last.live_jobs, last.takes, last.minutes) == ("visitor", 1, 0, 0)
        assert (before.name, before.role, before.takes) == ("bob", "user", 1)
        assert datetime.now(UTC) - last.seen_at < timedelta(minutes=5)
        assert stranger.delete(f"/jobs/{job.json()['id']}").status_code == 200


@pytest.mark.parametrize("address", [False, True])
def test_who_is_banned_is_told_so_and_their_jobs_are_cancelled(home: Served, address: bool) -> None:
    number = 20 + address
    with home.visitor(number) as bad, home.visitor(number) as beside, home.visitor(99) as good:
        job = bad.post("/jobs", json=SMALL).json()["id"]
        name = home.studio.people()[0].name
        assert beside.get("/jobs/x").status_code == 404
        ban = home.studio.ban(name, address=address)
        assert home.studio.job(job, name).state.name == "cancelled"
        for path in ("/", "/jobs/x", "/api/v1/takes", "/docs"):
            answer = bad.get(path)
            assert (answer.status_code, "lets you in no more" in answer.text) == (403, True)
        assert beside.get("/jobs/x").status_code == (403 if address else 404)
        with home.visitor(number) as new:
            assert new.get("/jobs/x").status_code == (403 if address else 404)
        assert good.get("/jobs/x").status_code == 404
        assert bad.get("/health").status_code == 200
        with pytest.raises(NotAllowed):
            home.studio.submit(quick(), name)
        assert home.studio.people()[0].banned is False
        home.studio.bans.remove(ban)
        assert bad.get("/jobs/x").status_code == 404


@pytest.mark.parametrize("path", ["/session/events", "/gradio/queue/data?session_hash=abc"])
def test_who_is_banned_has_no_stream_any_more(
    home: Served, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "HEARTBEAT_SECONDS", 0.2)
    with home.visitor(30) as bad, home.visitor(31) as good, ExitStack() as opened:
        good_one = opened.enter_context(good.stream("GET", "/session/events")).iter_lines()
        assert "changed" in next(line for line in good_one if line.startswith("event"))
        known = {person.name for person in home.studio.people()}
        if "gradio" in path:
            asked = {"data": [SMALL], "fn_index": 0, "session_hash": "abc"}
            bad.post("/gradio/queue/join", json=asked).raise_for_status()
        lines = opened.enter_context(bad.stream("GET", path)).iter_lines()
        next(lines)
        (name,) = {person.name for person in home.studio.people()} - known
        ban = home.studio.ban(name)
        list(lines)  # It ends, and as an answer should.
        home.studio.bans.remove(ban)
        assert "beat" in next(line for line in good_one if line.startswith("event"))


def test_without_visitors_only_names_and_the_owner_come_in(tmp_path: Path) -> None:
    with (
        served(tmp_path / "data", visitors="off", trusted_proxy=PROXY) as closed,
        closed.visitor() as client,
        closed.client(BESIDE) as owner,
        closed.client(BESIDE, **PUBLIC) as forger,
    ):
        led = client.get("/", headers={"Accept": "text/html"})
        assert (led.status_code, led.headers["location"]) == (303, "login")
        for method, path in (("GET", "/jobs/x"), ("POST", "/jobs"), ("GET", "/config")):
            assert client.request(method, path).status_code == 401
        assert client.get("/login").status_code == 200
        assert owner.get("/jobs/x").status_code == 404
        closed.studio.users.add("ada", PASSWORD)
        assert client.get("/jobs/x", headers=basic("ada", PASSWORD)).status_code == 404
        # Who is wrong too often waits by their own address, whatever they claim.
        for number in range(8):
            claim = {"X-Forwarded-For": f"198.51.100.{number}"}
            last = forger.get("/jobs/x", headers=basic("ada", "wrong") | claim)
        assert last.status_code == 429
        assert client.get("/jobs/x", headers=basic("ada", PASSWORD)).status_code == 404
        https = {"X-Forwarded-Proto": "https"}
        form = {"username": "ada", "password": PASSWORD}
        signed = client.post("/login", data=form, headers=https)
        assert "secure" in signed.headers["set-cookie"].lower()


def test_a_scheme_is_believed_of_a_trusted_proxy_alone(home: Served) -> None:
    https = {"X-Forwarded-Proto": "https"} | PUBLIC
    for address, secure in ((PROXY, True), (BESIDE, False)):
        with home.client(address, **https) as client:
            assert ("secure" in client.get("/").headers["set-cookie"].lower()) == secure
