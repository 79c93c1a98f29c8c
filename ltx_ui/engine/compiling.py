"""Compiled blocks: made in the background while nothing else is done, used once they are ready."""

from __future__ import annotations

import atexit
import copy
import ctypes
import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, NamedTuple

import torch
from torch import Tensor

from ltx_ui.engine import compat

RECOMPILE_LIMIT = 64
"""Compiled graphs kept for one function. With the default of 8 a ninth kind of call would be an
error."""

STATIC_LIMIT = 24
"""Kinds of calls compiled for their exact size; the others share graphs for any size."""

PAUSE = 2.0
"""Seconds without work after which compiling begins: it slows down what runs beside it, and the
takes of a job follow each other more closely than that."""

_log = logging.getLogger(__name__)


class Kind(NamedTuple):
    """Calls of the same kind run through the same graph.

    Attributes:
        batch: clips in the batch, with those of guidance.
        isolated: whether video and audio don't see each other.
        text_kept: whether the text's keys and values are cached.
        one_time: whether all tokens of a clip have one timestep.
        size: video and audio tokens, where it is compiled for that size alone; else None.
    """

    batch: int
    dtype: torch.dtype
    isolated: bool
    text_kept: bool
    one_time: bool
    size: tuple[int, int] | None = None


class _Wanted(NamedTuple):
    """A kind that shall be compiled, with a block and arguments of that kind."""

    kind: Kind
    twin: Any
    kwargs: dict[str, Any]


class Idle:
    """Knows how long nothing has been made. It outlives any model, and holds on to none."""

    def __init__(self) -> None:
        self.changed = threading.Condition()
        self._working, self._since = 0, time.monotonic()

    @contextmanager
    def working(self) -> Iterator[None]:
        """A context inside which something is made."""
        with self.changed:
            self._working += 1
        try:
            yield
        finally:
            with self.changed:
                self._working -= 1
                self._since = time.monotonic()
                self.changed.notify_all()

    def left(self, pause: float) -> float | None:
        """Seconds until nothing has been made for so long; None while something is made."""
        return None if self._working else self._since + pause - time.monotonic()


class CompiledBlocks:
    """Blocks that are compiled in the background, for one kind of call after the other.

    A call runs eagerly until its kind is compiled; the first call of a kind asks for that. Calls of
    spatio-temporal guidance always run eagerly, because they can't be traced, and so do the few
    calls with a LoRA, which would need graphs of their own.

    Args:
        blocks: a transformer's, all alike.
        backend: as of ``torch.compile``.
        idle: tells when to begin.

    Attributes:
        pause: seconds without work after which compiling begins, as :data:`PAUSE` says.
        limit: kinds that are compiled for their exact size at most.
        as_they_are: whether the next calls shall run eagerly, because the blocks' weights are
            streamed or a LoRA is loaded.
        exact_size: whether the next calls have a size that deserves graphs of its own.
    """

    def __init__(self, blocks: list[Any], backend: Any, idle: Idle | None = None) -> None:
        compat.allow_recompiling(RECOMPILE_LIMIT)
        self._blocks = blocks
        self._backend = backend
        self.pause, self.limit = PAUSE, STATIC_LIMIT
        self._ready: set[Kind] = set()
        self._asked: set[Kind] = set()
        self._wanted: deque[_Wanted] = deque()
        self._thread: threading.Thread | None = None
        self._idle = idle or Idle()
        self._changed = self._idle.changed
        self._hurry = False
        self.busy = False
        self.as_they_are = False
        self.exact_size = False
        for block in blocks:
            plain = compat.plain_call(block)
            fast = {exact: self._compiled(block, exact) for exact in (False, True)}
            compat.call_instead(block, partial(self._call, block, plain, fast))

    def wait(self, timeout: float | None = None) -> None:
        """Begin at once what was asked for, and wait until all of it is compiled or has failed, at
        most ``timeout`` seconds."""
        with self._changed:
            self._hurry, thread = True, self._thread
            self._changed.notify_all()
        if thread is not None:
            thread.join(timeout)
        self._hurry = False

    @property
    def ready(self) -> frozenset[Kind]:
        """The kinds of calls that are compiled."""
        return frozenset(self._ready)

    @property
    def asked(self) -> frozenset[Kind]:
        """The kinds that are compiled or shall be, and those that could not be."""
        return frozenset(self._asked)

    def remove(self) -> None:
        """Let the blocks run eagerly again."""
        with self._changed:
            self._wanted.clear()
            self._changed.notify_all()
        for block in self._blocks:
            compat.call_instead(block, None)
        self._blocks = []  # The thread may go on for a while, and must not keep their weights.

    def _compiled(self, block: Any, exact: bool) -> Callable[..., Any]:
        compiled: Callable[..., Any] = torch.compile(
            compat.plain_call(block), fullgraph=True, dynamic=not exact, backend=self._backend
        )
        return compiled

    def _call(
        self,
        block: Any,
        plain: Callable[..., Any],
        fast: dict[bool, Callable[..., Any]],
        /,
        *args: Any,
        **kwargs: Any,
    ) -> Any:
        if kwargs.get("perturbation_mask") is not None or self.as_they_are:
            return plain(*args, **kwargs)
        kind, size = _kind_of(block, kwargs)
        wanted = self._kinds(kind, size)[0]
        if wanted not in self._asked:
            self._ask(wanted, block, kwargs)
        best = self.best(kind, size)
        answer = plain if best is None else fast[best.size is not None]
        return answer(*args, **kwargs)

    def best(self, kind: Kind, size: tuple[int, int]) -> Kind | None:
        """The kind whose graph answers calls of a kind for any size; None if they run eagerly.

        Args:
            size: video and audio tokens.
        """
        if self.as_they_are:
            return None
        return next((k for k in self._kinds(kind, size) if k in self._ready), None)

    def _kinds(self, kind: Kind, size: tuple[int, int]) -> tuple[Kind, ...]:
        """The kinds whose graphs can answer a call, the fastest first."""
        exact = kind._replace(size=size)
        if not self.exact_size or (exact not in self._asked and self._exact >= self.limit):
            return (kind,)
        return exact, kind

    @property
    def _exact(self) -> int:
        """How many kinds were asked for by their size."""
        return sum(kind.size is not None for kind in self._asked)

    def _ask(self, kind: Kind, block: Any, kwargs: dict[str, Any]) -> None:
        # The twin shares the weights, but not the cached text, which changes meanwhile.
        shared = {id(t): t for t in (*block.parameters(), *block.buffers())}
        call = compat.answering_call(block)
        compat.call_instead(block, None)
        twin = copy.deepcopy(block, shared)
        compat.call_instead(block, call)
        alike = {name: _alike(value) for name, value in kwargs.items()}
        with self._changed:
            self._asked.add(kind)
            self._wanted.append(_Wanted(kind, twin, alike))
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="compile", daemon=True)
                self._thread.start()
                atexit.register(self._stop)

    def _run(self) -> None:
        while (wanted := self._next()) is not None:
            self._compile(wanted)
            self.busy = False

    def _stop(self) -> None:
        """Give up what is being compiled, at the end of the process: a thread that is still inside
        torch when the interpreter goes takes the process down with an abort."""
        with self._changed:
            self._wanted.clear()
            thread = self._thread
            self._changed.notify_all()
        if thread is not None and thread.ident is not None:
            end = ctypes.py_object(SystemExit)
            ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread.ident), end)
            thread.join()

    def _next(self) -> _Wanted | None:
        """The next kind, once nothing else is done; None when there is none."""
        with self._changed:
            while self._wanted and not self._hurry:
                left = self._idle.left(self.pause)
                if left is not None and left <= 0:
                    break
                self._changed.wait(left)
            if not self._wanted:
                self._thread = None
                atexit.unregister(self._stop)
                return None
            self.busy = True
            return self._wanted.popleft()

    def _compile(self, wanted: _Wanted) -> None:
        fast = self._compiled(wanted.twin, wanted.kind.size is not None)
        with torch.inference_mode():
            try:
                fast(**{name: _made(value) for name, value in wanted.kwargs.items()})
            except Exception:
                _log.warning("The blocks could not be compiled and run eagerly", exc_info=True)
            else:
                self._ready.add(wanted.kind)


def _kind_of(block: Any, kwargs: dict[str, Any]) -> tuple[Kind, tuple[int, int]]:
    """The kind of a block's call, for any size, and its size."""
    hidden, sound = kwargs["hidden_states"], kwargs["audio_hidden_states"]
    kept = getattr(block.attn2.processor, "kept", None) is not None
    isolated = not kwargs.get("use_a2v_cross_attention")
    one_time = kwargs["temb"].shape[1] == 1
    kind = Kind(hidden.shape[0], hidden.dtype, isolated, kept, one_time)
    return kind, (hidden.shape[1], sound.shape[1])


class _Alike(NamedTuple):
    """What a tensor is like: enough to compile for, and holding no memory."""

    shape: torch.Size
    strides: tuple[int, ...]
    dtype: torch.dtype
    device: torch.device


def _alike(value: Any) -> Any:
    if isinstance(value, Tensor):
        return _Alike(value.shape, value.stride(), value.dtype, value.device)
    return tuple(_alike(part) for part in value) if type(value) is tuple else value


def _made(value: Any) -> Any:
    if isinstance(value, _Alike):
        empty = torch.empty_strided(*value[:2], dtype=value.dtype, device=value.device)
        return empty.zero_()
    return tuple(_made(part) for part in value) if type(value) is tuple else value
