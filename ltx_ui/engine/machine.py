"""The machine that a model runs on: its devices and their free memory."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from importlib.metadata import version

import psutil
import torch

from ltx_ui import __version__
from ltx_ui.engine.choosing import Free
from ltx_ui.engine.containers import room_in_container
from ltx_ui.engine.placement import Quantize
from ltx_ui.errors import ModelUnavailable
from ltx_ui.lossy import EXACT, Lossy

CPU = torch.device("cpu")
_IN_4_BITS: Mapping[Quantize, str] = {
    "none": "",
    "text": ", text encoder in 4 bits",
    "all": ", text encoder and transformer in 4 bits",
}


def pick_device(asked: str = "auto") -> torch.device:
    """The device to run on.

    Args:
        asked: ``cpu``, ``cuda:N``, or ``auto``: the CUDA device with the most free memory, and the
            CPU where there is none.

    Raises:
        ModelUnavailable: the device that was asked for is not here.
    """
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if asked == "cpu" or (asked == "auto" and not count):
        return torch.device("cpu")
    if asked == "auto":
        free = [torch.cuda.mem_get_info(index)[0] if count > 1 else 0 for index in range(count)]
        return torch.device("cuda", free.index(max(free)))
    device = torch.device(asked)
    if device.type != "cuda" or (device.index or 0) >= count:
        here = ", ".join(["cpu", *(f"cuda:{index}" for index in range(count))])
        raise ModelUnavailable(
            f"There is no device {asked} here. Use --device with auto or one of {here}.{unused()}"
        )
    return torch.device("cuda", device.index or 0)


def unused() -> str:
    """A sentence, with a space before it, on a GPU of this machine that the studio can't use; empty
    if there is none."""
    if torch.backends.mps.is_available():
        name = "Apple GPU (MPS)"
    elif torch.xpu.is_available():
        name = "Intel GPU (XPU)"
    else:
        return ""
    return f" This machine's {name} is not used: LTX-2 Studio runs on CUDA devices and CPUs so far."


def free_memory(device: torch.device) -> Free:
    """The memory that is free now; in a container, within its limit."""
    host = int(psutil.virtual_memory().available)
    limited = room_in_container()
    host = host if limited is None else min(host, limited)
    return Free(torch.cuda.mem_get_info(device)[0] if device.type == "cuda" else None, host)


def usual_dtype(device: torch.device) -> torch.dtype:
    """The default precision: bfloat16 on CUDA, and float32 on the CPU, where a recipe gives nearly
    the same clip on every machine in it."""
    return torch.bfloat16 if device.type == "cuda" else torch.float32


def multiplies_bfloat16(device: torch.device) -> bool:
    """Whether a device multiplies bfloat16 by itself: any CUDA device, and a CPU that says so.
    Others turn each number into another type and back, up to 250 times slower."""
    if device.type == "cuda":
        return True
    capabilities = torch.cpu.get_capabilities()
    return any(capabilities.get(name) for name in ("avx512_bf16", "amx_bf16", "bf16"))


def current(device: torch.device) -> AbstractContextManager[object]:
    """A context in which this is the current CUDA device."""
    if device.type != "cuda" or device.index == torch.cuda.current_device():
        return nullcontext()
    return torch.cuda.device(device)


def device_name(
    device: torch.device, dtype: torch.dtype, quantize: Quantize = "none", lossy: Lossy = EXACT
) -> str:
    """The device's name, with the precision if it is not the default, with what is in 4 bits and
    with lossy speed: clips and their times depend on all of it."""
    name = f"{device} {torch.cuda.get_device_name(device)}" if device.type == "cuda" else "cpu"
    if dtype != usual_dtype(device):
        name += f", {str(dtype).removeprefix('torch.')}"
    return ", ".join([name + _IN_4_BITS[quantize], *lossy.names])


def versions() -> dict[str, str]:
    """Versions of the software that a clip depends on, by package."""
    packages = ("torch", "diffusers", "transformers")
    return {"ltx_ui": __version__, **{package: version(package) for package in packages}}
