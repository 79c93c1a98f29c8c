"""The clips that are rehearsed, and what goes wrong while they are made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from ltx_ui.inputs import ImageInput, Inputs, Place, digest_of
from ltx_ui.recipe import Recipe

Family = Literal["2.0", "2.0 distilled", "2.3", "2.3 distilled", "2.5", "2.5 distilled"]
FAMILIES: tuple[Family, ...] = get_args(Family)
UNDISTILLED: tuple[Family, ...] = ("2.0", "2.3", "2.5")
PLACES: tuple[Place, ...] = (0, -1)
BLACK = digest_of(b"black")
"""Names the one picture, whose pixels are given with it."""


@dataclass(frozen=True)
class Case:
    """A clip and how it is made.

    Attributes:
        fields: of its recipe, beside :data:`USUAL`.
        images: how many reference images: the first frame, or the first and the last.
        takes: how many are made of the recipe.
        full: in which kind of stage memory runs out.
        failures: how many times, one large allocation each.
        lasting: instead, it does so until the weights live elsewhere.
        graphs: fields of a clip that is made before, with CUDA graphs for both; None for none.
        families: those that can make it.
    """

    fields: Mapping[str, Any] = field(default_factory=dict)
    images: int = 0
    takes: int = 1
    full: str = ""
    failures: int = 1
    lasting: bool = False
    graphs: Mapping[str, Any] | None = None
    families: tuple[Family, ...] = FAMILIES

    def recipe(self, seed: int = 1) -> Recipe:
        """What is asked for."""
        images = tuple(ImageInput(digest=BLACK, at=place) for place in PLACES[: self.images])
        fields = {**USUAL, **self.fields, "seed": seed}
        return Recipe(**fields, inputs=Inputs(images=images))

    @property
    def before(self) -> Case | None:
        """The clip that is made before, undisturbed."""
        return None if self.graphs is None else Case({**self.fields, **self.graphs})


USUAL: dict[str, Any] = {
    "prompt": "A red fox crosses a snowy street at dusk.",
    "width": 288,
    "height": 512,
    "num_frames": 49,
    "num_inference_steps": 2,
    "guidance_scale": 3.0,
}
SHORT = {"num_inference_steps": 1}
HD = {**SHORT, "two_stage": True, "width": 1280, "height": 704}

CASES: dict[str, Case] = {
    "text": Case(),
    "first frame": Case(SHORT, images=1),
    "first and last frame": Case(SHORT, images=2),
    "takes": Case({**SHORT, "num_frames": 9}, takes=2),
    "high": Case({**SHORT, "mode": "high"}, families=UNDISTILLED),
    "long": Case({"num_frames": 121}),
    "HD": Case(HD, families=("2.0", "2.0 distilled", "2.3 distilled", "2.5", "2.5 distilled")),
    # Before memory runs out: clips of a size for which it did are made without graphs.
    "graphs": Case(graphs={}),
    "memory runs out in text": Case({**SHORT, "prompt": "Fox."}, full="text"),
    "memory runs out in sampling": Case(SHORT, full="sampling"),
    "memory runs out in decoding": Case(SHORT, full="decoding"),
    "decoded in tiles": Case(
        {**SHORT, "num_frames": 9, "width": 256, "height": 256}, full="decoding", failures=2
    ),
    "stepped down": Case(
        SHORT, full="sampling", lasting=True, graphs={"num_inference_steps": 2, "num_frames": 9}
    ),
}
"""By name, in the order in which they are made; what moves the weights is last."""


def cases_of(family: Family) -> dict[str, Case]:
    """The cases that a family can make, by name. LTX-2.3 makes no HD: no LoRA of its authors' is
    known in its repo that would let the undistilled transformer follow the second stage."""
    return {name: case for name, case in CASES.items() if family in case.families}
