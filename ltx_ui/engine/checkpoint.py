"""Which files of a repo or folder make up the model, and how many parameters they hold.

A repo holds more than its model: single-file checkpoints, a second set of shards, stale copies. And
a file's size doesn't tell the memory it takes: Gemma is published in float32 and computed in
bfloat16. So files are taken from the index that the library reads, and parameters are counted from
the files' headers.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from pathlib import Path

from huggingface_hub import parse_local_safetensors_file_metadata
from huggingface_hub.errors import SafetensorsParsingError
from huggingface_hub.utils import SafetensorsFileMetadata

from ltx_ui.engine.models import ModelCard
from ltx_ui.engine.placement import DISTILLED_LORA
from ltx_ui.errors import ModelUnavailable

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
"""Folders that every model of a repo needs, besides the folder of its own transformer."""

Elements = Mapping[str, int]
"""Number of parameters by safetensors dtype (``BF16``, ``F32``, …)."""
ReadJson = Callable[[str], Mapping[str, object]]
"""Reads a JSON file of the checkpoint by its path within it."""

_WEIGHTS = {"text_encoder": "model"}
"""File names of weights, without their endings, of components that are transformers models;
diffusers has another name."""
_OTHERS = (".json", ".model", ".jinja", ".txt")
_NOT_FLOATS = {"BOOL": 1, "U8": 1, "I8": 1, "U16": 2, "I16": 2, "U32": 4, "I32": 4} | {
    "U64": 8,
    "I64": 8,
}
"""Bytes per number of the dtypes that keep their type when a model is converted to another
precision."""


def needed_files(sizes: Mapping[str, int], card: ModelCard, read: ReadJson) -> dict[str, int]:
    """The files that a card's pipeline loads. A repo that lacks the card's LoRA or an upsampler
    counts as complete.

    Args:
        sizes: bytes of all files of the repo, by path.
        read: called only for index files that are among them.

    Returns:
        Bytes of the needed files, by path.

    Raises:
        ModelUnavailable: an index names a file that is not there.
    """
    chosen = {"model_index.json", card.distilled_lora} & sizes.keys()
    for component in (*COMPONENTS, card.transformer_subfolder):
        inside = {path for path in sizes if path.rpartition("/")[0] == component}
        chosen |= {path for path in inside if _is_configuration(path)}
        chosen |= set(weight_files(inside, component, read))
    missing = sorted(chosen - sizes.keys())
    if missing:
        raise ModelUnavailable(
            f"{card.source} is not complete: its index names {missing[0]}, which is not there. "
            "Use another repo or revision, or try again when its authors have finished."
        )
    return {path: sizes[path] for path in sorted(chosen)}


def weight_files(paths: Collection[str], component: str, read: ReadJson) -> tuple[str, ...]:
    """The files of a component's weights: its index and the shards that it names or, without an
    index, the single file. Other files of the folder are not loaded."""
    stem = f"{component}/{_WEIGHTS.get(component, 'diffusion_pytorch_model')}.safetensors"
    index = f"{stem}.index.json"
    if index in paths:
        named = read(index).get("weight_map")
        files = set(named.values()) if isinstance(named, dict) else set()
        return (index, *sorted(f"{component}/{name}" for name in files))
    return (stem,) if stem in paths else ()


def part_of(path: str, card: ModelCard) -> str:
    """The part of the pipeline that a file of weights belongs to, such as ``transformer``."""
    if path == card.distilled_lora:
        return DISTILLED_LORA
    folder = path.partition("/")[0]
    return "transformer" if folder == card.transformer_subfolder else folder


def counted(headers: Mapping[str, SafetensorsFileMetadata], card: ModelCard) -> dict[str, Elements]:
    """Number of parameters by part of the pipeline.

    Args:
        headers: of the files of weights, by path.
    """
    parts: dict[str, Counter[str]] = {}
    for path, header in headers.items():
        parts.setdefault(part_of(path, card), Counter()).update(header.parameter_count)
    return dict(parts)


def counted_in(folder: Path, card: ModelCard) -> dict[str, Elements]:
    """Number of parameters by part of a checkpoint on disk.

    Raises:
        ModelUnavailable: a file is missing or damaged.
    """
    sizes = {path.relative_to(folder).as_posix(): 0 for path in folder.glob("*/*")}
    if card.distilled_lora and (folder / card.distilled_lora).is_file():
        sizes[card.distilled_lora] = 0
    try:
        files = needed_files(sizes, card, lambda path: _read(folder / path))
        headers = {
            path: parse_local_safetensors_file_metadata(folder / path)
            for path in files
            if path.endswith(".safetensors") and path != card.distilled_lora
        }
    except (OSError, ValueError, SafetensorsParsingError) as error:
        raise ModelUnavailable(
            f"{folder} can't be loaded as an LTX-2 pipeline ({error}). {cure(folder, card)}"
        ) from None
    # The first clip that needs the LoRA reports a damaged one.
    with suppress(OSError, SafetensorsParsingError):
        if card.distilled_lora in files:
            lora = parse_local_safetensors_file_metadata(folder / card.distilled_lora)
            headers[card.distilled_lora] = lora
    return counted(headers, card)


def computed_bytes(elements: Elements, size: int) -> int:
    """Bytes of a part in memory.

    Args:
        size: bytes per floating-point number in the precision that it computes in, whatever it is
            stored in.
    """
    return sum(count * _NOT_FLOATS.get(dtype, size) for dtype, count in elements.items())


def _is_configuration(path: str) -> bool:
    return path.endswith(_OTHERS) and not path.endswith(".index.json")


def _read(file: Path) -> Mapping[str, object]:
    data = json.loads(file.read_text(encoding="utf-8"))
    return data if isinstance(data, dict) else {}


def cure(folder: Path, card: ModelCard) -> str:
    """A sentence on what to do about a damaged folder, which depends on where it comes from."""
    if card.demo:
        return "It comes with the program: install that again."
    if folder == Path(card.source).expanduser():
        return "Check that all its files were copied here whole, or choose another --model."
    return "Delete the folder to have it downloaded again, or choose another --model."
