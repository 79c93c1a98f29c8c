"""A published checkpoint's folder whose weights are holes: the real configuration of each family,
77 GB to look at and 2 MB on disk."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from diffusers import (
    AutoencoderKLLTX2Audio,
    AutoencoderKLLTX2Video,
    FlowMatchEulerDiscreteScheduler,
    LTX2VideoTransformer3DModel,
)
from diffusers.pipelines.ltx2.connectors import LTX2TextConnectors
from diffusers.pipelines.ltx2.latent_upsampler import LTX2LatentUpsamplerModel
from diffusers.pipelines.ltx2.vocoder import LTX2Vocoder, LTX2VocoderWithBWE
from torch import Tensor, nn
from transformers import (
    Gemma3Config,
    Gemma3ForConditionalGeneration,
    Gemma4UnifiedConfig,
    Gemma4UnifiedForConditionalGeneration,
    GemmaTokenizer,
)

from benchmarks.random_weights import GEMMA_3_12B, SIGLIP
from ltx_ui.engine.checkpoint import part_of
from ltx_ui.engine.kept_text import TEXT_LENGTH
from ltx_ui.engine.loading import DEMO_FOLDER
from ltx_ui.engine.models import CARDS, ModelCard
from ltx_ui.engine.resolving import read_json

from . import files
from .cases import Family

CARD: Mapping[Family, str] = {
    "2.0": "ltx-2",
    "2.0 distilled": "ltx-2-distilled",
    "2.3": "ltx-2.3",
    "2.3 distilled": "ltx-2.3-distilled",
    "2.5": "ltx-2.5-full",
    "2.5 distilled": "ltx-2.5",
}
STEPS = 2
"""Steps of a distilled model, which has eight: each after the first is like the second."""
BLOCKS = LAYERS = 48
PARTS = ("transformer", "text_encoder", "connectors", "vae", "audio_vae", "vocoder")
UNREAD = ("model.vision_tower", "model.multi_modal_projector", "model.embed_")
"""What a text encoder has for pictures and sound."""
WITHIN = ("transformer_blocks.", "layers.")
"""In the names of what is in a block of the transformer's or a layer of the text encoder's."""
RANK: Mapping[str, int] = {"2.0": 384, "2.5": 450}
"""The rank of the distilled LoRA, which its file's name says."""

GATED = {
    "gated_attn": True,
    "cross_attn_mod": True,
    "audio_gated_attn": True,
    "audio_cross_attn_mod": True,
    "use_prompt_embeddings": False,
}
"""What 2.3's transformer has beyond 2.0's defaults; this and the next four are from diffusers'
``scripts/convert_ltx2_to_diffusers.py``."""
WITHOUT_BIAS = {"ff_bias": False, "use_keyframes_abs_pos_embedding": True}
"""What 2.5's transformer has beyond 2.3's."""
CONNECTORS = {
    "video_connector_num_attention_heads": 32,
    "video_connector_attention_head_dim": 128,
    "video_connector_num_layers": 8,
    "video_gated_attn": True,
    "audio_connector_num_attention_heads": 32,
    "audio_connector_attention_head_dim": 64,
    "audio_connector_num_layers": 8,
    "audio_gated_attn": True,
    "per_modality_projections": True,
    "video_hidden_dim": 4096,
    "audio_hidden_dim": 2048,
    "proj_bias": True,
}
VIDEO_VAE = {
    "block_out_channels": (256, 512, 1024, 1024),
    "decoder_block_out_channels": (256, 512, 512, 1024),
    "layers_per_block": (4, 6, 4, 2, 2),
    "decoder_layers_per_block": (4, 6, 4, 2, 2),
    "decoder_spatio_temporal_scaling": (True,) * 4,
    "decoder_inject_noise": (False,) * 5,
    "upsample_type": ("spatiotemporal", "spatiotemporal", "temporal", "spatial"),
    "upsample_residual": (False,) * 4,
    "upsample_factor": (2, 2, 1, 2),
}
VOCODER = {
    "hidden_channels": 1536,
    "upsample_kernel_sizes": [11, 4, 4, 4, 4, 4],
    "upsample_factors": [5, 2, 2, 2, 2, 2],
}


def write(family: Family, folder: Path, blocks: int = BLOCKS, layers: int = LAYERS) -> None:
    """The folder of a family.

    Args:
        blocks: of the transformer; fewer than 48 are a smaller model.
        layers: of the text encoder; likewise.
    """
    parts, card = _parts(family, blocks, layers), CARDS[CARD[family]]
    for name, part in parts.items():
        into = folder / (card.transformer_subfolder if name == "transformer" else name)
        into.mkdir(parents=True)
        stem = "model" if name == "text_encoder" else "diffusion_pytorch_model"
        _save_config(name, part, into)
        files.write_shards(into, _stored(name, part), stem)
    _scheduler(family).save_pretrained(folder / "scheduler")
    tokenizer = GemmaTokenizer.from_pretrained(
        DEMO_FOLDER / "tokenizer", model_max_length=TEXT_LENGTH
    )
    tokenizer.save_pretrained(folder / "tokenizer")
    index = _index(parts)
    (folder / "model_index.json").write_text(json.dumps(index))
    if card.distilled_lora:
        files.write(folder / card.distilled_lora, _lora(parts["transformer"], RANK[family]))


def card_of(folder: Path) -> ModelCard:
    """The card that a family's folder is to be loaded with. Spatio-temporal guidance perturbs the
    last block where there are too few, and a distilled model finishes in :data:`STEPS`."""
    [name] = [name for family, name in CARD.items() if family == folder.name]
    card = replace(CARDS[name], source=str(folder))
    blocks = read_json(folder / card.transformer_subfolder / "config.json")["num_layers"]
    if card.high and max(card.high.spatio_temporal_guidance_blocks) >= blocks:
        high = replace(card.high, spatio_temporal_guidance_blocks=(blocks - 1,))
        card = replace(card, high=high)
    return replace(card, sigmas=card.sigmas[:STEPS])


def bytes_of(folder: Path) -> dict[str, int]:
    """Bytes of each component in the type that it is computed in, without what the engine lets go
    of, and of the LoRA."""
    sizes: dict[str, int] = {}
    card = card_of(folder)
    for file in (*folder.glob("*/*.safetensors"), *folder.glob("*.safetensors")):
        part = part_of(file.relative_to(folder).as_posix(), card)
        factor = 2 if part == "vocoder" and card.vocoder_float32 else 1
        read = (size for name, size in files.sizes(file) if not name.startswith(UNREAD))
        sizes[part] = sizes.get(part, 0) + factor * sum(read)
    return sizes


def exact_bytes_of(folder: Path, part: str) -> int:
    """Bytes of a component that 4 bits leave as they are: what is outside its blocks or layers."""
    named = (pair for file in (folder / part).glob("*.safetensors") for pair in files.sizes(file))
    return sum(s for n, s in named if not n.startswith(UNREAD) and not any(b in n for b in WITHIN))


def _parts(family: Family, blocks: int, layers: int) -> dict[str, nn.Module]:
    old, new = family.startswith("2.0"), family.startswith("2.5")
    with torch.device("meta"):
        text: dict[str, Any] = {**GEMMA_3_12B, "num_hidden_layers": layers}
        parts = {
            "transformer": LTX2VideoTransformer3DModel(
                rope_type="split",
                num_layers=blocks,
                **({} if old else GATED),
                **(WITHOUT_BIAS if new else {}),
            ),
            "text_encoder": _gemma_4(text) if new else _gemma_3(text),
            "connectors": LTX2TextConnectors(
                rope_type="split", text_proj_in_factor=layers + 1, **({} if old else CONNECTORS)
            ),
            "vae": AutoencoderKLLTX2Video(
                decoder_causal=False,
                spatial_compression_ratio=32,
                temporal_compression_ratio=8,
                **({} if old else VIDEO_VAE),
            ),
            "audio_vae": AutoencoderKLLTX2Audio(),
            "vocoder": LTX2Vocoder() if old else LTX2VocoderWithBWE(**VOCODER),
            "latent_upsampler": LTX2LatentUpsamplerModel(),
        }
    return {name: part.to(torch.bfloat16) for name, part in parts.items()}


def _gemma_3(text: dict[str, Any]) -> nn.Module:
    config = Gemma3Config(text_config=text, vision_config=SIGLIP)
    made: nn.Module = Gemma3ForConditionalGeneration(config)
    return made


def _gemma_4(text: dict[str, Any]) -> nn.Module:
    """Gemma 4's classes with the widths of Gemma 3 12B: 2.5's own are not known here."""
    kinds = ["sliding_attention"] * 5 + ["full_attention"]
    count = text["num_hidden_layers"]
    layer_types = [*(kinds * count)[: count - 1], kinds[-1]]
    known = {name: value for name, value in text.items() if name != "query_pre_attn_scalar"}
    config = Gemma4UnifiedConfig(text_config={**known, "layer_types": layer_types})
    made: nn.Module = Gemma4UnifiedForConditionalGeneration(config)
    return made


def _stored(name: str, part: nn.Module) -> dict[str, Tensor]:
    weights = dict(part.state_dict())
    weights.pop("lm_head.weight" if name == "text_encoder" else "", None)
    return weights


def _save_config(name: str, part: Any, folder: Path) -> None:
    if name != "text_encoder":
        part.save_config(folder)
        return
    part.config.architectures = [type(part).__name__]
    part.config.dtype = "bfloat16"
    part.config.save_pretrained(folder)


def _scheduler(family: Family) -> FlowMatchEulerDiscreteScheduler:
    # LTX-2.5's repo has that of its distilled transformer for both.
    fixed = "distilled" in family or family == "2.5"
    return FlowMatchEulerDiscreteScheduler(
        use_dynamic_shifting=not fixed,
        base_shift=0.95,
        max_shift=2.05,
        base_image_seq_len=1024,
        max_image_seq_len=4096,
        shift_terminal=None if fixed else 0.1,
    )


def _index(parts: dict[str, nn.Module]) -> dict[str, Any]:
    libraries = {"text_encoder": "transformers", "connectors": "ltx2", "vocoder": "ltx2"}
    components = {
        name: [libraries.get(name, "diffusers"), type(part).__name__]
        for name, part in parts.items()
        if name != "latent_upsampler"
    }
    return {
        "_class_name": "LTX2ConditionPipeline",
        "_diffusers_version": "0.42.1",
        "scheduler": ["diffusers", "FlowMatchEulerDiscreteScheduler"],
        "tokenizer": ["transformers", "GemmaTokenizer"],
        **components,
    }


def _lora(transformer: nn.Module, rank: int) -> dict[str, Tensor]:
    """The weights of a LoRA with layers beside every linear layer of the blocks, under the authors'
    names."""
    weights = {}
    for name, layer in transformer.named_modules():
        if isinstance(layer, nn.Linear) and name.startswith("transformer_blocks"):
            shapes = (("A", (rank, layer.in_features)), ("B", (layer.out_features, rank)))
            for letter, shape in shapes:
                key = f"diffusion_model.{name}.lora_{letter}.weight"
                weights[key] = torch.empty(shape, dtype=torch.bfloat16, device="meta")
    return weights
