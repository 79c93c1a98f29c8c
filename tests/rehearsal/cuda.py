"""``torch.cuda`` as the studio and its libraries see it, for the rest of the process."""

from __future__ import annotations

import contextlib
import types
from typing import Any

import numpy as np
import psutil
import torch
from torch import Tensor, nn

from .compat import INITIALISE, FakeTensor, keep_parameters_when_moved, without_modes
from .ledger import Ledger
from .mode import Rehearsal

NAME = "NVIDIA Imitation"
CAPABILITY = (9, 0)


class Stream:
    """A queue of work on the device: everything on it is done at once."""

    def __init__(self, *_: Any, **__: Any) -> None: ...
    def synchronize(self) -> None: ...
    def wait_stream(self, other: Stream) -> None: ...
    def wait_event(self, other: Event) -> None: ...

    def record_event(self, *_: Any) -> Event:
        return Event()


class Event:
    """A mark in a stream that is always reached already."""

    def __init__(self, *_: Any, **__: Any) -> None: ...
    def record(self, *_: Any) -> None: ...
    def synchronize(self) -> None: ...

    def query(self) -> bool:
        return True


def imitate(mode: Rehearsal, host: int) -> None:
    """Let this process believe that it has a CUDA device, and ``host`` bytes of memory."""
    _torch_cuda(mode.ledger)
    _host_memory(mode.ledger, host)
    _tensors(mode)
    _modules(mode)


def _torch_cuda(ledger: Ledger) -> None:
    def free(*_: Any) -> tuple[int, int]:
        return max(0, ledger.capacity - ledger.live["cuda"]), ledger.capacity

    def used(*_: Any) -> int:
        return ledger.live["cuda"]

    def nothing(*_: Any, **__: Any) -> None: ...

    properties = types.SimpleNamespace(
        name=NAME,
        total_memory=ledger.capacity,
        major=CAPABILITY[0],
        minor=CAPABILITY[1],
        multi_processor_count=132,
    )
    names: dict[str, Any] = {
        "is_available": lambda: True,
        "is_initialized": lambda: True,
        "device_count": lambda: 1,
        "current_device": lambda: 0,
        "get_device_name": lambda *_: NAME,
        "get_device_properties": lambda *_: properties,
        "get_device_capability": lambda *_: CAPABILITY,
        "is_bf16_supported": lambda *_, **__: True,
        "is_current_stream_capturing": lambda: False,
        "mem_get_info": free,
        "memory_allocated": used,
        "memory_reserved": used,
        "Stream": Stream,
        "Event": Event,
        "stream": lambda _: contextlib.nullcontext(),
        "current_stream": lambda *_: Stream(),
        "default_stream": lambda *_: Stream(),
    }
    quiet = ("synchronize", "empty_cache", "ipc_collect", "set_device", "manual_seed", INITIALISE)
    names |= dict.fromkeys((*quiet, "manual_seed_all", "reset_peak_memory_stats"), nothing)
    for name, value in names.items():
        setattr(torch.cuda, name, value)
    torch.accelerator.is_available = lambda: True
    torch.accelerator.current_accelerator = lambda *_, **__: torch.device("cuda")
    torch.accelerator.empty_host_cache = ledger.empty_pinned


def _host_memory(ledger: Ledger, total: int) -> None:
    """The machine's memory, without what is alive in it here and without what really is."""

    def virtual_memory() -> Any:
        used = ledger.live["cpu"] + ledger.live["pinned"]
        return types.SimpleNamespace(total=total, available=total - used)

    psutil.virtual_memory = virtual_memory


def _tensors(mode: Rehearsal) -> None:
    """What C++ keeps fake tensors from: new data, addresses, numpy."""
    data: Any = Tensor.data
    make = FakeTensor.__new__

    def get_data(self: FakeTensor) -> Tensor:
        found: Tensor = data.__get__(self)
        return found

    def set_data(self: FakeTensor, other: FakeTensor) -> None:
        data.__set__(self, other)
        self.fake_device = other.fake_device
        mode.keep_value(self, mode.value(other))

    def new(cls: Any, *args: Any, **kwargs: Any) -> Any:
        # Accelerate makes a parameter by the type of the one before.
        if args and isinstance(args[0], Tensor):
            return nn.Parameter(args[0], requires_grad=kwargs.get("requires_grad", True))
        return make(cls, *args, **kwargs)

    def deepcopy(self: FakeTensor, memo: dict[int, Any]) -> Tensor:
        with mode:
            memo[id(self)] = copied = self.clone()
        return copied

    def numpy(self: FakeTensor, *_: Any, force: bool = False, **__: Any) -> Any:
        if self.fake_device.type == "cuda" and not force:
            raise TypeError("can't convert cuda:0 device type tensor to numpy")
        if self.dtype == torch.bfloat16:
            raise TypeError("Got unsupported ScalarType BFloat16")
        value = mode.value(self)
        with without_modes():
            if value is not None:
                return value.numpy()
            return np.zeros(tuple(self.shape), torch.empty((), dtype=self.dtype).numpy().dtype)

    def tolist(self: FakeTensor) -> Any:
        value = mode.value(self)
        if value is None:
            raise RuntimeError(f"the values of {self.shape} are wanted")
        return value.tolist()

    def address(self: FakeTensor) -> int:
        offset = int(self.storage_offset()) * self.element_size()
        return id(self.untyped_storage()) + offset

    fake: Any = FakeTensor
    fake.data = property(get_data, set_data)
    fake.__new__ = staticmethod(new)
    fake.__deepcopy__ = deepcopy
    fake.numpy = fake.__array__ = numpy
    fake.tolist = tolist
    fake.data_ptr = address
    fake.is_pinned = lambda self, *_: mode.is_pinned(self)
    fake.pin_memory = lambda self, *_: mode.pin(self)
    fake.record_stream = lambda self, _: None


def _modules(mode: Rehearsal) -> None:
    """Buffers and parameters are fake from the start: a real one can't take a fake one's
    data."""
    register_buffer, register_parameter = nn.Module.register_buffer, nn.Module.register_parameter

    def buffer(self: nn.Module, name: str, tensor: Tensor | None, persistent: bool = True) -> None:
        fake = None if tensor is None else mode.faked(tensor)
        register_buffer(self, name, fake, persistent)

    def parameter(self: nn.Module, name: str, param: nn.Parameter | None) -> None:
        if param is not None and not isinstance(param, FakeTensor) and param.device.type == "cpu":
            param = nn.Parameter(mode.faked(param.detach()), requires_grad=param.requires_grad)
        register_parameter(self, name, param)

    module: Any = nn.Module
    module.register_buffer, module.register_parameter = buffer, parameter
    keep_parameters_when_moved()
