"""A recipe comes back from a file that is dropped on Create or chosen there."""

from __future__ import annotations

import base64
import json
import struct
from pathlib import Path

import pytest
from chromium import MISSING, chosen, open_advanced, write_prompt
from PIL import Image
from playwright.sync_api import Page, expect
from told import typed

from ltx_ui.request import request_data

if MISSING:
    pytest.skip("no Chromium here; in CI that is a failure", allow_module_level=True)

DROPS = """([where, name, type, text]) => {
  const data = Uint8Array.from(atob(text), letter => letter.charCodeAt(0));
  const dataTransfer = new DataTransfer();
  dataTransfer.items.add(new File([data], name, {type}));
  for (const kind of ['dragover', 'drop'])
    document.querySelector(where).dispatchEvent(
      new DragEvent(kind, {dataTransfer, bubbles: true, cancelable: true}));
}"""
FOX = "A fox in the rain"


def drop(page: Page, where: str, file: Path, kind: str = "") -> None:
    """Drops a file on an element."""
    text = base64.b64encode(file.read_bytes()).decode()
    page.evaluate(DROPS, [where, file.name, kind, text])


def test_a_dropped_film_fills_the_fields_and_a_foreign_file_is_told(
    page: Page, clip_files: dict[str, Path], tmp_path: Path
) -> None:
    prompt, undo = page.locator("#prompt textarea"), page.locator("#undo")
    write_prompt(page, "A red ball")
    drop(page, "#result", clip_files["clip.mp4"], "video/mp4")
    expect(undo).to_contain_text("Filled with the recipe of clip.mp4.")
    expect(prompt).to_have_value(FOX)
    expect(page.locator("#seed input")).to_have_value(str(2**32 - 1))
    open_advanced(page)
    expect(page.locator("#steps input[type=number]")).to_have_value("2")
    undo.get_by_role("button").click()
    expect(prompt).to_have_value("A red ball")
    foreign = tmp_path / "notes.txt"
    foreign.write_text("plain words")
    drop(page, "#prompt textarea", foreign, "text/plain")
    expect(page.locator("#recall [role=status]")).to_contain_text("This file is no mp4")
    expect(prompt).to_have_value("A red ball")


@pytest.mark.parametrize("name", ["poster.jpg", "kept.json", "asked.json"])
def test_a_file_chosen_by_keyboard_fills_the_fields(
    page: Page, clip_files: dict[str, Path], name: str
) -> None:
    write_prompt(page, "A red ball")
    with page.expect_file_chooser() as opened:
        page.get_by_role("button", name="Open a recipe").press("Enter")
    opened.value.set_files(clip_files[name])
    expect(page.locator("#undo")).to_contain_text(f"Filled with the recipe of {name}.")
    expect(page.locator("#prompt textarea")).to_have_value(FOX)
    expect(chosen(page, "format")).to_contain_text("128×128")


def test_of_a_large_film_only_its_index_is_sent(
    page: Page, clip_files: dict[str, Path], tmp_path: Path
) -> None:
    film, large = clip_files["clip.mp4"].read_bytes(), tmp_path / "large.mp4"
    index = film[film.index(b"moov") - 4 : film.index(b"mdat") - 4]
    start = struct.pack(">I4s8xI4sQ", 16, b"ftyp", 1, b"mdat", 16 + 10**8)
    large.write_bytes(start)
    with large.open("r+b") as file:
        file.seek(32 + 10**8)
        file.write(index)
    write_prompt(page, "A red ball")
    with page.expect_request("**/recipe") as sent:
        page.locator("#recall input").set_input_files(large)
    expect(page.locator("#prompt textarea")).to_have_value(FOX)
    assert len(sent.value.post_data_buffer or b"") < 10_000


def test_what_the_studio_lacks_is_told(page: Page, tmp_path: Path) -> None:
    asked = request_data(typed(image_start="sha256:" + "0" * 64, mode="high"))
    file = tmp_path / "elsewhere.json"
    file.write_text(json.dumps({"recipe": asked, "model": "ltx-2"}))
    write_prompt(page, "A red ball")
    drop(page, "#result", file)
    undo = page.locator("#undo")
    expect(undo).to_contain_text("First frame: its picture is not in this studio")
    expect(undo).to_contain_text("made with ltx-2; demo makes another clip")
    expect(page.locator("#reference-image img")).to_have_count(0)


def test_a_picture_without_recipe_goes_into_the_first_free_field(
    page: Page, tmp_path: Path
) -> None:
    photo = tmp_path / "photo.png"
    Image.linear_gradient("L").convert("RGB").save(photo)
    write_prompt(page, "A red ball")
    for field in ("reference-image", "end-image"):
        drop(page, "#result", photo, "image/png")
        expect(page.locator(f"#{field} img")).to_be_visible()
    expect(page.locator("#recall [role=status]")).to_be_empty()
