"""Lossy speed, installed on a pipeline: see :mod:`ltx_ui.lossy` for what there is."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from ltx_ui.engine import compat, float8_matmul
from ltx_ui.lossy import Lossy

Pair = tuple[Tensor, Tensor]
"""Of the video and of the sound."""
Block = Callable[..., Pair]
_log = logging.getLogger(__name__)


def check(lossy: Lossy, device: torch.device) -> None:
    """Hold a device to what is asked for.

    Raises:
        ModelUnavailable: it can't do it.
    """
    if lossy.fp8_matmul:
        float8_matmul.check(device)


class LossySpeed:
    """Lossy speed in a pipeline, until :meth:`remove`. Matrices that were rounded stay so.

    To be installed after everything else that answers for the transformer or its blocks, and to be
    removed before. Where the blocks are streamed, their weights and their order are not to be
    touched: only guidance is skipped there.

    Attributes:
        lossy: what is really on.
    """

    def __init__(self, pipe: Any, lossy: Lossy) -> None:
        transformer = pipe.transformer
        if compat.has_hooks(transformer.transformer_blocks[0]):
            self.lossy = replace(lossy, fp8_matmul=False, step_cache=None)
        else:
            self.lossy = lossy
        if self.lossy != lossy:
            _log.warning("Blocks are streamed: no lossy speed but skip-guidance is used")
        if self.lossy.fp8_matmul:
            float8_matmul.multiply_in_float8(transformer)
        self._parts: list[SkippedGuidance | StepCache] = []
        if self.lossy.step_cache is not None:
            self._parts.append(StepCache(transformer, self.lossy.step_cache))
        if self.lossy.skip_guidance is not None:
            self._parts.append(SkippedGuidance(pipe, self.lossy.skip_guidance))

    def notes(self, *, guided: bool, others: Sequence[str] = ()) -> tuple[str, ...]:
        """The take's note on what it was made with; none if that was exact.

        Args:
            guided: whether the take has guidance of any kind.
            others: names of what else was lossy.
        """
        used = self.lossy if guided else replace(self.lossy, skip_guidance=None)
        names = ", ".join((*used.names, *others))
        if not names:
            return ()
        return (f"Lossy speed: {names}. Without it this seed gives another clip.",)

    @contextmanager
    def clip(self) -> Iterator[None]:
        """What is called inside belongs to one clip, of which nothing is kept afterwards."""
        try:
            yield
        finally:
            self.forget()

    def forget(self) -> None:
        """Drop what is kept of a clip."""
        for part in self._parts:
            part.forget()

    def remove(self) -> None:
        """Let the pipeline work as before."""
        for part in self._parts:
            part.forget()
            part.remove()


class SkippedGuidance:
    """Leaves guidance out from a step on, until :meth:`remove`.

    The pipeline still asks for every prediction that guidance takes. From that step on, the
    transformer computes the one with the prompt alone, and it is the answer to all of them: their
    differences, which are what guidance adds, are zero.

    Args:
        share: of a clip's steps, after which there is no guidance.
    """

    def __init__(self, pipe: Any, share: float) -> None:
        self._pipe, self._share = pipe, share
        self._before = compat.answering_call(pipe.transformer)
        self._call = self._before or compat.plain_call(pipe.transformer)
        self._halves: dict[str, Pair] = {}
        self._prediction: Pair | None = None
        compat.call_instead(pipe.transformer, self._answer)

    def forget(self) -> None:
        """Drop what is kept of a clip."""
        self._halves, self._prediction = {}, None

    def remove(self) -> None:
        """Guide every step again."""
        compat.call_instead(self._pipe.transformer, self._before)

    def _answer(self, **kwargs: Any) -> Any:
        if not self._is_late():
            return self._call(**kwargs)
        if self._prediction is not None and _is_extra(kwargs):
            return self._prediction
        if not self._pipe.do_classifier_free_guidance:
            self._prediction = self._call(**kwargs)
            return self._prediction
        both = len(kwargs["hidden_states"])
        for name, value in kwargs.items():
            if isinstance(value, Tensor) and len(value) == both:
                kwargs[name] = self._prompted(name, value)
        video, sound = self._prediction = self._call(**kwargs)
        return torch.cat([video, video]), torch.cat([sound, sound])

    def _is_late(self) -> bool:
        # There is no index yet before the first step.
        done = self._pipe.scheduler.step_index or 0
        return bool(done >= round(self._share * self._pipe.num_timesteps, 6))

    def _prompted(self, name: str, both: Tensor) -> Tensor:
        """The half of an argument that belongs to the prompt, which comes after the negative one's.
        Of the same tensor it is always the same, so that what depends on it can be kept."""
        kept = self._halves.get(name)
        if kept is None or kept[0] is not both:
            kept = self._halves[name] = (both, both.chunk(2)[1])
        return kept[1]


def _is_extra(kwargs: dict[str, Any]) -> bool:
    """Whether a forward is for spatio-temporal or modality guidance."""
    return bool(kwargs["isolate_modalities"] or kwargs["spatio_temporal_guidance_blocks"])


@dataclass
class _Kept:
    """What an earlier step left.

    Attributes:
        first: what the first block added to video and sound.
        rest: what all other blocks added.
    """

    first: Pair
    rest: Pair


class StepCache:
    """Leaves blocks out in steps that hardly differ from an earlier one, until :meth:`remove`.

    The first block is computed in every step. If what it adds is nearly what it added in the last
    step that was computed in full, the other blocks are taken to add what they added then.

    Whether it is, is decided on the host, once a forward. A CUDA graph can't be recorded of that:
    where this is on, forwards must not be recorded.

    Args:
        threshold: how far the first block's addition may be from the earlier one: the mean absolute
            difference, relative to the earlier one's mean absolute value, of video and of sound.

    Attributes:
        forwards: how many forwards there were.
        reused: in how many of them the other blocks were left out.
    """

    def __init__(self, transformer: Any, threshold: float) -> None:
        self.forwards = self.reused = 0
        self._threshold = threshold
        self._blocks = list(transformer.transformer_blocks)
        self._before = [compat.answering_call(block) for block in self._blocks]
        self._kept: dict[Any, _Kept] = {}
        self._kind: Any = None
        self._first: Pair | None = None
        self._after_first: Pair | None = None
        self._reusing: _Kept | None = None
        self._hook = transformer.register_forward_pre_hook(self._see, with_kwargs=True)
        places = [self._begin, *[self._go_on] * (len(self._blocks) - 2), self._end]
        for block, before, place in zip(self._blocks, self._before, places, strict=True):
            call = before or compat.plain_call(block)
            compat.call_instead(block, _bound(place, call))

    def forget(self) -> None:
        """Drop what is kept of a clip."""
        self._kept.clear()
        self._first = self._after_first = self._reusing = None

    def remove(self) -> None:
        """Compute every block in every step again."""
        self._hook.remove()
        for block, before in zip(self._blocks, self._before, strict=True):
            compat.call_instead(block, before)

    def _see(self, _: Any, __: Any, kwargs: dict[str, Any]) -> None:
        """Note what kind of forward comes: each is compared with those of its own kind."""
        video, sound = kwargs["hidden_states"], kwargs["audio_hidden_states"]
        self._kind = video.shape, sound.shape, _is_extra(kwargs), kwargs["isolate_modalities"]

    def _begin(self, call: Block, **kwargs: Any) -> Pair:
        given = kwargs["hidden_states"], kwargs["audio_hidden_states"]
        self._first = self._after_first = None  # Of the last forward, if that was not kept.
        self._after_first = call(**kwargs)
        self._first = _less(self._after_first, given)
        kept = self._kept.get(self._kind)
        near = kept is not None and _distance(self._first, kept.first) < self._threshold
        self._reusing = kept if near else None
        if not near:  # What comes takes its place, and need not lie beside it meanwhile.
            self._kept.pop(self._kind, None)
        self.forwards += 1
        self.reused += near
        return self._after_first

    def _go_on(self, call: Block, **kwargs: Any) -> Pair:
        if self._reusing is None:
            return call(**kwargs)
        return kwargs["hidden_states"], kwargs["audio_hidden_states"]

    def _end(self, call: Block, **kwargs: Any) -> Pair:
        if self._reusing is not None:
            video, sound = self._reusing.rest
            return kwargs["hidden_states"] + video, kwargs["audio_hidden_states"] + sound
        found = call(**kwargs)
        assert self._first is not None and self._after_first is not None
        self._kept[self._kind] = _Kept(self._first, _less(found, self._after_first))
        return found


def _bound(place: Callable[..., Pair], call: Block) -> Block:
    return lambda **kwargs: place(call, **kwargs)


def _less(one: Pair, other: Pair) -> Pair:
    return one[0] - other[0], one[1] - other[1]


def _distance(one: Pair, other: Pair) -> float:
    """The larger of video's and sound's."""
    parts = zip(one, other, strict=True)
    shares = [(a - b).abs().mean() / b.abs().mean() for a, b in parts]
    return float(torch.stack(shares).max())
