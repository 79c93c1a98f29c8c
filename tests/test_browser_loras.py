"""LoRAs under a creator's hands: chosen, kept with the clip, and missed when gone."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from chromium import MISSING, arrived, fast_preview, generate, open_advanced, opened, write_prompt
from lora_files import save_lora
from playwright.sync_api import BrowserContext, Page, expect
from running import RunningApp

if MISSING:
    pytest.skip("no Chromium here; in CI that is a failure", allow_module_level=True)

DOLLY = "ltx-2-19b-lora-camera-control-dolly-in"


@pytest.fixture
def page(context: BrowserContext, app: RunningApp) -> Iterator[Page]:
    """A page of an app with two LoRAs in its folder."""
    folder = app.data_dir / "loras"
    files = [
        save_lora(folder / "neon.safetensors", 1, metadata={"trigger_words": "neon rain"}),
        save_lora(folder / f"{DOLLY}.safetensors", 2),
    ]
    yield opened(context, app)
    for file in files:
        file.unlink(missing_ok=True)


def test_a_lora_is_chosen_made_with_and_comes_back_with_its_clip(
    page: Page, app: RunningApp, tmp_path: Path
) -> None:
    write_prompt(page, "A ball rolls")
    fast_preview(page)
    open_advanced(page)
    loras = page.locator("#loras")
    loras.locator("select").select_option("neon")
    slider = loras.get_by_role("slider", name="Strength: neon")
    slider.fill("1.5")
    expect(loras.locator("output")).to_have_text("1.5")
    loras.get_by_role("button", name="+ neon rain").click()
    expect(page.locator("#prompt textarea")).to_have_value("neon rain, A ball rolls")
    # The camera's own, from the picker of its words.
    page.locator("#camera .chip button").first.click()
    page.locator("#camera [data-lora]", has_text="dolly in").click()
    expect(loras.locator("li")).to_have_count(2)
    loras.get_by_role("button", name=f"Remove: {DOLLY}").click()
    expect(loras.locator("li")).to_have_count(1)
    generate(page)
    arrived(page, "neon rain, A ball rolls")
    loras.get_by_role("button", name="Remove: neon").click()
    expect(page.locator("#since")).to_contain_text("LoRAs neon 1.5")
    # A recipe brings it back; one that is not here is said.
    kept = {"prompt": "A ball", "loras": [{"name": "neon", "strength": -1}, {"name": "lost"}]}
    recipe = tmp_path / "kept.json"
    recipe.write_text(json.dumps(kept))
    page.locator("#recall input[type=file]").set_input_files(recipe)
    expect(page.locator("#undo")).to_contain_text("The LoRA lost is not here")
    expect(loras.locator("li")).to_have_count(2)
    expect(loras.locator("output").first).to_have_text(re.compile(r"[-−]1"))
    expect(loras.locator(".missing")).to_be_visible()
