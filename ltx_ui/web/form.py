"""What stands in the fields of the Create tab, and its ways to a recipe, a preset, and a draft."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

from ltx_ui.errors import InvalidRecipe
from ltx_ui.presets import Presets
from ltx_ui.prompting import PromptFields, compile_prompt
from ltx_ui.recipe import Recipe


@dataclass(frozen=True)
class Form:
    """One value a field, in the order in which the page passes them.

    ``preset`` is the id of the one chosen last. ``size`` reads ``288x512``, or ``704x1280 hd`` for
    a clip in two stages. An unlocked ``seed`` is the one used last; the next clip draws another.
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
        )
        return blank.with_preset(presets.default_preset, presets)

    @classmethod
    def from_values(cls, values: tuple[Any, ...]) -> Form:
        """The form as the page sends it; an emptied text field arrives as ``None``."""
        named = dict(zip((field.name for field in fields(cls)), values, strict=True))
        texts = ("prompt", "camera", "lighting", "sound", "speech", "negative_prompt")
        named |= {name: named[name] or "" for name in texts}
        named["num_inference_steps"] = int(named["num_inference_steps"])
        named["num_takes"] = int(named["num_takes"] or 1)
        return cls(**named)

    @classmethod
    def from_recipe(cls, recipe: Recipe, presets: Presets) -> Form:
        """The form that makes this recipe again: its paragraph as the prompt, its seed locked."""
        return replace(
            cls.initial(presets),
            prompt=recipe.prompt,
            size=_size(recipe.width, recipe.height, recipe.two_stage),
            num_frames=recipe.num_frames,
            fps=recipe.fps,
            num_inference_steps=recipe.num_inference_steps,
            guidance_scale=recipe.guidance_scale,
            seed=recipe.seed,
            seed_locked=True,
            image_strength=recipe.image_strength,
            include_audio=recipe.include_audio,
            mode=recipe.mode,
            num_takes=recipe.num_takes,
            negative_prompt=recipe.negative_prompt,
        )

    @classmethod
    def from_draft(cls, draft: Any, presets: Presets) -> Form:
        """The form a browser kept. It may be years old or tampered with: what does not fit is left
        out."""
        form = cls.initial(presets)
        if not isinstance(draft, Mapping):
            return form
        kept = {
            name: draft[name]
            for name, value in asdict(form).items()
            if name in draft and _fits(draft[name], value)
        }
        form = replace(form, **kept)
        known = {preset.id for preset in presets.presets}
        return form if form.preset in known else cls.initial(presets)

    def as_draft(self) -> dict[str, Any]:
        """Plain data for the browser to keep."""
        return asdict(self)

    def values(self) -> list[Any]:
        """One value a field, in order."""
        return list(asdict(self).values())

    @property
    def prompt_fields(self) -> PromptFields:
        """The prompt with its helper fields."""
        return PromptFields(self.prompt, self.camera, self.lighting, self.sound, self.speech)

    def with_preset(self, preset_id: str, presets: Presets) -> Form:
        """The preset's settings in their fields."""
        return replace(self, preset=preset_id, **preset_fields(preset_id, presets))

    def is_modified(self, presets: Presets) -> bool:
        """Whether the fields no longer are what the preset says."""
        return self.with_preset(self.preset, presets) != self

    def recipe_data(
        self, presets: Presets, image_start: Path | None, image_end: Path | None
    ) -> dict[str, Any]:
        """Fields of a Recipe, not validated yet.

        Raises:
            InvalidRecipe: a preset that lives from a reference image has none.
        """
        preset = presets.preset(self.preset)
        if preset.needs_reference and image_start is None:
            raise InvalidRecipe.because(
                "image_start",
                f"image_start: is missing. {preset.name} keeps a face the same, so it needs a "
                "picture of it. Add one, or choose another preset.",
            )
        width, _, rest = self.size.partition("x")
        height, _, hd = rest.partition(" ")
        return {
            "prompt": compile_prompt(self.prompt_fields, presets),
            "negative_prompt": self.negative_prompt,
            "width": int(width),
            "height": int(height),
            "num_frames": self.num_frames,
            "fps": self.fps,
            "num_inference_steps": self.num_inference_steps,
            "guidance_scale": self.guidance_scale,
            "seed": self.seed if self.seed_locked else None,
            "image_strength": self.image_strength,
            "include_audio": self.include_audio,
            "two_stage": bool(hd),
            "mode": self.mode,
            "num_takes": self.num_takes,
            "image_start": _as_base64(image_start),
            "image_end": _as_base64(image_end),
        }


_NAMES = [field.name for field in fields(Form)]
SETTING_FIELDS = range(_NAMES.index("size"), _NAMES.index("negative_prompt"))
"""Places of the fields that a preset sets."""

SEED_FIELD = _NAMES.index("seed")
"""Place of the seed."""


def preset_choices(form: Form, presets: Presets) -> list[tuple[str, str]]:
    """Names and ids; the form's own preset says so when the fields have left it."""
    changed = form.preset if form.is_modified(presets) else None
    return [(f"{p.name} (modified)" if p.id == changed else p.name, p.id) for p in presets.presets]


def preset_fields(preset_id: str, presets: Presets) -> dict[str, Any]:
    """The fields that a preset sets, with their values; one that fixes the seed also locks it."""
    settings = presets.preset_settings(preset_id)
    size = _size(settings["width"], settings["height"], settings["two_stage"])
    locked = {"seed_locked": True} if "seed" in settings else {}
    return {name: settings[name] for name in _NAMES if name in settings} | {"size": size} | locked


def size_choices(
    form: Form, presets: Presets, *, has_upsampler: bool = False
) -> list[tuple[str, str]]:
    """Formats that a model offers by name, and the sizes of the presets and of the form that none
    of them has."""
    formats = presets.formats_for(has_upsampler=has_upsampler)
    labels = {_size(f.width, f.height, f.hd): f.label for f in formats}
    for size in [*_of_presets("size", presets), form.size]:
        labels.setdefault(size, f"Own size {size}")
    return [(label, size) for size, label in labels.items()]


def length_choices(form: Form, presets: Presets) -> list[tuple[str, int]]:
    """Lengths with their seconds at the form's fps, and those of the presets and of the form that
    are none of them."""
    labels = {length.num_frames: length.label(form.fps) for length in presets.lengths}
    for frames in [*_of_presets("num_frames", presets), form.num_frames]:
        labels.setdefault(frames, f"{frames} frames · {frames / form.fps:.2f} s")
    return [(label, frames) for frames, label in labels.items()]


def _of_presets(field: str, presets: Presets) -> list[Any]:
    return [preset_fields(preset.id, presets)[field] for preset in presets.presets]


def _size(width: int, height: int, two_stage: bool) -> str:
    return f"{width}x{height}{' hd' if two_stage else ''}"


def _fits(kept: Any, initial: Any) -> bool:
    """Whether a kept value is of the kind its field holds; the seed is the one that may be none."""
    if initial is None:
        return kept is None or type(kept) is int
    numbers = (int, float)
    if type(initial) in numbers:
        return type(kept) in numbers
    return type(kept) is type(initial)


def _as_base64(image: Path | None) -> str | None:
    return None if image is None else base64.b64encode(image.read_bytes()).decode()
