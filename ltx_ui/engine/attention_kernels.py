"""Which attention kernel a transformer runs: by name, or the fastest exact one, by measurement.

Exact kernels compute the same attention and differ by rounding. Which is fastest depends on the
device, on torch and on what is installed, so each is timed once at LTX-2's shapes, and the times
are kept in a file.
"""

from __future__ import annotations

import json
import logging
import os
import statistics
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from diffusers.models.attention_dispatch import dispatch_attention_fn
from torch import Tensor

from ltx_ui.engine import compat
from ltx_ui.engine.kept_text import TEXT_LENGTH
from ltx_ui.engine.memory_fallback import is_out_of_memory
from ltx_ui.errors import ModelUnavailable

Times = Mapping[str, Sequence[float]]
"""By kernel: seconds for one block's attention, of each size in :data:`SIZES`."""

Size = tuple[int, int]
"""Video and audio tokens."""
Inputs = tuple[Tensor, Tensor, Tensor]
"""Query, key and value: B×S×heads×channels each."""
Attend = Callable[[Tensor, Tensor, Tensor], Tensor]

SIZES = ((1008, 51), (2304, 126), (6160, 51))
"""Those of 49 and 121 frames of 288x512 and of 49 frames of 1280x704."""
SMALL = (256, 51)
"""The size at which kernels are compared with float32."""
"""Tokens of a text, as in every published checkpoint."""
ROUNDS = 5
"""Timed calls, of which the median counts; two more warm up."""
MARGIN = 0.02
"""How much faster than torch's own choice another kernel has to be. Less is noise."""
ROUNDING = 2.0
"""A kernel is exact if it is at most so many times as far from float32 attention as torch's own."""
_FILE = "attention.json"
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Kernel:
    """An attention kernel.

    Attributes:
        module: the Python module that it comes in; empty for those of torch.
        package: what to install for it.
        exact: whether it differs from the others by rounding alone.
    """

    module: str = ""
    package: str = ""
    exact: bool = True

    @property
    def installed(self) -> bool:
        """Whether its package is there."""
        return not self.module or find_spec(self.module) is not None


KERNELS: Mapping[str, Kernel] = {
    "native": Kernel(),
    "flash": Kernel(),
    "cudnn": Kernel(),
    "efficient": Kernel(),
    "flash-attn": Kernel("flash_attn", "flash-attn"),
    "flash-attn-3": Kernel("flash_attn_interface", "flash-attn-3"),
    "sage": Kernel("sageattention", "sageattention", exact=False),
}
"""By the names that ``--attention`` takes; ``native`` is what torch chooses by itself."""


def choose(
    asked: str,
    config: Mapping[str, Any],
    dtype: torch.dtype,
    device: torch.device,
    folder: Path | None,
) -> str:
    """The kernel to use. To be called while the device is idle.

    Args:
        asked: one of :data:`KERNELS`, or ``auto``: on CUDA the fastest exact one, ``native``
            elsewhere.
        config: the transformer's.
        folder: where measured times are kept; None to measure them each time.

    Raises:
        ModelUnavailable: there is no such kernel, or it does not run here; says which do.
    """
    if asked == "auto":
        return (
            fastest(kept_times(config, dtype, device, folder))
            if device.type == "cuda"
            else "native"
        )
    kernel = KERNELS.get(asked)
    if kernel is None or not kernel.installed:
        missing = f"it needs the package {kernel.package}" if kernel else "it is not known"
        raise ModelUnavailable(f"--attention {asked} can't be used: {missing}. {_allowed()}")
    if asked != "native":
        _try(asked, config, dtype, device)
    return asked


def _allowed() -> str:
    installed = [name for name, kernel in KERNELS.items() if kernel.installed]
    others = [name for name in KERNELS if name not in installed]
    also = f"; with their packages also {', '.join(others)}" if others else ""
    return f"Choose auto or one that is installed: {', '.join(installed)}{also}."


def _try(name: str, config: Mapping[str, Any], dtype: torch.dtype, device: torch.device) -> None:
    try:
        for parts in calls(config, *SIZES[0], dtype, device):
            attend(name, *parts)
    except Exception as error:  # Each library raises its own kinds.
        if is_out_of_memory(error):
            raise
        raise ModelUnavailable(
            f"--attention {name} does not run on {device} in {dtype} ({error}). {_allowed()}"
        ) from None


def fastest(times: Times) -> str:
    """The exact kernel that takes the smallest share of ``native``'s time, in the mean of the
    sizes; ``native`` unless another one is faster by :data:`MARGIN`."""
    if "native" not in times:
        return "native"

    def share(name: str) -> float:
        pairs = zip(times[name], times["native"], strict=True)
        return statistics.mean(own / usual for own, usual in pairs)

    best = min((name for name in times if KERNELS[name].exact), key=share)
    return best if share(best) < 1 - MARGIN else "native"


def kept_times(
    config: Mapping[str, Any],
    dtype: torch.dtype,
    device: torch.device,
    folder: Path | None,
    sizes: Sequence[Size] = SIZES,
) -> Times:
    """The times of the exact kernels that are installed: read from the folder or, the first time
    with this device and these versions, measured and kept there."""
    names = [name for name, kernel in KERNELS.items() if kernel.exact and kernel.installed]
    kernels = {name: partial(attend, name) for name in names}
    if folder is None:
        return measure(kernels, config, dtype, device, sizes)
    key, tables = _key(names, config, dtype, device), read_tables(folder / _FILE)
    if key not in tables:
        tables[key] = measure(kernels, config, dtype, device, sizes)
        write_tables(folder / _FILE, tables)
    return tables[key]


def _key(
    names: Sequence[str], config: Mapping[str, Any], dtype: torch.dtype, device: torch.device
) -> str:
    """What the times depend on."""
    heads = "x".join(str(number) for pair in _heads(config) for number in pair)
    packages = ["torch", "diffusers", *filter(None, (KERNELS[name].package for name in names))]
    where = torch.cuda.get_device_name(device) if device.type == "cuda" else device.type
    versions = (f"{package} {_version(package)}" for package in packages)
    return ", ".join([where, str(dtype).removeprefix("torch."), heads, *versions])


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:  # Built from source, under another name.
        return "?"


def read_tables(file: Path) -> dict[str, Times]:
    """The times in a file, by device and versions; none if there is no file, or if it can't be
    read: then they are measured anew."""
    try:
        found = json.loads(file.read_text("utf-8"))
        return {key: dict(_checked(times)) for key, times in found.items()}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, TypeError, AttributeError):
        _log.warning("%s can't be read; attention kernels are timed again", file, exc_info=True)
        return {}


def _checked(times: Mapping[str, Any]) -> Iterator[tuple[str, list[float]]]:
    for name, seconds in times.items():
        if name not in KERNELS or len(seconds) != len(SIZES) or min(map(float, seconds)) <= 0:
            raise ValueError(f"{name}: {seconds}")
        yield name, [float(each) for each in seconds]


def write_tables(file: Path, tables: Mapping[str, Times]) -> None:
    """Keep times. A folder that can't be written is no reason not to make clips."""
    unfinished = file.with_suffix(f".{os.getpid()}.json")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        unfinished.write_text(json.dumps(tables, indent=1), "utf-8")
        unfinished.replace(file)
    except OSError:
        _log.warning("The attention kernels' times could not be kept in %s", file, exc_info=True)


@torch.inference_mode()
def measure(
    kernels: Mapping[str, Attend],
    config: Mapping[str, Any],
    dtype: torch.dtype,
    device: torch.device,
    sizes: Sequence[Size] = SIZES,
) -> dict[str, list[float]]:
    """Time kernels. Those that refuse, or that are further from float32 attention than rounding
    explains, are left out.

    Args:
        kernels: ``native`` among them, by name.
        config: the transformer's.
    """
    inputs = list(calls(config, *SMALL, dtype, device))
    usual = distance(kernels["native"], inputs)
    times = {}
    for name, kernel in kernels.items():
        try:
            if distance(kernel, inputs) > ROUNDING * usual:
                _log.warning("The attention kernel %s is not exact here and is not used", name)
                continue
            every = (list(calls(config, *size, dtype, device)) for size in sizes)
            times[name] = [_seconds(kernel, inputs, device) for inputs in every]
        except Exception as error:  # Each library raises its own kinds.
            _log.info("The attention kernel %s does not run here: %s", name, error)
    _log.info("Seconds for a block's attention: %s", times)
    return times


def distance(kernel: Attend, inputs: Iterable[Inputs]) -> float:
    """How far a kernel's results are from attention in float32: the largest root mean square of
    the differences, relative to the result's own."""
    found = 0.0
    for parts in inputs:
        exact = _in_float32(*parts)
        off = (kernel(*parts).float() - exact).square().mean().sqrt()
        found = max(found, float(off / exact.square().mean().sqrt()))
    return found


def _in_float32(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    query, key, value = (part.float().transpose(1, 2) for part in (query, key, value))
    weights = torch.softmax(query @ key.mT * query.shape[-1] ** -0.5, dim=-1)
    return torch.matmul(weights, value).transpose(1, 2)


def attend(name: str, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """Attention by a kernel of :data:`KERNELS`; all B×S×heads×channels."""
    found: Tensor = dispatch_attention_fn(query, key, value, backend=compat.kernel(name))
    return found


def _heads(config: Mapping[str, Any]) -> tuple[tuple[int, int], tuple[int, int]]:
    """How many heads a block's attentions have, and how many channels each: the video's, and the
    sound's."""
    wide = config["num_attention_heads"], config["attention_head_dim"]
    return wide, (config["audio_num_attention_heads"], config["audio_attention_head_dim"])


def calls(
    config: Mapping[str, Any], video: int, audio: int, dtype: torch.dtype, device: torch.device
) -> Iterator[Inputs]:
    """Random queries, keys and values of the six attentions of a block, for a guided clip.

    Args:
        config: the transformer's.
        video, audio: tokens.
    """
    wide, narrow = _heads(config)
    generator = torch.Generator(device).manual_seed(0)
    for queries, keys, heads in (
        (video, video, wide),
        (video, TEXT_LENGTH, wide),
        (audio, audio, narrow),
        (audio, TEXT_LENGTH, narrow),
        (video, audio, narrow),
        (audio, video, narrow),
    ):
        shapes = [(2, tokens, *heads) for tokens in (queries, keys, keys)]
        query, key, value = (
            torch.randn(shape, generator=generator, device=device, dtype=dtype) for shape in shapes
        )
        yield query, key, value


def _seconds(kernel: Attend, inputs: Sequence[Inputs], device: torch.device) -> float:
    def once() -> float:
        began = _now(device)
        for parts in inputs:
            kernel(*parts)
        return _now(device) - began

    return statistics.median([once() for _ in range(ROUNDS + 2)][2:])


def _now(device: torch.device) -> float:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter()


def use(transformer: Any, name: str) -> Callable[[], None]:
    """Let a transformer's attention layers run a kernel.

    Returns:
        What lets them run torch's own choice again.
    """
    layers = [layer for block in transformer.transformer_blocks for layer in _attentions(block)]
    _set(layers, name)
    return lambda: _set(layers, "native")


def _attentions(block: Any) -> Iterator[Any]:
    return (module for module in block.children() if hasattr(module, "set_attention_backend"))


def _set(layers: Sequence[Any], name: str) -> None:
    for layer in layers:
        layer.set_attention_backend(compat.kernel(name).value)
