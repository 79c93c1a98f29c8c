"""Making a part of a take again by the API, on the terminal and on the page."""

from __future__ import annotations

import base64
import io
import re
from typing import Any

import httpx
import pytest
from chromium import MISSING, arrived, make_a_preview, seed_of, serious
from PIL import Image
from playwright.sync_api import Page, expect
from running import RunningApp
from v1 import JOBS, SMALL, ended, problem, submit

from ltx_ui.inputs import digest_of

QUICK = {"prompt": "a ball", "num_inference_steps": 1}

SUM = """canvas => {
  const {data} = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
  return data.filter((value, at) => at % 4 == 0).reduce((sum, value) => sum + value, 0);
}"""
"""How bright a canvas is, in red."""


@pytest.fixture(scope="module")
def first(ada: httpx.Client) -> dict[str, Any]:
    """A take of Ada's, of 25 frames."""
    (take,) = ended(ada, submit(ada, SMALL | {"num_frames": 25}))["takes"]
    return dict(take)


def test_a_part_is_made_again_over_http(ada: httpx.Client, first: dict[str, Any]) -> None:
    part = {"take": first["id"], "start_frame": "9", "end_frame": 17, "region": "0, 0, 1, 0.5"}
    job = ended(ada, submit(ada, QUICK | {"retake": part}))
    assert job["state"] == "done", job
    assert (job["recipe"]["width"], job["recipe"]["num_frames"]) == (128, 25)
    told = job["recipe"]["retake"]
    assert (told["start_frame"], told["end_frame"], told["sound"]) == (9, 17, "new")
    assert told["region"] == [0, 0, 1, 0.5]
    take = ada.get(job["takes"][0]["href"]).json()
    assert take["duration_seconds"] == pytest.approx(25 / 24, abs=0.001)
    assert take["relation"] == "retaken"
    # What an answer has as the recipe is a request for the same again.
    again = ended(ada, submit(ada, job["recipe"]))
    assert again["recipe"] == job["recipe"]


def test_a_painted_part_is_made_again_over_http(ada: httpx.Client, first: dict[str, Any]) -> None:
    target = io.BytesIO()
    mask = Image.new("L", (128, 128))
    mask.paste(255, (0, 0, 128, 64))
    mask.save(target, "PNG")
    sent = "data:image/png;base64," + base64.b64encode(target.getvalue()).decode()
    part = {"take": first["id"], "start_frame": 9, "end_frame": 17, "mask": sent}
    job = ended(ada, submit(ada, QUICK | {"retake": part}))
    assert job["state"] == "done", job
    told = job["recipe"]["retake"]["mask"]
    assert told == digest_of(target.getvalue())
    assert ada.get(f"/inputs/{told}").status_code == 200


def test_a_huge_mask_is_refused_and_not_told_of_on_the_terminal(
    app: RunningApp, ada: httpx.Client, first: dict[str, Any]
) -> None:
    target = io.BytesIO()
    Image.new("1", (20_000, 20_000)).save(target, "PNG")
    sent = base64.b64encode(target.getvalue()).decode()
    answer = ada.post(JOBS, json=QUICK | {"retake": {"take": first["id"], "mask": sent}})
    told = problem(answer, 422, "invalid-recipe")["detail"]
    assert "retake.mask: is 20000x20000 pixels; at most 128,000,000 pixels" in told
    assert "DecompressionBomb" not in app.output


def test_what_can_not_be_made_again_is_told(ada: httpx.Client, first: dict[str, Any]) -> None:
    def told(**part: Any) -> str:
        answer = ada.post(JOBS, json=QUICK | {"retake": {"take": first["id"]} | part})
        return str(problem(answer, 422, "invalid-recipe")["detail"])

    assert "all of the film is to be made again" in told()
    assert "the film has 25 frames" in told(start_frame=20, end_frame=30)
    assert "it has to come after start_frame" in told(start_frame=20, end_frame=4)
    gone = ada.post(JOBS, json=QUICK | {"retake": {"take": "0" * 32}})
    assert gone.status_code == 404
    assert ada.get(f"/takes/{'0' * 32}/retake").status_code == 404


@pytest.mark.skipif(MISSING, reason="no Chromium here; in CI that is a failure")
def test_a_part_is_made_again_on_the_page(page: Page) -> None:
    seed = make_a_preview(page, "A blue star waits for another part")
    page.locator("[popovertarget=more-of-take]").click()
    page.locator("#more-of-take").get_by_role("button", name="Make a part again").click()
    sheet = page.get_by_role("dialog", name="Make a part again")
    words = sheet.get_by_label("Prompt")
    start, end = (sheet.get_by_role("slider", name=name) for name in ("From", "To"))
    expect(words).to_have_value(re.compile("A blue star waits"))
    assert serious(page) == []
    end.fill("0")
    sheet.get_by_role("button", name="Make it again").click()
    expect(sheet.get_by_role("alert")).to_contain_text("has to come after start_frame")
    start.fill("8")
    end.fill("4")
    expect(start).to_have_value("3")
    start.fill("1")
    end.fill("9")
    expect(end).to_have_attribute("aria-valuetext", "0.38 s")
    words.fill("A blue star has another part")
    sheet.get_by_label("Where").select_option(label="Where I paint")
    expect(sheet.get_by_role("button", name="Make it again")).to_be_disabled()
    canvas = sheet.locator("canvas")
    canvas.click(position={"x": 30, "y": 60})
    assert canvas.evaluate(SUM) > 0
    sheet.get_by_role("button", name="Start over").click()
    assert canvas.evaluate(SUM) == 0
    expect(sheet.get_by_role("button", name="Make it again")).to_be_disabled()
    canvas.hover(position={"x": 5, "y": 60})
    page.mouse.down()
    canvas.hover(position={"x": 60, "y": 60})
    page.mouse.up()
    sheet.get_by_label("Seed").fill("77")
    sheet.get_by_role("button", name="Make it again").click()
    expect(sheet).to_contain_text("Queued")
    sheet.get_by_role("button", name="Close").click()
    arrived(page, "A blue star has another part")
    assert seed_of(page) != seed
    page.locator("#open-take").click()
    opened = page.get_by_role("dialog").filter(has=page.locator("#opened-title"))
    expect(opened.locator(".lineage")).to_contain_text("A part made again")
    expect(opened).to_contain_text("0.04 s to 0.38 s of a film")
    mask = opened.get_by_role("img", name="Made again")
    address = mask.evaluate("image => image.src")
    grey = Image.open(io.BytesIO(page.request.get(address).body())).convert("L")
    left, top, right, bottom = grey.point([0] * 128 + [255] * 128).getbbox() or (0, 0, 0, 0)
    assert left == 0 and 0.2 * grey.width < right < 0.6 * grey.width
    assert 0 < top < bottom < 0.5 * grey.height
