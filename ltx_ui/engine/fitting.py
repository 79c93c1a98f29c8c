"""What a clip takes of the memory, and what to say where it finds no room. Without torch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from ltx_ui.engine.models import ModelCard
from ltx_ui.engine.placement import KEEPS_TEXT, Free, Placement, Working, most_room, working
from ltx_ui.errors import OutOfMemory
from ltx_ui.geometry import TEMPORAL_COMPRESSION, on_grid
from ltx_ui.recipe import MIN_FRAMES, MIN_SIDE, Recipe


def working_of(recipe: Recipe, card: ModelCard, text: int) -> Working:
    """The device memory that making a recipe's clip takes besides the weights.

    Args:
        text: bytes of all its texts' cached keys and values.
    """
    return working(
        *card.sampled_size(recipe),
        recipe.num_frames,
        clips=_clips(recipe, card),
        two_stage=recipe.two_stage,
        tiled=True,
        text=text,
    )


def too_large(
    recipe: Recipe,
    card: ModelCard,
    weights: Mapping[str, int],
    free: Free,
    beside: Working,
    element: int,
    among: Sequence[Placement],
) -> OutOfMemory:
    """The error of a clip that fits nowhere, with what should fit.

    Args:
        weights, free, among: as of :func:`ltx_ui.engine.placement.most_room`.
        beside: as of :func:`working_of`.
        element: bytes of a number in the precision that is computed in.
    """
    room, placement = most_room(weights, free, beside, among)
    # The plan's figures are for bfloat16.
    room = room * 2 // element
    text = beside.text if placement in KEEPS_TEXT else 0
    return OutOfMemory(
        f"There was not enough memory for {recipe.resolution} with {recipe.num_frames} frames. "
        + what_fits(recipe, room, card.grid_of(recipe), _clips(recipe, card), text)
    )


def _clips(recipe: Recipe, card: ModelCard) -> int:
    return 2 if card.guided(recipe) else 1


def what_fits(recipe: Recipe, room: int, grid: int, clips: int = 2, text: int = 0) -> str:
    """A sentence with the longest clip of the recipe's size, and the largest size of its length,
    that should fit; both smaller than the recipe, which did not.

    Args:
        room: bytes of device memory besides the weights.
        grid: sides are offered in multiples of this.
        clips, text: as in :func:`working`.
    """

    def fits(width: int, height: int, num_frames: int) -> bool:
        size, stages = (width, height, num_frames), recipe.two_stage
        return working(*size, clips=clips, two_stage=stages, tiled=True, text=text).total <= room

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
