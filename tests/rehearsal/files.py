"""Safetensors files that are only headers: their numbers are holes on disk, and never read."""

from __future__ import annotations

import json
import struct
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from .call import CUDA
from .mode import Rehearsal

SHARD = 5 * 10**9
"""Bytes after which the next file begins, as in what is published."""

DTYPES = {
    "F32": torch.float32,
    "BF16": torch.bfloat16,
    "F16": torch.float16,
    "I64": torch.int64,
    "I32": torch.int32,
    "BOOL": torch.bool,
}
NAMES = {dtype: name for name, dtype in DTYPES.items()}


def write(file: Path, tensors: Mapping[str, Tensor]) -> None:
    """A file with the header that these tensors would have, and as long as they would make it."""
    header: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    end = 0
    for name, tensor in tensors.items():
        begin, end = end, end + tensor.numel() * tensor.element_size()
        header[name] = {
            "dtype": NAMES[tensor.dtype],
            "shape": list(tensor.shape),
            "data_offsets": [begin, end],
        }
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with file.open("wb") as out:
        out.write(struct.pack("<Q", len(text)) + text)
        out.truncate(8 + len(text) + end)


def write_shards(folder: Path, tensors: Mapping[str, Tensor], stem: str) -> None:
    """Files of at most :data:`SHARD` bytes, with an index where there are several, with the headers
    that these tensors would have."""
    shards: list[dict[str, Tensor]] = [{}]
    size = 0
    for name, tensor in tensors.items():
        if size > SHARD:
            shards.append({})
            size = 0
        shards[-1][name] = tensor
        size += tensor.numel() * tensor.element_size()
    if len(shards) == 1:
        write(folder / f"{stem}.safetensors", tensors)
        return
    index: dict[str, str] = {}
    for number, shard in enumerate(shards, 1):
        file = f"{stem}-{number:05d}-of-{len(shards):05d}.safetensors"
        write(folder / file, shard)
        index |= dict.fromkeys(shard, file)
    text = json.dumps({"metadata": {"total_size": 0}, "weight_map": index})
    (folder / f"{stem}.safetensors.index.json").write_text(text)


def header(file: Path) -> dict[str, Any]:
    """A file's header: type, shape and place of each tensor in it, and its ``__metadata__``."""
    with file.open("rb") as opened:
        (length,) = struct.unpack("<Q", opened.read(8))
        found: dict[str, Any] = json.loads(opened.read(length))
    return found


def sizes(file: Path) -> Iterator[tuple[str, int]]:
    """Names and bytes of a file's tensors."""
    for name, entry in header(file).items():
        if name != "__metadata__":
            begin, end = entry["data_offsets"]
            yield name, end - begin


def read_by(mode: Rehearsal) -> None:
    """Let safetensors, and whoever imported from it, read fake tensors in this process."""
    import safetensors
    import safetensors.torch
    import transformers.core_model_loading  # noqa: F401  (imports from it)

    def make(entry: Mapping[str, Any], device: Any) -> Tensor:
        with mode.all_fake():
            return torch.empty(entry["shape"], dtype=DTYPES[entry["dtype"]], device=device)

    class Slice:
        def __init__(self, entry: Mapping[str, Any], device: Any) -> None:
            self._entry, self._device = entry, device

        def get_shape(self) -> list[int]:
            return list(self._entry["shape"])

        def get_dtype(self) -> str:
            return str(self._entry["dtype"])

        def __getitem__(self, key: Any) -> Tensor:
            whole = make(self._entry, self._device)
            return whole if key is Ellipsis else whole[key]

    class Opened:
        def __init__(self, filename: Any, framework: str = "pt", device: Any = "cpu", **_: Any):
            self._device = CUDA if isinstance(device, int) else device
            self._header = header(Path(filename))
            self._metadata = self._header.pop("__metadata__", None)

        def __enter__(self) -> Opened:
            return self

        def __exit__(self, *_: Any) -> None: ...

        def keys(self) -> list[str]:
            return list(self._header)

        def metadata(self) -> Any:
            return self._metadata

        def get_slice(self, name: str) -> Slice:
            return Slice(self._header[name], self._device)

        def get_tensor(self, name: str) -> Tensor:
            return make(self._header[name], self._device)

    def load_file(filename: Any, device: Any = "cpu", **_: Any) -> dict[str, Tensor]:
        file = Opened(filename, device=device)
        return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118

    real: Any = safetensors.safe_open
    torch_part: Any = safetensors.torch
    torch_part.load_file = load_file
    for module in list(sys.modules.values()):
        if getattr(module, "safe_open", None) is real:
            vars(module)["safe_open"] = Opened


class Inline:
    """An executor that does at once what it is given: a fake mode serves one thread."""

    def __init__(self, *_: Any, **__: Any) -> None: ...

    def __enter__(self) -> Inline:
        return self

    def __exit__(self, *_: Any) -> None: ...

    def shutdown(self, *_: Any, **__: Any) -> None: ...

    def submit(self, work: Callable[..., Any], *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        try:
            future.set_result(work(*args, **kwargs))
        except BaseException as error:
            future.set_exception(error)
        return future

    def map(self, work: Callable[..., Any], *items: Iterable[Any]) -> list[Any]:
        return [work(*each) for each in zip(*items, strict=False)]


def read_in_one_thread() -> None:
    """Let diffusers and transformers read files so."""
    import diffusers.models.model_loading_utils
    import transformers.core_model_loading

    for module in (diffusers.models.model_loading_utils, transformers.core_model_loading):
        vars(module)["ThreadPoolExecutor"] = Inline
