"""What to say of a clip that finds no room: which ones should. Without torch."""

from __future__ import annotations

from collections.abc import Iterator

from ltx_ui.engine.placement import working
from ltx_ui.geometry import TEMPORAL_COMPRESSION, on_grid
from ltx_ui.recipe import MIN_FRAMES, MIN_SIDE, Recipe


def what_fits(
    recipe: Recipe, room: int, grid: int, clips: int = 2, text: int = 0, cached: int = 0
) -> str:
    """A sentence with the longest clip of the recipe's size, and the largest size of its length,
    that should fit; both smaller than the recipe, which did not.

    Args:
        room: bytes of device memory besides the weights.
        grid: sides are offered in multiples of this.
        clips, text, cached: as in :func:`working`.
    """

    def fits(width: int, height: int, num_frames: int) -> bool:
        size, stages = (width, height, num_frames), recipe.two_stage
        beside = working(
            *size,
            clips=clips,
            two_stage=stages,
            tiled=True,
            text=text,
            cached=cached,
            between=recipe.inputs.between,
            follows=recipe.inputs.follows,
        )
        return beside.total <= room

    step = TEMPORAL_COMPRESSION
    shorter = (n for n in range(recipe.num_frames - step, MIN_FRAMES - 1, -step))
    frames = next((n for n in shorter if fits(recipe.width, recipe.height, n)), None)
    size = next((s for s in _smaller(recipe, grid) if fits(*s, recipe.num_frames)), None)
    offers = []
    if frames:
        offers.append(f"{recipe.resolution} with {frames} frames")
    if size:
        offers.append(f"{size[0]}x{size[1]} with {recipe.num_frames} frames")
    if not offers:
        return (
            "Close other programs that use the device, or choose a shorter length or a smaller "
            "format."
        )
    return f"What should fit: {' or '.join(offers)}."


def _smaller(recipe: Recipe, grid: int) -> Iterator[tuple[int, int]]:
    """Smaller sizes on the grid with about the recipe's aspect ratio, the largest first."""
    shape = recipe.height / recipe.width
    for width in range(on_grid(recipe.width, grid) - grid, 0, -grid):
        height = max(1, round(width * shape / grid)) * grid
        if min(width, height) >= MIN_SIDE and height <= recipe.height:
            yield width, height
