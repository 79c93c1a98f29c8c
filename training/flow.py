"""Text encoder, connectors and transformer, trained together by flow matching on both streams.

Everything that the pipeline does at inference is done the same way here: its own functions pack and
normalise latents and place keyframes, its scheduler shifts the noise levels, a conditioned token is
noised by ``sigma * (1 - strength)`` and told so.
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from diffusers import LTX2ConditionPipeline
from diffusers.pipelines.ltx2.pipeline_ltx2_condition import calculate_shift
from torch import Tensor, nn

from ltx_ui.engine.attention import plain_attention
from ltx_ui.geometry import TEMPORAL_COMPRESSION
from ltx_ui.recipe import DEFAULT_NEGATIVE_PROMPT
from training import compat
from training.captions import caption
from training.model import MAX_TOKENS
from training.pictures import subject_cover
from training.pool import Batch, Pool
from training.run import Run
from training.segment import BLOCK, Segmenter, listening
from training.world import Scene

CAPTION_DROPOUT = 0.1
"""How often a caption is left out, so that guidance has something to lead away from. Three times in
four the default negative prompt stands there, since that is what it will mostly be."""

FIRST_FRAME, LAST_FRAME, FULL_STRENGTH = 0.25, 0.3, 0.6
_GUIDANCE, _GUIDED_WEIGHT = 3.0, 0.5
"""Clips with a last frame are learnt with and without their caption at once, and what guidance of
this scale makes of the two has to end in that frame as well. Learnt apart, the two differ where the
picture leaves nothing to say, and guidance 3 cost 1.6 dB of the last frame."""
_CAPTION_TOKENS = 128
_DECIDING, _DECIDING_SPREAD = 2.0, 0.8
"""The ratio of signal to noise, summed over a clip's tokens, at which its subject is decided, and
the spread of its logarithm: between one and four the caption's loss showed it."""
_STOCK_TOKENS, _STOCK_SHARE = 1024, 0.05
"""Places that diffusers' pipeline gives a prompt unless told otherwise, and how often they are
trained with, so that the model is understood there too."""
_AUDIO_WEIGHT = 0.5
_SUBJECT_WEIGHT = 4.0
"""What a token that the subject touches counts, where another counts 1, once the noise lets the
subject be seen: it covers a seventh of a clip, and its outline is the hardest part. Before that the
weight would draw a subject wherever there might be one."""
_END_WEIGHT = 6.0
"""What a token beside a last frame of full strength counts, where another counts 1. A first frame
takes the place of the clip's own tokens; a last one only lies next to eight frames that have to end
in it."""


def trained_parts(pipe: LTX2ConditionPipeline) -> nn.ModuleDict:
    """What is learnt in this stage, as one module. The text encoder's eye is left out: no prompt of
    the app has a picture. The segmenter only helps to learn and is not part of the model."""
    pipe.text_encoder.model.vision_tower.requires_grad_(False)
    pipe.text_encoder.model.multi_modal_projector.requires_grad_(False)
    return nn.ModuleDict(
        {
            "text_encoder": pipe.text_encoder,
            "connectors": pipe.connectors,
            "transformer": pipe.transformer,
            "segmenter": Segmenter(),
        }
    )


def matrices(pipe: LTX2ConditionPipeline) -> list[nn.Parameter]:
    """The transformer's matrices, for ``Run.matrices``: the text encoder is mostly a table."""
    return [p for p in pipe.transformer.transformer_blocks.parameters() if p.ndim == 2]


def train(run: Run, pipe: LTX2ConditionPipeline, pool: Pool) -> None:
    """Spend the run's budget."""
    handles = plain_attention(pipe.transformer) if run.device.type == "cpu" else []
    segmenter = run.model.get_submodule("segmenter")
    for rng in run.steps():
        batch, ends = pool.pick(rng), rng.random() < LAST_FRAME
        if ends:
            batch = batch.some(rng, len(batch.scenes) // 2)
        conditions = Conditions.draw(rng, batch, pipe, ends)
        sigma = noise_levels(pipe, conditions.clean.shape[1], len(batch.scenes), run.device)
        with run.autocast():
            places = _STOCK_TOKENS if rng.random() < _STOCK_SHARE else MAX_TOKENS
            text = embed(pipe, said(batch.scenes, rng, twice=ends), places)
            with listening(pipe.transformer.transformer_blocks[BLOCK]) as heard:
                video, audio = errors(pipe, batch, conditions, sigma, text)
        segment = segmenter(heard[0], batch.scenes * (1 + ends), batch.size)
        run.learn(
            video + _AUDIO_WEIGHT * audio + segment, video=video, audio=audio, segment=segment
        )
    for handle in handles:
        handle.remove()


def said(scenes: Sequence[Scene], rng: random.Random, *, twice: bool = False) -> list[str]:
    """A caption for each clip, some left out; or ``twice``: first all of them, then none."""
    lines = [caption(scene, rng) for scene in scenes]
    if twice:
        return lines + [_nothing(rng) for _ in scenes]
    return [_nothing(rng) if rng.random() < CAPTION_DROPOUT else line for line in lines]


def _nothing(rng: random.Random) -> str:
    """What stands in a caption's place."""
    return "" if rng.random() < 0.25 else DEFAULT_NEGATIVE_PROMPT


def noise_levels(
    pipe: LTX2ConditionPipeline, tokens: int, count: int, device: torch.device
) -> Tensor:
    """Noise levels in 0…1, (B,), from two sources that take turns.

    Half are logit-normal or even (Esser et al. 2024), shifted as the scheduler shifts them for so
    many tokens. The other half lie where a clip is decided: where the noise has left about as much
    of all tokens together as tells one scene from another. Below that the noisy clip shows what it
    will be and the prompt says nothing new.
    """
    middle = torch.randn(count, device=device).sigmoid()
    even = torch.rand(count, device=device).clamp(1e-3, 1 - 1e-3)
    drawn = torch.where(torch.rand(count, device=device) < 0.4, even, middle)
    config = pipe.scheduler.config
    mu = calculate_shift(
        tokens,
        config.base_image_seq_len,
        config.max_image_seq_len,
        config.base_shift,
        config.max_shift,
    )
    shifted: Tensor = pipe.scheduler.time_shift(mu, 1.0, drawn)
    left = _DECIDING * (_DECIDING_SPREAD * torch.randn(count, device=device)).exp()
    deciding = 1 / (1 + left / math.sqrt(tokens))
    return torch.where(torch.rand(count, device=device) < 0.5, deciding, shifted)


@dataclass(frozen=True)
class Conditions:
    """What the transformer is given of a batch beside the noise.

    Attributes:
        clean: the packed latents to be found, keyframe tokens appended, (B, S, 128).
        strength: of the condition on each token, 0 where there is none, (B, S, 1).
        coords: where each token lies, (B, 3, S, 2).
    """

    clean: Tensor
    strength: Tensor
    coords: Tensor

    @classmethod
    def draw(
        cls, rng: random.Random, batch: Batch, pipe: LTX2ConditionPipeline, ends: bool
    ) -> Conditions:
        """First frames for some clips, the last frame for all where the batch ``ends``."""
        first = [_strength(rng) if rng.random() < FIRST_FRAME else 0.0 for _ in batch.scenes]
        return cls.of(batch, pipe, first, [_strength(rng) for _ in batch.scenes] if ends else None)

    @classmethod
    def of(
        cls,
        batch: Batch,
        pipe: LTX2ConditionPipeline,
        first: Sequence[float],
        last: Sequence[float] | None,
    ) -> Conditions:
        """Conditions of given strengths, as the pipeline's ``prepare_latents`` places them: a first
        frame in its own tokens, a last frame in tokens of its own."""
        count, _, frames, height, width = batch.video.shape
        clean = compat.pack_video(pipe, batch.video)
        strength = clean.new_zeros(count, clean.shape[1], 1)
        strength[:, : height * width] = clean.new_tensor(first).view(-1, 1, 1)
        coords = pipe.transformer.rope.prepare_video_coords(
            count, frames, height, width, clean.device, fps=batch.size.fps
        )
        if last is not None:
            begins = (frames - 2) * pipe.vae_temporal_compression_ratio + 1
            place = compat.keyframe_positions(
                pipe, height, width, begins, batch.size.fps, clean.device
            )
            clean = torch.cat([clean, compat.pack_video(pipe, batch.last)], dim=1)
            held = clean.new_tensor(last).view(-1, 1, 1).expand(-1, height * width, -1)
            strength = torch.cat([strength, held], dim=1)
            coords = torch.cat([coords, place.expand(count, -1, -1, -1)], dim=2)
        return cls(clean, strength, coords)


def _strength(rng: random.Random) -> float:
    return 1.0 if rng.random() < FULL_STRENGTH else rng.uniform(0.3, 1.0)


def errors(
    pipe: LTX2ConditionPipeline,
    batch: Batch,
    conditions: Conditions,
    sigma: Tensor,
    text: tuple[Tensor, Tensor],
) -> tuple[Tensor, Tensor]:
    """Mean square errors of the velocity, ``noise - clean``, of the picture and of the sound.

    Where there is text for the batch twice, with and without captions, both are learnt from the
    same noise, and the picture's error has that of the guided last frame in it.
    """
    times = len(text[0]) // len(batch.scenes)
    level = sigma.view(-1, 1, 1) * (1 - conditions.strength)
    noise, audio_noise = torch.randn_like(conditions.clean), torch.randn_like(batch.audio)
    timestep, audio_timestep = 1000 * level.squeeze(-1), torch.cat([1000 * sigma] * times)
    noisy = torch.lerp(conditions.clean, noise, level)
    audio_noisy = torch.lerp(batch.audio, audio_noise, sigma.view(-1, 1, 1))
    velocity, audio_velocity = pipe.transformer(
        hidden_states=torch.cat([noisy] * times),
        audio_hidden_states=torch.cat([audio_noisy] * times),
        encoder_hidden_states=text[0],
        audio_encoder_hidden_states=text[1],
        timestep=torch.cat([timestep] * times),
        audio_timestep=audio_timestep,
        sigma=audio_timestep,
        audio_sigma=audio_timestep,
        audio_num_frames=batch.audio.shape[1],
        video_coords=torch.cat([conditions.coords] * times),
        fps=batch.size.fps,
        return_dict=False,
    )
    target = noise - conditions.clean
    velocities = velocity.float().view(times, *target.shape)
    error = (velocities - target).square().mean(dim=(0, 3)).unsqueeze(-1)
    weight = token_weights(batch, sigma, conditions.strength)
    video = (error * weight).sum() / weight.sum().clamp(min=1)
    if times == 2:
        held = batch.last.shape[-2] * batch.last.shape[-1]
        guided = guided_end_error(velocities, target, conditions.strength, held)
        video = video + _GUIDED_WEIGHT * guided
    heard = audio_velocity.float().view(times, *batch.audio.shape)
    return video, (heard - (audio_noise - batch.audio)).square().mean()


def guided_end_error(velocities: Tensor, target: Tensor, strength: Tensor, held: int) -> Tensor:
    """Mean square error of the guided velocity of the tokens beside a last frame, by its strength.

    Args:
        velocities: with and without a caption, (2, B, S, 128).
        target: (B, S, 128).
        strength: of the condition on each token, (B, S, 1).
        held: how many tokens the last frame has; they stand at the end, behind the clip's own.
    """
    with_caption, without = velocities
    guided = without + _GUIDANCE * (with_caption - without)
    error = (guided - target).square().mean(dim=-1, keepdim=True)[:, -2 * held : -held]
    weight = strength[:, -held:]
    mean: Tensor = (error * weight).sum() / weight.sum()
    return mean


def token_weights(batch: Batch, sigma: Tensor, strength: Tensor) -> Tensor:
    """What each of a clip's tokens counts in the picture's error, given the strength of the
    condition on each, both (B, S, 1)."""
    count, _, latent_frames, height, width = batch.video.shape
    frames = [
        max(0, TEMPORAL_COMPRESSION * index - back)
        for index in range(latent_frames)
        for back in (0, 3, 7)
    ]
    cover = subject_cover(batch.scenes, batch.size, frames, 8)
    touched = nn.functional.max_pool2d(cover.flatten(0, 1), 4) > 0
    touched = touched.view(count, latent_frames, 3, height * width).any(dim=2).flatten(1)
    own = latent_frames * height * width
    known = ((1 - sigma) / sigma * math.sqrt(own) - 1).clamp(0, 1).view(-1, 1)
    weight = torch.ones_like(strength)
    weight[:, :own, 0] += (_SUBJECT_WEIGHT - 1) * known * touched.to(sigma.device)
    if strength.shape[1] > own:
        beside = slice(own - height * width, own)
        weight[:, beside] *= 1 + (_END_WEIGHT - 1) * strength[:, own:]
    return weight * (strength < 1)


def embed(
    pipe: LTX2ConditionPipeline, lines: Sequence[str], places: int = MAX_TOKENS
) -> tuple[Tensor, Tensor]:
    """The text embeddings for video and for audio, (B, places, 96) each, as the pipeline makes
    them, but without its work on padding and on logits that nobody reads."""
    device = pipe.transformer.device
    tokens = pipe.tokenizer(
        list(lines),
        padding="max_length",
        max_length=_CAPTION_TOKENS,
        truncation=True,
        return_tensors="pt",
    ).to(device)
    states = pipe.text_encoder.model(
        input_ids=tokens.input_ids,
        attention_mask=tokens.attention_mask,
        output_hidden_states=True,
    ).hidden_states
    packed = torch.stack(states, dim=-1).flatten(2, 3)
    missing = places - _CAPTION_TOKENS
    packed = nn.functional.pad(packed, (0, 0, missing, 0))
    mask = nn.functional.pad(tokens.attention_mask, (missing, 0))
    text, audio_text, _ = pipe.connectors(packed, mask, padding_side="left")
    return text, audio_text
