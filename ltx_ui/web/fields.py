"""The components of the Create tab's fields; their behaviour is in ``recipe_form``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import gradio as gr
from gradio.components import Component

from ltx_ui.inputs import FIELDS, FOCUSES
from ltx_ui.presets import Presets
from ltx_ui.recipe import MAX_PROMPT
from ltx_ui.request import bounds, choices
from ltx_ui.studio.guard import Limits
from ltx_ui.web import limited
from ltx_ui.web.casting import lay_out_cast
from ltx_ui.web.choices import (
    length_choices,
    other_lengths,
    preset_choices,
    size_choices,
    take_choices,
)
from ltx_ui.web.followed import lay_out_followed
from ltx_ui.web.form import DESCRIBED, Form
from ltx_ui.web.given_sound import lay_out_sound
from ltx_ui.web.helpers import lay_out_helper
from ltx_ui.web.keyframes import lay_out_keyframes, length_of
from ltx_ui.web.language import t
from ltx_ui.web.loras import lay_out_loras
from ltx_ui.web.pictures import lay_out_picture, picture_digest, picture_focus
from ltx_ui.web.segments import lay_out_segments, offer
from ltx_ui.web.templating import render
from ltx_ui.web.views import quality_note
from ltx_ui.web.wiring import Updates, Values, disclosure, panel

PICTURES = tuple(FIELDS.values())

TIMED = ("keyframes", "given_sound")
"""Fields that show how long the clip is."""

HINTS = {
    "camera": "helper.camera_hint",
    "lighting": "helper.lighting_hint",
    "sound": "helper.sound_hint",
    "speech": "helper.speech_hint",
}
"""The helper fields, each with what stands in its empty picker, as a text of the catalogue."""

MODES = {"standard": "field.mode_standard", "high": "field.mode_high"}
"""What the page calls the modes of a recipe, as texts of the catalogue."""


@dataclass(frozen=True)
class Fields:
    """The components that hold a :class:`Form`, and those that are shown among them.

    Attributes:
        of_form: the component of each of the form's fields, by the field's name.
        cast: offers characters; its event ``bring`` says who was named, ``paused`` that somebody
            paused after typing into a text field.
        history: offers earlier prompts.
        enhance: suggests the prompt in more words; its event ``use`` says that one is taken.
        file: takes a file that tells a recipe; its event ``told`` says what.
        summary: shows on a phone what is chosen, instead of the fields.
        compiled: shows what the model reads, and how much of it.
    """

    of_form: dict[str, Any]
    dice: gr.Button
    cast: gr.HTML
    history: gr.HTML
    file: gr.HTML
    enhance: gr.HTML
    summary: gr.HTML
    compiled: gr.HTML
    advice: gr.HTML
    platform: gr.HTML
    quality: gr.HTML

    def __getitem__(self, name: str) -> Any:
        """The component of a form's field."""
        return self.of_form[name]

    @property
    def all(self) -> set[Component]:
        """The inputs that an event needs for :meth:`read`."""
        return set(self.of_form.values())

    def read(self, values: Values, presets: Presets) -> Form:
        """The form in what a browser sent."""
        sent = {name: values.get(component) for name, component in self.of_form.items()}
        focuses = {FOCUSES[place]: picture_focus(sent[name]) for place, name in FIELDS.items()}
        digests = {name: picture_digest(sent[name]) for name in PICTURES}
        return Form.read(sent | focuses | digests, presets)

    def offered(
        self, form: Form, presets: Presets, limits: Limits | None, *, has_upsampler: bool
    ) -> dict[str, Any]:
        """What may be chosen where there is a choice, by the field's name.

        Args:
            limits: of who chooses, if they have any.
        """
        lengths = (
            limited.lengths(choices, form, limits)
            for choices in (length_choices(form, presets), other_lengths(form, presets))
        )
        sizes = size_choices(form, presets, has_upsampler=has_upsampler)
        return {
            "preset": offer(limited.presets(preset_choices(form, presets), form, presets, limits)),
            "size": offer(limited.sizes(sizes, limits)),
            "num_frames": offer(*lengths),
            "num_takes": offer(limited.takes(take_choices(form, presets), limits)),
        }

    def show(
        self,
        form: Form,
        presets: Presets,
        pictures: Mapping[str, Any],
        limits: Limits | None,
        *,
        has_upsampler: bool,
    ) -> Updates:
        """The updates that put a form into the fields.

        Args:
            limits: as :meth:`offered` takes them.
            pictures: values for the fields with pictures, by their names.
        """
        offered = self.offered(form, presets, limits, has_upsampler=has_upsampler)
        shown = {**form.as_draft(), **pictures}
        for name in TIMED:
            offered[name] = gr.update(**length_of(form.num_frames, form.fps))
        updates = shown | {name: {**offered[name], "value": shown[name]} for name in offered}
        return {self.of_form[name]: updates[name] for name in self.of_form}


class _Layout:
    """Puts the fields on the page and remembers their components."""

    def __init__(self, presets: Presets, form: Form) -> None:
        self.presets, self.form = presets, form
        self.of_form: dict[str, Any] = {}

    def put(self, name: str, kind: Callable[..., Component], *choices: Any, **more: Any) -> None:
        named = DESCRIBED[name].named | {"value": getattr(self.form, name)}
        self.of_form[name] = kind(*choices, **(named | more))

    def segments(self, name: str, *choices: Any, label: str | None = None) -> None:
        known = DESCRIBED[name]
        self.of_form[name] = lay_out_segments(
            *(name, label or known.label, known.elem_id, getattr(self.form, name), *choices),
            present=known.offered is None,
        )

    def words(self) -> dict[str, Any]:
        """The prompt, with its helpers and what the model reads of it."""
        with gr.Column(elem_id="words"):
            self.put(
                *("prompt", gr.Textbox),
                placeholder=t("prompt.placeholder"),
                show_label=False,
                lines=2,
                max_lines=9,
                max_length=MAX_PROMPT,
                autofocus=True,
            )
            cast = lay_out_cast()
            with gr.Row(elem_classes="helpers"):
                for name, hint in HINTS.items():
                    known, phrases = DESCRIBED[name], getattr(self.presets.phrases, name)
                    self.of_form[name] = lay_out_helper(
                        name, known.label, known.elem_id, phrases, t(hint)
                    )
                history = panel("history", js="actions.js")
                file = panel("recall", render("recall.html"), "recall.js")
                enhance = panel("enhance", render("enhance.html", why=""), "enhance.js")
        return {
            "cast": cast,
            "history": history,
            "file": file,
            "enhance": enhance,
            "compiled": panel("compiled-prompt", js="actions.js"),
            "summary": panel("summary", js="sheets.js"),
            "advice": panel("prompt-advice", js="actions.js"),
        }

    def pictures(self) -> None:
        with gr.Row(elem_id="pictures"):
            for name in PICTURES:
                known = DESCRIBED[name]
                self.of_form[name] = lay_out_picture(name, known.label, known.elem_id)
            length = length_of(self.form.num_frames, self.form.fps)
            self.of_form["keyframes"] = lay_out_keyframes(DESCRIBED["keyframes"].elem_id, length)
            self.of_form["given_sound"] = lay_out_sound(DESCRIBED["given_sound"].elem_id, length)
        self.put(
            *("image_strength", gr.Slider, *bounds("image_strength")),
            step=0.05,
            info=t("field.image_strength_info", some=0.8, least=0.5),
            visible=False,
        )

    def choices(self) -> dict[str, Any]:
        form, presets = self.form, self.presets
        self.segments("size", size_choices(form, presets))
        platform = panel("platform", js="actions.js")
        with gr.Row(elem_classes="pair", elem_id="how-long"):
            lengths = length_choices(form, presets), other_lengths(form, presets)
            self.segments("num_frames", *lengths, label=t("field.seconds"))
            self.segments("num_takes", take_choices(form, presets))
        self.segments("preset", preset_choices(form, presets))
        with gr.Row(elem_classes="seed-row", elem_id="which-seed"):
            self.put("seed", gr.Number, value=None, precision=0, min_width=120)
            dice = gr.Button(t("seed.new"), elem_id="seed-dice", size="sm", scale=0, min_width=96)
            self.put("seed_locked", gr.Checkbox, container=False, scale=0, min_width=80)
        return {"dice": dice, "platform": platform}

    def advanced(self) -> gr.HTML:
        form = self.form
        with disclosure("advanced", t("advanced.title")):
            self.put("num_inference_steps", gr.Slider, *bounds("num_inference_steps"), step=1)
            self.put("guidance_scale", gr.Slider, *bounds("guidance_scale"), step=0.1)
            note = quality_note(form.num_inference_steps, form.guidance_scale, self.presets)
            quality = panel("quality-note", note)
            modes = [{"value": mode, "label": t(MODES[mode])} for mode in choices("mode")]
            self.segments("mode", modes)
            known = DESCRIBED["loras"]
            self.of_form["loras"] = lay_out_loras(known.label, known.elem_id)
            self.of_form["followed"] = lay_out_followed(DESCRIBED["followed"].elem_id)
            for name, described in DESCRIBED.items():
                if described.component is not None:
                    self.put(name, described.component)
                elif described.choices:
                    labels = [
                        {"value": v, "label": _shown(label)} for label, v in described.choices
                    ]
                    self.segments(name, labels)
        return quality


def _shown(label: str) -> str:
    """A choice's label: a text of the catalogue, or a number as it stands."""
    return label if label.isdecimal() else t(label)


def lay_out(presets: Presets, form: Form) -> Fields:
    """Put the fields on the page, one below the other, with a form's values."""
    layout = _Layout(presets, form)
    shown = layout.words()
    layout.pictures()
    shown |= layout.choices()
    quality = layout.advanced()
    return Fields(layout.of_form, quality=quality, **shown)
