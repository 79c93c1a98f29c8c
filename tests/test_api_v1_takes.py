"""Takes, pictures and offers of the versioned API, over HTTP."""

from __future__ import annotations

from io import BytesIO
from typing import Any

import httpx
import pytest
from PIL import Image
from running import RunningApp
from v1 import IMAGES, SLOW, SMALL, TAKES, ended, problem, submit, visitor


@pytest.fixture(scope="module")
def takes(ada: httpx.Client) -> list[dict[str, Any]]:
    """Ada's takes, oldest first: two of a job, and one of another."""
    jobs = [
        submit(ada, SMALL | {"prompt": "a red ball", "num_takes": 2, "seed": 1}),
        submit(ada, SMALL | {"prompt": "a café in the rain", "num_frames": 17, "height": 160}),
    ]
    made = [link for job in jobs for link in ended(ada, job)["takes"]]
    return [ada.get(link["href"]).json() for link in made]


def found(ada: httpx.Client, **filters: Any) -> list[str]:
    answer = ada.get(TAKES, params=filters)
    assert answer.status_code == 200, answer.text
    return [take["id"] for take in answer.json()["items"]]


def png(width: int = 96, height: int = 128) -> bytes:
    buffer = BytesIO()
    Image.new("RGB", (width, height), (9, 99, 199)).save(buffer, "PNG")
    return buffer.getvalue()


def test_a_take_tells_how_it_was_made(takes: list[dict[str, Any]]) -> None:
    first, second, other = takes
    assert [take["recipe"]["seed"] for take in (first, second)] == [1, 2]
    assert other["recipe"]["prompt"] == "a café in the rain"
    assert (other["resolution"], other["duration_seconds"]) == ("128x160", round(17 / 24, 3))
    assert (first["model"], first["favourite"], first["tags"]) == ("demo", False, [])
    assert {"sampling", "decoding"} <= set(first["timings"])


@pytest.mark.parametrize("order", ["newest", "oldest", "longest", "favourites"])
def test_pages_hold_each_take_once(
    ada: httpx.Client, takes: list[dict[str, Any]], order: str
) -> None:
    listed: list[str] = []
    params: dict[str, str | int] = {"order": order, "limit": 1}
    while True:
        page = ada.get(TAKES, params=params).json()
        listed += [take["id"] for take in page["items"]]
        if page["next_cursor"] is None:
            break
        params["cursor"] = page["next_cursor"]
    assert listed == found(ada, order=order)
    ids = [take["id"] for take in takes]
    assert sorted(listed) == sorted(ids)
    if order == "oldest":
        assert listed == ids


def test_takes_are_sought_by_words_and_by_what_they_are(
    ada: httpx.Client, takes: list[dict[str, Any]]
) -> None:
    first, second, other = (take["id"] for take in takes)
    assert found(ada, search="cafe rai") == [other]
    assert found(ada, resolution="128x128") == [second, first]
    assert found(ada, longer_than=0.5) == found(ada, at_most=1, search="rain") == [other]
    assert found(ada, since=takes[2]["created_at"]) == [other]
    assert found(ada, until=takes[1]["created_at"]) == [first]
    assert found(ada, model="ltx-2") == found(ada, with_picture=True) == found(ada, drafts=1) == []
    assert found(ada, preset="own") == [other, second, first]
    assert found(ada, preset="fast-preview") == []
    assert found(ada, tag="\0", search="\0") == [other, second, first]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"limit": 0}, "limit"),
        ({"limit": "1e9"}, "limit"),
        ({"order": "random"}, "order"),
        ({"colour": "red"}, "colour"),
        ({"since": "0001-01-01T00:00:00+14:00"}, "since"),
        ({"until": "9999-12-31T23:59:59-14:00"}, "until"),
        ({"since": "2026-01-01T00:00:00"}, "since"),
        ({"since": "1700000000"}, "since"),
        ({"longer_than": "nan"}, "longer_than"),
        ({"resolution": "128"}, "resolution"),
        ({"preset": "no such"}, "preset"),
        ({"search": "x" * 1000}, "search"),
        ({"cursor": ""}, "cursor"),
        ({"cursor": "AAAAAAAAAAAAAAAAAAAAAAA"}, "cursor"),
        ({"cursor": "x" * 10_000}, "cursor"),
    ],
)
def test_a_filter_that_can_not_be_meant_is_named(
    ada: httpx.Client, query: dict[str, Any], field: str
) -> None:
    told = problem(ada.get(TAKES, params=query), 422, "invalid-request")
    assert [error["field"] for error in told["errors"]] == [field]


def test_a_cursor_of_another_order_or_list_is_refused(
    ada: httpx.Client, takes: list[dict[str, Any]]
) -> None:
    cursor = ada.get(TAKES, params={"limit": 1}).json()["next_cursor"]
    for path, query in ((TAKES, {"order": "oldest"}), ("/api/v1/jobs", {})):
        answer = ada.get(path, params={"cursor": cursor, **query})
        assert "next_cursor" in problem(answer, 422, "invalid-request")["detail"]


def test_what_is_written_on_a_take_is_kept_and_found(
    ada: httpx.Client, takes: list[dict[str, Any]]
) -> None:
    href, take_id = takes[0]["href"], takes[0]["id"]
    changed = ada.patch(href, json={"name": "First", "tags": ["red", "ball"], "note": "Good."})
    assert changed.json()["name"] == "First"
    assert ada.put(f"{href}/favourite").json()["favourite"] is True
    assert found(ada, favourite=True) == found(ada, tag="red") == [take_id]
    assert found(ada, order="favourites")[0] == take_id
    assert ada.delete(f"{href}/favourite").json()["favourite"] is False
    assert ada.get(href).json() == changed.json() | {"tags": ["ball", "red"]}
    told = problem(ada.patch(href, json={"name": "x" * 81}), 422, "invalid-recipe")
    assert told["errors"][0]["field"] == "name"
    problem(ada.patch(href, json={"colour": "red"}), 422, "invalid-recipe")


def test_a_deleted_take_is_gone_and_comes_back(
    ada: httpx.Client, takes: list[dict[str, Any]]
) -> None:
    take = ada.get(takes[1]["href"]).json()
    deleted = ada.delete(take["href"]).json()
    assert (deleted["id"], deleted["restorable_seconds"]) == (take["id"], 30)
    assert take["id"] not in found(ada)
    for address in (take["href"], take["video"], take["poster"]):
        problem(ada.get(address), 404, "not-found")
    assert ada.post(f"{take['href']}/restore").json() == take
    assert ada.get(take["href"]).json() == take
    problem(ada.post(f"{TAKES}/{'0' * 32}/restore"), 404, "not-found")


def test_a_file_comes_in_parts_and_only_if_it_is_another(
    ada: httpx.Client, takes: list[dict[str, Any]]
) -> None:
    for address, kind in ((takes[0]["video"], "video/mp4"), (takes[0]["poster"], "image/jpeg")):
        whole, head = ada.get(address), ada.head(address)
        assert (whole.headers["content-type"], whole.headers["accept-ranges"]) == (kind, "bytes")
        assert head.headers["content-length"] == str(len(whole.content))
        part = ada.get(address, headers={"Range": "bytes=2-5"})
        assert (part.status_code, part.content) == (206, whole.content[2:6])
        known = ada.get(address, headers={"If-None-Match": whole.headers["etag"]})
        assert (known.status_code, known.content) == (304, b"")
    small = ada.get(takes[0]["poster"], params={"w": 320})
    assert Image.open(BytesIO(small.content)).format == "JPEG"


def test_nobody_else_finds_a_take(app: RunningApp, takes: list[dict[str, Any]]) -> None:
    take = takes[0]
    with visitor(app) as bob:
        assert found(bob) == []
        for method, address in (
            *(("GET", take[name]) for name in ("href", "video", "poster")),
            ("DELETE", take["href"]),
            ("PUT", f"{take['href']}/favourite"),
            ("DELETE", f"{take['href']}/favourite"),
            ("POST", f"{take['href']}/restore"),
            ("GET", f"{TAKES}/{take['id'].upper()}"),
            ("GET", f"{TAKES}/..%2F..%2Fsigning-key"),
            ("GET", f"{TAKES}/%00"),
        ):
            problem(bob.request(method, address), 404, "not-found")
        problem(bob.patch(take["href"], json={"name": "mine"}), 404, "not-found")


def test_a_picture_is_stored_as_a_body_or_in_a_form_and_used_by_its_digest(
    ada: httpx.Client, app: RunningApp
) -> None:
    data = png()
    plain = ada.post(IMAGES, content=data, headers={"Content-Type": "image/png"})
    form = ada.post(IMAGES, files={"image": ("a.png", data, "image/png")})
    assert (plain.status_code, form.status_code) == (201, 201)
    stored = plain.json()
    assert stored == form.json()
    assert (stored["width"], stored["height"]) == (96, 128)
    assert plain.headers["location"] == stored["href"]
    kept, head = ada.get(stored["href"]), ada.head(stored["href"])
    assert kept.headers["content-type"] == "image/png"
    assert head.headers["content-length"] == str(len(kept.content))
    assert Image.open(BytesIO(kept.content)).size == (96, 128)
    job = submit(ada, SLOW | {"image_start": stored["digest"]})
    ada.delete(job["href"])
    assert job["recipe"]["image_start"] == stored["digest"]
    with visitor(app) as bob:
        problem(bob.get(stored["href"]), 404, "not-found")
        refused = bob.post("/api/v1/jobs", json=SLOW | {"image_start": stored["digest"]})
        assert problem(refused, 422, "invalid-recipe")["errors"][0]["field"] == "image_start"


@pytest.mark.parametrize(
    ("content", "kind", "status", "name"),
    [
        (b"no picture", "image/png", 422, "invalid-recipe"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "image/svg+xml", 422, "invalid-recipe"),
        (b"<b>hello", "text/html", 415, "unsupported-media-type"),
        (b"", "", 415, "unsupported-media-type"),
        (b"--x", "multipart/form-data", 400, "bad-request"),
        (b"--x\r\nnonsense", "multipart/form-data; boundary=x", 422, "invalid-recipe"),
        (b"no form", "multipart/form-data; boundary=x", 400, "bad-request"),
        (
            b'--x\r\nContent-Disposition: form-data; name="image"\r\n\r\ntext\r\n--x--\r\n',
            *("multipart/form-data; boundary=x", 422, "invalid-recipe"),
        ),
    ],
)
def test_what_is_no_picture_is_refused(
    ada: httpx.Client, content: bytes, kind: str, status: int, name: str
) -> None:
    problem(ada.post(IMAGES, content=content, headers={"Content-Type": kind}), status, name)


@pytest.mark.parametrize("digest", ["sha256:x", "x", "sha256:" + "0" * 64, "..%2f..%2fsigning-key"])
def test_a_picture_that_is_not_here_is_not_found(ada: httpx.Client, digest: str) -> None:
    problem(ada.get(f"{IMAGES}/{digest}"), 404, "not-found")


def test_what_is_offered_can_be_asked_for(ada: httpx.Client, http: httpx.Client) -> None:
    formats = ada.get("/api/v1/formats").json()["items"]
    (model,) = ada.get("/api/v1/models").json()["items"]
    presets = {each["id"]: each for each in ada.get("/api/v1/presets").json()["items"]}
    assert (model["id"], model["state"], model["licence"]) == ("demo", "ready", "Apache-2.0")
    assert {"width": 288, "height": 512, "two_stage": False} in [f["settings"] for f in formats]
    assert [each["default"] for each in presets.values()].count(True) == 1
    job = submit(ada, {"prompt": "a ball", **presets["fast-preview"]["settings"]})
    ada.delete(job["href"])
    assert (job["recipe"]["num_frames"], job["recipe"]["num_inference_steps"]) == (9, 5)


def test_limits_are_those_of_who_asks(ada: httpx.Client, http: httpx.Client) -> None:
    hers, owners = (client.get("/api/v1/limits").json() for client in (ada, http))
    assert (hers["steps"]["most"], owners["steps"]["most"]) == (50, 100)
    assert hers["volume"] < owners["volume"]
    assert (hers["clips_at_once"], owners["clips_at_once"]) == (16, None)
    assert hers["frames"] == [*range(9, 258, 8)]
    told = ada.post("/api/v1/jobs", json=SMALL | {"num_inference_steps": 51})
    problem(told, 422, "invalid-recipe")
