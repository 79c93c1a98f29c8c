"""Extending by the API, by assistants, on the terminal and on the page."""

from __future__ import annotations

import base64
import re
from pathlib import Path
from typing import Any

import httpx
import pytest
from chromium import MISSING, arrived, make_a_preview, seed_of, serious
from films import film
from playwright.sync_api import Page, expect
from v1 import JOBS, SMALL, ended, problem, submit

QUICK = {"prompt": "a ball", "num_inference_steps": 1}


@pytest.fixture(scope="module")
def first(ada: httpx.Client) -> dict[str, Any]:
    """A take of Ada's, of 17 frames."""
    (take,) = ended(ada, submit(ada, SMALL | {"num_frames": 17}))["takes"]
    return dict(take)


@pytest.mark.parametrize("sound", ["continue", "new"])
def test_a_take_is_made_longer_over_http(
    ada: httpx.Client, first: dict[str, Any], sound: str
) -> None:
    asked = QUICK | {"num_frames": 25, "extend": {"take": first["id"], "sound": sound}}
    job = ended(ada, submit(ada, asked))
    assert job["state"] == "done", job
    assert (job["recipe"]["width"], job["recipe"]["height"]) == (128, 128)
    told = job["recipe"]["extend"]
    assert (told["overlap"], told["sound"]) == (17, sound)
    take = ada.get(job["takes"][0]["href"]).json()
    assert take["duration_seconds"] == pytest.approx(25 / 24, abs=0.001)
    # What an answer has as the recipe is a request for the same again.
    again = ended(ada, submit(ada, job["recipe"] | {"extend": {**job["recipe"]["extend"]}}))
    assert again["recipe"] == job["recipe"]


def test_generate_takes_a_film_as_it_is(http: httpx.Client, tmp_path: Path) -> None:
    sent = base64.b64encode(film(tmp_path / "sent.mp4", 9)).decode()
    fields = QUICK | {"num_frames": 17, "extend": {"video": f"data:video/mp4;base64,{sent}"}}
    answer = http.post("/generate", json=fields)
    assert answer.status_code == 200, answer.text
    assert answer.json()["duration_seconds"] == pytest.approx(17 / 24, abs=0.001)


def test_what_can_not_be_extended_is_told(ada: httpx.Client, first: dict[str, Any]) -> None:
    def told(**extend: Any) -> str:
        answer = ada.post(JOBS, json=QUICK | {"extend": extend})
        return str(problem(answer, 422, "invalid-recipe")["detail"])

    assert "allowed are 9 to 65 frames" in told(take=first["id"], overlap=4)
    assert "is damaged" in told(video=base64.b64encode(b"\0\0\0\x18ftypmp42" * 9).decode())
    wide = ada.post(JOBS, json=QUICK | {"width": 256, "extend": {"take": first["id"]}})
    assert "the film is 128x128 at 24 fps" in problem(wide, 422, "invalid-recipe")["detail"]
    gone = ada.post(JOBS, json=QUICK | {"extend": {"take": "0" * 32}})
    assert gone.status_code == 404
    assert ada.get(f"/takes/{'0' * 32}/extend").status_code == 404


@pytest.mark.skipif(MISSING, reason="no Chromium here; in CI that is a failure")
def test_a_clip_is_made_longer_on_the_page(page: Page) -> None:
    seed = make_a_preview(page, "A blue star waits to go on")
    page.locator("[popovertarget=more-of-take]").click()
    page.locator("#more-of-take").get_by_role("button", name="Extend").click()
    sheet = page.get_by_role("dialog", name="Extend")
    words = sheet.get_by_label("Prompt")
    expect(words).to_have_value(re.compile("A blue star waits"))
    assert serious(page) == []
    words.fill("")
    sheet.get_by_role("button", name="Make it longer").click()
    expect(sheet.get_by_role("alert")).to_contain_text("prompt: is empty")
    words.fill("A blue star goes on")
    sheet.get_by_label("Where").select_option(label="Before its start")
    sheet.get_by_label("By").select_option("33")
    expect(sheet.get_by_label("Sound")).to_have_value("continue")
    sheet.get_by_label("Sound").select_option(label="A new one, from the words")
    sheet.get_by_role("button", name="Make it longer").click()
    expect(sheet).to_contain_text("Queued")
    sheet.get_by_role("button", name="Close").click()
    arrived(page, "A blue star goes on")
    assert seed_of(page) != seed
    expect(page.locator("#take-facts")).to_contain_text("1.38 s")
    page.locator("#open-take").click()
    opened = page.get_by_role("dialog").filter(has=page.locator("#opened-title"))
    expect(opened.locator(".lineage")).to_contain_text("Extended")
    expect(opened).to_contain_text("Before a film of 0.38 s, with sound of its own")
    # Made longer once more, it goes on with sound of its own again.
    opened.get_by_role("button", name="Extend").click()
    expect(sheet.get_by_label("Sound")).to_have_value("new")
    sheet.get_by_role("button", name="Close").click()
    opened.get_by_role("button", name="Use all", exact=True).click()
    expect(opened.locator(".weighed")).to_contain_text("made from is no field")
    opened.get_by_role("button", name="Fill in").click()
    expect(page.locator("#undo")).to_contain_text("The film that it is made from is no field")
