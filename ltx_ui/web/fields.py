"""The components of the Create tab's fields; their behaviour is in ``recipe_form``."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import gradio as gr
from gradio.components import Component

from ltx_ui.inputs import FIELDS
from ltx_ui.presets import Phrase, Presets
from ltx_ui.recipe import MAX_PROMPT
from ltx_ui.request import bounds, choices
from ltx_ui.web.form import DESCRIBED, Form, length_choices, preset_choices, size_choices
from ltx_ui.web.pictures import lay_out_picture, picture_digest
from ltx_ui.web.views import quality_note
from ltx_ui.web.wiring import Updates, Values, script

PICTURES = tuple(FIELDS.values())

_MODES = {"standard": "Standard", "high": "High quality"}
"""What the page calls the modes of a recipe."""


@dataclass(frozen=True)
class Fields:
    """The components that hold a :class:`Form`, and those that are shown among them.

    Attributes:
        of_form: the component of each of the form's fields, by the field's name.
        typing: its event ``paused`` says that somebody paused after typing into a text field.
        tokens: shows how much of the prompt the model reads.
    """

    of_form: dict[str, Any]
    typing: gr.HTML
    dice: gr.Button
    examples: gr.HTML
    compiled: gr.Textbox
    tokens: gr.HTML
    advice: gr.HTML
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
        return Form.read(sent | {name: picture_digest(sent[name]) for name in PICTURES}, presets)

    def show(
        self, form: Form, presets: Presets, pictures: Mapping[str, Any], *, has_upsampler: bool
    ) -> Updates:
        """The updates that put a form into the fields.

        Args:
            pictures: values for the two picture fields, by their names.
        """
        sizes = size_choices(form, presets, has_upsampler=has_upsampler)
        updates: dict[str, Any] = {
            **form.as_draft(),
            **pictures,
            "preset": {**show_mark(form, presets), "value": form.preset},
            "size": gr.update(choices=sizes, value=form.size),
            "num_frames": gr.update(choices=length_choices(form, presets), value=form.num_frames),
        }
        return {self.of_form[name]: update for name, update in updates.items()}


def lay_out(presets: Presets) -> Fields:
    """Put the fields on the page, one below the other."""
    form = Form.initial(presets)
    of_form: dict[str, Any] = {}

    def put(name: str, kind: Callable[..., Component], *choices: Any, **more: Any) -> None:
        named = DESCRIBED[name].named | {"value": getattr(form, name)}
        of_form[name] = kind(*choices, **(named | more))

    put(
        *("preset", gr.Dropdown, preset_choices(form, presets)),
        info=presets.preset(form.preset).note,
        filterable=False,
    )
    put(
        *("prompt", gr.Textbox),
        placeholder="What is seen, what it does, and what is heard",
        lines=4,
        max_lines=10,
        max_length=MAX_PROMPT,
        autofocus=True,
    )
    typing = gr.HTML("", js_on_load=script("typing.js"), elem_id="typing")
    examples = gr.HTML("", js_on_load=script("examples.js"), elem_id="examples")
    for pair in (("camera", "lighting"), ("sound", "speech")):
        with gr.Row(elem_classes="pair"):
            for name in pair:
                phrases: Sequence[Phrase] = getattr(presets.phrases, name)
                own = ["", *(phrase.text for phrase in phrases)]
                put(name, gr.Dropdown, own, allow_custom_value=True, min_width=140)
    compiled = gr.Textbox(
        label="What the model reads",
        lines=2,
        max_lines=8,
        interactive=False,
        placeholder="Prompt and choices as one paragraph",
        elem_id="compiled-prompt",
    )
    tokens = gr.HTML("", elem_id="token-count")
    advice = gr.HTML("", elem_id="prompt-advice")
    with gr.Row(elem_classes="pair"):
        for name in PICTURES:
            of_form[name] = lay_out_picture(name, DESCRIBED[name].label, DESCRIBED[name].elem_id)
    put(
        *("image_strength", gr.Slider, *bounds("image_strength")),
        step=0.05,
        info="1 keeps the picture closest; less gives more motion.",
        visible=False,
    )
    with gr.Row(elem_classes=["pair", "wide"]):
        choose = {"filterable": False, "min_width": 140}
        put("size", gr.Dropdown, size_choices(form, presets), **choose)
        put("num_frames", gr.Dropdown, length_choices(form, presets), **choose)
    with gr.Row(elem_classes="pair"):
        put("num_inference_steps", gr.Slider, *bounds("num_inference_steps"), step=1, min_width=140)
        put("guidance_scale", gr.Slider, *bounds("guidance_scale"), step=0.1, min_width=140)
    quality = gr.HTML(
        quality_note(form.num_inference_steps, form.guidance_scale, presets),
        elem_id="quality-note",
    )
    with gr.Row(elem_classes="pair"):
        fewest, most = bounds("num_takes")
        put("num_takes", gr.Dropdown, list(range(fewest, most + 1)), **choose)
        put("mode", gr.Dropdown, [(_MODES[mode], mode) for mode in choices("mode")], **choose)
    with gr.Row(elem_classes="seed-row"):
        put("seed", gr.Number, value=None, precision=0, min_width=120, placeholder="Drawn")
        put("seed_locked", gr.Checkbox, container=False, scale=0, min_width=80)
        dice = gr.Button("New seed", elem_id="seed-dice", size="sm", scale=0, min_width=96)
    with gr.Accordion("More settings", open=False):
        for name, described in DESCRIBED.items():
            if described.component is not None:
                put(name, described.component)
    return Fields(
        of_form=of_form,
        typing=typing,
        dice=dice,
        examples=examples,
        compiled=compiled,
        tokens=tokens,
        advice=advice,
        quality=quality,
    )


def show_mark(form: Form, presets: Presets) -> dict[str, Any]:
    """An update by which the preset's dropdown says whether its settings were modified.

    It leaves the dropdown's value alone, for the visitor may have chosen another preset meanwhile.
    """
    note = presets.preset(form.preset).note
    updated: dict[str, Any] = gr.update(choices=preset_choices(form, presets), info=note)
    return updated
