"""Small pipelines of each LTX-2 family: the real classes and the real switches, with small widths.

Widths are the smallest that the classes take; the weights are random. The transformer has thirty
blocks, so that the one which spatio-temporal guidance perturbs (28 or 29) is there.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

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
from diffusers.pipelines.ltx2.vocoder import LTX2Vocoder, LTX2VocoderWithBWE
from safetensors.torch import save_file
from transformers import (
    Gemma3Config,
    Gemma3ForConditionalGeneration,
    Gemma4UnifiedConfig,
    Gemma4UnifiedForConditionalGeneration,
    GemmaTokenizer,
)

Family = Literal["2.0", "2.3", "2.5"]
BLOCKS = 30
TOKENS = 128
TEXT, VIDEO, AUDIO = 32, 32, 32
"""Widths of the text, video and audio streams."""
AUDIO_CHANNELS = AUDIO // 16


def family_of(card_id: str) -> Family:
    """The family whose classes a known card's checkpoint has."""
    return "2.5" if "2.5" in card_id else "2.3" if "2.3" in card_id else "2.0"


def pipeline(family: Family, perturbed_attn: bool = False) -> LTX2ConditionPipeline:
    """A pipeline of the family with random weights; float32, on the CPU, the same each time."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        pipe = LTX2ConditionPipeline(
            scheduler=_scheduler(),
            vae=_video_vae(),
            audio_vae=AutoencoderKLLTX2Audio(
                base_channels=AUDIO, latent_channels=AUDIO_CHANNELS, num_res_blocks=1, mel_bins=64
            ),
            text_encoder=_gemma_4() if family == "2.5" else _gemma_3(),
            tokenizer=_tokenizer(),
            connectors=_connectors(family),
            transformer=_transformer(family, perturbed_attn),
            vocoder=_vocoder(family),
        )
    pipe.set_progress_bar_config(disable=True)
    return pipe


def upsampler() -> LTX2LatentUpsamplerModel:
    """A latent upsampler with random weights: twice the width and height."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        return LTX2LatentUpsamplerModel(mid_channels=32, num_blocks_per_stage=1)


def save(family: Family, folder: Path, *, full: bool = False, with_upsampler: bool = False) -> Path:
    """A family's folder as its authors publish it.

    Args:
        full: with a second transformer, the undistilled one, in ``transformer_full``.
        with_upsampler: with a ``latent_upsampler`` beside the pipeline's components.
    """
    pipe = pipeline(family)
    pipe.save_pretrained(folder)
    if full:
        with torch.no_grad():
            pipe.transformer.proj_out.weight.mul_(2.0)
        pipe.transformer.save_pretrained(folder / "transformer_full")
    if with_upsampler:
        upsampler().save_pretrained(folder / "latent_upsampler")
    return folder


def save_lora(file: Path) -> None:
    """A LoRA for a pipeline of the 2.0 family with random weights, under the names and in the type
    of its authors' own file; one of its layers belongs to the connectors."""
    width, rank = VIDEO, 4
    layers = {
        "diffusion_model.patchify_proj": (128, width),
        "diffusion_model.adaln_single.linear": (width, 6 * width),
        "diffusion_model.caption_projection.linear_1": (TEXT, width),
        "text_embedding_projection.aggregate_embed": (3 * TEXT, TEXT),
    }
    for block in range(BLOCKS):
        for layer in ("attn1.to_q", "attn2.to_k", "attn2.to_out.0", "audio_attn2.to_v"):
            layers[f"diffusion_model.transformer_blocks.{block}.{layer}"] = (width, width)
    generator = torch.Generator().manual_seed(2)
    weights = {}
    for layer, (wide, high) in layers.items():
        for part, shape in (("A", (rank, wide)), ("B", (high, rank))):
            weight = 0.2 * torch.randn(shape, generator=generator)
            weights[f"{layer}.lora_{part}.weight"] = weight.to(torch.bfloat16)
    save_file(weights, file)


def _scheduler() -> FlowMatchEulerDiscreteScheduler:
    return FlowMatchEulerDiscreteScheduler(
        use_dynamic_shifting=True,
        base_shift=0.95,
        max_shift=2.05,
        base_image_seq_len=1024,
        max_image_seq_len=4096,
        shift_terminal=0.1,
    )


def _tokenizer() -> GemmaTokenizer:
    special = ["<pad>", "<eos>", "<bos>", "<unk>", "<mask>"]
    tokens = [*special, *(f"<0x{byte:02X}>" for byte in range(256))]
    vocab = {token: index for index, token in enumerate(tokens)}
    return GemmaTokenizer(vocab=vocab, merges=[], model_max_length=TOKENS, padding_side="left")


_TEXT_CONFIG: dict[str, Any] = {
    "vocab_size": 512,
    "hidden_size": TEXT,
    "intermediate_size": TEXT,
    "num_hidden_layers": 2,
    "num_attention_heads": 1,
    "num_key_value_heads": 1,
    "head_dim": 32,
    "max_position_embeddings": TOKENS,
    "sliding_window": TOKENS,
    "initializer_range": 0.2,
}


def _gemma_3() -> Gemma3ForConditionalGeneration:
    vision = {
        "hidden_size": 16,
        "intermediate_size": 16,
        "num_hidden_layers": 1,
        "num_attention_heads": 1,
        "image_size": 28,
        "patch_size": 14,
    }
    config = Gemma3Config(
        text_config={**_TEXT_CONFIG, "query_pre_attn_scalar": 32},
        vision_config=vision,
        mm_tokens_per_image=4,
        image_token_index=511,
        boi_token_index=510,
        eoi_token_index=509,
    )
    return Gemma3ForConditionalGeneration(config)


def _gemma_4() -> Gemma4UnifiedForConditionalGeneration:
    config = Gemma4UnifiedConfig(
        text_config={**_TEXT_CONFIG, "layer_types": ["sliding_attention", "full_attention"]},
        vision_config={"mm_embed_dim": TEXT, "mm_posemb_size": 8, "output_proj_dims": TEXT},
        audio_config={"audio_embed_dim": 16},
    )
    return Gemma4UnifiedForConditionalGeneration(config)


def _connectors(family: Family) -> LTX2TextConnectors:
    config: dict[str, Any] = {
        "caption_channels": TEXT,
        "text_proj_in_factor": _TEXT_CONFIG["num_hidden_layers"] + 1,
        "rope_type": "split",
        **{f"{s}_connector_num_attention_heads": 2 for s in ("video", "audio")},
        **{f"{s}_connector_attention_head_dim": 16 for s in ("video", "audio")},
        **{f"{s}_connector_num_layers": 1 for s in ("video", "audio")},
    }
    if family != "2.0":
        config |= {
            "per_modality_projections": True,
            "video_hidden_dim": VIDEO,
            "audio_hidden_dim": AUDIO,
            "video_gated_attn": True,
            "audio_gated_attn": True,
            "proj_bias": True,
        }
    return LTX2TextConnectors(**config)


def _transformer(family: Family, perturbed_attn: bool) -> LTX2VideoTransformer3DModel:
    config: dict[str, Any] = {
        "num_layers": BLOCKS,
        "num_attention_heads": 2,
        "attention_head_dim": VIDEO // 2,
        "cross_attention_dim": VIDEO,
        "audio_in_channels": AUDIO,
        "audio_out_channels": AUDIO,
        "audio_num_attention_heads": 2,
        "audio_attention_head_dim": AUDIO // 2,
        "audio_cross_attention_dim": AUDIO,
        "caption_channels": TEXT,
        "rope_type": "split",
        "perturbed_attn": perturbed_attn,
    }
    if family != "2.0":
        config |= {
            "gated_attn": True,
            "cross_attn_mod": True,
            "audio_gated_attn": True,
            "audio_cross_attn_mod": True,
            "use_prompt_embeddings": False,
        }
    if family == "2.5":
        config |= {
            "ff_bias": False,
            "use_prompt_adaln_single": False,
            "use_keyframes_abs_pos_embedding": True,
        }
    return LTX2VideoTransformer3DModel(**config)


def _video_vae() -> AutoencoderKLLTX2Video:
    return AutoencoderKLLTX2Video(
        block_out_channels=(16, 32, 64, 128),
        decoder_block_out_channels=(16, 32, 64),
        layers_per_block=(1, 1, 1, 1, 1),
        decoder_layers_per_block=(1, 1, 1, 1),
        encoder_causal=True,
        decoder_causal=False,
        upsample_residual=(False, False, False),
        spatial_compression_ratio=32,
        temporal_compression_ratio=8,
    )


def _vocoder(family: Family) -> LTX2Vocoder | LTX2VocoderWithBWE:
    if family == "2.0":
        return LTX2Vocoder(in_channels=128, hidden_channels=32)
    return LTX2VocoderWithBWE(hidden_channels=64, bwe_hidden_channels=32)
