"""CUDA graphs: a forward's kernels are recorded once and then launched all together.

A forward of LTX-2 launches about 10 000 kernels, one by one from Python, which takes longer than
computing a short clip. A recorded forward reads its inputs from buffers that stay where they are,
and leaves its results in such buffers; it computes exactly what the recorded one computed.
"""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Protocol

import torch
from torch import Tensor

from ltx_ui.engine import compat
from ltx_ui.engine.memory_fallback import is_out_of_memory

LIMIT = 4
"""Graphs kept at once. All share one pool, so that more of them take hardly more memory; but each
holds on to about 10 000 kernels' arguments."""

CONSTANT = frozenset(
    {
        "encoder_hidden_states",
        "audio_encoder_hidden_states",
        "encoder_attention_mask",
        "audio_encoder_attention_mask",
        "video_coords",
        "audio_coords",
    }
)
"""Arguments that a pipeline makes once a clip and never writes to, so that the same tensor needs no
copying again."""

Outputs = tuple[Tensor, ...]
Forward = Callable[..., Outputs]
_Key = tuple[Hashable, Hashable, Hashable]
_log = logging.getLogger(__name__)
_unended: list[torch.cuda.CUDAGraph] = []


class Recorder(Protocol):
    """Records calls. What it has recorded shares one pool of memory."""

    def __call__(self, call: Callable[[], Outputs], /) -> tuple[Outputs, Callable[[], None]]:
        """Record a call that was made before with the same shapes.

        Returns:
            Where the results are, and what computes them anew.
        """


class CudaRecorder:
    """Records calls on the current CUDA device, as :class:`Recorder` says."""

    def __init__(self) -> None:
        self._pool = torch.cuda.graph_pool_handle()

    def __call__(self, call: Callable[[], Outputs], /) -> tuple[Outputs, Callable[[], None]]:
        graph, stream = torch.cuda.CUDAGraph(), torch.cuda.current_stream()
        try:
            # Other threads save clips and turn previews into pictures meanwhile.
            with torch.cuda.graph(graph, pool=self._pool, capture_error_mode="thread_local"):
                outputs = call()
        except Exception:
            _end(graph, self._pool)
            raise
        finally:
            torch.cuda.set_stream(stream)  # torch leaves its own stream on where this fails.
        return outputs, graph.replay


def _end(graph: torch.cuda.CUDAGraph, pool: Any) -> None:
    """Let torch's allocators know of the end of a recording that CUDA has given up.

    Where CUDA gives one up, ``capture_end`` fails before torch (2.13) has told its allocators, and
    ``reset`` does not tell them either. While the device's takes something for being recorded, it
    gives back no memory that it keeps for later, neither when it runs out nor when asked to. The
    one for host memory can't be told; it asks the graph at each allocation, so the graph stays.
    Running out of memory while recording ends the recording properly.
    """
    try:
        graph.pool()
    except RuntimeError:
        _unended.append(graph)
        with suppress(RuntimeError):  # It had not begun.
            compat.end_recording(torch.cuda.current_device(), pool)


@dataclass
class _Graph:
    """A recorded forward.

    Attributes:
        inputs: its buffers, by the argument's name.
        sources: the tensors that the constant ones among them were copied from.
        outputs: where its results are.
    """

    inputs: dict[str, Tensor]
    sources: dict[str, Tensor] = field(default_factory=dict)
    outputs: Outputs = ()
    replay: Callable[[], None] = lambda: None

    def take(self, tensors: Mapping[str, Tensor]) -> None:
        """Copy arguments into the buffers."""
        for name, tensor in tensors.items():
            if name in CONSTANT:
                if self.sources.get(name) is tensor:
                    continue
                # Kept, so that no other tensor can become the same object.
                self.sources[name] = tensor
            self.inputs[name].copy_(tensor)


class Graphs:
    """Graphs of one forward, one for each kind of call.

    The first call of a kind in a clip runs as it is, which also prepares what can't be prepared
    while recording (libraries' handles, compiled kernels); the second one is recorded.

    Args:
        forward: a function of keyword arguments that returns a tuple of tensors.
        recorder: makes what records the calls; called again after each :meth:`drop`.
        limit: how many graphs are kept; the one that was used longest ago goes first.

    Attributes:
        failed: whether recording went wrong, so that everything runs as it is from then on.
        kinds: of the graphs that are kept, the one used last at the end.
    """

    def __init__(
        self, forward: Forward, recorder: Callable[[], Recorder] = CudaRecorder, limit: int = LIMIT
    ) -> None:
        self._forward, self._new_recorder, self._limit = forward, recorder, limit
        self._recorder: Recorder | None = None
        self._graphs: OrderedDict[_Key, _Graph] = OrderedDict()
        self._seen: set[_Key] = set()
        self._full = False
        self.failed = False

    @property
    def kinds(self) -> list[Hashable]:
        """See above."""
        return [kind for kind, *_ in self._graphs]

    def __call__(self, kind: Hashable, may_record: bool, kwargs: Mapping[str, Any]) -> Outputs:
        """The forward's results, in tensors of their own.

        Args:
            kind: whatever else, besides the arguments, decides what the forward does.
            may_record: whether a new graph may be made now.
        """
        tensors = {name: value for name, value in kwargs.items() if isinstance(value, Tensor)}
        others = {name: value for name, value in kwargs.items() if name not in tensors}
        key = self._key(kind, tensors, others)
        graph = self._graphs.get(key)
        may_record = may_record and not (self.failed or self._full)
        if graph is None and may_record and key in self._seen:
            graph = self._record(key, tensors, others)
        if graph is None:
            self._seen.add(key)
            return self._forward(**kwargs)
        self._graphs.move_to_end(key)
        graph.take(tensors)
        graph.replay()
        return tuple(output.clone() for output in graph.outputs)

    def end_clip(self) -> None:
        """Let go of a clip's own tensors. The graphs stay, for the next clip of the same kind."""
        self._seen.clear()
        self._full = False
        for graph in self._graphs.values():
            graph.sources.clear()

    def drop(self) -> None:
        """Let go of every graph and of their memory."""
        self._seen.clear()
        self._graphs.clear()
        # A pool without graphs is gone, and its handle with it.
        self._recorder = None

    @staticmethod
    def _key(kind: Hashable, tensors: Mapping[str, Tensor], others: Mapping[str, Any]) -> _Key:
        shapes = tuple((name, t.shape, t.dtype) for name, t in tensors.items())
        values = tuple(
            (name, tuple(value) if isinstance(value, list) else value)
            for name, value in others.items()
        )
        return kind, shapes, values

    def _record(
        self, key: _Key, tensors: Mapping[str, Tensor], others: Mapping[str, Any]
    ) -> _Graph | None:
        try:
            graph = _Graph({name: torch.empty_like(t) for name, t in tensors.items()})
            graph.take(tensors)
            self._recorder = self._recorder or self._new_recorder()
            graph.outputs, graph.replay = self._recorder(
                lambda: self._forward(**graph.inputs, **others)
            )
        except Exception as error:
            self._fail(error)
            return None
        self._graphs[key] = graph
        while len(self._graphs) > self._limit:
            self._graphs.popitem(last=False)
        return graph

    def _fail(self, error: Exception) -> None:
        self.drop()
        if is_out_of_memory(error):
            self._full = True  # There may be room for the next clip's.
            return
        self.failed = True
        _log.warning("Recording a CUDA graph failed; steps run without graphs", exc_info=True)
