"""Clips out and pictures in, over HTTP."""

import base64
import io
import json
import time
from pathlib import Path

import httpx
import pytest
from PIL import Image
from running import RunningApp

from ltx_ui.errors import MediaError
from ltx_ui.media.metadata import read_metadata

SMALL = {"prompt": "a ball", "width": 128, "height": 128, "num_frames": 9, "num_inference_steps": 1}


def picture(width: int = 900, height: int = 300) -> bytes:
    target = io.BytesIO()
    Image.new("RGB", (width, height), "teal").save(target, "PNG")
    return target.getvalue()


def send(http: httpx.Client, data: bytes, kind: str = "image/png") -> httpx.Response:
    return http.post("/inputs", content=data, headers={"Content-Type": kind})


def test_what_can_be_read_can_be_asked_for_its_head(http: httpx.Client, take: str) -> None:
    for path in (f"/takes/{take}.mp4", f"/takes/{take}/poster", "/docs", "/openapi.json"):
        whole, head = http.get(path), http.head(path)
        assert (head.status_code, head.content) == (200, b"")
        assert int(head.headers["content-length"]) == len(whole.content)
    assert http.head("/health").status_code == 200


def test_a_browser_asks_each_time_whether_a_clip_is_still_so(http: httpx.Client, take: str) -> None:
    for path in (f"/takes/{take}.mp4", f"/takes/{take}/poster"):
        first = http.get(path)
        assert first.headers["cache-control"] == "private, no-cache"
        again = http.get(path, headers={"If-None-Match": first.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")
        assert http.get(path, headers={"If-None-Match": '"other"'}).status_code == 200


def test_a_clip_can_be_had_without_its_recipe(
    http: httpx.Client, take: str, tmp_path: Path
) -> None:
    with_recipe, plain = tmp_path / "with.mp4", tmp_path / "plain.mp4"
    with_recipe.write_bytes(http.get(f"/takes/{take}.mp4").content)
    plain.write_bytes(http.get(f"/takes/{take}/plain.mp4").content)
    assert read_metadata(with_recipe)
    assert b"a ball" not in plain.read_bytes()
    with pytest.raises(MediaError):
        read_metadata(plain)


def test_a_clip_whose_file_was_removed_by_hand_is_404_in_words(
    app: RunningApp, http: httpx.Client
) -> None:
    folder = app.data_dir / "takes"
    before = set(folder.iterdir())
    made = http.post("/jobs", json=SMALL).json()["id"]
    while http.get(f"/jobs/{made}").json()["state"] != "done":
        time.sleep(0.1)
    files = {path: path.read_bytes() for path in set(folder.iterdir()) - before}
    for path in files:
        path.unlink()
    for address in (f"/takes/{made}.mp4", f"/takes/{made}/poster", f"/takes/{made}/plain.mp4"):
        answer = http.get(address)
        assert answer.status_code == 404
        assert "removed" in answer.json()["detail"]
    assert "Traceback" not in app.output
    for path, data in files.items():
        path.write_bytes(data)  # Others who use this app look at every clip.


def test_a_picture_becomes_a_digest_that_recipes_take(http: httpx.Client) -> None:
    answer = send(http, picture())
    assert answer.status_code == 201
    taken = answer.json()
    assert (taken["width"], taken["height"]) == (900, 300)
    assert send(http, picture(), "application/octet-stream").json() == taken
    small = http.get(f"/inputs/{taken['digest']}")
    assert small.headers["content-type"] == "image/webp"
    assert max(Image.open(io.BytesIO(small.content)).size) <= 512
    job = http.post("/jobs", json=SMALL | {"image_start": taken["digest"]})
    assert job.json()["recipe"]["image_start"] == taken["digest"]


def test_what_is_no_picture_is_refused_in_words(http: httpx.Client) -> None:
    assert send(http, b"plain words").status_code == 422
    assert send(http, picture(), "multipart/form-data; boundary=x").status_code == 415
    assert send(http, picture(), "text/plain").status_code == 415
    assert send(http, b"0" * 60_000_000).status_code == 413
    for digest in ("sha256:" + "0" * 64, "sha256:../../etc/passwd", "x", "%2Fetc%2Fpasswd"):
        assert http.get(f"/inputs/{digest}").status_code == 404


def test_another_site_can_not_send_a_picture(app: RunningApp, http: httpx.Client) -> None:
    def stored() -> int:
        return sum(1 for _ in (app.data_dir / "references").glob("*.png"))

    send(http, picture())
    before = stored()
    headers = {"Content-Type": "image/png", "Origin": "https://evil.example"}
    assert http.post("/inputs", content=picture(77, 99), headers=headers).status_code == 403
    assert stored() == before


def read(http: httpx.Client, data: bytes, kind: str = "application/octet-stream") -> httpx.Response:
    return http.post("/recipe", content=data, headers={"Content-Type": kind})


def test_a_clip_and_its_poster_tell_what_makes_the_clip_again(
    http: httpx.Client, take: str
) -> None:
    files = [http.get(f"/takes/{take}{name}").content for name in (".mp4", "/poster")]
    told = [read(http, files[0], "video/mp4"), read(http, files[1], "image/jpeg")]
    assert [each.status_code for each in told] == [200, 200]
    assert told[0].json() == told[1].json()
    assert told[0].json()["model"] == "demo" and told[0].json()["timings"]["sampling"] > 0
    again = http.post("/jobs", json=told[0].json()["recipe"]).json()
    assert again["recipe"] == told[0].json()["recipe"] == http.get(f"/jobs/{take}").json()["recipe"]
    assert read(http, told[0].content, "application/json").json() == told[0].json()
    assert read(http, http.get(f"/takes/{take}/plain.mp4").content).status_code == 422


def test_a_picture_within_a_recipe_is_stored(http: httpx.Client) -> None:
    text = base64.b64encode(picture(640, 360)).decode()
    told = read(http, json.dumps(SMALL | {"image_end": text}).encode()).json()["recipe"]
    assert http.get(f"/inputs/{told['image_end']}").status_code == 200


def test_what_tells_no_recipe_is_refused_in_words(app: RunningApp, http: httpx.Client) -> None:
    for data in (b"", b"words", b"[]", b"{}", b'{"a":' * 99_999, picture(), b"\0\0\0\x10ftyp"):
        answer = read(http, data)
        assert (answer.status_code, answer.json()["detail"][:10]) == (422, "This file ")
    wrong = read(http, json.dumps(SMALL | {"fps": 7}).encode())
    assert wrong.status_code == 422 and "fps: is 7" in wrong.json()["detail"][0]["msg"]
    assert read(http, b"prompt=a", "application/x-www-form-urlencoded").status_code == 415
    assert "Traceback" not in app.output
