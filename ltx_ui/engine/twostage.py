"""HD in two stages: a clip is sampled at half size, its latents are upsampled, then refined. A film
that is made larger stands in for the first stage."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from diffusers import LTX2LatentUpsamplePipeline
from diffusers.pipelines.ltx2.latent_upsampler import LTX2LatentUpsamplerModel
from safetensors import SafetensorError
from torch import Tensor

from ltx_ui.clip import Listener
from ltx_ui.engine.adapters import add, at_rest, remove
from ltx_ui.engine.film_latents import film_latents
from ltx_ui.engine.models import SCHEDULES, STAGE_2_SIGMAS, UPSCALE_SIGMAS, Guidance, ModelCard
from ltx_ui.engine.noise import Noise
from ltx_ui.engine.placement import UPSAMPLER
from ltx_ui.engine.sampling import (
    Latents,
    conditions,
    counting,
    denoise,
    extra_arguments,
    guidance_arguments,
    reference,
    text_arguments,
)
from ltx_ui.engine.sound_in import following, kept_sound
from ltx_ui.engine.text import PromptEncoder
from ltx_ui.errors import ModelUnavailable
from ltx_ui.inputs import NO_INPUTS, InputData
from ltx_ui.recipe import Recipe

LORA = "stage_2_distilled"
"""The name of the second stage's LoRA while it is loaded in the transformer."""


def upsampler_folder(checkpoint: Path) -> Path | None:
    """The folder of a checkpoint's latent upsampler; None if it has none."""
    folder = checkpoint / UPSAMPLER
    return folder if (folder / "config.json").is_file() else None


def lora_file(checkpoint: Path, card: ModelCard) -> Path | None:
    """The file of the LoRA for the card's second stage; None if it needs none or there is none."""
    file = checkpoint / card.distilled_lora
    return file if card.distilled_lora and file.is_file() else None


def makes_two_stages(checkpoint: Path, card: ModelCard) -> bool:
    """Whether a checkpoint has all that clips in two stages need."""
    refines = card.refines or lora_file(checkpoint, card) is not None
    return refines and upsampler_folder(checkpoint) is not None


class TwoStage:
    """Samples clips in two stages. The upsampler is loaded for the first clip, and is on the device
    only while it is used.

    Args:
        pipe: an ``LTX2ConditionPipeline``, loaded from a folder with an upsampler.
    """

    def __init__(self, pipe: Any, card: ModelCard) -> None:
        self._pipe = pipe
        self._card = card
        self._upsampler: LTX2LatentUpsamplerModel | None = None
        # A pipeline that was made in memory has no folder.
        self._lora = lora_file(Path(pipe.name_or_path), card) if pipe.name_or_path else None

    def sample(
        self,
        encoder: PromptEncoder,
        recipe: Recipe,
        listener: Listener,
        inputs: InputData = NO_INPUTS,
    ) -> Latents:
        """Denoise one clip at half size, upsample its latents and refine the video. Progress counts
        the steps of both stages together. Where a film is made larger, that is the first stage.

        Args:
            inputs: what the files hold that the recipe names. The pipeline scales
                pictures down for the first stage.

        Raises:
            Cancelled: the listener stopped it; the pipeline can be used again at once.
            ModelUnavailable: the second stage's LoRA can't be read.
        """
        pipe, card = self._pipe, self._card
        listener.progress("text")
        guidance = guidance_arguments(recipe, card)
        text = text_arguments(encoder, recipe, guided=card.guided(recipe))
        first = 0 if inputs.small is not None else card.steps(recipe.num_inference_steps)
        sigmas = list(STAGE_2_SIGMAS if first else UPSCALE_SIGMAS)
        steps = first + len(sigmas)
        listener.progress("sampling", 0, steps)
        width, height = card.sampled_size(recipe)
        pictures, noise = conditions(recipe, card, inputs), Noise([recipe])
        kept = kept_sound(pipe, card, recipe, inputs)
        small, sound = self._film(recipe, inputs), None
        if small is None:
            with (
                reference(pipe, recipe, card, inputs) as film,
                noise.drawn(pipe) as generator,
                following(pipe, kept),
            ):
                half = denoise(
                    pipe,
                    recipe,
                    inputs,
                    counting(listener, 0, steps),
                    width=width // 2,
                    height=height // 2,
                    num_inference_steps=first,
                    sigmas=list(card.sigmas) or None,
                    conditions=pictures,
                    generator=generator,
                    **film,
                    **guidance,
                    **text,
                )
            small, sound = half.video, half.audio
        enlarged = self._enlarge(small)
        listener.progress("sampling", first, steps)
        second = noise.drawn(pipe, stage=1)
        # As with the authors, a film is followed in the first stage alone, and its IC-LoRA rests.
        with (
            fixed_schedule(pipe),
            at_rest(pipe.transformer),
            distilled(pipe, self._lora),
            second as generator,
            following(pipe, kept),
        ):
            refined = denoise(
                pipe,
                recipe,
                inputs,
                counting(listener, first, steps),
                width=width,
                height=height,
                latents=enlarged,
                audio_latents=sound,
                num_inference_steps=len(sigmas),
                sigmas=sigmas,
                noise_scale=sigmas[0],
                guidance_scale=1.0,
                audio_guidance_scale=1.0,
                conditions=pictures,
                generator=generator,
                **extra_arguments(Guidance(), card),
                **{name: text[name] for name in ("prompt_embeds", "prompt_attention_mask")},
            )
        # The second stage refines the video; the authors keep the first stage's sound.
        if kept is not None and kept.frozen:
            return Latents(refined.video, kept.latents, kept.sound)
        return Latents(refined.video, refined.audio if sound is None else sound)

    def _film(self, recipe: Recipe, inputs: InputData) -> Tensor | None:
        """The latents of the film that is made larger; None without one."""
        if inputs.small is None:
            return None
        return film_latents(self._pipe, self._card, recipe, inputs.small)

    def _enlarge(self, latents: Tensor) -> Tensor:
        """Denormalised video latents, 1×128×F'×H'×W', at twice the width and height, in the same
        dtype."""
        if self._upsampler is None:
            self._upsampler = _load(self._pipe)
        stage = LTX2LatentUpsamplePipeline(vae=self._pipe.vae, latent_upsampler=self._upsampler)
        try:
            self._upsampler.to(latents.device)
            enlarged: Tensor = stage(latents=latents, output_type="latent", return_dict=False)[0]
        finally:
            self._upsampler.to("cpu")
        # In the upsampler's bfloat16, the second stage's noise would be drawn in bfloat16 as well.
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
    """Let the pipeline use given sigmas unchanged inside the block; its own scheduler is
    restored."""
    own = pipe.scheduler
    pipe.scheduler = type(own).from_config(own.config, **SCHEDULES["fixed"])
    try:
        yield
    finally:
        pipe.scheduler = own


@contextmanager
def distilled(pipe: Any, lora: Path | None) -> Iterator[None]:
    """Load the second stage's LoRA, if there is one, for the time of the block.

    It is read for each clip and not kept and switched off, so that clips in one stage are neither
    slowed down by its layers nor need its 7.7 GB.

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
        remove(pipe.transformer, LORA)


def _add(pipe: Any, lora: Path) -> None:
    """Load a LoRA's weights for the transformer. Those for the connectors are left out, as in the
    authors' pipeline, which encodes the text once for both stages."""
    weights, metadata = (_of_transformer(part) for part in _read(pipe, lora))
    add(pipe.transformer, LORA, weights, metadata or None)


def _of_transformer(named: Mapping[str, Any] | None) -> dict[str, Any]:
    given, of = named or {}, "transformer."
    return {key.removeprefix(of): each for key, each in given.items() if key.startswith(of)}


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
