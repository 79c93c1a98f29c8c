"""When memory runs out: the same work again, with fallbacks that need less and less of it."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any, TypeVar

import torch

from ltx_ui.engine import compat

T = TypeVar("T")
Work = Callable[[], T]

TILE, OVERLAP = 10, 4
"""Latents on each side of a tile (320 pixels), and the overlap of neighbours, in which they are
blended (128 pixels). The VAE's defaults would leave the usual formats in one tile (512 pixels), and
show more of the seams; docs/benchmarks.md has the figures."""
TILE_FRAMES, STRIDE_FRAMES = 32, 16
"""Frames decoded at a time, and frames from the start of one such group to the next."""


_FULL = (
    "can't allocate memory",
    "CUDA error: out of memory",
    "CUBLAS_STATUS_ALLOC_FAILED",
    "CUDNN_STATUS_ALLOC_FAILED",
)
"""What errors say that have no class of their own: of the CPU's allocator, and of CUDA beside
torch's."""


class Exhausted(MemoryError):
    """Memory ran out, and with every fallback too."""


@dataclass(frozen=True)
class Fallback:
    """How to do the same work with less memory.

    Attributes:
        note: the sentence in the take's notes; empty for none.
        enter: the context that the work runs in.
    """

    note: str
    enter: Callable[[], AbstractContextManager[None]] = nullcontext


def attempt(
    work: Work[T], fallbacks: Iterable[Fallback], free: Callable[[], None] | None = None
) -> tuple[T, tuple[str, ...]]:
    """Do the work; each time memory runs out, free what can be freed and try the next fallback.

    Args:
        free: frees what can be freed; None for :func:`free_caches`.

    Returns:
        The result, and the note of the fallback that gave it (none where none was needed).

    Raises:
        Exhausted: no fallback was left. Other errors pass through.
    """
    for fallback in (Fallback(""), *fallbacks):
        try:
            with fallback.enter():
                return work(), (fallback.note,) if fallback.note else ()
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
        # Outside the handler: until it ends, the error holds the frames and all their tensors.
        (free or free_caches)()
    raise Exhausted


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error means that the device's or the host's memory is full, or follows one that
    means it: recording a CUDA graph ends with an error of its own."""
    full = isinstance(error, (torch.OutOfMemoryError, MemoryError))
    if full or any(sentence in str(error) for sentence in _FULL):
        return True
    return error.__context__ is not None and is_out_of_memory(error.__context__)


def free_caches() -> None:
    """Free memory that torch keeps for later use, on the device and in pinned host memory."""
    gc.unfreeze()  # What was there since the start may be garbage now.
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
        # torch has this function from 2.13 on.
        getattr(torch.accelerator, "empty_host_cache", lambda: None)()


def tile_side(latents: int) -> int:
    """Latents on a side of a tile, for a picture of so many latents on that side. At least
    :data:`TILE`, and such that the last tile is not a single latent wide: the decoder pads by
    reflection, which one latent alone doesn't allow."""
    side = TILE
    while latents % (side - OVERLAP) == 1:
        side += 1
    return side


@contextmanager
def tiled(vae: Any, height: int, width: int, *, framewise: bool = False) -> Iterator[None]:
    """Let the VAE decode in overlapping tiles inside the block. Its settings are restored at the
    end, because they would also change how reference images are encoded.

    Args:
        height, width: of the video, in latents.
        framewise: also decode only :data:`TILE_FRAMES` frames at a time.
    """
    names = [name for name in vars(vae) if name.startswith(("use_", "tile_sample_"))]
    before = {name: getattr(vae, name) for name in names}
    rows, columns = tile_side(height), tile_side(width)
    scale = vae.spatial_compression_ratio
    vae.enable_tiling(
        tile_sample_min_height=rows * scale,
        tile_sample_min_width=columns * scale,
        tile_sample_stride_height=(rows - OVERLAP) * scale,
        tile_sample_stride_width=(columns - OVERLAP) * scale,
        tile_sample_min_num_frames=TILE_FRAMES,
        tile_sample_stride_num_frames=STRIDE_FRAMES,
    )
    vae.use_framewise_decoding = framewise
    try:
        yield
    finally:
        for name, value in before.items():
            setattr(vae, name, value)


@torch.inference_mode(False)
def on_the_cpu(module: Any) -> Any:
    """A float32 copy of a part of the model on the CPU, read again from its folder. The part itself
    is not moved, because its weights may be streamed.

    Raises:
        OSError: its folder is gone.
    """
    folder = compat.folder_of(module)
    return type(module).from_pretrained(folder, dtype=torch.float32, local_files_only=True)
