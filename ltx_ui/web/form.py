"""The values of the Create tab's fields, converted from and to recipes, presets and drafts."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from ltx_ui.errors import InvalidRecipe
from ltx_ui.pictures import is_digest
from ltx_ui.presets import Presets
from ltx_ui.prompting import PromptFields, compile_prompt
from ltx_ui.recipe import FPS_CHOICES, MAX_PROMPT, Recipe

_LONGEST_TEXT = 5 * MAX_PROMPT
"""Characters of a text that are read: enough for the error that says how many are too many."""

_SIZE = re.compile(r"(\d{1,5})x(\d{1,5})( hd)?", re.ASCII)


@dataclass(frozen=True)
class Form:
    """One value for each field of the page.

    ``preset`` is the id of the one chosen last. ``size`` reads ``288x512``, or ``704x1280 hd`` for
    a clip in two stages. An unlocked ``seed`` is the one used last; the next clip draws another.
    ``image_start`` and ``image_end`` are digests of pictures that the studio has.
    """

    preset: str
    prompt: str
    camera: str
    lighting: str
    sound: str
    speech: str
    size: str
    num_frames: int
    fps: int
    num_inference_steps: int
    guidance_scale: float
    seed: int | None
    seed_locked: bool
    image_strength: float
    include_audio: bool
    mode: str
    num_takes: int
    negative_prompt: str
    image_start: str | None
    image_end: str | None

    @classmethod
    def initial(cls, presets: Presets) -> Form:
        """An empty form with the default preset."""
        blank = cls(
            preset=presets.default_preset,
            prompt="",
            camera="",
            lighting="",
            sound="",
            speech="",
            size="",
            num_frames=0,
            fps=Recipe.model_fields["fps"].default,
            num_inference_steps=0,
            guidance_scale=0.0,
            seed=None,
            seed_locked=False,
            image_strength=1.0,
            include_audio=True,
            mode="standard",
            num_takes=1,
            negative_prompt=Recipe.model_fields["negative_prompt"].default,
            image_start=None,
            image_end=None,
        )
        return blank.with_preset(presets.default_preset, presets)

    @classmethod
    def read(cls, values: Any, presets: Presets) -> Form:
        """The form as a browser sends it or has kept it, by the fields' names.

        Nothing in it is trusted: it may be years old, tampered with, or the answer of a field that
        was emptied. A value of another kind than its field's is replaced by the preset's value, or
        by the initial one.
        """
        given: Mapping[Any, Any] = values if isinstance(values, Mapping) else {}
        form, preset = cls.initial(presets), given.get("preset")
        if isinstance(preset, str) and preset in {known.id for known in presets.presets}:
            form = form.with_preset(preset, presets)
            # A preset may fix a seed, but what was sent decides whether there is one.
            form = replace(form, seed=None, seed_locked=False)
        kept: dict[str, Any] = {}
        for name in _KINDS.keys() & given.keys():
            with suppress(ValueError, OverflowError):
                kept[name] = _KINDS[name](given[name])
        return replace(form, **kept)

    @classmethod
    def from_recipe(cls, recipe: Recipe, presets: Presets) -> Form:
        """The form that makes this recipe again: its paragraph as the prompt, its seed locked."""
        shared = {field.name for field in fields(cls)} & set(Recipe.model_fields)
        return replace(
            cls.initial(presets),
            **{name: getattr(recipe, name) for name in shared},
            size=_size(recipe.width, recipe.height, recipe.two_stage),
            seed_locked=True,
        )

    def as_draft(self) -> dict[str, Any]:
        """Plain data for the browser to keep."""
        return asdict(self)

    @property
    def prompt_fields(self) -> PromptFields:
        """The prompt with its helper fields."""
        return PromptFields(self.prompt, self.camera, self.lighting, self.sound, self.speech)

    @property
    def has_picture(self) -> bool:
        """Whether the clip starts from a picture or ends in one."""
        return self.image_start is not None or self.image_end is not None

    def with_preset(self, preset_id: str, presets: Presets) -> Form:
        """The preset's settings in their fields."""
        return replace(self, preset=preset_id, **preset_fields(preset_id, presets))

    def is_modified(self, presets: Presets) -> bool:
        """Whether any field differs from the preset's settings."""
        return self.with_preset(self.preset, presets) != self

    def recipe_data(self, presets: Presets) -> dict[str, Any]:
        """Fields of a Recipe, not validated yet.

        Raises:
            InvalidRecipe: the preset needs a first frame, and there is none.
        """
        preset = presets.preset(self.preset)
        if preset.needs_reference and self.image_start is None:
            raise InvalidRecipe.because(
                "image_start",
                f"image_start: is missing. {preset.name} keeps a face the same, so it needs a "
                "picture of it. Add one, or choose another preset.",
            )
        width, height, hd = _size_parts(self.size)
        shared = {field.name for field in fields(self)} & set(Recipe.model_fields)
        return {name: getattr(self, name) for name in shared} | {
            "prompt": compile_prompt(self.prompt_fields, presets),
            "width": width,
            "height": height,
            "two_stage": hd,
            "seed": self.seed if self.seed_locked else None,
        }


SETTING_FIELDS = (
    *("size", "num_frames", "fps", "num_inference_steps", "guidance_scale"),
    *("seed", "seed_locked", "image_strength", "include_audio", "mode", "num_takes"),
)
"""Names of the fields that a preset may set."""


def preset_choices(form: Form, presets: Presets) -> list[tuple[str, str]]:
    """Name and id of every preset; the form's own is marked if its settings were modified."""
    changed = form.preset if form.is_modified(presets) else None
    return [(f"{p.name} (modified)" if p.id == changed else p.name, p.id) for p in presets.presets]


def preset_fields(preset_id: str, presets: Presets) -> dict[str, Any]:
    """The values of the fields that a preset sets. A preset with a seed locks it too."""
    settings = presets.preset_settings(preset_id)
    size = _size(settings["width"], settings["height"], settings["two_stage"])
    locked = {"seed_locked": True} if "seed" in settings else {}
    known = {name: settings[name] for name in SETTING_FIELDS if name in settings}
    return known | {"size": size} | locked


def size_choices(
    form: Form, presets: Presets, *, has_upsampler: bool = False
) -> list[tuple[str, str]]:
    """Label and value of every size to choose from: the model's formats, then the sizes that only a
    preset or the form has."""
    formats = presets.formats_for(has_upsampler=has_upsampler)
    labels = {_size(f.width, f.height, f.hd): f.label for f in formats}
    for size in [*_of_presets("size", presets), form.size]:
        labels.setdefault(size, f"Own size {size}")
    return [(label, size) for size, label in labels.items()]


def length_choices(form: Form, presets: Presets) -> list[tuple[str, int]]:
    """Label and value of every length to choose from, with its seconds at the form's fps; lengths
    that only a preset or the form has come last."""
    labels = {length.num_frames: length.label(form.fps) for length in presets.lengths}
    for frames in [*_of_presets("num_frames", presets), form.num_frames]:
        labels.setdefault(frames, f"{frames} frames · {frames / form.fps:.2f} s")
    return [(label, frames) for frames, label in labels.items()]


def _of_presets(field: str, presets: Presets) -> list[Any]:
    return [preset_fields(preset.id, presets)[field] for preset in presets.presets]


def _size(width: int, height: int, two_stage: bool) -> str:
    return f"{width}x{height}{' hd' if two_stage else ''}"


def _size_parts(size: str) -> tuple[int, int, bool]:
    """Width and height in pixels, and whether the clip is made in two stages."""
    width, height, hd = _SIZE.fullmatch(size).groups()  # type: ignore[union-attr]
    return int(width), int(height), bool(hd)


def _text(value: Any) -> str:
    if value is not None and not isinstance(value, str):
        raise ValueError
    return (value or "")[:_LONGEST_TEXT]


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError
    return value


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError
    return value


def _whole(value: Any) -> int:
    if _number(value) != int(value):
        raise ValueError
    return int(value)


def _seed(value: Any) -> int | None:
    return None if value is None else _whole(value)


def _digest(value: Any) -> str | None:
    if value is not None and not (isinstance(value, str) and is_digest(value)):
        raise ValueError
    return value


def _size_name(value: Any) -> str:
    if not _SIZE.fullmatch(_text(value)):
        raise ValueError
    return str(value)


def _one_of(*allowed: Any) -> Callable[[Any], Any]:
    def read(value: Any) -> Any:
        return allowed[allowed.index(value)]

    return read


_KINDS: dict[str, Callable[[Any], Any]] = {
    "prompt": _text,
    "camera": _text,
    "lighting": _text,
    "sound": _text,
    "speech": _text,
    "size": _size_name,
    "num_frames": _whole,
    "fps": _one_of(*FPS_CHOICES),
    "num_inference_steps": _whole,
    "guidance_scale": _number,
    "seed": _seed,
    "seed_locked": _flag,
    "image_strength": _number,
    "include_audio": _flag,
    "mode": _one_of("standard", "high"),
    "num_takes": _whole,
    "negative_prompt": _text,
    "image_start": _digest,
    "image_end": _digest,
}
"""A reader for each field but ``preset``; it raises ``ValueError`` for what that can't hold."""
