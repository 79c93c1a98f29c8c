"""A repo on Hugging Face → a complete diffusers folder on disk."""

from __future__ import annotations

import json
import shutil
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from httpx2 import HTTPError
from huggingface_hub import HfApi, snapshot_download
from huggingface_hub.errors import (
    GatedRepoError,
    HfHubHTTPError,
    LocalEntryNotFoundError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from tqdm.auto import tqdm  # type: ignore[import-untyped]

from ltx_ui.engine.models import GB, ModelCard
from ltx_ui.errors import ModelUnavailable, writing_failed

Report = Callable[[str, float | None], None]
"""Hears what loading is doing: a sentence, and how far it is (0…1) where that is known."""

COMPONENTS = (
    "audio_scheduler",
    "audio_vae",
    "connectors",
    "latent_upsampler",
    "scheduler",
    "text_encoder",
    "tokenizer",
    "vae",
    "vocoder",
)
"""Folders that every card of a repo needs; each has its own transformer beside them."""
RECEIPT = "download.json"
"""Written last, with every file's size: the sign that a download is complete. Each transformer of a
repo has a receipt of its own."""

SPARE = 2 * GB
"""Disk space left free beside a download, for the takes."""


def downloaded(card: ModelCard, models_dir: Path, report: Report) -> Path:
    """The folder of a repo, downloaded or resumed if it is not complete. A complete one is used as
    it is, without asking the network.

    Raises:
        ModelUnavailable: no network, no such repo, a licence to accept, or too little disk.
    """
    folder = models_dir / card.source.replace("/", "--")
    if _complete(folder / _receipt(card)):
        return folder
    report(f"Looking up {card.source}", None)
    try:
        _download(card, folder, report)
    except GatedRepoError:
        raise ModelUnavailable(
            f"{card.source} wants its licence accepted first. Open "
            f"https://huggingface.co/{card.source}, accept it, make an access token, and start "
            "again with HF_TOKEN set to it."
        ) from None
    except (RepositoryNotFoundError, RevisionNotFoundError):
        raise ModelUnavailable(
            f"There is no repo {card.source} (revision {card.revision}) on Hugging Face, or it is "
            "private. Check the name given to --model; for a private one set HF_TOKEN."
        ) from None
    except (HfHubHTTPError, HTTPError, OfflineModeIsEnabled, LocalEntryNotFoundError) as error:
        raise ModelUnavailable(
            f"{card.source} can't be downloaded from Hugging Face ({_first_line(error)}). Check "
            "the network and start again: the download goes on where it stopped. Or use --model "
            "demo, or --model with a folder that holds the model."
        ) from None
    except OSError as error:
        raise ModelUnavailable(
            f"{card.source} can't be downloaded: {writing_failed(folder, error)}"
        ) from None
    return folder


def needed_files(
    sizes: dict[str, int], transformer: str = "transformer", lora: str = ""
) -> dict[str, int]:
    """Of a repo's files (path → bytes), those that the pipeline loads: the components' folders
    without second copies of the weights in other formats or precisions.

    Args:
        transformer: the folder of the transformer that the card wants, where a repo has several.
        lora: the file with the second stage's LoRA; a repo without it is complete, too.
    """
    folders = (*COMPONENTS, transformer)
    return {
        path: size
        for path, size in sizes.items()
        if path in ("model_index.json", lora) or _is_component_file(path, folders)
    }


def _is_component_file(path: str, folders: tuple[str, ...]) -> bool:
    component, _, name = path.partition("/")
    if component not in folders or "/" in name or ".fp16." in name:
        return False
    if component == "text_encoder" and name.startswith("diffusion_pytorch_model"):
        return False
    return name.endswith((".json", ".safetensors", ".model", ".jinja", ".txt"))


def _download(card: ModelCard, folder: Path, report: Report) -> None:
    api = HfApi(library_name="ltx_ui")
    info = api.model_info(card.source, revision=card.revision, files_metadata=True)
    api.auth_check(card.source)
    sizes = {file.rfilename: file.size or 0 for file in info.siblings or []}
    files = needed_files(sizes, card.transformer_subfolder, card.distilled_lora)
    if "model_index.json" not in files:
        raise ModelUnavailable(
            f"{card.source} is not a pipeline in the diffusers layout: it has no model_index.json. "
            "Use --model with one that has, such as Lightricks/LTX-2."
        )
    total = sum(files.values())
    present = sum(size for path, size in files.items() if _size(folder / path) == size)
    _check_disk(card, folder, total - present)
    snapshot_download(
        card.source,
        revision=info.sha,
        local_dir=folder,
        cache_dir=folder / ".cache",
        allow_patterns=list(files),
        tqdm_class=_progress_bar(card, present, total, report),
    )
    receipt = folder / _receipt(card)
    unfinished = folder / f".{receipt.name}"
    unfinished.write_text(json.dumps({"repo": card.source, "revision": info.sha, "files": files}))
    unfinished.replace(receipt)


def _check_disk(card: ModelCard, folder: Path, missing: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(folder).free
    if free < missing + SPARE:
        raise ModelUnavailable(
            f"{card.source} needs {missing / GB:.0f} GB of disk under {folder.parent}; "
            f"{free / GB:.0f} GB are free. Make room, or choose a --data-dir on a larger disk."
        )


def _progress_bar(card: ModelCard, present: int, total: int, report: Report) -> type[Any]:
    """A bar for huggingface_hub that draws nothing and reports the bytes instead."""
    lock = threading.Lock()
    last = 0.0

    class Reporting(tqdm):  # type: ignore[misc]
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            self.counts_bytes = kwargs.get("unit") == "B"
            super().__init__(*args, **{**kwargs, "disable": True})

        def update(self, n: float | None = 1) -> None:
            nonlocal last
            with lock:
                # A disabled bar does not count by itself.
                self.n += n or 0
                due = time.monotonic() - last > 0.5
                if not self.counts_bytes or not due:
                    return
                last = time.monotonic()
            done = min(present + self.n, total)
            report(
                f"Downloading {card.source}: {done / GB:.1f} of {total / GB:.1f} GB",
                done / total if total else None,
            )

    return Reporting


def _receipt(card: ModelCard) -> str:
    if card.transformer_subfolder == "transformer":
        return RECEIPT
    return f"{card.transformer_subfolder}.{RECEIPT}"


def _complete(receipt: Path) -> bool:
    try:
        files: dict[str, int] = json.loads(receipt.read_text())["files"]
    except (OSError, ValueError, KeyError):
        return False
    return all(_size(receipt.parent / path) == size for path, size in files.items())


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else -1


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
