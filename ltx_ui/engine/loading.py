"""Model card → pipeline on a device."""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import diffusers
import psutil  # type: ignore[import-untyped]
import torch
import transformers
from diffusers import (
    FlowMatchEulerDiscreteScheduler,
    LTX2ConditionPipeline,
    LTX2VideoTransformer3DModel,
)
from diffusers.hooks import apply_group_offloading

from ltx_ui.engine.downloading import Report, downloaded
from ltx_ui.engine.models import CARDS, ModelCard
from ltx_ui.engine.placement import (
    DISTILLED_LORA,
    MEANING,
    USUAL,
    WAITING,
    Free,
    Placement,
    Working,
    choose,
    working,
)
from ltx_ui.engine.resolving import card_of_folder, read_json
from ltx_ui.engine.speed import kept_text_bytes
from ltx_ui.engine.twostage import lora_file, makes_two_stages
from ltx_ui.errors import ModelUnavailable

PARTS = ("transformer", "text_encoder", "connectors", "vae", "audio_vae", "vocoder")


DEMO_FOLDER = Path(__file__).with_name("demo")
"""The demo model: an ordinary diffusers folder, made by ``training``."""


@dataclass(frozen=True)
class Loaded:
    """A pipeline, ready to run.

    Attributes:
        card: completed by what the folder says where the checkpoint was not a known one.
        pipe: an ``LTX2ConditionPipeline``.
        placement: where its weights live.
    """

    card: ModelCard
    pipe: Any
    placement: Placement


def usual_dtype() -> torch.dtype:
    """What models compute in unless told otherwise: bfloat16 on CUDA. On the CPU float32, in which
    a recipe gives nearly the same clip on every machine."""
    return torch.bfloat16 if torch.cuda.is_available() else torch.float32


@torch.inference_mode(False)
def load(
    card: ModelCard,
    models_dir: Path,
    report: Report,
    placement: Placement | None = None,
    dtype: torch.dtype | None = None,
    *,
    direct: bool = True,
) -> Loaded:
    """The pipeline of a card.

    Args:
        placement: where the weights are to live, whatever is free; None to choose by what is.
        dtype: what to compute in; None for what is usual on this device.
        direct: as ``Speed.direct_loading``.

    Raises:
        ModelUnavailable: with what to do about it.
    """
    _quiet()
    folder = _folder(card, models_dir, report)
    if not card.demo:
        found = card_of_folder(folder)
        if card.id not in CARDS:
            card = replace(found, id=card.id, title=card.title, source=card.source)
    card = replace(card, has_upsampler=makes_two_stages(folder, card))
    dtype = dtype or usual_dtype()
    if placement is None:
        weights = _computed_bytes(card, _weight_bytes(folder, card), dtype)
        placement = choose(card.title, weights, free_memory(), _usual_working(card, folder, dtype))
    report(f"Loading {card.title}: {MEANING[placement]}", None)
    pipe = _read(folder, card, placement, dtype, direct)
    pipe.set_progress_bar_config(disable=True)
    pipe.scheduler = Schedule.from_config(pipe.scheduler.config, **card.scheduler)
    return Loaded(card, pipe, placement)


def free_memory() -> Free:
    """What is free now."""
    device = torch.cuda.mem_get_info()[0] if torch.cuda.is_available() else None
    return Free(device, psutil.virtual_memory().available)


def _computed_bytes(card: ModelCard, stored: dict[str, int], dtype: torch.dtype) -> dict[str, int]:
    """Bytes of the parts that the pipeline runs, in the precision that it computes with. Stored
    weights have 16 bits."""
    parts = {part: stored.get(part, 0) for part in (*PARTS, DISTILLED_LORA)}
    parts["transformer"] = stored.get(card.transformer_subfolder, 0)
    return {part: size * dtype.itemsize // 2 for part, size in parts.items()}


def _usual_working(card: ModelCard, folder: Path, dtype: torch.dtype) -> Working:
    """What the usual clip takes beside the weights."""
    config = read_json(folder / card.transformer_subfolder / "config.json")
    clips = 2 if card.takes_guidance else 1
    return working(*USUAL, clips=clips, text=clips * kept_text_bytes(config, dtype.itemsize))


class Schedule(FlowMatchEulerDiscreteScheduler):  # type: ignore[misc]
    """The stock scheduler, for a single step too."""

    def stretch_shift_to_terminal(self, t: Any) -> Any:
        """Sigmas, 1-d, stretched to end at ``shift_terminal``. A single one is left at 1.0:
        stretching it divides zero by zero, and the whole clip would be NaN."""
        return t if len(t) == 1 else super().stretch_shift_to_terminal(t)


def _folder(card: ModelCard, models_dir: Path, report: Report) -> Path:
    if card.demo:
        return DEMO_FOLDER
    local = Path(card.source).expanduser()
    return local if local.is_dir() else downloaded(card, models_dir, report)


def _read(
    folder: Path, card: ModelCard, placement: Placement, dtype: torch.dtype, direct: bool
) -> Any:
    # Parts that the studio never runs stay on disk.
    unused = {"processor": None, "prompt_enhancer": None, "duration_head": None}
    try:
        pipe = LTX2ConditionPipeline.from_pretrained(
            folder,
            dtype=dtype,
            local_files_only=True,
            **_large_parts(folder, card, placement, dtype, direct),
            **unused,
        )
        if card.vocoder_float32:
            pipe.vocoder.to(torch.float32)
        place(pipe, placement)
    except (torch.OutOfMemoryError, MemoryError):
        raise ModelUnavailable(
            f"There was not enough memory to load {card.title}. Close other programs that use the "
            "device, or use --model demo."
        ) from None
    except Exception as error:
        # A damaged folder makes the libraries raise nearly anything; all of it means the same.
        raise ModelUnavailable(
            f"{folder} can't be loaded as an LTX-2 pipeline ({type(error).__name__}: {error}). "
            "Delete the folder to have it made or downloaded again, or check --model."
        ) from error
    return pipe


def _large_parts(
    folder: Path, card: ModelCard, placement: Placement, dtype: torch.dtype, direct: bool
) -> dict[str, Any]:
    """The transformer and the text encoder, straight to the device where they stay on it. In this
    order: while the transformer is brought to 8 bits, the host does not hold the rest yet."""
    transformer = LTX2VideoTransformer3DModel.from_pretrained(
        folder / card.transformer_subfolder,
        perturbed_attn=card.perturbed_attn,
        **_reading(dtype, direct=direct and placement in ("resident", "free-text")),
    )
    # Adding a LoRA switches this off, and what was compiled before would not fit any more.
    transformer.requires_grad_(False)
    if placement == "fp8":
        keep_in_8_bits(transformer)
    index = json.loads((folder / "model_index.json").read_text(encoding="utf-8"))
    text_encoder = getattr(transformers, index["text_encoder"][1]).from_pretrained(
        folder / "text_encoder", **_reading(dtype, direct=direct and placement == "resident")
    )
    return {"transformer": transformer, "text_encoder": text_encoder}


def _reading(dtype: torch.dtype, *, direct: bool) -> dict[str, Any]:
    """How a part is read.

    Args:
        direct: its weights go from the file to the device, without a copy in host memory.
    """
    place = {"device_map": {"": _device()}} if direct and torch.cuda.is_available() else {}
    return {"dtype": dtype, "local_files_only": True, **place}


def keep_in_8_bits(transformer: Any) -> None:
    """Round a transformer's weights to float8 and bring them to the device, where each layer is
    turned back into what the transformer computes in while it runs."""
    transformer.enable_layerwise_casting(
        storage_dtype=torch.float8_e4m3fn, compute_dtype=transformer.dtype
    )
    transformer.to(_device())


def place(pipe: Any, placement: Placement) -> None:
    """Bring a pipeline's parts to where they live; a transformer that is to be kept in 8 bits is
    there already."""
    for part in PARTS:
        module = getattr(pipe, part)
        if part in WAITING[placement]:
            _stream(module, blocks=part == "transformer")
        elif not (part == "transformer" and placement == "fp8"):
            module.to(_device())
    if not torch.cuda.is_available() and "vae" not in WAITING[placement]:
        # A third faster on the CPU. The encoder stays as it is: reference images must become the
        # same latents, bit for bit, as in the stock pipeline.
        pipe.vae.decoder.to(memory_format=torch.channels_last_3d)


def _stream(module: Any, *, blocks: bool) -> None:
    """Let a part's weights wait in host memory and come to the device when it is their turn, on
    CUDA in a stream of their own while the layer before is computed.

    Args:
        blocks: whole transformer blocks at a time instead of single layers.
    """
    apply_group_offloading(
        module,
        onload_device=_device(),
        offload_type="block_level" if blocks else "leaf_level",
        num_blocks_per_group=1 if blocks else None,
        use_stream=torch.cuda.is_available(),
    )


def _device() -> torch.device:
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def _weight_bytes(folder: Path, card: ModelCard) -> dict[str, int]:
    """Bytes of weights by component."""
    sizes: dict[str, int] = {}
    for file in folder.glob("*/*.safetensors"):
        sizes[file.parent.name] = sizes.get(file.parent.name, 0) + file.stat().st_size
    if card.has_upsampler and (lora := lora_file(folder, card)):
        sizes[DISTILLED_LORA] = lora.stat().st_size
    return sizes


def _quiet() -> None:
    """No progress bars on the terminal: the page has its own."""
    diffusers.utils.logging.disable_progress_bar()
    transformers.utils.logging.disable_progress_bar()
    # For a batch it warns that it uses one generator alone; the noise is drawn from each of them.
    logging.getLogger(LTX2ConditionPipeline.__module__).setLevel(logging.ERROR)
