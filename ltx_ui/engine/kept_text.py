"""The text's keys and values, computed once per clip instead of in each step.

In LTX-2.0 and 2.5 they don't depend on the step. In 2.3 they do, and nothing is cached.
"""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from diffusers.models.attention_dispatch import dispatch_attention_fn
from torch import Tensor

from ltx_ui.engine import compat
from ltx_ui.engine.fused import attention_output

TEXT_LENGTH = 1024
"""Tokens that a text is padded or cut to, as in every published checkpoint."""

_NAMES = ("encoder_hidden_states", "audio_encoder_hidden_states")


@dataclass
class _Text:
    """The keys and values of the text of one shape that is used now.

    Attributes:
        pairs: for each layer, in buffers that stay where they are.
        source: its embeddings; kept, so that no other text can become the same objects.
        first: the embeddings' first rows.
    """

    pairs: list[tuple[Tensor, Tensor]]
    source: tuple[Tensor, ...] = ()
    first: dict[str, Tensor] = field(default_factory=dict)

    def is_of(self, source: tuple[Tensor, ...]) -> bool:
        """Whether it is this text's, and not another's of the same shape."""
        return bool(self.source) and all(map(lambda a, b: a is b, self.source, source))

    def become(self, source: tuple[Tensor, ...]) -> None:
        """Note whose keys and values these are."""
        self.source = source
        self.first = {n: part[:, :1] for n, part in zip(_NAMES, source, strict=True)}

    def forget(self) -> None:
        """Be nobody's."""
        self.source, self.first = (), {}


class KeptText:
    """Keys and values of the texts that a transformer's blocks attend to.

    Args:
        transformer: an ``LTX2VideoTransformer3DModel`` whose text is constant; its text attentions
            get a :class:`KeptTextAttention` each until :meth:`remove`.
    """

    def __init__(self, transformer: Any) -> None:
        self._transformer = transformer
        self._blocks = list(transformer.transformer_blocks)
        self._stock = {a: a.processor for block in self._blocks for a in _text_attentions(block)}
        self._texts: dict[Hashable, _Text] = {}
        self._used: _Text | None = None
        for attention, stock in self._stock.items():
            attention.set_processor(KeptTextAttention(stock))

    @property
    def nbytes(self) -> int:
        """Bytes of all keys and values that are cached now."""
        pairs = (pair for text in self._texts.values() for pair in text.pairs)
        return sum(key.nbytes + value.nbytes for key, value in pairs)

    def bring(self, kwargs: dict[str, Any]) -> Hashable:
        """Let the blocks attend to the embeddings in a forward's arguments, of which only the first
        row is left: it keeps their number of dimensions, and nothing looks at them any more.

        Returns:
            A key of the buffers with the keys and values; None where they can't be cached, because
            the weights are not on the device now.
        """
        source = tuple(kwargs[name] for name in _NAMES)
        if self._blocks[0].attn2.to_k.weight.device != source[0].device:
            self.rest()
            return None
        shape = (source[0].shape, source[0].dtype)
        text = self._texts.get(shape)
        if text is None:
            text = self._texts[shape] = _Text(list(self._project(*source)))
            text.become(source)
        elif not text.is_of(source):
            text.forget()
            for kept, found in zip(text.pairs, self._project(*source), strict=True):
                for buffer, tensor in zip(kept, found, strict=True):
                    buffer.copy_(tensor)
            text.become(source)
        self._use(text)
        kwargs |= text.first
        return shape

    def rest(self) -> None:
        """Let the blocks compute their own keys and values until the next :meth:`bring`."""
        self._use(None)

    def forget(self, but: Collection[Hashable] = ()) -> None:
        """Forget all texts and free their buffers, but for those that these keys name."""
        self._use(None)
        for text in self._texts.values():
            text.forget()
        self._texts = {shape: text for shape, text in self._texts.items() if shape in but}

    def remove(self) -> None:
        """Restore the transformer as it was before."""
        self.forget()
        for attention, stock in self._stock.items():
            attention.set_processor(stock)

    def _use(self, text: _Text | None) -> None:
        """Give every block its keys and values; None to let it compute them."""
        if text is self._used:
            return
        self._used = text
        pairs = [None] * len(self._stock) if text is None else text.pairs
        for attention, pair in zip(self._stock, pairs, strict=True):
            attention.processor.kept = pair

    def _project(self, video: Tensor, audio: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
        model = self._transformer
        if model.config.use_prompt_embeddings:
            video, audio = model.caption_projection(video), model.audio_caption_projection(audio)
        texts = (text for block in self._blocks for text in _texts_of(block, video, audio))
        for attention, text in zip(self._stock, texts, strict=True):
            yield keys_and_values(attention, text)


def kept_text_bytes(config: Mapping[str, Any], element: int) -> int:
    """Bytes of one text's keys and values in all blocks of a transformer; 0 where they depend on
    the step, so that they can't be cached, and for an empty configuration.

    Args:
        config: the transformer's.
        element: bytes per number.
    """
    if not text_is_constant(config):
        return 0
    channels = sum(
        config.get(f"{kind}num_attention_heads", 0) * config.get(f"{kind}attention_head_dim", 0)
        for kind in ("", "audio_")
    )
    return int(2 * config.get("num_layers", 0) * TEXT_LENGTH * channels * element)


def keys_and_values(attention: Any, text: Tensor) -> tuple[Tensor, Tensor]:
    """Keys and values of a text in an attention layer: B×L×heads×channels each.

    Args:
        text: B×L×channels.
    """
    key: Tensor = attention.norm_k(attention.to_k(text))
    value: Tensor = attention.to_v(text)
    heads = (attention.heads, -1)
    return torch.unflatten(key, 2, heads), torch.unflatten(value, 2, heads)


class KeptTextAttention:
    """An attention processor with cached keys and values of the text.

    Attributes:
        kept: keys and values, as of :func:`keys_and_values`; None to use the stock processor.

    Args:
        stock: the layer's own processor.
    """

    def __init__(self, stock: Any) -> None:
        self.stock = stock
        self.kept: tuple[Tensor, Tensor] | None = None

    def __call__(
        self,
        attn: Any,
        hidden_states: Tensor,
        encoder_hidden_states: Tensor | None = None,
        attention_mask: Tensor | None = None,
        query_rotary_emb: Any = None,
        key_rotary_emb: Any = None,
    ) -> Tensor:
        """What the stock processor returns, for layers without rotary embedding and mask."""
        if self.kept is None:
            result: Tensor = self.stock(
                attn, hidden_states, encoder_hidden_states, attention_mask, query_rotary_emb
            )
            return result
        key, value = self.kept
        query = torch.unflatten(attn.norm_q(attn.to_q(hidden_states)), 2, (attn.heads, -1))
        found = dispatch_attention_fn(query, key, value, backend=compat.kernel_of(self.stock))
        return attention_output(attn, hidden_states, found)


def _texts_of(block: Any, video: Tensor, audio: Tensor) -> tuple[Tensor, Tensor]:
    """A block's text for its video and for its audio: shifted and scaled by the block's own tables,
    where it has such."""
    if not block.cross_attn_adaln:
        return video, audio
    tables = (block.prompt_scale_shift_table, block.audio_prompt_scale_shift_table)
    (shift, scale), (audio_shift, audio_scale) = (table.to(video).unbind() for table in tables)
    return video * (1 + scale) + shift, audio * (1 + audio_scale) + audio_shift


def _text_attentions(block: Any) -> tuple[Any, Any]:
    return block.attn2, block.audio_attn2


def text_is_constant(config: Mapping[str, Any]) -> bool:
    """Whether the blocks get the same text in every step, as in LTX-2.0 and 2.5. In 2.3 it is
    shifted and scaled depending on the timestep."""
    modulated = config.get("cross_attn_mod") or config.get("audio_cross_attn_mod")
    return not (modulated and config.get("use_prompt_adaln_single", True))
