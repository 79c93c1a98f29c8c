"""Loading: a model card becomes a pipeline on a device."""

from __future__ import annotations

import json
import logging
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import wraps
from pathlib import Path
from typing import Any, Literal

import diffusers
import torch
import transformers
from diffusers import (
    FlowMatchEulerDiscreteScheduler,
    LTX2ConditionPipeline,
    LTX2VideoTransformer3DModel,
)

from ltx_ui.engine.checkpoint import Elements, computed_bytes, counted_in, cure
from ltx_ui.engine.choosing import Free, choose
from ltx_ui.engine.compat import LastFramePipeline
from ltx_ui.engine.downloading import Admit, Report, downloaded, missing_disk
from ltx_ui.engine.first_frame import mark_first_frame
from ltx_ui.engine.hearing import can_hear
from ltx_ui.engine.kept_text import kept_text_bytes
from ltx_ui.engine.machine import CPU, free_memory, unused, usual_dtype
from ltx_ui.engine.memory_fallback import is_out_of_memory
from ltx_ui.engine.models import CARDS, ModelCard
from ltx_ui.engine.placement import (
    DISTILLED_LORA,
    IN_4_BITS,
    IN_8_BITS,
    MEANING,
    UPSAMPLER,
    USUAL,
    WAITING,
    Placement,
    Quantize,
    Working,
    in_4_bits,
    possible,
    working,
)
from ltx_ui.engine.quantization import (
    Float8,
    Nf4,
    Packed,
    quantize_text_encoder,
    quantize_transformer,
)
from ltx_ui.engine.resolving import card_of_folder, read_json
from ltx_ui.engine.sampling import clips_cached, texts_kept
from ltx_ui.engine.streaming import stream
from ltx_ui.engine.twostage import makes_two_stages
from ltx_ui.errors import ModelUnavailable
from ltx_ui.lossy import EXACT, Lossy
from ltx_ui.recipe import Recipe

PARTS = ("transformer", "text_encoder", "connectors", "vae", "audio_vae", "vocoder")


DEMO_FOLDER = Path(__file__).with_name("demo")
"""The demo model: an ordinary diffusers folder, made by ``training``."""


@dataclass(frozen=True)
class Loaded:
    """A pipeline, ready to run.

    Attributes:
        card: the model's; for an unknown checkpoint, completed from its own configuration.
        pipe: an ``LTX2ConditionPipeline``.
        placement: where its weights are kept.
        weights: bytes of each part in the precision it computes in; empty for a pipeline that was
            made in memory, which can't be loaded again in another placement.
        free: the memory that was free before it was loaded.
    """

    card: ModelCard
    pipe: Any
    placement: Placement
    weights: Mapping[str, int] = field(default_factory=dict)
    free: Free = field(default_factory=lambda: Free(None, 0))


def why_demo(
    models_dir: Path,
    device: torch.device,
    quantize: Quantize = "none",
    lossy: Lossy = EXACT,
) -> str:
    """A sentence on why ``auto`` means the demo model on this machine; empty where LTX-2 can run.
    Compares the card's own figures with free memory and disk, without the network.

    Args:
        quantize: which weights would be kept in 4 bits.
        lossy: as of :func:`load`.
    """
    card = CARDS["ltx-2"]
    if device.type != "cuda":
        return f"{card.title} wants a CUDA device.{unused()}"
    try:
        check_machine(card, device, "bfloat16", quantize, lossy)
    except ModelUnavailable as error:
        return str(error)
    return missing_disk(card, models_dir)


def check_machine(
    card: ModelCard,
    device: torch.device,
    precision: Literal["float32", "bfloat16"] | None,
    quantize: Quantize = "none",
    lossy: Lossy = EXACT,
) -> None:
    """Compare a card's own figures with the memory that is free, without the network.

    Args:
        precision: what to compute in; None for the device's default.
        quantize, lossy: as of :func:`load`.

    Raises:
        ModelUnavailable: no placement fits; says how much is missing.
    """
    size = (getattr(torch, precision) if precision else usual_dtype(device)).itemsize
    usual = torch.bfloat16.itemsize
    whole = {part: count * size // usual for part, count in card.component_bytes.items()}
    beside = _usual_working(card, card.text_bytes * size // usual, lossy)
    _choose(card, in_4_bits(whole, quantize, size), device, beside, quantize)


@torch.inference_mode(False)
def load(
    card: ModelCard,
    models_dir: Path,
    report: Report,
    placement: Placement | None = None,
    dtype: torch.dtype | None = None,
    device: torch.device = CPU,
    *,
    direct: bool = True,
    quantize: Quantize = "none",
    lossy: Lossy = EXACT,
) -> Loaded:
    """Load a card's pipeline, downloading its files first if need be.

    Args:
        placement: where to keep the weights, however much memory is free; None to choose by that.
        dtype: what to compute in; None for the device's default.
        direct: as ``Optimizations.direct_loading``.
        quantize: which weights to keep in 4 bits.
        lossy: what clips shall be made with, as far as it takes or saves memory.

    Raises:
        ModelUnavailable: with what to do about it. Too small a machine is found out before
            anything is downloaded.
    """
    _quiet()
    dtype = dtype or usual_dtype(device)

    def admit(elements: Mapping[str, Elements]) -> None:
        if placement is None:
            weights = part_bytes(card, elements, dtype, quantize)
            text = card.text_bytes * dtype.itemsize // torch.bfloat16.itemsize
            _choose(card, weights, device, _usual_working(card, text, lossy), quantize)

    folder = _folder(card, models_dir, report, admit)
    if not card.demo:
        found = card_of_folder(folder)
        if card.id not in CARDS:
            card = replace(found, id=card.id, title=card.title, source=card.source)
    card = replace(card, has_upsampler=makes_two_stages(folder, card), hears=can_hear(folder))
    weights = part_bytes(card, counted_in(folder, card), dtype, quantize)
    free = free_memory(device)
    if placement is None:
        config = read_json(folder / card.transformer_subfolder / "config.json")
        beside = _usual_working(card, kept_text_bytes(config, dtype.itemsize), lossy)
        placement = _choose(card, weights, device, beside, quantize)
    report(f"Loading {card.title}: {MEANING[placement]}", None)
    pipe = _read(folder, card, placement, dtype, device, direct, quantize)
    pipe.set_progress_bar_config(disable=True)
    pipe.scheduler = Schedule.from_config(pipe.scheduler.config, **card.scheduler)
    return Loaded(card, pipe, placement, weights, free)


def _choose(
    card: ModelCard,
    weights: Mapping[str, int],
    device: torch.device,
    beside: Working,
    quantize: Quantize,
) -> Placement:
    """The placement that fits into the memory that is free now.

    Raises:
        ModelUnavailable: none does; says how much is missing.
    """
    try:
        return choose(card.title, weights, free_memory(device), beside, possible(quantize))
    except ModelUnavailable as error:
        raise ModelUnavailable(f"{error}{unused()}") from None


def part_bytes(
    card: ModelCard,
    elements: Mapping[str, Elements],
    dtype: torch.dtype,
    quantize: Quantize = "none",
) -> dict[str, int]:
    """Bytes of each part that the pipeline runs, in the precision it computes in or is kept in."""
    sizes = dict.fromkeys((*PARTS, DISTILLED_LORA, UPSAMPLER), dtype.itemsize)
    if card.vocoder_float32:
        sizes["vocoder"] = torch.float32.itemsize
    whole = {part: computed_bytes(elements.get(part, {}), size) for part, size in sizes.items()}
    return in_4_bits(whole, quantize, dtype.itemsize)


def _usual_working(card: ModelCard, text: int, lossy: Lossy) -> Working:
    """The device memory that a clip of usual size takes besides the weights.

    Args:
        text: bytes of one text's keys and values; 0 where they are not cached.
    """
    clip = Recipe(prompt="A clip of usual size.")
    text *= texts_kept(clip, card, lossy)
    clips = 2 if card.guided(clip) else 1
    cached = clips_cached(clip, card, lossy)
    return working(*USUAL, clips=clips, text=text, rounded=lossy.fp8_matmul, cached=cached)


class Schedule(FlowMatchEulerDiscreteScheduler):  # type: ignore[misc]
    """The stock scheduler, made to work with a single step and not to wait for the device."""

    def stretch_shift_to_terminal(self, t: Any) -> Any:
        """Sigmas, 1-d, stretched to end at ``shift_terminal``. A single one is left at 1.0:
        stretching it divides zero by zero, and the whole clip would be NaN."""
        return t if len(t) == 1 else super().stretch_shift_to_terminal(t)

    @wraps(FlowMatchEulerDiscreteScheduler.set_timesteps)  # whose arguments the pipeline looks at
    def set_timesteps(self, *args: Any, **kwargs: Any) -> None:
        """Set the timesteps as the stock scheduler does, and the index of the first step. Without
        it the scheduler would look that up on the device at the first step, and wait for it."""
        super().set_timesteps(*args, **kwargs)
        self.set_begin_index(0)


def _folder(card: ModelCard, models_dir: Path, report: Report, admit: Admit) -> Path:
    if card.demo:
        return DEMO_FOLDER
    local = Path(card.source).expanduser()
    return local if local.is_dir() else downloaded(card, models_dir, report, admit)


def _read(
    folder: Path,
    card: ModelCard,
    placement: Placement,
    dtype: torch.dtype,
    device: torch.device,
    direct: bool,
    quantize: Quantize,
) -> Any:
    # Parts that are never run stay on disk.
    unused = {"processor": None, "prompt_enhancer": None, "duration_head": None}
    try:
        kind = LastFramePipeline if card.end_image_on_last_frame else LTX2ConditionPipeline
        pipe = kind.from_pretrained(
            folder,
            dtype=dtype,
            local_files_only=True,
            **_large_parts(folder, card, placement, dtype, device, direct, quantize),
            **unused,
        )
        if not card.hears:
            pipe.audio_vae.encoder = None  # It may have come without weights.
        if card.vocoder_float32:
            pipe.vocoder.to(torch.float32)
        place(pipe, placement, device)
    except Exception as error:
        if is_out_of_memory(error):
            raise ModelUnavailable(
                f"There was not enough memory to load {card.title}. Close other programs that use "
                "the device, or use --model demo."
            ) from None
        # The libraries raise nearly any error for a damaged folder.
        raise ModelUnavailable(
            f"{folder} can't be loaded as an LTX-2 pipeline ({type(error).__name__}: {error}). "
            f"{cure(folder, card)}"
        ) from error
    return pipe


def _large_parts(
    folder: Path,
    card: ModelCard,
    placement: Placement,
    dtype: torch.dtype,
    device: torch.device,
    direct: bool,
    quantize: Quantize,
) -> dict[str, Any]:
    """The transformer and the text encoder, read straight to the device if they stay on it whole.
    The transformer comes first: it is quantized before anything else takes host memory."""
    packing = packing_of(placement, quantize)
    away = WAITING[placement]
    transformer = LTX2VideoTransformer3DModel.from_pretrained(
        folder / card.transformer_subfolder,
        perturbed_attn=card.perturbed_attn,
        **_reading(dtype, device, direct=direct and not {"transformer"} & {*away, *packing}),
    )
    # A LoRA would switch gradients off later, and blocks compiled before would not fit any more.
    transformer.requires_grad_(False)
    mark_first_frame(transformer)
    if kind := packing.get("transformer"):
        quantize_transformer(transformer, kind, device, waits="transformer" in away)
    index = json.loads((folder / "model_index.json").read_text(encoding="utf-8"))
    encoder = getattr(transformers, index["text_encoder"][1])
    reading = _reading(dtype, device, direct=direct and not {"text_encoder"} & {*away, *packing})
    text_encoder = encoder.from_pretrained(folder / "text_encoder", **reading)
    _drop_unread(text_encoder)
    if kind := packing.get("text_encoder"):
        quantize_text_encoder(text_encoder, kind, device, waits="text_encoder" in away)
    return {"transformer": transformer, "text_encoder": text_encoder}


def packing_of(placement: Placement, quantize: Quantize) -> dict[str, type[Packed]]:
    """How the parts are stored that are not stored in the precision they compute in."""
    in_8_bits = {"transformer": Float8} if placement in IN_8_BITS else {}
    return {**in_8_bits, **dict.fromkeys(IN_4_BITS[quantize], Nf4)}


def _drop_unread(text_encoder: Any) -> None:
    """Drop a text encoder's parts for images and sound (0.9 GB of Gemma 3). They are never used,
    and group offloading warns of each unused layer."""
    for name, _ in list(text_encoder.model.named_children()):
        if name != "language_model":
            setattr(text_encoder.model, name, None)


def _reading(dtype: torch.dtype, device: torch.device, *, direct: bool) -> dict[str, Any]:
    """Arguments of ``from_pretrained``.

    Args:
        direct: on CUDA, read weights straight to the device, without a copy in host memory.
    """
    place = {"device_map": {"": device}} if direct and device.type == "cuda" else {}
    return {"dtype": dtype, "local_files_only": True, **place}


def place(pipe: Any, placement: Placement, device: torch.device = CPU) -> None:
    """Bring a pipeline's parts to where the placement keeps them."""
    for part in PARTS:
        module = getattr(pipe, part)
        if part in WAITING[placement]:
            stream(module, device, blocks=part == "transformer")
        else:
            module.to(device)
    if device.type == "cpu" and "vae" not in WAITING[placement]:
        # A third faster on the CPU. Not for the encoder: reference images have to become exactly
        # the latents of the stock pipeline.
        pipe.vae.decoder.to(memory_format=torch.channels_last_3d)


def _quiet() -> None:
    """Switch off the libraries' progress bars and needless warnings."""
    # peft's, of two LoRAs at once.
    warnings.filterwarnings("ignore", "Already found a `peft_config` attribute")
    diffusers.utils.logging.disable_progress_bar()
    transformers.utils.logging.disable_progress_bar()
    # For batches it warns that only one generator is used, although noise is drawn from each.
    logging.getLogger(LTX2ConditionPipeline.__module__).setLevel(logging.ERROR)
