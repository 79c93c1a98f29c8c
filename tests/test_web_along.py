"""Zips and links over HTTP."""

from __future__ import annotations

import http.client
import io
import re
import zipfile
from html import unescape
from urllib.parse import urlsplit

import httpx
import numpy as np
import pytest
from PIL import Image
from running import RunningApp
from studios import until

from ltx_ui.media.metadata import NoRecipe
from ltx_ui.recall import recall, recall_link

FOREIGN = {"Origin": "http://evil.example", "Sec-Fetch-Site": "cross-site"}
ZIP = {"Content-Type": "application/zip"}


def names(answer: httpx.Response) -> list[str]:
    with zipfile.ZipFile(io.BytesIO(answer.content)) as found:
        return found.namelist()


def test_clips_leave_as_a_zip_and_are_known_when_they_come_back(
    http: httpx.Client, take: str
) -> None:
    every = http.post("/library/export")
    assert every.headers["content-type"] == "application/zip"
    assert re.search(
        r'attachment; filename="ltx-2-studio-.*\.zip"', every.headers["content-disposition"]
    )
    some = http.post("/library/export", data={"take": [take, "nothing"]})
    assert [name[-4:] for name in names(some)] == [".mp4", ".jpg", "json"]
    brought = http.post("/library/import", content=some.content, headers=ZIP)
    assert brought.json() == {
        "came": 0, "here": 1, "storyboards": 0, "storyboards_here": 0, "unreadable": [],
        "message": "0 clips came, 1 was here already.",
    }  # fmt: skip
    http.delete(f"/takes/{take}")
    said = http.post(
        "/library/import", content=some.content, headers=ZIP | {"Accept-Language": "de"}
    )
    assert said.json()["message"] == "0 Clips kamen dazu, 1 war schon hier."


def test_an_export_of_nothing_and_a_foreign_site_are_refused(http: httpx.Client, take: str) -> None:
    assert http.post("/library/export", data={"take": "nothing"}).status_code == 404
    for path in ("/library/export", "/library/import", "/recipe/share", "/recipe/link"):
        assert http.post(path, headers=FOREIGN).status_code == 403
    assert http.post("/library/export", json={}).status_code == 415
    assert http.post("/library/export", data={"take": ""}).status_code == 404
    strange = http.post("/library/export", data={"foo": "x"})
    assert strange.status_code == 422
    assert "Known: take, storyboard." in strange.json()["detail"][0]["msg"]


@pytest.mark.parametrize(
    ("body", "headers", "status", "says"),
    [
        (b"words", ZIP, 422, "damaged or of an unknown kind"),
        (b"", ZIP, 422, "damaged or of an unknown kind"),
        (b"words", {"Content-Type": "text/plain"}, 415, "Send one zip"),
    ],
)
def test_what_is_no_zip_is_refused(
    http: httpx.Client,
    app: RunningApp,
    body: bytes,
    headers: dict[str, str],
    status: int,
    says: str,
) -> None:
    answer = http.post("/library/import", content=body, headers=headers)
    assert answer.status_code == status and says in answer.json()["detail"]
    assert not list((app.data_dir / "takes").glob(".*"))


def test_a_zip_that_is_too_large_is_refused_before_it_is_sent(app: RunningApp) -> None:
    connection = http.client.HTTPConnection(urlsplit(app.url).netloc, timeout=30)
    connection.putrequest("POST", "/library/import")
    connection.putheader("Content-Type", "application/zip")
    connection.putheader("Content-Length", str(10**12))
    connection.endheaders()
    answer = connection.getresponse()
    assert answer.status == 413 and b"--max-import-gb" in answer.read()
    connection.close()


def test_files_without_recipe_tell_nothing_and_show_the_same(http: httpx.Client, take: str) -> None:
    poster = http.get(f"/takes/{take}/poster").content
    plain = http.get(f"/takes/{take}/plain.jpg").content
    assert recall(io.BytesIO(poster)).recipe.prompt == "a ball"
    for path in ("plain.jpg", "plain.mp4"):
        data = http.get(f"/takes/{take}/{path}").content
        assert b"ball" not in data and "ball".encode("utf-16-be") not in data
        assert b"LTX" not in data
        with pytest.raises(NoRecipe, match="holds no recipe"):
            recall(io.BytesIO(data))
    before, after = (np.asarray(Image.open(io.BytesIO(data))) for data in (poster, plain))
    assert np.array_equal(before, after)


def test_a_link_carries_a_recipe_and_a_code_of_it(http: httpx.Client, take: str) -> None:
    page = "https://studio.example/ltx/?x=1"
    shared = http.post("/recipe/share", json={"take": take, "page": page}).text
    link = unescape(re.search(r'value="([^"]*)"', shared)[1])  # type: ignore[index]
    assert link.startswith("https://studio.example/ltx/#recipe=1") and take not in link
    assert "<svg" in shared and "<path" in shared and "this computer only" not in shared
    told = http.post(
        "/recipe/link",
        content=link.partition("#")[2],
        headers={"Content-Type": "text/plain", "Accept-Language": "de"},
    )
    assert "a ball" in told.text and "Dieses Rezept verwenden" in told.text


@pytest.mark.parametrize(
    ("host", "here_only"),
    [
        *(("127.0.0.1:1", True), ("[::1]:7860", True), ("ltx.localhost", True)),
        *(("127.example.com", False), ("192.168.0.7", False)),
    ],
)
def test_a_link_to_this_computer_is_said_to_lead_nowhere_else(
    http: httpx.Client, take: str, host: str, here_only: bool
) -> None:
    shared = http.post("/recipe/share", json={"take": take, "page": f"http://{host}/"}).text
    assert ("this computer only" in shared) is here_only


@pytest.mark.parametrize(
    ("page", "status"),
    [("javascript:alert(1)", 422), (7, 422), ("http://[", 422), ("http://" + "x" * 400, 422)],
)
def test_a_link_is_made_for_an_address_of_a_page_only(
    http: httpx.Client, take: str, page: object, status: int
) -> None:
    assert http.post("/recipe/share", json={"take": take, "page": page}).status_code == status


def test_a_recipe_that_is_too_long_for_a_code_is_a_link_alone(http: httpx.Client) -> None:
    prompt = "".join(chr(0x4E00 + n * n % 7919) for n in range(1500))
    small = {"width": 128, "height": 128, "num_frames": 9, "num_inference_steps": 1}
    job = http.post("/jobs", json={"prompt": prompt, **small}).json()["id"]
    until(lambda: http.get(f"/jobs/{job}").json()["state"] == "done")
    shared = http.post("/recipe/share", json={"take": job, "page": "http://studio/"}).text
    assert "<svg" not in shared and "too long for a QR code" in shared
    link = unescape(re.search(r'value="([^"]*)"', shared)[1])  # type: ignore[index]
    assert recall_link(link.partition("#")[2]).recipe.prompt == prompt
