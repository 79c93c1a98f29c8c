"""Optimizations that make a clip faster without changing what it shows, each with its own name.

``drop_masks`` and ``keep_text`` give the same latents, ``pinned`` the same pictures and
``direct_loading`` the same weights, bit for bit; the others round differently. That files are read
in parallel is set in :mod:`ltx_ui.runtime`.
"""

from __future__ import annotations

import copy
import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from diffusers.models.attention_dispatch import dispatch_attention_fn
from torch import Tensor

from ltx_ui.engine import attention_kernels, compat
from ltx_ui.engine.attention import plain_attention
from ltx_ui.engine.fused import attention_output, can_fuse, fuse
from ltx_ui.engine.machine import CPU

RECOMPILE_LIMIT = 64
"""Compiled graphs kept for one function. With the default of 8 a ninth kind of call would be an
error."""

TEXT_LENGTH = 1024
"""Tokens that a text is padded or cut to, as in every published checkpoint."""

_MASKS = ("encoder_attention_mask", "audio_encoder_attention_mask")
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Optimizations:
    """Which optimizations are switched on.

    Attributes:
        drop_masks: leave out the text's attention masks. They are all ones here, and with a mask
            the fastest attention kernels refuse.
        keep_text: compute the text's keys and values once per clip instead of in each step, where
            they don't depend on the step. Takes 2.4 GB for a guided clip of LTX-2.
        plain_attention: compute attention by plain matrix products, in bfloat16 without CUDA and
            where nothing is compiled: see :mod:`ltx_ui.engine.attention`.
        pinned: copy finished frames from a CUDA device into pinned memory.
        direct_loading: on CUDA, read weights that stay on the device straight to it, without a copy
            in host memory.
        fused_kernels: compute norms with what follows them in Triton kernels, on CUDA where nothing
            is compiled and Triton is installed: see :mod:`ltx_ui.engine.fused`.
        compile: compile the blocks in the background; until they are ready, they run eagerly.
        backend: as of ``torch.compile``.
        attention: the attention kernel, as :func:`ltx_ui.engine.attention_kernels.choose` takes it.
            Without ``drop_masks`` always ``native``: most others take no mask.
    """

    drop_masks: bool = True
    keep_text: bool = True
    plain_attention: bool = True
    pinned: bool = True
    direct_loading: bool = True
    fused_kernels: bool = True
    compile: bool = False
    backend: str = "inductor"
    attention: str = "native"


def default_optimizations(
    compile: str = "auto", device: str = "auto", attention: str = "auto"
) -> Optimizations:
    """Every optimization that pays on this machine.

    Args:
        compile: ``on``, ``off``, or ``auto``: on CUDA only, because on a CPU compiling takes longer
            than it saves.
        device: as for :class:`ltx_ui.engine.engine.Engine`.
        attention: as of :class:`Optimizations`.
    """
    cuda = device != "cpu" and torch.cuda.is_available()
    return Optimizations(
        compile=compile == "on" or (compile == "auto" and cuda), attention=attention
    )


class OptimizedTransformer:
    """A transformer with :class:`Optimizations` installed, which :meth:`remove` takes out again.

    Args:
        transformer: an ``LTX2VideoTransformer3DModel`` whose masks are all ones, as those of
            :class:`ltx_ui.engine.text.PromptEncoder` are.
        device: where it computes; its weights may be in host memory.
        cache_dir: where the times of attention kernels are kept; None to measure them each time.

    Raises:
        ModelUnavailable: the attention kernel that was asked for does not run here.
    """

    def __init__(
        self,
        transformer: Any,
        optimizations: Optimizations,
        device: torch.device = CPU,
        cache_dir: Path | None = None,
    ) -> None:
        asked = optimizations.attention if optimizations.drop_masks else "native"
        self.attention = attention_kernels.choose(
            asked, transformer.config, transformer.dtype, device, cache_dir
        )
        self._restore_attention = attention_kernels.use(transformer, self.attention)
        self._transformer = transformer
        self._blocks = list(transformer.transformer_blocks)
        self._optimizations = optimizations
        self._kept: dict[tuple[Any, ...], tuple[Any, ...]] = {}
        self._stock = {a: a.processor for block in self._blocks for a in _text_attentions(block)}
        keeps_text = optimizations.keep_text and optimizations.drop_masks
        self._keeps = keeps_text and _text_is_constant(transformer.config)
        if self._keeps:
            for attention, stock in self._stock.items():
                attention.set_processor(KeptTextAttention(stock))
        self._hook = transformer.register_forward_pre_hook(self._before, with_kwargs=True)
        self.compiled = (
            CompiledBlocks(self._blocks, optimizations.backend) if optimizations.compile else None
        )
        # Otherwise the hooks would only pass each call on.
        pays = transformer.dtype == torch.bfloat16 and device.type == "cpu"
        pays = pays and self.attention == "native" and not optimizations.compile
        heads = optimizations.plain_attention and pays
        self._handles = plain_attention(transformer) if heads else []
        fuses = optimizations.fused_kernels and device.type == "cuda" and not optimizations.compile
        self._unfuse = fuse(transformer) if fuses and can_fuse(transformer) else lambda: None

    @property
    def text_bytes(self) -> int:
        """Bytes of one text's keys and values; 0 where they are not cached."""
        if not self._keeps or compat.has_hooks(self._blocks[0]):
            return 0
        return kept_text_bytes(self._transformer.config, self._transformer.dtype.itemsize)

    def forget(self) -> None:
        """Drop the cached keys and values. To be called after each clip."""
        self._kept.clear()
        if self._keeps:
            for attention in self._stock:
                attention.processor.kept = None

    def remove(self) -> None:
        """Restore the transformer as it was before."""
        self.forget()
        for handle in (self._hook, *self._handles):
            handle.remove()
        if self._keeps:
            for attention, stock in self._stock.items():
                attention.set_processor(stock)
        self._unfuse()
        self._restore_attention()
        if self.compiled is not None:
            self.compiled.remove()

    def _before(
        self, _: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        if self.compiled is not None:
            self.compiled.look()
        if self._optimizations.drop_masks:
            kwargs = {**kwargs, **dict.fromkeys(_MASKS)}
        if self._keeps:
            self._bring_text(kwargs["encoder_hidden_states"], kwargs["audio_encoder_hidden_states"])
        return args, kwargs

    def _bring_text(self, video: Tensor, audio: Tensor) -> None:
        """Give every block the keys and values of these embeddings, computed if they are new."""
        weight = self._blocks[0].attn2.to_k.weight
        if weight.device != video.device or compat.has_hooks(self._blocks[0]):
            # The weights are not on the device now, so each step computes its own keys and values.
            self.forget()
            return
        # The tensors are kept as well, so that no other text can get their addresses.
        key = (video.data_ptr(), audio.data_ptr(), video.shape)
        if key not in self._kept:
            self._kept[key] = (video, audio, self._project(video, audio))
        for attention, pair in zip(self._stock, self._kept[key][2], strict=True):
            attention.processor.kept = pair

    def _project(self, video: Tensor, audio: Tensor) -> list[tuple[Tensor, Tensor]]:
        model = self._transformer
        if model.config.use_prompt_embeddings:
            video, audio = model.caption_projection(video), model.audio_caption_projection(audio)
        texts = [text for block in self._blocks for text in _texts_of(block, video, audio)]
        return [keys_and_values(a, text) for a, text in zip(self._stock, texts, strict=True)]


def kept_text_bytes(config: Mapping[str, Any], element: int) -> int:
    """Bytes of one text's keys and values in all blocks of a transformer; 0 where they depend on
    the step, so that they can't be cached, and for an empty configuration.

    Args:
        config: the transformer's.
        element: bytes per number.
    """
    if not _text_is_constant(config):
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
        """As the stock processor, for layers without rotary embedding and without a mask."""
        if self.kept is None:
            result: Tensor = self.stock(
                attn, hidden_states, encoder_hidden_states, attention_mask, query_rotary_emb
            )
            return result
        key, value = self.kept
        query = torch.unflatten(attn.norm_q(attn.to_q(hidden_states)), 2, (attn.heads, -1))
        found = dispatch_attention_fn(query, key, value, backend=compat.kernel_of(self.stock))
        return attention_output(attn, hidden_states, found)


class CompiledBlocks:
    """Blocks that are compiled in the background, for one kind of call after the other.

    A call runs eagerly until its kind is compiled; the first call of a kind starts that. Calls of
    spatio-temporal guidance always run eagerly, because they can't be traced, and so do the few
    calls with a LoRA, which would need graphs of their own.
    """

    def __init__(self, blocks: list[Any], backend: str) -> None:
        compat.allow_recompiling(RECOMPILE_LIMIT)
        self._blocks = blocks
        self._ready: set[tuple[Any, ...]] = set()
        self._begun: set[tuple[Any, ...]] = set()
        self._threads: list[threading.Thread] = []
        self._one_at_a_time = threading.Lock()
        self._as_they_are = False
        for block in blocks:
            plain = compat.plain_call(block)
            fast = torch.compile(plain, fullgraph=True, dynamic=True, backend=backend)
            compat.call_instead(block, self._dispatch(block, plain, fast))
        self._backend = backend

    def look(self) -> None:
        """Find out whether the blocks have to run eagerly, because their weights are streamed or a
        LoRA is loaded. To be called once per forward. It looks at the first block alone: all are
        treated alike, and looking at all 48 would take milliseconds."""
        first = self._blocks[0]
        self._as_they_are = compat.has_hooks(first) or compat.has_lora(first)

    def wait(self, timeout: float | None = None) -> None:
        """Wait until all that was begun is compiled or has failed, at most ``timeout`` seconds for
        each."""
        for thread in self._threads:
            thread.join(timeout)

    @property
    def ready(self) -> int:
        """How many kinds of calls are compiled."""
        return len(self._ready)

    def remove(self) -> None:
        """Let the blocks run eagerly again."""
        for block in self._blocks:
            compat.call_instead(block, None)

    def _dispatch(
        self, block: Any, plain: Callable[..., Any], fast: Callable[..., Any]
    ) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            perturbed = kwargs.get("perturbation_mask") is not None
            if perturbed or self._as_they_are:
                return plain(*args, **kwargs)
            kind = _kind(block, kwargs)
            if kind in self._ready:
                return fast(*args, **kwargs)
            if kind not in self._begun:
                self._begun.add(kind)
                self._begin(kind, block, kwargs)
            return plain(*args, **kwargs)

        return call

    def _begin(self, kind: tuple[Any, ...], block: Any, kwargs: dict[str, Any]) -> None:
        # The twin shares the weights, but not the cached text, which changes meanwhile.
        shared = {id(t): t for t in (*block.parameters(), *block.buffers())}
        call = compat.answering_call(block)
        compat.call_instead(block, None)
        twin = copy.deepcopy(block, shared)
        compat.call_instead(block, call)
        thread = threading.Thread(
            target=self._warm, args=(kind, twin, kwargs), name="compile", daemon=True
        )
        self._threads.append(thread)
        thread.start()

    def _warm(self, kind: tuple[Any, ...], twin: Any, kwargs: dict[str, Any]) -> None:
        fast: Callable[..., Any] = torch.compile(
            compat.plain_call(twin), fullgraph=True, dynamic=True, backend=self._backend
        )
        with self._one_at_a_time, torch.inference_mode():
            try:
                fast(**kwargs)
            except Exception:
                _log.warning("The blocks could not be compiled and run eagerly", exc_info=True)
            else:
                self._ready.add(kind)


def _kind(block: Any, kwargs: dict[str, Any]) -> tuple[Any, ...]:
    """A key: calls with the same key run through the same graph."""
    hidden = kwargs["hidden_states"]
    kept = getattr(block.attn2.processor, "kept", None) is not None
    return (hidden.shape[0], hidden.dtype, kwargs.get("use_a2v_cross_attention"), kept)


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


def _text_is_constant(config: Mapping[str, Any]) -> bool:
    """Whether the blocks get the same text in every step, as in LTX-2.0 and 2.5. In 2.3 it is
    shifted and scaled depending on the timestep."""
    modulated = config.get("cross_attn_mod") or config.get("audio_cross_attn_mod")
    return not (modulated and config.get("use_prompt_adaln_single", True))
