"""What is downloaded of each published checkpoint, and what of the machine it takes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from hub import serving
from published import published

from ltx_ui.engine import loading
from ltx_ui.engine.checkpoint import needed_files
from ltx_ui.engine.choosing import Free
from ltx_ui.engine.models import CARDS, GB, ModelCard
from ltx_ui.engine.placement import PLACEMENTS, USUAL, device_bytes, host_bytes, in_use, working
from ltx_ui.errors import ModelUnavailable

README = Path(__file__).parent.parent / "README.md"
REAL = [card for card in CARDS.values() if not card.demo]
STALE = "text_encoder/diffusion_pytorch_model.safetensors.index.json"
"""The index of LTX-2's older copy of its text encoder, which transformers does not read."""
by_id = pytest.mark.parametrize("card", REAL, ids=lambda card: card.id)


def stored(card: ModelCard) -> dict[str, Mapping[str, int]]:
    """Numbers of each part as they are published."""
    elements = dict(published(card.id).elements)
    elements["transformer"] = elements[card.transformer_subfolder]
    return {k: v for k, v in elements.items() if k != "distilled_lora" or card.distilled_lora}


def weights(card: ModelCard) -> dict[str, int]:
    """Bytes of each part as a CUDA device computes with it."""
    return loading.part_bytes(card, stored(card), torch.bfloat16)


@by_id
def test_only_what_the_indexes_name_is_downloaded(card: ModelCard) -> None:
    listed = published(card.id)
    needed = needed_files(listed.files, card, listed.read)
    folders = {path.partition("/")[0] for path in needed if "/" in path}
    assert {card.transformer_subfolder, "text_encoder", "connectors", "vae"} <= folders
    assert not folders & {"prompt_enhancer", "diffusion_decoder", "duration_head"}
    top = {path for path in needed if "/" not in path}
    assert top == {"model_index.json"} | ({card.distilled_lora} if card.distilled_lora else set())
    read = {index for index in listed.indexes if index.partition("/")[0] in folders} - {STALE}
    assert read == {path for path in needed if path.endswith(".index.json")} != set()
    for index, names in listed.indexes.items():
        folder = index.rpartition("/")[0]
        shards = {path for path in needed if path.startswith(f"{folder}/") and "tensors" in path}
        if index in needed:
            assert shards == {index} | {f"{folder}/{name}" for name in names}
        else:
            assert not shards & {f"{folder}/{name}" for name in names}


@by_id
def test_a_card_knows_about_how_much_is_downloaded(card: ModelCard) -> None:
    listed = published(card.id)
    total = sum(needed_files(listed.files, card, listed.read).values())
    assert card.download_bytes == pytest.approx(total, rel=0.02)


@by_id
def test_a_card_knows_how_large_its_parts_are_in_use(card: ModelCard) -> None:
    counted = {part: size for part, size in weights(card).items() if size}
    assert counted == {k: pytest.approx(v, rel=0.01) for k, v in card.component_bytes.items()}


def test_an_encoder_in_float32_counts_in_what_it_is_computed_in() -> None:
    on_disk = sum(size for path, size in published("ltx-2").files.items() if "of-00011" in path)
    assert on_disk == pytest.approx(48.7 * GB, rel=0.01)
    assert weights(CARDS["ltx-2"])["text_encoder"] == pytest.approx(24.4 * GB, rel=0.01)


def in_the_readme(card: ModelCard, table: str) -> list[list[int]]:
    """Device and host memory in GB of each placement, from the README's table under a title."""
    rows = README.read_text("utf-8").partition(f"| {table} |")[2].partition("\n\n")[0]
    [row] = [row for row in rows.splitlines() if f"`{card.id}`" in row]
    return [
        [int(gb) for gb in re.findall(r"\d+", cell)]
        for cell in row.split("|")[-len(PLACEMENTS) - 1 : -1]
    ]


@pytest.mark.parametrize(("table", "size"), [("model | disk", USUAL), ("HD", (1280, 704, 121))])
@by_id
def test_each_placement_takes_what_the_readme_says(
    card: ModelCard, table: str, size: tuple[int, int, int]
) -> None:
    clips = 2 if card.takes_guidance else 1
    text = 0 if "2.3" in card.id else 2 * 48 * 1024 * (4096 + 2048) * 2 * clips
    beside = working(*size, clips=clips, text=text, two_stage=size != USUAL)
    sizes = in_use(weights(card), beside)
    takes = [
        [round(device_bytes(p, sizes, beside) / GB), round(host_bytes(p, sizes) / GB)]
        for p in PLACEMENTS
    ]
    takes[0].pop()  # What is resident waits nowhere.
    assert takes == in_the_readme(card, table)


@by_id
def test_a_machine_that_cannot_run_it_is_told_before_a_byte_of_it_is_downloaded(
    card: ModelCard, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving({card.source: published(card.id).repo(card)}) as hub:
        files = f"{hub.url}/{{repo_id}}/resolve/{{revision}}/{{filename}}"
        monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", hub.url)
        monkeypatch.setattr("huggingface_hub.constants.HUGGINGFACE_CO_URL_TEMPLATE", files)
        with pytest.raises(ModelUnavailable) as error:
            loading.load(card, tmp_path, lambda message, fraction: None)
    needed = sum(
        in_use(loading.part_bytes(card, stored(card), torch.float32), working(*USUAL)).values()
    )
    assert str(error.value).startswith(
        f"{card.title} needs about {needed / GB:.0f} GB of memory without a CUDA device; "
    )
    asked = {request for request in hub.served if "safetensors" in request}
    weights_asked = {request for request in asked if not request.endswith("index.json")}
    assert weights_asked and all(request.startswith("header ") for request in weights_asked)


@by_id
def test_a_gpu_without_room_for_a_clips_text_is_told_before_the_download(
    card: ModelCard, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is chosen from before the download is what is chosen from afterwards."""
    clips = 2 if card.takes_guidance else 1
    text = 0 if "2.3" in card.id else 2 * 48 * 1024 * (4096 + 2048) * 2 * clips
    beside = working(*USUAL, clips=clips, text=text)
    sizes = in_use(weights(card), beside)
    room = device_bytes("fp8", sizes, beside)
    host = host_bytes("fp8", sizes) + GB  # Too little for what needs less of the device.
    with serving({card.source: published(card.id).repo(card)}) as hub:
        files = f"{hub.url}/{{repo_id}}/resolve/{{revision}}/{{filename}}"
        monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", hub.url)
        monkeypatch.setattr("huggingface_hub.constants.HUGGINGFACE_CO_URL_TEMPLATE", files)
        monkeypatch.setattr(loading, "free_memory", lambda _: Free(room - GB // 10, host))
        with pytest.raises(ModelUnavailable, match="GB of device memory, or"):
            loading.load(card, tmp_path, lambda *_: None, device=torch.device("cuda", 0))
        # With room for it there is nothing to say, but of the disk.
        monkeypatch.setattr(loading, "free_memory", lambda _: Free(room + GB // 10, host))
        monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=0))
        with pytest.raises(ModelUnavailable, match="GB of disk"):
            loading.load(card, tmp_path, lambda *_: None, device=torch.device("cuda", 0))


def test_auto_counts_a_clips_text_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    card = CARDS["ltx-2"]
    text = 4 * 48 * 1024 * (4096 + 2048) * 2
    beside = working(*USUAL, text=text)
    room = device_bytes("fp8", card.component_bytes, beside)
    host = host_bytes("fp8", in_use(card.component_bytes, beside)) + GB
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=200 * GB))

    def why(device: int) -> str:
        monkeypatch.setattr(loading, "free_memory", lambda _: Free(device, host))
        return loading.why_demo(tmp_path, torch.device("cuda", 0))

    assert why(room + GB // 10) == ""
    assert why(room - GB // 10).startswith("LTX-2 19B needs about")
