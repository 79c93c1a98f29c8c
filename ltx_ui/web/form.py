"""The values of the Create tab's fields, converted from and to recipes, presets and drafts."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, fields, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import gradio as gr

from ltx_ui.bundles import size_name
from ltx_ui.errors import InvalidRecipe
from ltx_ui.inputs import CENTRE, FOCUSES
from ltx_ui.presets import Presets
from ltx_ui.recipe import PromptFields, Recipe, Typed
from ltx_ui.request import Request, bounds, choices, request_data
from ltx_ui.web.cast import model_reads
from ltx_ui.web.described import (
    SIZE,
    Described,
    kept_field,
    one_of,
    read_digest,
    read_flag,
    read_focus,
    read_number,
    read_seed,
    read_size,
    read_text,
    read_whole,
)
from ltx_ui.web.followed import Followed, followed_asked, read_followed
from ltx_ui.web.given_sound import GivenSound, read_sound, sound_asked
from ltx_ui.web.keyframes import Keyframe, read_rows, rows_asked
from ltx_ui.web.loras import as_asked, read_chosen
from ltx_ui.words import squeeze, tidy_lines

if TYPE_CHECKING:
    from ltx_ui.engine.models import ModelCard


def _default(name: str) -> Any:
    return Request.model_fields[name].default


@dataclass(frozen=True)
class Form:
    """One value for each field of the page, with all that the page knows of it.

    ``preset`` is the id of the one chosen last; the default preset is put into an empty form by
    :meth:`initial`. ``size`` reads ``288x512``, or ``704x1280 hd`` for a clip in two stages. An
    unlocked ``seed`` is the one used last; the next clip draws another. ``image_start`` and
    ``image_end`` are digests of pictures that the studio has.
    """

    preset: str = kept_field("", read_text, "field.preset", "preset")
    prompt: str = kept_field("", read_text, "field.prompt", "prompt")
    camera: str = kept_field("", read_text, "field.camera", "camera")
    lighting: str = kept_field("", read_text, "field.lighting", "lighting")
    sound: str = kept_field("", read_text, "field.sound", "sound")
    speech: str = kept_field("", read_text, "field.speech", "speech")
    image_start: str | None = kept_field(None, read_digest, "field.first_frame", "reference-image")
    image_end: str | None = kept_field(None, read_digest, "field.last_frame", "end-image")
    image_start_focus: tuple[float, float] = kept_field(
        CENTRE, read_focus, "field.first_frame_part", "reference-image"
    )
    image_end_focus: tuple[float, float] = kept_field(
        CENTRE, read_focus, "field.last_frame_part", "end-image"
    )
    keyframes: tuple[Keyframe, ...] = kept_field(
        *((), read_rows, "field.keyframes", "keyframes"),
        rare=True,
        fills=lambda form, card: {"keyframes": [each.asked for each in form.keyframes]},
    )
    given_sound: tuple[GivenSound, ...] = kept_field(
        *((), read_sound, "heard.label", "given-sound"),
        asks=("audio", "audio_start", "audio_strength"),
        rare=True,
        fills=lambda form, card: form.given_sound[0].asked if form.given_sound else {},
    )
    image_strength: float = kept_field(
        *(_default("image_strength"), read_number, "field.image_strength", "image-strength"),
        of_preset=True,
    )
    size: str = kept_field(
        *("", read_size, "field.format", "format"),
        asks=("width", "height", "two_stage"),
        of_preset=True,
        fills=lambda form, card: size_fields(form.size),
    )
    num_frames: int = kept_field(0, read_whole, "field.length", "length", of_preset=True)
    num_inference_steps: int = kept_field(
        *(0, read_whole, "field.steps", "steps"),
        of_preset=True,
        fixed=lambda card: card.fixed_steps is not None,
    )
    guidance_scale: float = kept_field(
        *(0.0, read_number, "field.guidance", "guidance"),
        of_preset=True,
        fixed=lambda card: not card.takes_guidance,
    )
    num_takes: int = kept_field(
        *(_default("num_takes"), read_whole, "field.takes", "num-takes"),
        of_preset=True,
    )
    mode: str = kept_field(
        *(_default("mode"), one_of(*choices("mode")), "field.mode", "mode"),
        of_preset=True,
        offered=lambda card: card.has_high,
    )
    seed: int | None = kept_field(
        *(None, read_seed, "field.seed", "seed"),
        of_preset=True,
        fills=lambda form, card: {"seed": form.seed if form.seed_locked else None},
    )
    seed_locked: bool = kept_field(False, read_flag, "field.lock", "seed-lock", of_preset=True)
    include_audio: bool = kept_field(
        *(_default("include_audio"), read_flag, "field.sound_track", "include-audio"),
        of_preset=True,
        component=gr.Checkbox,
    )
    fps: int = kept_field(
        *(_default("fps"), one_of(*choices("fps")), "field.fps", "fps"),
        of_preset=True,
        choices=tuple((str(fps), fps) for fps in choices("fps")),
    )
    motion_speed: float = kept_field(
        *(_default("motion_speed"), read_number, "field.motion_speed", "motion-speed"),
        of_preset=True,
        rare=True,
        info="field.motion_speed_info",
        component=partial(gr.Slider, *bounds("motion_speed"), step=0.05),
    )
    loop: bool = kept_field(
        *(_default("loop"), read_flag, "field.loop", "loop"),
        of_preset=True,
        rare=True,
        info="field.loop_info",
        component=gr.Checkbox,
    )
    loudness: bool = kept_field(
        *(_default("loudness"), read_flag, "field.loudness", "loudness"),
        of_preset=True,
        rare=True,
        info="field.loudness_info",
        component=gr.Checkbox,
    )
    negative_prompt: str = kept_field(
        *(_default("negative_prompt"), read_text, "field.negative_prompt", "negative-prompt"),
        fixed=lambda card: not card.takes_guidance,
        info="field.negative_prompt_info",
        component=partial(gr.Textbox, lines=2),
    )
    authors_negative: bool = kept_field(
        *(False, read_flag, "field.authors_negative", "authors-negative"),
        offered=lambda card: bool(card.authors_negative_prompt),
        fills=lambda form, card: (
            {"negative_prompt": card.authors_negative_prompt}
            if card is not None and form.authors_negative
            else {}
        ),
        info="field.authors_negative_info",
        component=gr.Checkbox,
    )
    loras: tuple[tuple[str, float], ...] = kept_field(
        *((), read_chosen, "field.loras", "loras"),
        rare=True,
        fills=lambda form, card: {"loras": as_asked(form.loras)},
    )
    followed: tuple[Followed, ...] = kept_field(
        *((), read_followed, "follow.label", "followed"),
        asks=("control",),
        rare=True,
        fills=lambda form, card: form.followed[0].asked if form.followed else {},
    )
    noise: str = kept_field(
        *(_default("noise"), one_of(*choices("noise")), "field.noise", "noise"),
        choices=(("field.noise_frame", "frame"), ("field.noise_clip", "clip")),
    )

    @classmethod
    def initial(cls, presets: Presets) -> Form:
        """An empty form with the default preset."""
        return cls().with_preset(presets.default_preset, presets)

    @classmethod
    def first(cls, presets: Presets, *, demo: bool) -> Form:
        """The form of a first visit. With the demo model, which is used where there is no GPU, the
        first clip should keep nobody waiting."""
        form = cls.initial(presets)
        return form.with_preset(presets.quickest, presets) if demo else form

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
        for name in DESCRIBED.keys() & given.keys() - {"preset"}:
            with suppress(ValueError, OverflowError):
                kept[name] = DESCRIBED[name].read(given[name])
        return replace(form, **kept)

    @classmethod
    def from_recipe(cls, recipe: Recipe, presets: Presets) -> Form:
        """The form that makes this recipe again, its seed locked. The words are as they were typed;
        or the paragraph, where they are not known or no longer give it."""
        asked, typed = request_data(recipe), _typed(recipe, presets)
        own = tidy_lines(typed.negative_prompt or "")
        kept = {name: asked[name] for name in DESCRIBED.keys() & asked.keys()}
        kept |= {name: read_focus(kept[name]) for name in FOCUSES.values() if name in kept}
        kept["loras"] = read_chosen(asked.get("loras", ()))
        kept["given_sound"] = sound_asked(asked)
        kept["followed"] = followed_asked(asked)
        kept["keyframes"] = rows_asked(asked["keyframes"])
        form = replace(
            cls.initial(presets),
            **kept | asdict(typed),
            size=size_name(recipe.width, recipe.height, recipe.two_stage),
            seed_locked=True,
            authors_negative=own != tidy_lines(recipe.negative_prompt),
        )
        known = (each for each in presets.presets if not each.needs_reference)
        alike = (replace(form, preset=each.id) for each in known)
        return next((each for each in alike if not each.is_modified(presets)), form)

    def as_draft(self) -> dict[str, Any]:
        """Plain data for the browser to keep."""
        return asdict(self)

    @property
    def prompt_fields(self) -> PromptFields:
        """The prompt with its helper fields."""
        return PromptFields(self.prompt, self.camera, self.lighting, self.sound, self.speech)

    @property
    def typed(self) -> Typed:
        """All words in the form, for the recipe that is made of it."""
        return Typed(**asdict(self.prompt_fields), negative_prompt=self.negative_prompt)

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

    def recipe_data(self, presets: Presets, card: ModelCard | None = None) -> dict[str, Any]:
        """Fields of a request, not validated yet.

        Args:
            card: of the model that is loaded.

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
        shared = DESCRIBED.keys() & Request.model_fields.keys()
        data = {name: getattr(self, name) for name in shared} | {
            "prompt": model_reads(self.prompt_fields, presets)
        }
        for described in DESCRIBED.values():
            data |= described.fills(self, card)
        return data

    def made_with(self, card: ModelCard | None) -> Form:
        """The form without the choices that a model does not offer."""
        hidden = [] if card is None else [name for name in OFFERED if not OFFERED[name](card)]
        empty = Form()
        return replace(self, **{name: getattr(empty, name) for name in hidden})


def _typed(recipe: Recipe, presets: Presets) -> Typed:
    """What was typed, as it has to be typed now. Versions up to 0.2.0 made one line of prompts."""
    known, negative = recipe.typed or Typed(recipe.prompt), recipe.negative_prompt
    own = known.negative_prompt
    if own is not None and (squeeze(own) != negative or tidy_lines(own) == negative):
        negative = own
    for prompt in (known.prompt, squeeze(known.prompt)):
        typed = replace(known, prompt=prompt, negative_prompt=negative)
        if tidy_lines(model_reads(typed, presets)) == recipe.prompt:
            return typed
    return Typed(recipe.prompt, negative_prompt=negative)


DESCRIBED: Mapping[str, Described] = {each.name: each.metadata[Described] for each in fields(Form)}
"""The form's fields, in the order of the page."""

SETTING_FIELDS = tuple(name for name, known in DESCRIBED.items() if known.of_preset)
"""Names of the fields that a preset may set."""

FIXED = {name: known.fixed for name, known in DESCRIBED.items() if known.fixed is not None}
"""Whether a model leaves a field without effect, for the fields of which one does."""

OFFERED = {name: known.offered for name, known in DESCRIBED.items() if known.offered is not None}
"""Whether a model offers the choices that not every one has."""

ASKED: Mapping[str, Described] = {
    asked: known for name, known in DESCRIBED.items() for asked in known.asks or (name,)
}
"""The form's field that has to change for one of a request's."""


def preset_fields(preset_id: str, presets: Presets) -> dict[str, Any]:
    """The values of the fields that a preset sets. A preset with a seed locks it too."""
    settings = presets.preset_settings(preset_id)
    size = size_name(settings["width"], settings["height"], settings["two_stage"])
    locked = {"seed_locked": True} if "seed" in settings else {}
    known = {name: settings[name] for name in SETTING_FIELDS if name in settings}
    return known | {"size": size} | locked


def size_fields(size: str) -> dict[str, Any]:
    """What a named size sets in a request: ``width``, ``height``, ``two_stage``."""
    found = SIZE.fullmatch(size)
    assert found is not None  # read_size lets nothing else in.
    width, height, hd = found.groups()
    return {"width": int(width), "height": int(height), "two_stage": bool(hd)}
