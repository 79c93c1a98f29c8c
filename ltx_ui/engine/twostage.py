"""HD in two stages: the clip at half size, its latents enlarged, then refined at full size."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from diffusers import LTX2LatentUpsamplePipeline
from diffusers.pipelines.ltx2.latent_upsampler import LTX2LatentUpsamplerModel
from safetensors import SafetensorError
from torch import Tensor

from ltx_ui.clip import Listener
from ltx_ui.engine.models import SCHEDULES, STAGE_2_SIGMAS, Guidance, ModelCard
from ltx_ui.engine.sampling import (
    Latents,
    Picture,
    conditions,
    counting,
    denoise,
    extra_arguments,
    guidance_arguments,
    text_arguments,
)
from ltx_ui.engine.streaming import renew, settle
from ltx_ui.engine.text import PromptEncoder
from ltx_ui.errors import ModelUnavailable
from ltx_ui.recipe import Recipe

UPSAMPLER_FOLDER = "latent_upsampler"
LORA = "stage_2_distilled"
"""What the second stage's LoRA is called while it is in the transformer."""


def upsampler_folder(checkpoint: Path) -> Path | None:
    """Where a checkpoint keeps its latent upsampler, or None where it has none."""
    folder = checkpoint / UPSAMPLER_FOLDER
    return folder if (folder / "config.json").is_file() else None


def lora_file(checkpoint: Path, card: ModelCard) -> Path | None:
    """The LoRA that the card's second stage wants, or None where it wants none or there is none."""
    file = checkpoint / card.distilled_lora
    return file if card.distilled_lora and file.is_file() else None


def makes_two_stages(checkpoint: Path, card: ModelCard) -> bool:
    """Whether a checkpoint has all that a clip in two stages takes."""
    refines = card.refines or lora_file(checkpoint, card) is not None
    return refines and upsampler_folder(checkpoint) is not None


class TwoStage:
    """Samples two-stage clips with a pipeline. The upsampler is loaded for the first of them, and
    is on the device only while it is used.

    Args:
        pipe: an ``LTX2ConditionPipeline``; to sample, it has to be from a folder with an upsampler.
    """

    def __init__(self, pipe: Any, card: ModelCard) -> None:
        self._pipe = pipe
        self._card = card
        self._upsampler: LTX2LatentUpsamplerModel | None = None
        # A pipeline that was made in memory comes from nowhere.
        self._lora = lora_file(Path(pipe.name_or_path), card) if pipe.name_or_path else None

    def sample(
        self,
        encoder: PromptEncoder,
        recipe: Recipe,
        listener: Listener,
        image_start: Picture | None = None,
        image_end: Picture | None = None,
    ) -> Latents:
        """Denoise one clip at half size, enlarge its latents and refine the picture. The steps of
        both stages are counted as one run.

        Args:
            image_start, image_end: uint8, H×W×3, of exactly the recipe's size. The pipeline brings
                them to half size for the first stage and takes them as they are in the second.

        Raises:
            Cancelled: the listener stopped it; the pipeline can be used again at once.
            ModelUnavailable: the second stage's LoRA can't be read.
        """
        pipe, card = self._pipe, self._card
        listener.progress("text")
        guidance = guidance_arguments(recipe, card)
        text = text_arguments(encoder, recipe, guided=card.guided(recipe))
        first = card.steps(recipe.num_inference_steps)
        steps = first + len(STAGE_2_SIGMAS)
        listener.progress("sampling", 0, steps)
        width, height = card.sampled_size(recipe)
        shared = {
            "conditions": conditions(recipe, card, image_start, image_end),
            "generator": torch.Generator("cpu").manual_seed(recipe.seed),
        }
        small = denoise(
            pipe,
            recipe,
            counting(listener, 0, steps),
            width=width // 2,
            height=height // 2,
            num_inference_steps=first,
            sigmas=list(card.sigmas) or None,
            **shared,
            **guidance,
            **text,
        )
        enlarged = self._enlarge(small.video)
        listener.progress("sampling", first, steps)
        with fixed_schedule(pipe), distilled(pipe, self._lora):
            refined = denoise(
                pipe,
                recipe,
                counting(listener, first, steps),
                width=width,
                height=height,
                latents=enlarged,
                audio_latents=small.audio,
                num_inference_steps=len(STAGE_2_SIGMAS),
                sigmas=list(STAGE_2_SIGMAS),
                noise_scale=STAGE_2_SIGMAS[0],
                guidance_scale=1.0,
                audio_guidance_scale=1.0,
                **shared,
                **extra_arguments(Guidance(), card),
                **{name: text[name] for name in ("prompt_embeds", "prompt_attention_mask")},
            )
        # The second stage's few steps are for the picture; the authors keep the first's sound.
        return Latents(refined.video, small.audio)

    def _enlarge(self, latents: Tensor) -> Tensor:
        """Denormalised video latents at twice the width and height, float32."""
        if self._upsampler is None:
            self._upsampler = _load(self._pipe)
        stage = LTX2LatentUpsamplePipeline(vae=self._pipe.vae, latent_upsampler=self._upsampler)
        try:
            self._upsampler.to(latents.device)
            enlarged: Tensor = stage(latents=latents, output_type="latent", return_dict=False)[0]
        finally:
            self._upsampler.to("cpu")
        # In the upsampler's bfloat16 the second stage's noise would be drawn in bfloat16 too.
        return enlarged.to(latents)


@torch.inference_mode(False)
def _load(pipe: Any) -> LTX2LatentUpsamplerModel:
    folder = upsampler_folder(Path(pipe.name_or_path))
    if folder is None:
        raise RuntimeError("a card without an upsampler has to refuse two-stage recipes")
    return LTX2LatentUpsamplerModel.from_pretrained(
        folder, dtype=pipe.vae.dtype, local_files_only=True
    )


@contextmanager
def fixed_schedule(pipe: Any) -> Iterator[None]:
    """Lets the pipeline take given sigmas as they are; its scheduler comes back, whatever happens
    inside."""
    own = pipe.scheduler
    pipe.scheduler = type(own).from_config(own.config, **SCHEDULES["fixed"])
    try:
        yield
    finally:
        pipe.scheduler = own


@contextmanager
def distilled(pipe: Any, lora: Path | None) -> Iterator[None]:
    """Lets the transformer follow the second stage's few steps, by its LoRA where it has one; its
    own layers come back, whatever happens inside.

    The LoRA is read for each clip, not kept and switched off. So a clip in one stage neither waits
    for its layers nor needs its 7.7 GB.

    Raises:
        ModelUnavailable: the file can't be read.
    """
    if lora is None:
        yield
        return
    try:
        _add(pipe, lora)
        yield
    finally:
        pipe.transformer.unload_lora()
        settle(pipe.transformer)


def _add(pipe: Any, lora: Path) -> None:
    """Add a LoRA's part for the transformer. Its part for the text stays out: the authors' own
    pipeline encodes the text once, for both stages."""
    transformer, dtype = pipe.transformer, pipe.transformer.dtype
    weights, metadata = _read(pipe, lora)
    # Told of the pipeline, it would also place every other waiting part anew.
    pipe.load_lora_into_transformer(
        weights, transformer, adapter_name=LORA, low_cpu_mem_usage=True, metadata=metadata
    )
    for name, parameter in transformer.named_parameters():
        # Beside weights in 8 bits it was rounded to 8 bits too, which it can't be computed with.
        if f".{LORA}." in name and parameter.dtype != dtype:
            exact = weights[f"transformer.{name.replace(f'.{LORA}', '')}"]
            parameter.data = exact.to(parameter.device, dtype)
    renew(transformer)


def _read(pipe: Any, lora: Path) -> tuple[dict[str, Tensor], dict[str, Any] | None]:
    try:
        weights, metadata = pipe.lora_state_dict(
            lora.parent,
            weight_name=lora.name,
            use_safetensors=True,
            local_files_only=True,
            return_lora_metadata=True,
        )
    except (OSError, SafetensorError) as error:
        raise ModelUnavailable(
            f"{lora} can't be read ({error}), and the second stage needs it. Delete it and "
            "download it again, or make the clip in one stage."
        ) from None
    return weights, metadata
