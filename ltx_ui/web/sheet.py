"""A contact sheet: cheap clips side by side, of several seeds or of several settings."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

from ltx_ui.errors import InvalidRecipe
from ltx_ui.recipe import MAX_SEED, MAX_TAKES, Recipe
from ltx_ui.request import Request, parse_recipe, request_data
from ltx_ui.web.language import t

MOST_TILES = 16
COUNTS = (4, 8, 12, 16)
"""How many seeds a sheet may have."""
FEW_STEPS = 10
"""Steps of a draft of full size and length. On the demo model the finished clip keeps the layout of
such a draft in 16 of 16 cases, and of one of 9 frames in 11 (docs/benchmarks.md)."""

CHEAP: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "steps": ("sheet.few_steps", {"num_inference_steps": FEW_STEPS}),
    "frames": ("sheet.few_frames", {"num_frames": 9, "num_inference_steps": 5}),
    "full": ("take.full", {}),
}
"""The ways to make a draft: what the page calls each, as a text of the catalogue, and what it sets
in the recipe."""

AXES: Mapping[str, str] = {
    "num_inference_steps": "field.steps",
    "guidance_scale": "field.guidance",
    "image_strength": "field.image_strength",
    "prompt": "field.prompt",
}
"""The settings that a grid may vary, and what the page calls them, as texts of the catalogue."""


@dataclass(frozen=True)
class Tile:
    """One place on a sheet.

    Attributes:
        take: id of the take that is there, or will be.
        label: what tells it from the others.
    """

    take: str
    label: str


@dataclass(frozen=True)
class Sheet:
    """The present sheet, as the browser keeps it.

    Attributes:
        jobs: ids of the jobs that make it.
        columns: 0 for as many as there is room for.
        full: what finishing a tile sets in its recipe again.
    """

    tiles: tuple[Tile, ...] = ()
    jobs: tuple[str, ...] = ()
    columns: int = 0
    full: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    @classmethod
    def read(cls, value: Any) -> Sheet:
        """What a browser sent; nothing in it is trusted."""
        given: Mapping[Any, Any] = value if isinstance(value, Mapping) else {}
        tiles = [Tile(*pair) for pair in _list(given.get("tiles")) if _is_pair(pair)]
        jobs = [job for job in _list(given.get("jobs")) if isinstance(job, str)]
        columns, full = given.get("columns"), given.get("full")
        return cls(
            tuple(tiles),
            tuple(jobs),
            columns if type(columns) is int and 0 <= columns <= MOST_TILES else 0,
            full if isinstance(full, Mapping) else {},
        )

    def as_kept(self) -> dict[str, Any]:
        """Plain data for the browser to keep."""
        tiles = [dataclasses.astuple(tile) for tile in self.tiles]
        return {
            "tiles": tiles,
            "jobs": list(self.jobs),
            "columns": self.columns,
            "full": dict(self.full),
        }

    def finished(self, recipe: Recipe) -> Recipe:
        """A tile's recipe with the steps and the length that the sheet did without.

        Raises:
            InvalidRecipe: what the browser kept of them is nothing that a recipe may have.
        """
        kept = {name: self.full[name] for name in _SPARED if name in self.full}
        made = parse_recipe(request_data(recipe) | kept | {"num_takes": 1})
        return made.model_copy(update={"typed": recipe.typed})


_SPARED = ("num_frames", "num_inference_steps")


def _list(value: Any) -> list[Any]:
    return value[:MOST_TILES] if isinstance(value, list) else []


def _is_pair(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 2 and all(isinstance(v, str) for v in value)


def cheap(recipe: Recipe, way: str) -> Recipe:
    """A recipe made cheaper in one of the ways of :data:`CHEAP`; never dearer than it was."""
    _, settings = CHEAP[way]
    less = {name: min(value, getattr(recipe, name)) for name, value in settings.items()}
    return recipe.model_copy(update=less)


def seed_jobs(recipe: Recipe, count: int) -> Iterator[Recipe]:
    """Recipes that make ``count`` takes in all: of the recipe's seed and those after it."""
    for first in range(0, count, MAX_TAKES):
        seed = (recipe.seed + first) % (MAX_SEED + 1)
        takes = min(MAX_TAKES, count - first)
        yield recipe.model_copy(update={"seed": seed, "num_takes": takes})


def axis_values(name: str, text: str) -> list[Any]:
    """The values on an axis, each once: prompts between ``|``, numbers between commas.

    Raises:
        InvalidRecipe: there are none, or too many.
    """
    parts = [part.strip() for part in text.split("|" if name == "prompt" else ",")]
    values = list(dict.fromkeys(part for part in parts if part))
    if not 1 <= len(values) <= MOST_TILES:
        sign = "|" if name == "prompt" else "commas"
        raise InvalidRecipe.because(
            name, f"{name}: needs 1 to {MOST_TILES} values in a grid, with {sign} between."
        )
    return values


def grid_jobs(
    recipe: Recipe, across: tuple[str, Sequence[Any]], down: tuple[str, Sequence[Any]] | None
) -> list[tuple[str, Recipe]]:
    """A label and a recipe for each cell, row by row.

    Args:
        across, down: the name of a setting and its values.

    Raises:
        InvalidRecipe: there are too many cells, or a value is not allowed.
    """
    rows: list[dict[str, Any]] = [{down[0]: value} for value in down[1]] if down else [{}]
    cells = [row | {across[0]: value} for row, value in product(rows, across[1])]
    if len(cells) > MOST_TILES:
        raise InvalidRecipe.because(
            across[0],
            f"{across[0]}: {len(cells)} clips are too many for a grid; {MOST_TILES} are the most.",
        )
    return [(_label(cell), _with(recipe, cell)) for cell in cells]


def _with(recipe: Recipe, cell: Mapping[str, Any]) -> Recipe:
    made = parse_recipe(request_data(recipe) | {"num_takes": 1, **cell})
    typed = recipe.typed if "prompt" not in cell else None
    return made.model_copy(update={"typed": typed})


def _label(cell: Mapping[str, Any]) -> str:
    return " · ".join(
        str(value) if name == "prompt" else t("sheet.setting", setting=t(AXES[name]), value=value)
        for name, value in cell.items()
    )


assert set(AXES) <= set(Request.model_fields)
