"""Downloading LoRAs: the one safetensors file of a repo on Hugging Face."""

from __future__ import annotations

import shutil
from pathlib import Path, PurePosixPath

from huggingface_hub import HfApi
from huggingface_hub.errors import HFValidationError
from huggingface_hub.utils import validate_repo_id

from ltx_ui.engine.downloading import SPARE, Report, in_words
from ltx_ui.engine.loras import UnusableLora, read_header
from ltx_ui.engine.models import GB
from ltx_ui.errors import ModelUnavailable
from ltx_ui.loras import is_name

MOST_BYTES = 12 * GB
"""The largest LoRA that is published for LTX-2 has 9.7 GB."""


def download(repo: str, folder: Path, report: Report, file: str | None = None) -> str:
    """Bring a repo's LoRA into a folder, under the name of its file; returns the LoRA's name. One
    that is there already is not downloaded again.

    Args:
        file: which of the repo's files, where it has several.

    Raises:
        ModelUnavailable: no network, no such repo, several files to choose from, too large a file,
            or no LoRA.
    """
    try:
        validate_repo_id(repo)
    except HFValidationError:
        known = False
    else:
        known = "/" in repo
    if not known:
        raise ModelUnavailable(f"{repo[:100]!r} is no repo on Hugging Face, which is OWNER/NAME.")
    report(f"Looking up {repo}", None)
    with in_words(repo, folder, "Check its name; for a private one set HF_TOKEN."):
        return _download(repo, folder, report, file)


def _download(repo: str, folder: Path, report: Report, file: str | None) -> str:
    api = HfApi(library_name="ltx_ui")
    info = api.model_info(repo, files_metadata=True)
    sizes = {
        each.rfilename: each.size or 0
        for each in info.siblings or []
        if each.rfilename.endswith(".safetensors")
    }
    path = _chosen(repo, sizes, file)
    name = PurePosixPath(path).stem
    size, target = sizes[path], folder / f"{name}.safetensors"
    if not is_name(name):
        raise ModelUnavailable(f"{path[:100]!r} of {repo} has a name that can't be used.")
    if target.exists():
        if target.stat().st_size == size:
            return name
        raise ModelUnavailable(f"{target} is there already, and is another file. Rename it first.")
    if size > MOST_BYTES:
        raise ModelUnavailable(
            f"{path} of {repo} has {size / GB:.0f} GB, which no LoRA for LTX-2 has; "
            f"{MOST_BYTES / GB:.0f} GB are taken at most."
        )
    folder.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(folder).free
    if free < size + SPARE:
        raise ModelUnavailable(
            f"{repo} needs {size / GB:.1f} GB of disk in {folder}; {free / GB:.1f} GB are free. "
            "Make room, or choose another --lora-dir."
        )
    report(f"Downloading {path} ({size / 1e6:.0f} MB)", None)
    unfinished = folder / ".download"
    found = api.hf_hub_download(
        repo, path, revision=info.sha, local_dir=unfinished, cache_dir=unfinished
    )
    try:
        read_header(Path(found))
        Path(found).replace(target)
    except UnusableLora as error:
        raise ModelUnavailable(f"{path} of {repo} {error}.") from None
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    return name


def _chosen(repo: str, sizes: dict[str, int], file: str | None) -> str:
    if file is not None and file in sizes:
        return file
    if len(sizes) == 1 and file is None:
        return next(iter(sizes))
    if not sizes:
        raise ModelUnavailable(f"{repo} has no safetensors file, so no LoRA.")
    listed = ", ".join(sorted(sizes)[:12])
    raise ModelUnavailable(f"{repo} has these files: {listed}. Choose one with --file.")
