"""Eager blocks with fewer launches: norms with their modulation, and queries' and keys' norms with
their rotation, are a Triton kernel each (:mod:`ltx_ui.engine.kernels`).

Only where blocks run eagerly: Inductor fuses the same by itself.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from typing import Any, NamedTuple

import torch
from diffusers.models.attention_dispatch import dispatch_attention_fn
from torch import Tensor, nn

from ltx_ui.engine import compat

_MASKS = (
    "self_attention_mask",
    "audio_self_attention_mask",
    "a2v_cross_attention_mask",
    "v2a_cross_attention_mask",
)
Rotation = tuple[Tensor, Tensor]


def can_fuse(transformer: Any) -> bool:
    """Whether Triton is here and the kernels compute what this transformer's blocks do."""
    block = transformer.transformer_blocks[0]
    as_published = block.norm1.weight is None and block.attn1.rope_type == "split"
    return as_published and find_spec("triton") is not None and not compat.has_hooks(block)


def fuse(transformer: Any) -> Callable[[], None]:
    """Let a transformer's blocks use the kernels.

    Args:
        transformer: an ``LTX2VideoTransformer3DModel`` that :func:`can_fuse`.

    Returns:
        What lets them run as before.
    """
    blocks = list(transformer.transformer_blocks)
    stock = {layer: layer.processor for block in blocks for layer in _rotating(block)}
    for layer, processor in stock.items():
        layer.set_processor(FusedAttention(processor))
    for block in blocks:
        block.forward = FusedBlock(block)

    def undo() -> None:
        for block in blocks:
            del block.forward
        for layer, processor in stock.items():
            layer.set_processor(processor)

    return undo


def _rotating(block: Any) -> tuple[Any, ...]:
    """The attention layers whose queries and keys are rotated: all but those to the text."""
    across = (block.audio_to_video_attn, block.video_to_audio_attn)
    return (block.attn1, block.audio_attn1, *across)


def attention_output(layer: Any, hidden_states: Tensor, found: Tensor) -> Tensor:
    """What an attention layer makes of its heads' results.

    Args:
        hidden_states: that its queries are of, B×S×channels.
        found: B×S×heads×channels.

    Returns:
        B×S×channels.
    """
    if layer.to_gate_logits is not None:
        # One gate per head, computed from the hidden states; a logit of 0 gives 1.
        gates = 2.0 * torch.sigmoid(layer.to_gate_logits(hidden_states))
        found = found * gates.unsqueeze(-1)
    output: Tensor = layer.to_out[0](found.flatten(2, 3))
    return output


class FusedAttention:
    """An attention processor that normalises and rotates queries and keys in a kernel each.

    Args:
        stock: the layer's own processor; it answers where there is a mask or a perturbation.
    """

    def __init__(self, stock: Any) -> None:
        from ltx_ui.engine.kernels import norm_rotate

        self.stock = stock
        self._norm_rotate = norm_rotate

    def __call__(
        self,
        attn: Any,
        hidden_states: Tensor,
        encoder_hidden_states: Tensor | None = None,
        attention_mask: Tensor | None = None,
        query_rotary_emb: Any = None,
        key_rotary_emb: Any = None,
        perturbation_mask: Tensor | None = None,
        all_perturbed: bool | None = None,
    ) -> Tensor:
        """As the stock processor."""
        streams = (attn, hidden_states, encoder_hidden_states, attention_mask)
        if perturbation_mask is not None or all_perturbed:
            rotations = (query_rotary_emb, key_rotary_emb)
            perturbed: Tensor = self.stock(*streams, *rotations, perturbation_mask, all_perturbed)
            return perturbed
        if attention_mask is not None or query_rotary_emb is None:
            masked: Tensor = self.stock(*streams, query_rotary_emb, key_rotary_emb)
            return masked
        source = hidden_states if encoder_hidden_states is None else encoder_hidden_states
        found = dispatch_attention_fn(
            self._rotated(attn.to_q(hidden_states), attn.norm_q, query_rotary_emb, attn.heads),
            self._rotated(
                attn.to_k(source), attn.norm_k, key_rotary_emb or query_rotary_emb, attn.heads
            ),
            torch.unflatten(attn.to_v(source), 2, (attn.heads, -1)),
            backend=compat.kernel_of(self.stock),
        )
        return attention_output(attn, hidden_states, found)

    def _rotated(self, x: Tensor, norm: nn.RMSNorm, rotation: Rotation, heads: int) -> Tensor:
        assert norm.eps is not None
        return self._norm_rotate(x, norm.weight, norm.eps, rotation, heads)


class _Stream(NamedTuple):
    """The parts of a block that belong to its video, or to its sound.

    Attributes:
        table: of the modulation by the timestep.
        prompt_table: of the text's; None where the text is not modulated.
        across_table: of the modulation for attention between video and sound.
        asks_modulated: whether the queries to the text are modulated too.
    """

    norm1: Any
    attn1: Any
    norm2: Any
    attn2: Any
    norm3: Any
    ff: Any
    across_norm: Any
    table: Tensor
    prompt_table: Tensor | None
    across_table: Tensor
    asks_modulated: bool


class FusedBlock:
    """The forward of an ``LTX2VideoTransformerBlock`` in which each norm with its modulation is one
    kernel."""

    def __init__(self, block: Any) -> None:
        from ltx_ui.engine.kernels import norm_modulate

        self._block = block
        self._modulate = norm_modulate
        self._stock = block.forward

    def __call__(self, **given: Any) -> tuple[Tensor, Tensor]:
        """As the block's own forward, with named arguments alone."""
        if any(given.get(mask) is not None for mask in _MASKS):
            found: tuple[Tensor, Tensor] = self._stock(**given)
            return found
        video, sound = _streams(self._block)
        pictures, picture_mlp = self._attend(video, "", given["hidden_states"], given)
        sounds, sound_mlp = self._attend(sound, "audio_", given["audio_hidden_states"], given)
        pictures, sounds = self._attend_across(pictures, sounds, given)
        return self._feed(video, pictures, picture_mlp), self._feed(sound, sounds, sound_mlp)

    def _attend(
        self, stream: _Stream, kind: str, x: Tensor, given: dict[str, Any]
    ) -> tuple[Tensor, tuple[Tensor, ...]]:
        """Attention to itself and to the text; also returns the feed-forward's modulation."""
        temb = given["temb_audio" if kind else "temb"]
        temb_prompt = given["temb_prompt_audio" if kind else "temb_prompt"]
        modulation = self._block.get_mod_params(stream.table, temb, len(x))
        shift, scale, gate = modulation[:3]
        asking = self._modulate(x, stream.norm1.eps, scale, shift)
        rotation = given[f"{kind or 'video_'}rotary_emb"]
        found = stream.attn1(asking, query_rotary_emb=rotation, **self._perturbation(given))
        x = x + found * gate
        shift, scale, gate = modulation[6:9] if stream.asks_modulated else (None, None, None)
        asking = self._modulate(x, stream.norm2.eps, scale, shift)
        tokens = self._text(stream.prompt_table, given[f"{kind}encoder_hidden_states"], temb_prompt)
        mask = given[f"{kind}encoder_attention_mask"]
        found = stream.attn2(asking, encoder_hidden_states=tokens, attention_mask=mask)
        return x + (found if gate is None else found * gate), modulation[3:6]

    def _perturbation(self, given: dict[str, Any]) -> dict[str, Any]:
        names = ("perturbation_mask", "all_perturbed") if self._block.perturbed_attn else ()
        return {name: given[name] for name in names}

    def _text(self, table: Tensor | None, tokens: Tensor, temb: Tensor | None) -> Tensor:
        if table is None:
            return tokens
        if temb is None:
            shift, scale = table[None, None].to(tokens).unbind(dim=2)
        else:
            shift, scale = self._block.get_mod_params(table, temb, len(tokens))
        return tokens * (1 + scale) + shift

    def _attend_across(
        self, pictures: Tensor, sounds: Tensor, given: dict[str, Any]
    ) -> tuple[Tensor, Tensor]:
        """Attention of the video to the sound and of the sound to the video as it was before."""
        block, (video, sound) = self._block, _streams(self._block)
        of_video = block.get_mod_params(
            video.across_table[:4], given["temb_ca_scale_shift"], len(pictures)
        )
        of_sound = block.get_mod_params(
            sound.across_table[:4], given["temb_ca_audio_scale_shift"], len(sounds)
        )

        def pair(first: int) -> tuple[Tensor, Tensor]:
            return (
                self._modulate(pictures, video.across_norm.eps, *of_video[first : first + 2]),
                self._modulate(sounds, sound.across_norm.eps, *of_sound[first : first + 2]),
            )

        rotations = given["ca_video_rotary_emb"], given["ca_audio_rotary_emb"]
        seen, heard = pictures, sounds
        if given["use_a2v_cross_attention"]:
            asking, other = pair(0)
            (gate,) = block.get_mod_params(
                video.across_table[4:], given["temb_ca_gate"], len(pictures)
            )
            seen = pictures + gate * block.audio_to_video_attn(
                asking, other, query_rotary_emb=rotations[0], key_rotary_emb=rotations[1]
            )
        if given["use_v2a_cross_attention"]:
            other, asking = pair(2)
            (gate,) = block.get_mod_params(
                sound.across_table[4:], given["temb_ca_audio_gate"], len(sounds)
            )
            heard = sounds + gate * block.video_to_audio_attn(
                asking, other, query_rotary_emb=rotations[1], key_rotary_emb=rotations[0]
            )
        return seen, heard

    def _feed(self, stream: _Stream, x: Tensor, modulation: tuple[Tensor, ...]) -> Tensor:
        shift, scale, gate = modulation
        fed: Tensor = stream.ff(self._modulate(x, stream.norm3.eps, scale, shift))
        return x + fed * gate


def _streams(block: Any) -> tuple[_Stream, _Stream]:
    """Of the video and of the sound. Looked up at each call: weights may have been moved."""
    modulated = block.cross_attn_adaln
    video = _Stream(
        block.norm1,
        block.attn1,
        block.norm2,
        block.attn2,
        block.norm3,
        block.ff,
        block.audio_to_video_norm,
        block.scale_shift_table,
        block.prompt_scale_shift_table if modulated else None,
        block.video_a2v_cross_attn_scale_shift_table,
        block.video_cross_attn_adaln,
    )
    sound = _Stream(
        block.audio_norm1,
        block.audio_attn1,
        block.audio_norm2,
        block.audio_attn2,
        block.audio_norm3,
        block.audio_ff,
        block.video_to_audio_norm,
        block.audio_scale_shift_table,
        block.audio_prompt_scale_shift_table if modulated else None,
        block.audio_a2v_cross_attn_scale_shift_table,
        block.audio_cross_attn_adaln,
    )
    return video, sound
