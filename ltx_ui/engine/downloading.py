"""Downloading: a repo on Hugging Face becomes a complete diffusers folder on disk."""

from __future__ import annotations

import json
import shutil
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
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
    SafetensorsParsingError,
)
from huggingface_hub.utils import SafetensorsFileMetadata
from tqdm.auto import tqdm  # type: ignore[import-untyped]

from ltx_ui.engine.checkpoint import Elements, counted, needed_files
from ltx_ui.engine.models import GB, ModelCard
from ltx_ui.engine.resolving import read_json
from ltx_ui.errors import ModelUnavailable, writing_failed

Report = Callable[[str, float | None], None]
"""Called with what loading is doing, in a sentence, and with how far it is (0…1) or None."""
Admit = Callable[[Mapping[str, Elements]], None]
"""Called with the number of parameters of each part of a model. Raises ModelUnavailable where the
machine can't run it."""

RECEIPT = "download.json"
"""Written when a download is complete, with the size of every file. A repo with two transformers
has a receipt for each."""

SPARE = 2 * GB
"""Bytes of disk space that a download leaves free, for the takes."""
HEADERS_AT_ONCE = 8
"""Files whose headers are requested at the same time."""

_NO_ANSWER = (
    HfHubHTTPError,
    HTTPError,
    OfflineModeIsEnabled,
    LocalEntryNotFoundError,
    SafetensorsParsingError,
)


def silent(message: str, fraction: float | None) -> None:
    """A report that is not shown: while a clip is made, the page shows the job's own progress."""


def downloaded(card: ModelCard, models_dir: Path, report: Report, admit: Admit) -> Path:
    """The folder of a repo, downloaded first if need be. An interrupted download is resumed; for a
    complete one the network is not used.

    Args:
        admit: called with what the files' headers say before any weights are downloaded; what it
            raises ends the download.

    Raises:
        ModelUnavailable: no network, no such repo, a licence to accept, or too little disk.
    """
    folder = _folder(card, models_dir)
    if _complete(folder / _receipt(card)):
        return folder
    report(f"Looking up {card.source}", None)
    cure = "Check the name given to --model; for a private one set HF_TOKEN."
    retry = "Or use --model demo, or --model with a folder that holds the model."
    with in_words(card.source, folder, cure, retry, card.revision):
        _download(card, folder, report, admit)
    return folder


@contextmanager
def in_words(
    repo: str, folder: Path, cure: str, retry: str = "", revision: str | None = None
) -> Iterator[None]:
    """Say what goes wrong inside the block, in which a repo is downloaded into a folder.

    Args:
        cure: what to do where there is no such repo.
        retry: what else to do where there is no answer.

    Raises:
        ModelUnavailable: no network, no such repo, a licence to accept, or a full disk.
    """
    try:
        yield
    except GatedRepoError:
        raise ModelUnavailable(
            f"{repo} wants its licence accepted first. Open https://huggingface.co/{repo}, accept "
            "it, make an access token, and start again with HF_TOKEN set to it."
        ) from None
    except (RepositoryNotFoundError, RevisionNotFoundError):
        which = f" (revision {revision})" if revision else ""
        raise ModelUnavailable(
            f"There is no repo {repo}{which} on Hugging Face, or it is private. {cure}"
        ) from None
    except _NO_ANSWER as error:
        raise ModelUnavailable(
            f"{repo} can't be downloaded from Hugging Face ({_first_line(error)}). Check the "
            f"network and start again: the download goes on where it stopped. {retry}".strip()
        ) from None
    except OSError as error:
        raise ModelUnavailable(
            f"{repo} can't be downloaded: {writing_failed(folder, error)}"
        ) from None


def _download(card: ModelCard, folder: Path, report: Report, admit: Admit) -> None:
    api = HfApi(library_name="ltx_ui")
    info = api.model_info(card.source, revision=card.revision, files_metadata=True)
    api.auth_check(card.source)
    sizes = {file.rfilename: file.size or 0 for file in info.siblings or []}
    if "model_index.json" not in sizes:
        raise ModelUnavailable(
            f"{card.source} is not a pipeline in the diffusers layout: it has no model_index.json. "
            "Use --model with one that has, such as Lightricks/LTX-2."
        )
    here = {"revision": info.sha, "local_dir": folder, "cache_dir": folder / ".cache"}

    def read(path: str) -> dict[str, Any]:
        return read_json(Path(api.hf_hub_download(card.source, path, **here)))

    files = needed_files(sizes, card, read)
    admit(counted(_headers(api, card, info.sha, files), card))
    total = sum(files.values())
    present = sum(size for path, size in files.items() if _size(folder / path) == size)
    if missing := missing_disk(card, folder.parent, total - present):
        raise ModelUnavailable(missing)
    snapshot_download(
        card.source,
        **here,
        allow_patterns=list(files),
        tqdm_class=_progress_bar(card, present, total, report),
    )
    receipt = folder / _receipt(card)
    unfinished = folder / f".{receipt.name}"
    unfinished.write_text(json.dumps({"repo": card.source, "revision": info.sha, "files": files}))
    unfinished.replace(receipt)


def _headers(
    api: HfApi, card: ModelCard, revision: str | None, files: Iterable[str]
) -> dict[str, SafetensorsFileMetadata]:
    """The headers of a repo's weights, by path. Downloads a few kilobytes of each file."""
    weights = [path for path in files if path.endswith(".safetensors")]
    header = partial(api.parse_safetensors_file_metadata, card.source, revision=revision)
    with ThreadPoolExecutor(HEADERS_AT_ONCE) as pool:
        return dict(zip(weights, pool.map(header, weights), strict=True))


def missing_disk(card: ModelCard, models_dir: Path, needed: int | None = None) -> str:
    """A sentence on the disk space that is missing for a card's files; empty where there is enough,
    or where they are downloaded already.

    Args:
        needed: bytes still to download; None to estimate them by the card's own figure.
    """
    folder = _folder(card, models_dir)
    if needed is None:
        if _complete(folder / _receipt(card)):
            return ""
        here = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
        needed = max(0, card.download_bytes - here)
    existing = next(f for f in (folder, *folder.absolute().parents) if f.is_dir())
    free = shutil.disk_usage(existing).free
    if free >= needed + SPARE:
        return ""
    return (
        f"{card.source} needs {needed / GB:.0f} GB of disk under {models_dir}; "
        f"{free / GB:.0f} GB are free. Make room, or choose a --data-dir on a larger disk."
    )


def _folder(card: ModelCard, models_dir: Path) -> Path:
    return models_dir / card.source.replace("/", "--")


def _progress_bar(card: ModelCard, present: int, total: int, report: Report) -> type[Any]:
    """A progress bar class for huggingface_hub that draws nothing and calls ``report`` instead."""
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
