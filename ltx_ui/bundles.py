"""Bundles of settings as data, held against the rules of the request that they become part of."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import AfterValidator

from ltx_ui.errors import InvalidRecipe
from ltx_ui.inputs import AUDIO, FIELDS, FILMS, FOCUSES
from ltx_ui.request import Request, parse_request
from ltx_ui.sound_length import FIT

_HEARD = (AUDIO, "audio_strength", "audio_start", FIT)
_OWN = ("prompt", "model", "noise", "keyframes", "loras", *_HEARD, *FILMS)
PER_CLIP = frozenset({*_OWN, *FIELDS.values(), *FOCUSES.values()})
"""Fields that belong to one clip and can't be part of a bundle."""

SETTINGS = frozenset(Request.model_fields) - PER_CLIP - {"seed", "negative_prompt", "num_takes"}
"""Fields that a bundle always decides about: what it is silent about has its default."""

_SIZE = frozenset({"width", "height", "two_stage"})


def size_name(width: int, height: int, two_stage: bool) -> str:
    """A size as the page's form has it: ``288x512``, or ``704x1280 hd`` in two stages."""
    return f"{width}x{height}{' hd' if two_stage else ''}"


def form_fields(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Settings by the names of the page's form, which has one field for the size."""
    rest = {name: value for name, value in settings.items() if name not in _SIZE}
    if "width" not in settings:
        return rest
    two_stage = settings.get("two_stage", False)
    return rest | {"size": size_name(settings["width"], settings["height"], two_stage)}


def keep_request_rules(fields: Mapping[str, Any]) -> dict[str, Any]:
    """The values as a request takes them; a seed of -1, which says nothing, is left out.

    Raises:
        ValueError: the request would be refused.
    """
    try:
        request = parse_request({"prompt": "a clip", **fields})
    except InvalidRecipe as error:
        raise ValueError(str(error)) from None
    return {name: getattr(request, name) for name in fields if name in request.model_fields_set}


def _bundle(fields: dict[str, Any]) -> dict[str, Any]:
    for name in sorted(PER_CLIP & fields.keys()):
        raise ValueError(f"{name} belongs to one clip and can't be among ready settings")
    return keep_request_rules(fields)


def _bundle_with_lock(fields: dict[str, Any]) -> dict[str, Any]:
    rest = {name: value for name, value in fields.items() if name != "seed_locked"}
    locked = fields.get("seed_locked", False)
    if not isinstance(locked, bool):
        raise ValueError("seed_locked must be true or false")
    size = fields.keys() & _SIZE
    if size and not size >= {"width", "height"}:
        raise ValueError("width and height belong together, and two_stage to both")
    return _bundle(rest) | ({"seed_locked": locked} if "seed_locked" in fields else {})


Bundle = Annotated[dict[str, Any], AfterValidator(_bundle)]
"""Settings by the names of a request's fields."""

Applied = Annotated[dict[str, Any], AfterValidator(_bundle_with_lock)]
"""A bundle that may also lock the seed that the form has, or let it go: ``seed_locked``."""
