"""A recipe in fewer words: a preset or a format by its name, a length in seconds.

For clients that know no frames and no grid. What they say becomes the fields of a request, which
:mod:`ltx_ui.request` then holds to its rules.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from pydantic_core import PydanticCustomError

from ltx_ui.errors import InvalidRecipe
from ltx_ui.geometry import TEMPORAL_COMPRESSION
from ltx_ui.presets import Presets, rounded_seconds
from ltx_ui.recipe import MAX_FRAMES, MIN_FRAMES
from ltx_ui.request import Request, choices
from ltx_ui.values import real, shown, whole

_SIZE = re.compile(r"(\d{1,5})\s*[x×]\s*(\d{1,5})")


def spelled_out(data: Mapping[str, Any], presets: Presets) -> dict[str, Any]:
    """A request's fields, from data in which short forms may stand as well: ``preset`` is a
    preset's id or name, ``size`` is as in ``1280x720`` or a format's name, and ``seconds`` becomes
    the nearest number of frames. A field that is there itself counts more than a short form, and
    those more than the preset.

    Raises:
        InvalidRecipe: there is no such preset or format, or no clip is so long.
    """
    rest = {
        name: value for name, value in data.items() if name not in ("preset", "size", "seconds")
    }
    fields: dict[str, Any] = {}
    if _said(preset := data.get("preset")):
        fields |= _settings(preset, presets)
    if _said(size := data.get("size")):
        fields |= _sides(size, presets)
    if _said(seconds := data.get("seconds")):
        fps = rest.get("fps") or fields.get("fps") or Request.model_fields["fps"].default
        fields["num_frames"] = _frames(seconds, fps)
    return fields | rest


def _said(value: Any) -> bool:
    return value is not None and value != ""


def _settings(asked: Any, presets: Presets) -> dict[str, Any]:
    names = {each.id: (each.id, each.name, each.short_name) for each in presets.presets}
    found = [preset for preset, known in names.items() if _is_one_of(asked, known)]
    if not found:
        raise InvalidRecipe.because(
            "preset", f"preset: is {shown(asked)}; there are {', '.join(names)}."
        )
    return presets.preset_settings(found[0])


def _sides(asked: Any, presets: Presets) -> dict[str, Any]:
    if isinstance(asked, str) and (size := _SIZE.fullmatch(asked.strip())):
        return {"width": int(size[1]), "height": int(size[2])}
    for known in presets.formats:
        if _is_one_of(asked, (known.name, known.label)):
            return known.settings
    formats = ", ".join(known.name for known in presets.formats)
    raise InvalidRecipe.because(
        "size",
        f"size: is {shown(asked)}; allowed are WIDTHxHEIGHT in pixels, as in 768x432, and the "
        f"formats {formats}.",
    )


def _frames(seconds: Any, fps: Any) -> int:
    """The frames of a clip that is about so long."""
    try:
        rate = whole(fps)
    except PydanticCustomError:
        rate = 0
    if rate not in choices("fps"):
        return MIN_FRAMES  # The request says what is wrong with it.
    try:
        asked = real(seconds) * rate
    except PydanticCustomError:
        asked = 0.0
    frames = round((asked - 1) / TEMPORAL_COMPRESSION) * TEMPORAL_COMPRESSION + 1
    if asked <= 0 or frames > MAX_FRAMES:
        raise InvalidRecipe.because(
            "seconds",
            f"seconds: is {shown(seconds)}; allowed at {rate} frames a second are "
            f"{rounded_seconds(MIN_FRAMES, rate)} to {rounded_seconds(MAX_FRAMES, rate)}.",
        )
    return max(frames, MIN_FRAMES)


def _is_one_of(asked: Any, names: Iterable[str]) -> bool:
    """Whether somebody's word is one of these, upper or lower case."""
    return isinstance(asked, str) and asked.strip().casefold() in {n.casefold() for n in names}
