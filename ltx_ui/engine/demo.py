"""The small built-in LTX-2: the real classes and the real geometry, with small widths.

It is made on first start, without a network, and saved as an ordinary diffusers folder, so that
``loading`` reads it with the same code as the 19B. Its weights are random: the pictures are
coloured noise, but seeds, prompts, guidance and reference images all change them.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

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
from torch import nn
from transformers import Gemma3Config, Gemma3ForConditionalGeneration, GemmaTokenizer

FORMAT = 3
"""Raised whenever a change here changes the weights or the files: an older folder is left alone."""

SEED = 2
MAX_TOKENS = 1024
TEXT_WIDTH, TEXT_LAYERS = 64, 2
AUDIO_LATENT_CHANNELS, MEL_BINS = 2, 64
AUDIO_WIDTH = AUDIO_LATENT_CHANNELS * MEL_BINS // 4
"""Channels of one packed audio latent; the audio VAE wants its ``base_channels`` equal to it."""


def demo_folder(models_dir: Path) -> Path:
    """The folder of the demo model, made if it is not there yet (a few seconds, a few dozen MB).

    The folder is made under a temporary name and renamed once complete: a process that is killed in
    between leaves nothing under the final name.
    """
    folder = models_dir / f"demo-{FORMAT}"
    if folder.is_dir():
        return folder
    models_dir.mkdir(parents=True, exist_ok=True)
    unfinished = Path(tempfile.mkdtemp(prefix=f".demo-{FORMAT}-", dir=models_dir))
    try:
        build().save_pretrained(unfinished)
        build_upsampler().save_pretrained(unfinished / "latent_upsampler")
        unfinished.chmod(0o755)
        unfinished.rename(folder)
    except OSError:
        if not folder.is_dir():
            raise
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    return folder


def build() -> LTX2ConditionPipeline:
    """The demo pipeline with its fixed random weights; float32, on the CPU. The global random state
    is left as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(SEED)
        text_encoder, connectors, transformer = _text_encoder(), _connectors(), _transformer()
        vae, audio_vae, vocoder = _video_vae(), _audio_vae(), _vocoder()
    _let_text_matter(connectors, transformer)
    _paint_with_broad_strokes(vae)
    _make_audible(audio_vae, vocoder)
    return LTX2ConditionPipeline(
        scheduler=_scheduler(),
        vae=vae,
        audio_vae=audio_vae,
        text_encoder=text_encoder,
        tokenizer=_tokenizer(),
        connectors=connectors,
        transformer=transformer,
        vocoder=vocoder,
    )


@torch.no_grad()
def build_upsampler() -> LTX2LatentUpsamplerModel:
    """A latent upsampler that repeats each latent in a square of two by two; float32, on the CPU.

    It carries x and −x through the activation, whose values differ by exactly x there
    (SiLU(x) − SiLU(−x) = x). Made tiny before the normalisation, they are divided by the root of
    its epsilon and not by their own spread, and each group's mean is zero.
    """
    channels = 128
    upsampler = LTX2LatentUpsamplerModel(
        in_channels=channels, mid_channels=2 * channels, num_blocks_per_stage=0, dims=2
    )
    for parameter in upsampler.parameters():
        parameter.zero_()
    pairs = torch.eye(channels).repeat_interleave(2, dim=0)
    pairs[1::2] *= -1
    tiny = 1e-7
    upsampler.initial_conv.weight[:, :, 1, 1] = tiny * pairs
    upsampler.initial_norm.weight.fill_(upsampler.initial_norm.eps**0.5 / tiny)
    upsampler.upsampler.conv.weight[:, :, 1, 1] = torch.eye(2 * channels).repeat_interleave(4, 0)
    upsampler.final_conv.weight[:, :, 1, 1] = pairs.T
    return upsampler


def _scheduler() -> FlowMatchEulerDiscreteScheduler:
    """LTX-2's own settings (its ``scheduler/scheduler_config.json``)."""
    return FlowMatchEulerDiscreteScheduler(
        use_dynamic_shifting=True,
        base_shift=0.95,
        max_shift=2.05,
        base_image_seq_len=1024,
        max_image_seq_len=4096,
        shift_terminal=0.1,
    )


def _tokenizer() -> GemmaTokenizer:
    """One token for each printable ASCII character; every other one falls back to its bytes."""
    special = ["<pad>", "<eos>", "<bos>", "<unk>", "<mask>"]
    characters = [chr(code) for code in range(0x21, 0x7F)]
    tokens = [*special, *(f"<0x{byte:02X}>" for byte in range(256)), "▁", *characters]
    return GemmaTokenizer(
        vocab={token: index for index, token in enumerate(tokens)},
        merges=[],
        model_max_length=MAX_TOKENS,
        padding_side="left",
    )


def _text_encoder() -> Gemma3ForConditionalGeneration:
    config = Gemma3Config(
        text_config={
            "vocab_size": 512,
            "hidden_size": TEXT_WIDTH,
            "intermediate_size": 2 * TEXT_WIDTH,
            "num_hidden_layers": TEXT_LAYERS,
            "num_attention_heads": 2,
            "num_key_value_heads": 1,
            "head_dim": 32,
            "query_pre_attn_scalar": 32,
            "max_position_embeddings": MAX_TOKENS,
            "sliding_window": MAX_TOKENS,
            "initializer_range": 0.2,
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
        image_token_index=511,
        boi_token_index=510,
        eoi_token_index=509,
    )
    return Gemma3ForConditionalGeneration(config)


def _connectors() -> LTX2TextConnectors:
    return LTX2TextConnectors(
        caption_channels=TEXT_WIDTH,
        text_proj_in_factor=TEXT_LAYERS + 1,
        video_connector_num_attention_heads=2,
        video_connector_attention_head_dim=TEXT_WIDTH // 2,
        video_connector_num_layers=1,
        audio_connector_num_attention_heads=2,
        audio_connector_attention_head_dim=TEXT_WIDTH // 2,
        audio_connector_num_layers=1,
        rope_type="split",
    )


def _transformer() -> LTX2VideoTransformer3DModel:
    return LTX2VideoTransformer3DModel(
        num_layers=4,
        num_attention_heads=2,
        attention_head_dim=64,
        cross_attention_dim=128,
        audio_in_channels=AUDIO_WIDTH,
        audio_out_channels=AUDIO_WIDTH,
        audio_num_attention_heads=2,
        audio_attention_head_dim=32,
        audio_cross_attention_dim=64,
        caption_channels=TEXT_WIDTH,
        rope_type="split",
    )


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


def _audio_vae() -> AutoencoderKLLTX2Audio:
    return AutoencoderKLLTX2Audio(
        base_channels=AUDIO_WIDTH,
        latent_channels=AUDIO_LATENT_CHANNELS,
        num_res_blocks=1,
        mel_bins=MEL_BINS,
    )


def _vocoder() -> LTX2Vocoder:
    return LTX2Vocoder(in_channels=2 * MEL_BINS, hidden_channels=64)


@torch.no_grad()
def _let_text_matter(
    connectors: LTX2TextConnectors, transformer: LTX2VideoTransformer3DModel
) -> None:
    """Random registers would fill 1024 places and drown a prompt of thirty tokens: start them at
    zero, so that every place speaks of the prompt, and let cross-attention be heard."""
    for connector in (connectors.video_connector, connectors.audio_connector):
        connector.learnable_registers.zero_()
        _zero_biases(connector)
    for block in transformer.transformer_blocks:
        for attention in (block.attn2, block.audio_attn2):
            attention.to_v.weight.mul_(2.0)
            attention.to_out[0].weight.mul_(4.0)
    transformer.proj_out.weight.mul_(0.5)
    transformer.audio_proj_out.weight.mul_(0.5)


@torch.no_grad()
def _paint_with_broad_strokes(vae: AutoencoderKLLTX2Video) -> None:
    """Give the places that one latent unfolds into the same weights, so that the picture is made of
    coloured patches instead of single pixels, centred on grey."""
    decoder = vae.decoder
    _zero_biases(decoder)
    for block in decoder.up_blocks:
        for upsampler in block.upsamplers:
            _repeat_outputs(upsampler.conv.conv, copies=8)
    last = decoder.conv_out.conv
    _repeat_outputs(last, copies=vae.config.patch_size**2)
    last.weight.sub_(last.weight.mean(dim=(1, 2, 3, 4), keepdim=True)).mul_(1.8)
    centre = torch.tensor([0.08, -0.67, -0.49])
    last.bias.copy_(centre.repeat_interleave(vae.config.patch_size**2))


@torch.no_grad()
def _make_audible(audio_vae: AutoencoderKLLTX2Audio, vocoder: LTX2Vocoder) -> None:
    """Without biases there is no constant offset; the gain brings the sound to about -25 dBFS."""
    _zero_biases(audio_vae)
    _zero_biases(vocoder)
    vocoder.conv_out.weight.mul_(200.0)


def _zero_biases(module: nn.Module) -> None:
    for name, parameter in module.named_parameters():
        if name.endswith("bias"):
            parameter.zero_()


def _repeat_outputs(conv: nn.Conv3d, copies: int) -> None:
    """Make each run of ``copies`` output channels equal to its first."""
    first = conv.weight[::copies].clone()
    conv.weight.copy_(first.repeat_interleave(copies, dim=0))
