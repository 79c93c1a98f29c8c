"""Clips out and pictures in, over HTTP."""

import io
import time
from pathlib import Path

import httpx
import pytest
from PIL import Image
from running import RunningApp

from ltx_ui.errors import MediaError
from ltx_ui.media.mp4 import read_metadata

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
    for path in set(folder.iterdir()) - before:
        path.unlink()
    for address in (f"/takes/{made}.mp4", f"/takes/{made}/poster", f"/takes/{made}/plain.mp4"):
        answer = http.get(address)
        assert answer.status_code == 404
        assert "removed" in answer.json()["detail"]
    assert "Traceback" not in app.output


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
