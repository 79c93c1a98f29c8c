"""Optimizations that make a clip faster without changing what it shows, each with its own name.

``drop_masks``, ``keep_text`` and ``graphs`` give the same latents as diffusers' pipelines, and so
does ``one_timestep`` (as ``LTX2Pipeline``), ``pinned`` the same pictures and ``direct_loading`` the
same weights, bit for bit; the others round differently. That files are read
in parallel is set in :mod:`ltx_ui.runtime`.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import torch

from ltx_ui.engine import attention_kernels, compat
from ltx_ui.engine.adapters import Adapters
from ltx_ui.engine.attention import plain_attention
from ltx_ui.engine.compiling import CompiledBlocks, Idle, Kind
from ltx_ui.engine.fused import can_fuse, fuse
from ltx_ui.engine.graphs import CudaRecorder, Graphs, Recorder
from ltx_ui.engine.kept_text import KeptText, kept_text_bytes, text_is_constant
from ltx_ui.engine.machine import CPU
from ltx_ui.geometry import latent_size
from ltx_ui.inputs import LoraData

_MASKS = ("encoder_attention_mask", "audio_encoder_attention_mask")


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
        one_timestep: where no picture is given, compute a clip's one timestep once, not for each of
            its tokens. ``LTX2Pipeline`` does that too and gives the same latents bit for bit;
            ``LTX2ConditionPipeline``, which we drive, computes it for each.
        compile: compile the blocks in the background; until they are ready, they run eagerly.
        backend: as of ``torch.compile``.
        exact_sizes: latent columns and rows of clips that are compiled for their exact size, which
            is faster than for any size.
        graphs: launch a forward's kernels all together: see :mod:`ltx_ui.engine.graphs`. On CUDA
            only, unless there is a recorder.
        recorder: makes what records graphs; None for CUDA's own.
        attention: the attention kernel, as :func:`ltx_ui.engine.attention_kernels.choose` takes it.
            Without ``drop_masks`` always ``native``: most others take no mask.
        fused_kernels: compute norms with what follows them in Triton kernels, on CUDA where nothing
            is compiled and Triton is installed: see :mod:`ltx_ui.engine.fused`.
    """

    drop_masks: bool = True
    keep_text: bool = True
    plain_attention: bool = True
    pinned: bool = True
    direct_loading: bool = True
    one_timestep: bool = True
    compile: bool = False
    backend: str | Callable[..., Any] = "inductor"
    exact_sizes: frozenset[tuple[int, int]] = frozenset()
    graphs: bool = False
    recorder: Callable[[], Recorder] | None = None
    attention: str = "native"
    fused_kernels: bool = True


def default_optimizations(
    device: str = "auto",
    sizes: Iterable[tuple[int, int]] = (),
    attention: str = "auto",
    *,
    compile: bool = False,
) -> Optimizations:
    """Every optimization that pays on this machine.

    Args:
        compile: whether to compile. Beside CUDA graphs it saves 5 % of a step at 9 frames and
            nothing at 49 (H200), and rounds differently: a seed's first clip, which is made before
            its blocks are compiled, would not be the same as later ones.
        device: as for :class:`ltx_ui.engine.engine.Engine`.
        sizes: width and height in pixels of clips that are often made.
        attention: as of :class:`Optimizations`.
    """
    cuda = device != "cpu" and torch.cuda.is_available()
    return Optimizations(
        compile=compile,
        exact_sizes=frozenset(latent_size(*size) for size in sizes),
        graphs=cuda,
        attention=attention,
    )


class _Kind(NamedTuple):
    """What a forward depends on besides its arguments.

    Attributes:
        text: a key of the buffers with the text's keys and values; None where it has none.
        compiled: how its blocks are compiled; None where they are not.
    """

    text: Hashable
    compiled: Kind | None


class OptimizedTransformer:
    """A transformer with :class:`Optimizations` installed, which :meth:`remove` takes out again.

    Attributes:
        adapters: the LoRAs in it.

    Args:
        transformer: an ``LTX2VideoTransformer3DModel`` whose masks are all ones, as those of
            :class:`ltx_ui.engine.text.PromptEncoder` are.
        device: where it computes; its weights may be in host memory.
        cache_dir: where the times of attention kernels are kept; None to measure them each time.
        idle: tells when nothing is made; None where nobody else says that something is.

    Raises:
        ModelUnavailable: the attention kernel that was asked for does not run here.
    """

    def __init__(
        self,
        transformer: Any,
        optimizations: Optimizations,
        device: torch.device = CPU,
        cache_dir: Path | None = None,
        idle: Idle | None = None,
    ) -> None:
        self._idle = idle or Idle()
        asked = optimizations.attention if optimizations.drop_masks else "native"
        self.attention = attention_kernels.choose(
            asked, transformer.config, transformer.dtype, device, cache_dir
        )
        self._restore_attention = attention_kernels.use(transformer, self.attention)
        self._transformer = transformer
        self.adapters = Adapters(transformer)
        self._blocks = list(transformer.transformer_blocks)
        self._optimizations = optimizations
        self._one_timestep = self._may_record = False
        keeps_text = optimizations.keep_text and optimizations.drop_masks
        constant = text_is_constant(transformer.config)
        self.text = KeptText(transformer) if keeps_text and constant else None
        self.compiled = (
            CompiledBlocks(self._blocks, optimizations.backend, self._idle)
            if optimizations.compile
            else None
        )
        # Otherwise the hooks would only pass each call on.
        pays = transformer.dtype == torch.bfloat16 and device.type == "cpu"
        pays = pays and self.attention == "native" and not optimizations.compile
        heads = optimizations.plain_attention and pays
        self._handles = plain_attention(transformer) if heads else []
        fuses = optimizations.fused_kernels and device.type == "cuda" and not optimizations.compile
        self._unfuse = fuse(transformer) if fuses and can_fuse(transformer) else lambda: None
        self._plain = compat.plain_call(transformer)
        able = device.type == "cuda" or optimizations.recorder is not None
        self.graphs = (
            Graphs(self._plain, optimizations.recorder or CudaRecorder)
            if optimizations.graphs and able
            else None
        )
        compat.call_instead(transformer, self._call)

    @property
    def text_bytes(self) -> int:
        """Bytes of one text's keys and values; 0 where they are not cached."""
        if self.text is None or compat.has_hooks(self._blocks[0]):
            return 0
        return kept_text_bytes(self._transformer.config, self._transformer.dtype.itemsize)

    @contextmanager
    def clip(
        self, *, one_timestep: bool = False, graphs: bool = True, loras: Sequence[LoraData] = ()
    ) -> Iterator[None]:
        """What is called inside belongs to one clip, or to one batch of takes.

        Args:
            one_timestep: whether all of a clip's tokens have one timestep, as they do without
                conditions. Never true of a forward outside such a block.
            graphs: whether CUDA graphs may be recorded; those that are there are used anyway.
            loras: what the clip is made with besides.

        Raises:
            ModelUnavailable: a LoRA's file can't be used.
        """
        self.adapters.use(loras)
        self._one_timestep = one_timestep and self._optimizations.one_timestep
        self._may_record = graphs
        try:
            with self._idle.working():
                yield
        finally:
            self._one_timestep = self._may_record = False
            self.forget()

    def forget(self) -> None:
        """Drop what is cached of a clip. The buffers that CUDA graphs read from stay."""
        kinds: Any = []
        if self.graphs is not None:
            self.graphs.end_clip()
            kinds = self.graphs.kinds
        if self.text is not None:
            self.text.forget(but={kind.text for kind in kinds})

    def drop_graphs(self) -> None:
        """Let go of all CUDA graphs; the next :meth:`forget` frees what they read from."""
        if self.graphs is not None:
            self.graphs.drop()

    def remove(self) -> None:
        """Restore the transformer as it was before."""
        self.adapters.remove()
        self.drop_graphs()
        self.forget()
        compat.call_instead(self._transformer, None)
        for handle in self._handles:
            handle.remove()
        if self.text is not None:
            self.text.remove()
        self._unfuse()
        self._restore_attention()
        if self.compiled is not None:
            self.compiled.remove()

    def _call(self, *args: Any, **kwargs: Any) -> Any:
        # All blocks are treated alike, and looking at all 48 would take milliseconds.
        first = self._blocks[0]
        streamed, lora = compat.has_hooks(first), compat.has_lora(self._transformer)
        if self.compiled is not None:
            self.compiled.as_they_are = streamed or lora
            size = (kwargs.get("width"), kwargs.get("height"))
            self.compiled.exact_size = size in self._optimizations.exact_sizes
        if self._optimizations.drop_masks:
            kwargs |= dict.fromkeys(_MASKS)
        if self._one_timestep:
            # Each token's is this one times 1, for it has no picture to keep to.
            kwargs["timestep"] = kwargs["sigma"].unsqueeze(-1)
        text = self._bring_text(kwargs, streamed)
        if lora:
            self.drop_graphs()
        if self.graphs is None or streamed or lora or args or not _is_recordable(kwargs):
            return self._plain(*args, **kwargs)
        kind = _Kind(text, self._compiled_kind(kwargs, text is not None))
        compiling = self.compiled is not None and self.compiled.busy
        return self.graphs(kind, self._may_record and not compiling, kwargs)

    def _bring_text(self, kwargs: dict[str, Any], streamed: bool) -> Hashable:
        """A key of the buffers with the text's keys and values; None where they aren't cached."""
        if self.text is None:
            return None
        if streamed:  # Each step computes its own.
            self.text.rest()
            return None
        return self.text.bring(kwargs)

    def _compiled_kind(self, kwargs: dict[str, Any], text_kept: bool) -> Kind | None:
        """The compiled kind that the blocks run a forward in; None if they run eagerly."""
        if self.compiled is None:
            return None
        hidden, sound = kwargs["hidden_states"], kwargs["audio_hidden_states"]
        one_time = kwargs["timestep"].numel() == len(hidden)
        isolated = bool(kwargs.get("isolate_modalities"))
        kind = Kind(len(hidden), hidden.dtype, isolated, text_kept, one_time)
        return self.compiled.best(kind, (hidden.shape[1], sound.shape[1]))


def _is_recordable(kwargs: Mapping[str, Any]) -> bool:
    """Whether a graph of this forward would do the same: a perturbation mask is looked at by the
    host, and only a tuple has the results alone."""
    never = (kwargs.get("perturbation_mask"), kwargs.get("attention_kwargs"))
    return kwargs.get("return_dict") is False and all(value is None for value in never)
