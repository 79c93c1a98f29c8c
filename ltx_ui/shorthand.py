"""A recipe in fewer words: a preset or a format by its name, a length in seconds.

For clients that know no frames and no grid. What they say becomes the fields of a request, which
:mod:`ltx_ui.request` then holds to its rules.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from pydantic_core import PydanticCustomError

from ltx_ui.errors import InvalidRecipe
from ltx_ui.geometry import TEMPORAL_COMPRESSION
from ltx_ui.presets import Format, Preset, Presets
from ltx_ui.recipe import MAX_FRAMES, MIN_FRAMES
from ltx_ui.request import Request, choices
from ltx_ui.values import real, shown, whole

T = TypeVar("T")

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
        fields |= presets.preset_settings(_preset(preset, presets).id)
    if _said(size := data.get("size")):
        fields |= _sides(size, presets)
    if _said(seconds := data.get("seconds")):
        fps = rest.get("fps") or fields.get("fps") or Request.model_fields["fps"].default
        fields["num_frames"] = frames_of(seconds, fps)
    return fields | rest


def named(
    asked: Any,
    among: Sequence[T],
    names: Callable[[T], tuple[str, ...]],
    unknown: Callable[[str], Exception],
) -> T:
    """The one that has a name, in any case, or the only one that has a name that begins so.

    Args:
        names: those that one of them goes by; the first is told where none is meant.
        unknown: the error that is raised then, of those that may have been meant.
    """
    word = asked.strip().casefold() if isinstance(asked, str) else ""
    known = [(each, [name.casefold() for name in names(each) if name]) for each in among]
    exact = [each for each, those in known if word in those]
    begins = [each for each, those in known if any(name.startswith(word) for name in those)]
    found = exact or (begins if word else [])
    if len(found) == 1:
        return found[0]
    raise unknown(", ".join(names(each)[0] for each in found or among))


def preset_names(preset: Preset) -> tuple[str, ...]:
    """What a preset goes by."""
    return preset.id, preset.short, preset.name


def format_names(known: Format) -> tuple[str, ...]:
    """What a format goes by."""
    return f"{known.width}x{known.height}", known.name, known.label


def frames_of(seconds: Any, fps: Any) -> int:
    """The nearest number of frames to so many seconds. Any at all where the frames a second are
    not among those that a recipe has, which its own rules say better.

    Raises:
        InvalidRecipe: no clip is so long.
    """
    try:
        rate = whole(fps)
    except PydanticCustomError:
        rate = 0
    if rate not in choices("fps"):
        return MIN_FRAMES
    try:
        asked = real(seconds) * rate
    except PydanticCustomError:
        asked = 0.0
    frames = round((asked - 1) / TEMPORAL_COMPRESSION) * TEMPORAL_COMPRESSION + 1
    if asked <= 0 or frames > MAX_FRAMES:
        raise InvalidRecipe.because(
            "seconds",
            f"seconds: is {shown(seconds)}; allowed are {MIN_FRAMES / rate:.2f} to "
            f"{MAX_FRAMES / rate:.2f} at {rate} frames a second.",
        )
    return max(frames, MIN_FRAMES)


def _said(value: Any) -> bool:
    return value is not None and value != ""


def _preset(asked: Any, presets: Presets) -> Preset:
    def unknown(listed: str) -> InvalidRecipe:
        return InvalidRecipe.because("preset", f"preset: is {shown(asked)}, none of: {listed}.")

    return named(asked, presets.presets, preset_names, unknown)


def _sides(asked: Any, presets: Presets) -> dict[str, Any]:
    if isinstance(asked, str) and (size := _SIZE.fullmatch(asked.strip())):
        return {"width": int(size[1]), "height": int(size[2])}

    def unknown(listed: str) -> InvalidRecipe:
        formats = ", ".join(known.name for known in presets.formats)
        return InvalidRecipe.because(
            "size",
            f"size: is {shown(asked)}; allowed are any size in pixels, as in 768x432, and the "
            f"formats {formats}.",
        )

    return named(asked, presets.formats, format_names, unknown).settings
