"""The demo model's parts as they are trained: LTX-2's classes and geometry, 11.9 million weights.

Together they stay under 24 MB in half precision. Which part got how many was tried: the VAE needs
most, because what it blurs no other part can bring back.
"""

from __future__ import annotations

from collections.abc import Sequence
from graphlib import TopologicalSorter

import torch
from diffusers import (
    AutoencoderKLLTX2Audio,
    AutoencoderKLLTX2Video,
    FlowMatchEulerDiscreteScheduler,
    LTX2ConditionPipeline,
    LTX2VideoTransformer3DModel,
)
from diffusers.pipelines.ltx2.connectors import LTX2TextConnectors
from diffusers.pipelines.ltx2.latent_upsampler import LTX2LatentUpsamplerModel
from diffusers.pipelines.ltx2.vocoder import LTX2Vocoder
from transformers import Gemma3Config, Gemma3ForConditionalGeneration, GemmaTokenizer

from training.captions import vocabulary
from training.world import COLOURS, SUBJECTS

MAX_TOKENS = 256
"""Places for a prompt, a quarter of LTX-2's: captions have thirty tokens, and every place costs as
much as one of the picture's."""
TEXT_WIDTH, TEXT_LAYERS = 96, 2
WIDTH, AUDIO_STREAM_WIDTH, HEADS, LAYERS = 160, 80, 5, 5
AUDIO_LATENT_CHANNELS, MEL_BINS = 2, 64
_MEAN_MEL = -9.0
"""About the mean of the world's log-mel frames; the floor is -11.5."""
AUDIO_WIDTH = AUDIO_LATENT_CHANNELS * MEL_BINS // 4
"""Channels of one packed audio latent; the audio VAE wants its ``base_channels`` equal to it."""

_FIRST = (*COLOURS, *SUBJECTS, "a", "an", "the", "there", "at", "in", "on", "over")
"""Words that a prompt may begin with in small letters. All words together can't be ranked: one
begins in the middle of another, and that one in the middle of the first."""

_SPECIAL = ("<pad>", "<eos>", "<bos>", "<unk>", "<mask>", "<boi>", "<eoi>", "<image>")


def pipeline() -> LTX2ConditionPipeline:
    """All parts with fresh random weights, float32."""
    words = tokenizer()
    return LTX2ConditionPipeline(
        scheduler=scheduler(),
        vae=video_vae(),
        audio_vae=audio_vae(),
        text_encoder=text_encoder(len(words)),
        tokenizer=words,
        connectors=connectors(),
        transformer=transformer(),
        vocoder=vocoder(),
    )


def scheduler() -> FlowMatchEulerDiscreteScheduler:
    """LTX-2's own settings (its ``scheduler/scheduler_config.json``)."""
    return FlowMatchEulerDiscreteScheduler(
        use_dynamic_shifting=True,
        base_shift=0.95,
        max_shift=2.05,
        base_image_seq_len=1024,
        max_image_seq_len=4096,
        shift_terminal=0.1,
    )


def tokenizer() -> GemmaTokenizer:
    """One token for each word of the world, and for each beginning of one; the rest is spelt.

    A word starts with ``▁``, and each merge adds one letter to a beginning, so a word always ends
    up as its longest known beginning and single letters. Only the first word of a text has no
    ``▁``: its capital stands for it, and :data:`_FIRST` are known in small letters too.
    """
    words = vocabulary()
    beginnings: dict[str, None] = {}
    for word in [*("▁" + word for word in words), *words]:
        beginnings |= dict.fromkeys(word[:end] for end in range(2, len(word) + 1))
    merges = [merge for word in words for merge in _merges("▁" + word)]
    capitals = [word for word in words if word[0].isupper()]
    merges += _ranked([*capitals, *(word.lower() for word in _FIRST)])
    characters = [chr(code) for code in range(0x21, 0x7F)]
    spelling = [*(f"<0x{byte:02X}>" for byte in range(256)), "▁", *characters]
    return GemmaTokenizer(
        vocab={token: i for i, token in enumerate([*_SPECIAL, *spelling, *beginnings])},
        merges=list(dict.fromkeys(merges)),
        model_max_length=MAX_TOKENS,
        padding_side="left",
    )


def _merges(word: str) -> list[tuple[str, str]]:
    """Beginning by beginning, with one more letter each time."""
    return [(word[:end], word[end]) for end in range(1, len(word))]


def _ranked(words: Sequence[str]) -> list[tuple[str, str]]:
    """The merges of words without ``▁``, ranked so that a word is merged from its first letter on,
    before another word begins in its middle ("an" in "orange")."""
    before: dict[tuple[str, str], set[tuple[str, str]]] = {
        merge: set() for word in words for merge in _merges(word)
    }
    for word in words:
        for end, merge in enumerate(_merges(word), start=1):
            for inside in zip(word[end:], word[end + 1 :], strict=False):
                if inside in before and inside != merge:
                    before[inside].add(merge)
    # Sorted: a set of strings has another order in each process.
    return list(TopologicalSorter({m: sorted(b) for m, b in before.items()}).static_order())


def text_encoder(vocab_size: int) -> Gemma3ForConditionalGeneration:
    """Gemma 3, as small as it goes: two layers, and an eye that is never opened."""
    boi, eoi, image = (_SPECIAL.index(token) for token in ("<boi>", "<eoi>", "<image>"))
    config = Gemma3Config(
        text_config={
            "vocab_size": vocab_size,
            "hidden_size": TEXT_WIDTH,
            "intermediate_size": 2 * TEXT_WIDTH,
            "num_hidden_layers": TEXT_LAYERS,
            "num_attention_heads": 3,
            "num_key_value_heads": 1,
            "head_dim": 32,
            "query_pre_attn_scalar": 32,
            "max_position_embeddings": MAX_TOKENS,
            "sliding_window": MAX_TOKENS,
            "initializer_range": 0.1,
        },
        vision_config={
            "hidden_size": 16,
            "intermediate_size": 32,
            "num_hidden_layers": 1,
            "num_attention_heads": 1,
            "image_size": 28,
            "patch_size": 14,
        },
        mm_tokens_per_image=4,
        image_token_index=image,
        boi_token_index=boi,
        eoi_token_index=eoi,
    )
    return Gemma3ForConditionalGeneration(config)


def connectors() -> LTX2TextConnectors:
    """One layer for each stream, with LTX-2's 128 registers."""
    return LTX2TextConnectors(
        caption_channels=TEXT_WIDTH,
        text_proj_in_factor=TEXT_LAYERS + 1,
        video_connector_num_attention_heads=3,
        video_connector_attention_head_dim=TEXT_WIDTH // 3,
        video_connector_num_layers=1,
        audio_connector_num_attention_heads=3,
        audio_connector_attention_head_dim=TEXT_WIDTH // 3,
        audio_connector_num_layers=1,
        rope_type="split",
    )


def transformer() -> LTX2VideoTransformer3DModel:
    """Five layers, 160 wide for the picture and 80 for the sound."""
    return LTX2VideoTransformer3DModel(
        num_layers=LAYERS,
        num_attention_heads=HEADS,
        attention_head_dim=WIDTH // HEADS,
        cross_attention_dim=WIDTH,
        audio_in_channels=AUDIO_WIDTH,
        audio_out_channels=AUDIO_WIDTH,
        audio_num_attention_heads=HEADS,
        audio_attention_head_dim=AUDIO_STREAM_WIDTH // HEADS,
        audio_cross_attention_dim=AUDIO_STREAM_WIDTH,
        caption_channels=TEXT_WIDTH,
        rope_type="split",
        # LTX-2's own values leave three of five heads this narrow without a sense of place.
        rope_theta=32.0,
        base_height=512,
        base_width=512,
        pos_embed_max_pos=5,
        audio_pos_embed_max_pos=5,
    )


def video_vae() -> AutoencoderKLLTX2Video:
    """32×32×8 to 128 channels, in patches of 8 and three stages: nothing runs at more than an
    eighth of the frame's size, and every stage has a straight way through beside its convolution,
    which is what gets the training off its first plateau."""
    return AutoencoderKLLTX2Video(
        patch_size=8,
        block_out_channels=(128, 128, 128),
        down_block_types=("LTX2VideoDownBlock3D",) * 3,
        downsample_type=("spatiotemporal", "spatiotemporal", "temporal"),
        spatio_temporal_scaling=(True, True, True),
        layers_per_block=(0, 1, 1, 0),
        decoder_block_out_channels=(48, 48, 96),
        decoder_layers_per_block=(1, 1, 1, 1),
        upsample_type=("spatiotemporal", "spatiotemporal", "temporal"),
        upsample_residual=(True, True, True),
        upsample_factor=(1, 1, 2),
        encoder_causal=True,
        decoder_causal=False,
        decoder_spatial_padding_mode="zeros",
        spatial_compression_ratio=32,
        temporal_compression_ratio=8,
    )


def upsampler() -> LTX2LatentUpsamplerModel:
    """Latents to those of twice the size, frame by frame. It may be rough: the second stage noises
    what it gives to nine tenths and draws it anew."""
    return LTX2LatentUpsamplerModel(
        in_channels=128, mid_channels=32, num_blocks_per_stage=0, dims=2
    )


def audio_vae() -> AutoencoderKLLTX2Audio:
    """Four mel frames by four bins to two channels."""
    return AutoencoderKLLTX2Audio(
        base_channels=AUDIO_WIDTH,
        latent_channels=AUDIO_LATENT_CHANNELS,
        ch_mult=(1, 1, 2),
        num_res_blocks=1,
        mel_bins=MEL_BINS,
    )


def vocoder() -> LTX2Vocoder:
    """Three steps up (8×6×5 = 240 samples a mel frame) keep 12 channels at the end, where LTX-2's
    five would leave this width three. It starts with a bias that takes the mel frames' mean away:
    otherwise one large constant is all that the first steps see."""
    fresh = LTX2Vocoder(
        in_channels=2 * MEL_BINS,
        hidden_channels=96,
        upsample_kernel_sizes=[16, 12, 11],
        upsample_factors=[8, 6, 5],
        resnet_kernel_sizes=[3, 7],
        resnet_dilations=[[1, 3, 5], [1, 3, 5]],
    )
    first = fresh.conv_in
    with torch.no_grad():
        first.bias.sub_(_MEAN_MEL * first.weight.sum(dim=(1, 2)))
    return fresh
