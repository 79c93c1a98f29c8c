"""What the page offers to choose from: presets, formats, lengths and numbers of takes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import gcd
from typing import Any

from ltx_ui.geometry import TEMPORAL_COMPRESSION
from ltx_ui.presets import Format, Presets, rounded_seconds
from ltx_ui.recipe import MAX_FRAMES, MAX_TAKES, MIN_FRAMES
from ltx_ui.web.form import Form, preset_fields, size_fields
from ltx_ui.web.language import duration, number, said, seconds, t

Choice = dict[str, Any]
"""A choice as the page shows it: its ``value``; ``label`` and ``small`` stand on it, ``note`` below
it once it is chosen; ``shape`` is the aspect ratio of the little picture on it."""

_TAKES = (1, 2, 4, MAX_TAKES)


def preset_choices(
    form: Form, presets: Presets, takes: Mapping[str, float | None] | None = None
) -> list[Choice]:
    """Every preset.

    Args:
        takes: seconds that a clip of each takes here, by the preset's id, as far as known.
    """
    changed = form.preset if form.is_modified(presets) else None
    known = {id: duration(found) for id, found in (takes or {}).items() if found}
    return [
        {
            "value": preset.id,
            "label": said(preset.short_name),
            "small": t("preset.changed") if preset.id == changed else known.get(preset.id, ""),
            "note": t("preset.note", preset=said(preset.name), note=said(preset.note)),
        }
        for preset in presets.presets
    ]


def size_choices(form: Form, presets: Presets, *, has_upsampler: bool = False) -> list[Choice]:
    """The formats that a model offers, then the sizes that only a preset or the form has."""
    found: dict[str, Choice] = {
        each.size_name: _format(each) for each in presets.formats_for(has_upsampler=has_upsampler)
    }
    for size in [*_of_presets("size", presets), form.size]:
        found.setdefault(size, _own_size(size))
    return [{"value": size, **choice} for size, choice in found.items()]


def _format(found: Format) -> Choice:
    return {
        "label": "HD" if found.hd else found.aspect.split()[0],
        "small": f"{found.width}×{found.height}",
        "shape": f"{found.width}/{found.height}",
        "note": t(
            "size.note",
            format=f"{said(found.name)} {found.width}×{found.height}",
            note=said(found.use or found.note),
        ),
    }


def _own_size(size: str) -> Choice:
    fields = size_fields(size)
    width, height = fields["width"], fields["height"]
    part = gcd(width, height) or 1
    ratio = f"{width // part}:{height // part}"
    return {
        "label": ratio if len(ratio) < 7 else t("size.own"),
        "small": f"{width}×{height}",
        "shape": f"{width}/{height or 1}",
        "note": t("size.own_note", size=size),
    }


def length_choices(form: Form, presets: Presets) -> list[Choice]:
    """The lengths of presets.json, in seconds at the form's fps."""
    notes = {length.num_frames: length.note for length in presets.lengths}
    return [_length(frames, form.fps, note) for frames, note in notes.items()]


def other_lengths(form: Form, presets: Presets) -> list[Choice]:
    """Every other length that a clip may have, and the form's own whatever it is."""
    usual = {length.num_frames for length in presets.lengths}
    valid = {*range(MIN_FRAMES, MAX_FRAMES + 1, TEMPORAL_COMPRESSION), form.num_frames}
    return [_length(frames, form.fps) for frames in sorted(valid - usual)]


def _length(frames: int, fps: int, note: str = "") -> Choice:
    words = t("length.words", count=frames, time=seconds(frames / fps, 2))
    return {
        "value": frames,
        "label": number(rounded_seconds(frames, fps)),
        "long": words,
        "note": t("length.note", words=words, note=said(note)) if note else words,
    }


def take_choices(form: Form, presets: Presets) -> list[Choice]:
    """Numbers of takes, with those that only a preset or the form has."""
    own = [taken["num_takes"] for taken in _all_fields(presets) if "num_takes" in taken]
    return [
        {"value": takes, "label": str(takes)} for takes in sorted({*_TAKES, *own, form.num_takes})
    ]


def _of_presets(field: str, presets: Presets) -> Iterable[Any]:
    return [fields[field] for fields in _all_fields(presets)]


def _all_fields(presets: Presets) -> list[dict[str, Any]]:
    return [preset_fields(preset.id, presets) for preset in presets.presets]
