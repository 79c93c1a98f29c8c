"""What a recipe's clip takes of memory, with the model that is loaded."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field

from ltx_ui.engine.choosing import Free, fits, most_room, steps_down
from ltx_ui.engine.fitting import what_fits
from ltx_ui.engine.models import ModelCard
from ltx_ui.engine.placement import (
    KEEPS_TEXT,
    Placement,
    Working,
    device_bytes,
    working,
)
from ltx_ui.engine.sampling import clips_cached, texts_kept
from ltx_ui.errors import OutOfMemory
from ltx_ui.lossy import EXACT, Lossy
from ltx_ui.recipe import Recipe


@dataclass(frozen=True)
class Needed:
    """Bytes of device memory that a clip needs at its peak, with the weights, and how many were
    free before the model was loaded."""

    bytes: int
    free: int


@dataclass(frozen=True)
class ClipMemory:
    """A loaded model's memory, and what clips take of it.

    Attributes:
        weights: bytes of each component in bfloat16, by its folder's name.
        free: what was free before the model was loaded.
        among: the placements that are possible, as of
            :func:`ltx_ui.engine.placement.possible`.
        element: bytes per number that is computed with.
        text: bytes of one text's keys and values; 0 where they are not cached.
        lossy: what is lossy in the model.
        loras: how many numbers the LoRAs have that recipes name, by their SHA-256, as far as that
            is known.
        graphs: bytes that the CUDA graphs of earlier clips hold on to, by the clips' size.
        without_graphs: sizes for which they turned out to need too much.
    """

    card: ModelCard
    weights: Mapping[str, int]
    free: Free
    among: Sequence[Placement]
    element: int
    text: int = 0
    lossy: Lossy = EXACT
    loras: Mapping[str, int] = field(default_factory=dict)
    graphs: dict[Hashable, int] = field(default_factory=dict)
    without_graphs: set[Hashable] = field(default_factory=set)

    def size(self, recipe: Recipe) -> Hashable:
        """A key: recipes with the same key take the same memory."""
        size = self.card.sampled_size(recipe)
        length = recipe.num_frames, recipe.inputs.between, recipe.inputs.follows
        kind = self.card.guided(recipe), recipe.two_stage
        return size, length, *kind, self._lora_bytes(recipe)

    def _lora_bytes(self, recipe: Recipe) -> int:
        used = (lora.sha256 for lora in recipe.inputs.loras if lora.strength)
        return self.element * sum(self.loras.get(each, 0) for each in used)

    def working(self, recipe: Recipe, takes: int = 1) -> Working:
        """The device memory that making a recipe's clip takes besides the weights.

        Args:
            takes: how many are sampled in one batch.
        """
        return working(
            *self.card.sampled_size(recipe),
            recipe.num_frames,
            clips=takes * (2 if self.card.guided(recipe) else 1),
            two_stage=recipe.two_stage,
            tiled=True,
            text=takes * texts_kept(recipe, self.card, self.lossy) * self.text,
            rounded=self.lossy.fp8_matmul,
            cached=takes * clips_cached(recipe, self.card, self.lossy),
            loras=self._lora_bytes(recipe),
            between=recipe.inputs.between,
            follows=recipe.inputs.follows,
        )

    def lower(self, recipe: Recipe, placement: Placement) -> tuple[Placement, ...]:
        """The placements below this one in which a recipe's clip has room, in order."""
        return steps_down(placement, self.weights, self.free, self.working(recipe), self.among)

    def on_device(self, recipe: Recipe, placement: Placement) -> Needed | None:
        """What a recipe's clip needs on the device, where it is made; None without a device.

        Args:
            placement: of the weights. Where the clip has no room in it, the first one below is
                meant that has.
        """
        device, host, beside = self.free.device, self.free.host, self.working(recipe)
        if device is None:
            return None
        here = (placement,) if fits(placement, self.weights, device, host, beside) else ()
        where = (*here, *self.lower(recipe, placement), placement)[0]
        return Needed(device_bytes(where, self.weights, beside), device)

    def has_room_for_graphs(
        self, recipe: Recipe, takes: int, placement: Placement, drop: Callable[[], None]
    ) -> bool:
        """Whether CUDA graphs of a clip have room, if need be once all others are gone.

        Args:
            drop: lets go of all graphs that there are.
        """
        size = (self.size(recipe), takes)
        if size in self.without_graphs:
            return False
        if not self._note_graphs(size, recipe, takes, placement):
            drop()
            return self._note_graphs(size, recipe, takes, placement)
        return True

    def _note_graphs(
        self, size: Hashable, recipe: Recipe, takes: int, placement: Placement
    ) -> bool:
        """Whether there is room for a clip's graphs beside those of other sizes; notes them if
        so."""
        others = sum(held for other, held in self.graphs.items() if other != size)
        beside = self.working(recipe, takes).with_graphs(others)
        device, host = self.free.device, self.free.host
        if device is not None and not fits(placement, self.weights, device, host, beside):
            return False
        self.graphs[size] = beside.graphs - others
        return True

    def leave_out_graphs(self, recipe: Recipe, takes: int) -> None:
        """Have no graphs of such a clip from now on, because memory ran out."""
        self.without_graphs.add((self.size(recipe), takes))

    def too_large(self, recipe: Recipe) -> OutOfMemory:
        """The error of a clip that fits nowhere, with what should fit instead."""
        beside = self.working(recipe)
        room, placement = most_room(self.weights, self.free, beside, self.among)
        # The plan's figures are for bfloat16.
        room = room * 2 // self.element
        clips = 2 if self.card.guided(recipe) else 1
        cached = clips_cached(recipe, self.card, self.lossy)
        kept = (beside.text, cached) if placement in KEEPS_TEXT else (0, 0)
        return OutOfMemory(
            f"There was not enough memory for {recipe.resolution} with {recipe.num_frames} frames. "
            + what_fits(recipe, room, self.card.grid_of(recipe), clips, *kept)
        )
