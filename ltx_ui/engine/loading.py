"""Model card → pipeline on a device."""

from __future__ import annotations

from dataclasses import replace
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

from ltx_ui.engine.demo import demo_folder
from ltx_ui.engine.downloading import Report, downloaded
from ltx_ui.engine.models import CARDS, GB, ModelCard, card_of_folder
from ltx_ui.engine.twostage import upsampler_folder
from ltx_ui.errors import ModelUnavailable

WORKING_MEMORY = 6 * GB
"""Device memory for activations beside the weights; a clip of 121 frames at 288x512 fits in it."""


def load(card: ModelCard, models_dir: Path, report: Report) -> tuple[ModelCard, Any]:
    """The pipeline of a card, ready to run: bfloat16 on CUDA, float32 on the CPU.

    Returns:
        The card, completed by what the folder says where the checkpoint was not a known one, and
        the ``LTX2ConditionPipeline``.

    Raises:
        ModelUnavailable: with what to do about it.
    """
    _quiet()
    folder = _folder(card, models_dir, report)
    if not card.demo:
        found = card_of_folder(folder)
        if card.id not in CARDS:
            card = replace(found, id=card.id, title=card.title, source=card.source)
    card = replace(card, has_upsampler=card.refines and upsampler_folder(folder) is not None)
    report(f"Loading {card.title}", None)
    placement = plan(card, _weight_bytes(folder))
    pipe = _read(folder, card, placement)
    pipe.set_progress_bar_config(disable=True)
    pipe.scheduler = Schedule.from_config(pipe.scheduler.config, **card.scheduler)
    if card.vocoder_float32:
        pipe.vocoder.to(torch.float32)
    if placement == "cpu":
        # A third faster on the CPU. The encoder stays as it is: reference images must become the
        # same latents, bit for bit, as in the stock pipeline.
        pipe.vae.decoder.to(memory_format=torch.channels_last_3d)
    return card, pipe


def plan(card: ModelCard, weights: dict[str, int]) -> str:
    """Where the weights go: ``cpu``, ``cuda`` (all resident) or ``offload`` (in turn on CUDA).

    Args:
        weights: bytes of each component as stored.

    Raises:
        ModelUnavailable: they fit nowhere; says how much is needed and how much is here.
    """
    total, largest = sum(weights.values()), max(weights.values(), default=0)
    host = psutil.virtual_memory().available
    if not torch.cuda.is_available():
        # Published weights are bfloat16, and the CPU computes in float32; the demo's are float32.
        needed = total if card.demo else 2 * total
        if host < needed:
            raise ModelUnavailable(
                f"{card.title} needs about {needed / GB:.0f} GB of memory without a CUDA device; "
                f"{host / GB:.0f} GB are free. Use --model demo, or a machine with a CUDA device."
            )
        return "cpu"
    free, _ = torch.cuda.mem_get_info()
    if free >= total + WORKING_MEMORY:
        return "cuda"
    if free >= largest + WORKING_MEMORY and host >= total:
        return "offload"
    raise ModelUnavailable(
        f"{card.title} needs about {(total + WORKING_MEMORY) / GB:.0f} GB of device memory, or "
        f"{(largest + WORKING_MEMORY) / GB:.0f} GB with {total / GB:.0f} GB of host memory; "
        f"{free / GB:.0f} GB and {host / GB:.0f} GB are free. Close other programs that use the "
        "device, or use a larger one or --model demo."
    )


class Schedule(FlowMatchEulerDiscreteScheduler):  # type: ignore[misc]
    """The stock scheduler, for a single step too."""

    def stretch_shift_to_terminal(self, t: Any) -> Any:
        """Sigmas, 1-d, stretched to end at ``shift_terminal``. A single one is left at 1.0:
        stretching it divides zero by zero, and the whole clip would be NaN."""
        return t if len(t) == 1 else super().stretch_shift_to_terminal(t)


def _folder(card: ModelCard, models_dir: Path, report: Report) -> Path:
    if card.demo:
        report("Making the demo model", None)
        try:
            return demo_folder(models_dir)
        except OSError as error:
            raise ModelUnavailable(
                f"The demo model can't be saved under {models_dir} ({error}). Make room there or "
                "choose another --data-dir."
            ) from None
    local = Path(card.source).expanduser()
    return local if local.is_dir() else downloaded(card, models_dir, report)


def _read(folder: Path, card: ModelCard, placement: str) -> Any:
    # Parts that the studio never runs stay on disk.
    unused = {"processor": None, "prompt_enhancer": None, "duration_head": None}
    try:
        pipe = LTX2ConditionPipeline.from_pretrained(
            folder,
            dtype=torch.float32 if placement == "cpu" else torch.bfloat16,
            device_map="cuda" if placement == "cuda" else None,
            local_files_only=True,
            **_transformer(folder, card, placement),
            **unused,
        )
        if placement == "offload":
            pipe.enable_model_cpu_offload()
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


def _transformer(folder: Path, card: ModelCard, placement: str) -> dict[str, Any]:
    """The transformer, where the pipeline would not load it as the card wants it."""
    if not card.perturbed_attn and card.transformer_subfolder == "transformer":
        return {}
    transformer = LTX2VideoTransformer3DModel.from_pretrained(
        folder / card.transformer_subfolder,
        perturbed_attn=card.perturbed_attn,
        dtype=torch.float32 if placement == "cpu" else torch.bfloat16,
        device_map="cuda" if placement == "cuda" else None,
        local_files_only=True,
    )
    return {"transformer": transformer}


def _weight_bytes(folder: Path) -> dict[str, int]:
    """Bytes of weights by component."""
    sizes: dict[str, int] = {}
    for file in folder.glob("*/*.safetensors"):
        sizes[file.parent.name] = sizes.get(file.parent.name, 0) + file.stat().st_size
    return sizes


def _quiet() -> None:
    """No progress bars on the terminal: the page has its own."""
    diffusers.utils.logging.disable_progress_bar()
    transformers.utils.logging.disable_progress_bar()
