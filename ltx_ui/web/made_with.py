"""Which takes were made with a preset: a recipe doesn't tell, its settings do."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ltx_ui.bundles import SETTINGS
from ltx_ui.engine.models import CARDS
from ltx_ui.presets import Presets
from ltx_ui.studio.sought import Kind, Made
from ltx_ui.studio.takes import read_settings
from ltx_ui.web.form import FIXED

OWN = "own"
"""What is chosen where none of the presets is meant; no preset has such an id, or it hides it."""


def made_with(presets: Presets, kinds: Sequence[Kind]) -> dict[str, Made]:
    """What takes made with each preset have, by the preset's id.

    A take belongs to a preset where all that the preset decides about is as it is now in
    ``presets.json``, and to several that differ in nothing; what a model leaves without effect
    counts for none.

    Args:
        kinds: the takes there are.
    """
    return {each.id: _made(presets, each.id, kinds) for each in presets.presets}


def chosen(preset: str, made: Mapping[str, Made]) -> dict[str, Any]:
    """What a choice means to :class:`~ltx_ui.studio.sought.Sought`, by its attributes."""
    if not preset:
        return {}
    return {
        "bundles": tuple(made.values()) if preset == OWN else (made[preset],),
        "otherwise": preset == OWN,
    }


def apart(made: Mapping[str, Made], kinds: Iterable[Kind]) -> list[str]:
    """What can be chosen from: presets that takes may have been made with, and own settings."""
    there = {(kind.model, kind.settings) for kind in kinds}
    sure = (each.settings for each in made.values() if each.seed is None and not each.with_picture)
    own = [OWN] if there - frozenset().union(*sure) else []
    return [*(name for name, each in made.items() if each.settings), *own]


def _made(presets: Presets, preset_id: str, kinds: Iterable[Kind]) -> Made:
    wanted = presets.preset_settings(preset_id)
    return Made(
        frozenset((kind.model, kind.settings) for kind in kinds if _fits(kind, wanted)),
        wanted.get("seed"),
        presets.preset(preset_id).needs_reference,
    )


def _fits(kind: Kind, wanted: Mapping[str, Any]) -> bool:
    made, card = read_settings(kind.settings), CARDS.get(kind.model)
    # How much a picture counts says nothing where there is none.
    strength = wanted["image_strength"] if made.get("strength") is None else made["strength"]
    told = made | {"image_strength": strength}
    counts = (name for name in SETTINGS if not (card and name in FIXED and FIXED[name](card)))
    return bool(made) and all(told.get(name) == wanted[name] for name in counts)
