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
"""Latents on each side of a tile, and by how many neighbours overlap to be blended: 320 and 128
pixels. The VAE's own tiles of 512 pixels would leave the usual formats whole, and its overlap of
two latents shows more of the seams (17 dB against 23 dB of likeness to the whole, on the demo's
decoder with random latents)."""
TILE_FRAMES, STRIDE_FRAMES = 32, 16
"""Frames decoded at a time, and from one start to the next."""


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


def attempt(work: Work[T], fallbacks: Iterable[Fallback]) -> tuple[T, tuple[str, ...]]:
    """Do the work; each time memory runs out, free what can be freed and try the next fallback.

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
        free_caches()
    raise Exhausted


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error is one of the ways in which a device, or the host, says that it is full."""
    full = (torch.OutOfMemoryError, MemoryError)
    return isinstance(error, full) or "can't allocate memory" in str(error)


def free_caches() -> None:
    """Give back what is only kept for later."""
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
        # Memory that weights were pinned in is kept as well, and the host may have no more of it.
        # (Before torch 2.13 there was no way to.)
        getattr(torch.accelerator, "empty_host_cache", lambda: None)()


def tile_side(latents: int) -> int:
    """Latents on a side of a tile, for a picture that many latents wide or high. The last tile must
    not be a single latent wide: the decoder pads by reflection, and one latent has nothing to
    reflect."""
    side = TILE
    while latents % (side - OVERLAP) == 1:
        side += 1
    return side


@contextmanager
def tiled(vae: Any, height: int, width: int, *, framewise: bool = False) -> Iterator[None]:
    """The VAE decodes in overlapping tiles, and is as before when the block ends. (Left on, tiles
    would change how reference images are encoded, too.)

    Args:
        height, width: of the latents.
        framewise: :data:`TILE_FRAMES` at a time besides.
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
    """A copy of a model's part on the CPU, in float32, read from where the part came from. The part
    itself stays as it is: its weights may be streamed, and could not simply be moved.

    Raises:
        OSError: its folder is gone.
    """
    folder = compat.folder_of(module)
    return type(module).from_pretrained(folder, dtype=torch.float32, local_files_only=True)
