"""FakeTensorMode that keeps the ledger, knows the values of small tensors, and is as strict about
devices and types as CUDA's kernels."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.utils.flop_counter import flop_registry

from .call import (
    CUDA,
    FILLS,
    FLOAT8,
    FLOAT8_KNOWS,
    HALF,
    ONE_TYPE,
    SECTOR,
    SMALL,
    Call,
    is_composite,
    numbers_asked_for,
    on_the_cpu,
    shape_asked_for,
)
from .compat import (
    EFFICIENT_ATTENTION,
    FLASH_ATTENTION,
    FUSED_RMS_NORM,
    LAUNCHES_NOTHING,
    MOVES,
    PINS,
    PLAIN_ATTENTION,
    READS,
    DataDependentOutputException,
    DynamicOutputShapeException,
    FakeTensor,
    FakeTensorMode,
    is_mutable,
    operator_name,
    tree_leaves,
    tree_map_only,
    without_modes,
)
from .ledger import Full, Ledger, where

Kernel = Callable[..., tuple[Tensor, ...]]


class Rehearsal(FakeTensorMode):
    """Tensors without numbers, on devices that are not here.

    Small tensors of the CPU that never meet a fake one are real, and small fake ones know their
    values as long as these were computed from known ones: schedules and masks are looked at.
    """

    avoid_device_init = True

    def __init__(self, ledger: Ledger) -> None:
        super().__init__(allow_non_fake_inputs=True, allow_fallback_kernels=False)
        self.ledger = ledger
        self.in_forward = 0
        self.unknown: float | None = None
        """What a number is taken for that is read and not known; None where none may be."""
        self._inside = False
        self._fake_all = False
        self._storages: dict[int, tuple[Any, str, int]] = {}
        self._values: dict[int, tuple[Any, Tensor]] = {}
        self._own: dict[str, Callable[[Call], Any]] = {
            "scaled_dot_product_attention": self._attention,
            "is_pinned": lambda call: self.is_pinned(call.args[0]),
            "record_stream": lambda call: None,
            **dict.fromkeys(PINS, lambda call: self.pin(call.args[0])),
        }

    def __deepcopy__(self, memo: dict[int, Any]) -> Rehearsal:
        return self

    def may_turn_const(self, t: Tensor) -> bool:
        """Never: values are kept here, of tensors on any device."""
        return False

    @contextmanager
    def all_fake(self) -> Iterator[None]:
        """Tensors made inside are fake, however small."""
        before, self._fake_all = self._fake_all, True
        try:
            with self:
                yield
        finally:
            self._fake_all = before

    # What is known of single tensors.

    def value(self, tensor: Tensor) -> Tensor | None:
        """A tensor's numbers, on the CPU, where they are known."""
        if not isinstance(tensor, FakeTensor):
            return tensor if tensor.device.type == "cpu" else None
        kept = self._values.get(id(tensor))
        return kept[1] if kept else None

    def keep_value(self, tensor: Tensor, value: Tensor | None) -> None:
        """These are its numbers from now on; None if they are not known any more."""
        key = id(tensor)
        if value is None or value.numel() > SMALL:
            self._values.pop(key, None)
            return
        reference = weakref.ref(tensor, lambda _: self._values.pop(key, None))
        self._values[key] = (reference, value)

    def faked(self, tensor: Tensor) -> Tensor:
        """A fake tensor in place of a real one of the CPU, with its values if it is small."""
        if isinstance(tensor, FakeTensor) or tensor.device.type == "meta":
            return tensor
        with without_modes():
            meta = torch.empty_strided(
                tensor.shape, tensor.stride(), dtype=tensor.dtype, device="meta"
            )
        fake = FakeTensor(self, meta, tensor.device)
        self.keep_value(fake, tensor.detach())
        self._track(fake)
        return fake

    def is_pinned(self, tensor: Tensor) -> bool:
        """Whether the device reads its host memory by itself."""
        entry = self._storages.get(id(tensor.untyped_storage()))
        return isinstance(tensor, FakeTensor) and entry is not None and entry[1] == "pinned"

    def pin(self, tensor: Tensor) -> Tensor:
        """A copy in pinned memory, or the tensor itself where it is in it already."""
        if tensor.device.type != "cpu":
            raise RuntimeError(f"cannot pin '{tensor.dtype}': only CPU tensors can be pinned")
        if self.is_pinned(tensor):
            return tensor
        with self.all_fake():
            pinned = torch.empty_like(tensor, requires_grad=False)
        self.keep_value(pinned, self.value(tensor))
        self._pin(pinned)
        return pinned

    def _track(self, tensor: FakeTensor) -> None:
        device = tensor.fake_device.type
        storage = tensor.untyped_storage()
        key = id(storage)
        if device == "meta" or key in self._storages:
            return
        size = storage.nbytes()
        if device == "cuda":
            size = -(-size // SECTOR) * SECTOR
        try:
            self.ledger.take(device, size)
        except Full as full:
            raise torch.OutOfMemoryError(f"CUDA out of memory. {full}.") from None

        def gone(_: Any) -> None:
            _, device, size = self._storages.pop(key)
            self.ledger.give(device, size)

        self._storages[key] = (weakref.ref(storage, gone), device, size)

    def _pin(self, tensor: Tensor) -> None:
        key = id(tensor.untyped_storage())
        reference, device, size = self._storages[key]
        if device == "cpu":
            self.ledger.give("cpu", size)
            self._storages[key] = (reference, "pinned", self.ledger.pin(size))

    # Operators.

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Any = None
    ) -> Any:
        kwargs = dict(kwargs or {})
        inner = func.namespace in ("prim", "prims") or operator_name(func).startswith("aten::sym_")
        if self._inside or inner:
            return super().__torch_dispatch__(func, types, args, kwargs)
        call = Call(func, tuple(args), kwargs)
        if call.name != "is_pinned" and self._is_for_real(call):
            with without_modes():
                return func(*call.args, **call.kwargs)
        if call.name in self._own:
            return self._own[call.name](call)
        if call.func is FUSED_RMS_NORM and call.on_cuda and call.fakes:
            return self._rms_norm(call)
        if call.name in READS:
            return self._read(call)
        if is_composite(func):
            # Not through the mode's cache, which would hide the parts the second time.
            with self:
                out = func.decompose(*call.args, **call.kwargs)
            if out is not NotImplemented:
                return out
        return self._leaf(call, types)

    def _is_for_real(self, call: Call) -> bool:
        """Whether all of it is small and on the CPU, or on the meta device."""
        if call.fakes or call.to_cuda or self._fake_all:
            return False
        if call.to_meta or any(t.device.type == "meta" for t in call.tensors):
            return True
        if call.tensors:
            return sum(t.numel() for t in call.tensors) <= 16 * SMALL
        return not call.pinned and numbers_asked_for(call.args) <= SMALL

    def _leaf(self, call: Call, types: Any) -> Any:
        self._check(call)
        if call.name in FILLS and isinstance(call.args[0], FakeTensor):
            self.keep_value(call.args[0], None)
            self._count(call, [call.args[0]])
            return call.args[0]
        if call.named("rand", "normal") and call.to_cuda:
            with self.all_fake():
                return torch.empty(
                    shape_asked_for(call.args), dtype=call.kwargs.get("dtype"), device=CUDA
                )
        args, kwargs = call.args, call.kwargs
        if len(call.fakes) < len(call.tensors):
            args, kwargs = tree_map_only(Tensor, self.faked, (args, kwargs))
        try:
            self._inside = True
            out = super().__torch_dispatch__(call.func, types, args, kwargs)
        except (DynamicOutputShapeException, DataDependentOutputException):
            return self._from_values(call)
        finally:
            self._inside = False
        leaves = [out] if isinstance(out, Tensor) else tree_leaves(out)
        outs = [leaf for leaf in leaves if isinstance(leaf, FakeTensor)]
        for tensor in outs:
            self._track(tensor)
            if call.pinned:
                self._pin(tensor)
        self._count(call, outs)
        self._count_flop(call, args, kwargs, out)
        self._follow_values(call, outs)
        return out

    def _read(self, call: Call) -> Any:
        if call.on_cuda:
            self._wait()
        if any(self.value(t) is None for t in call.tensors):
            if self.unknown is not None:
                return self.unknown
            raise RuntimeError(f"the value of {call.tensors[0].shape} is wanted by {call.name}")
        return self._compute(call)

    def _from_values(self, call: Call) -> Any:
        """The result of what has a shape that depends on values."""
        if any(self.value(t) is None for t in call.tensors):
            raise RuntimeError(f"values are wanted by {call.name}")
        if call.on_cuda:
            self._wait()
        device = call.tensors[0].device

        def fake(real: Tensor) -> Tensor:
            with without_modes():
                meta = real.to("meta")
            tensor = FakeTensor(self, meta, device)
            self.keep_value(tensor, real)
            return tensor

        return tree_map_only(Tensor, fake, self._compute(call))

    def _compute(self, call: Call) -> Any:
        """The result on the values."""
        given = tree_map_only(Tensor, self.value, (call.args, call.kwargs))
        args, kwargs = tree_map_only(torch.device, on_the_cpu, given)
        with without_modes():
            return call.func(*args, **kwargs)

    def _follow_values(self, call: Call, outs: list[Any]) -> None:
        """Know the values of the result where those of everything in it are known."""
        known = all(self.value(t) is not None for t in call.tensors)
        if not outs or (not call.tensors and call.named("empty", "rand", "normal")):
            return
        if is_mutable(call.func):
            if known:
                self._compute(call)
            else:
                self.keep_value(call.tensors[0], None)
            return
        small = sum(t.numel() for t in (*call.tensors, *outs)) <= SMALL
        if not (known and small) or call.named("empty_like", "new_empty"):
            return
        for fake, real in zip(outs, tree_leaves(self._compute(call)), strict=True):
            self.keep_value(fake, real)

    # What is wrong with a call, and what it costs.

    def _check(self, call: Call) -> None:
        if not call.on_cuda:
            return
        kinds = {t.dtype for t in call.tensors if t.dtype.is_floating_point}
        if call.func in ONE_TYPE and len(kinds) > 1:
            self.ledger.find(f"types mixed in {call.name}: {sorted(map(str, kinds))}")
        knows = call.named(*FLOAT8_KNOWS) or call.func.is_view
        if kinds.intersection(FLOAT8) and not knows:
            self.ledger.find(f"float8 in {call.name}")
        if call.name.lstrip("_").startswith("linalg_") and kinds.intersection(HALF):
            self.ledger.find(f"{call.name} has no kernel for {sorted(map(str, kinds))}")

    def _count(self, call: Call, outs: list[Any]) -> None:
        if call.func.is_view or call.named(*LAUNCHES_NOTHING) or not outs:
            return
        book = self.ledger.stage
        both = (*call.tensors, *outs)
        devices = {t.device.type for t in both if t.dim() or t.device.type == "cuda"}
        if call.name in MOVES and devices == {"cpu", "cuda"}:
            self._count_copy(call, sum(o.nbytes for o in outs))
        elif "cuda" in devices:
            self._count_kernel()
        elif devices == {"cpu"} and call.name not in MOVES:
            size = sum(o.numel() for o in outs)
            if size > SMALL:
                book.computed[f"{call.name} at {where(3)}"] += size

    def _count_copy(self, call: Call, size: int) -> None:
        source = call.tensors[-1] if call.name == "copy_" else call.tensors[0]
        target = call.tensors[0] if call.name == "copy_" else None
        to_host = source.device.type == "cuda"
        pinned = self.is_pinned(target if target is not None and to_host else source)
        book = self.ledger.stage
        book.copied += 0 if to_host else size
        book.pageable += 0 if pinned else size
        book.kernels += 1
        if to_host:
            self._wait()

    def _count_kernel(self) -> None:
        self.ledger.stage.kernels += 1
        if self.in_forward:
            self.ledger.stage.forwards[-1] += 1

    def _count_flop(self, call: Call, args: Any, kwargs: Any, out: Any) -> None:
        if call.name == "linear":
            self.ledger.stage.flop += 2 * out.numel() * args[1].shape[1]
        elif call.func.overloadpacket in flop_registry:
            formula = flop_registry[call.func.overloadpacket]
            self.ledger.stage.flop += formula(*args, **kwargs, out_val=out)

    def _wait(self) -> None:
        self.ledger.stage.syncs[where(3)] += 1

    # What CUDA has a kernel for, and a build for the CPU takes apart.

    def _rms_norm(self, call: Call) -> tuple[Tensor, Tensor]:
        self._check(call)
        x = call.args[0]
        self._inside = True
        try:
            with self:
                spread = torch.empty((*x.shape[:-1], 1), dtype=torch.float32, device=x.device)
                out = torch.empty_like(x), spread
        finally:
            self._inside = False
        for tensor in out:
            assert isinstance(tensor, FakeTensor)
            self._track(tensor)
        self._count_kernel()
        return out

    def _attention(self, call: Call) -> Tensor:
        """Attention by the kernel that CUDA would choose: flash without a mask, memory-efficient
        with one, else plain."""
        names = ("query", "key", "value", "attn_mask", "dropout_p", "is_causal")
        given = {**dict(zip(names, call.args, strict=False)), **call.kwargs}
        q, k, v, mask = given["query"], given["key"], given["value"], given.get("attn_mask")
        causal, scale = given.get("is_causal", False), given.get("scale")
        grouped = given.get("enable_gqa", False)
        with self:
            if all(t.device.type == "cuda" for t in (q, k, v)):
                if len({t.dtype for t in (q, k, v)}) > 1:
                    raise RuntimeError("Expected query, key, and value to have the same dtype")
                if mask is None and q.dtype in HALF and q.shape[-1] <= 256:
                    flash: Kernel = FLASH_ATTENTION
                    return flash(q, k, v, 0.0, causal, False, scale=scale)[0]
                if not grouped and q.shape[-1] <= 1024:
                    efficient: Kernel = EFFICIENT_ATTENTION
                    bias = None if mask is None else self._bias(mask, q, k)
                    return efficient(q, k, v, bias, False, 0.0, causal, scale=scale)[0]
                self.ledger.find("plain attention on CUDA")
            plain: Kernel = PLAIN_ATTENTION
            return plain(q, k, v, mask, 0.0, causal, scale=scale, enable_gqa=grouped)[0]

    def _bias(self, mask: Tensor, q: Tensor, k: Tensor) -> Tensor:
        """A mask as the memory-efficient kernel wants it: added, in rows of whole 16s."""
        if mask.dtype == torch.bool:
            mask = torch.zeros_like(mask, dtype=q.dtype).masked_fill_(~mask, float("-inf"))
        elif mask.dtype != q.dtype:
            self.ledger.find(f"an attention mask of {mask.dtype} for {q.dtype}")
        if missing := -mask.shape[-1] % 16:
            mask = torch.nn.functional.pad(mask, (0, missing))[..., : mask.shape[-1]]
        return mask.expand(q.shape[0], q.shape[1], q.shape[2], k.shape[2])
