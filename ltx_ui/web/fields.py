"""The components of the Create tab's fields; their behaviour is in ``recipe_form``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import gradio as gr
from gradio.components import Component

from ltx_ui.presets import Phrase, Presets
from ltx_ui.recipe import FPS_CHOICES, MAX_PROMPT
from ltx_ui.web.form import Form, length_choices, preset_choices, size_choices
from ltx_ui.web.pictures import lay_out_picture, picture_digest
from ltx_ui.web.views import quality_note
from ltx_ui.web.wiring import Updates, Values, script

PICTURES = ("image_start", "image_end")


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
    preset = gr.Dropdown(
        preset_choices(form, presets),
        value=form.preset,
        label="Preset",
        info=presets.preset(form.preset).note,
        elem_id="preset",
        filterable=False,
    )
    prompt = gr.Textbox(
        label="Prompt",
        placeholder="What is seen, what it does, and what is heard",
        lines=4,
        max_lines=10,
        max_length=MAX_PROMPT,
        elem_id="prompt",
        autofocus=True,
    )
    typing = gr.HTML("", js_on_load=script("typing.js"), elem_id="typing")
    examples = gr.HTML("", js_on_load=script("examples.js"), elem_id="examples")
    helpers = _helpers(presets)
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
        image_start = lay_out_picture("image_start", "First frame", "reference-image")
        image_end = lay_out_picture("image_end", "Last frame", "end-image")
    strength = gr.Slider(
        0,
        1,
        value=form.image_strength,
        step=0.05,
        label="Image strength",
        info="1 keeps the picture closest; less gives more motion.",
        elem_id="image-strength",
        visible=False,
    )
    with gr.Row(elem_classes=["pair", "wide"]):
        size = gr.Dropdown(
            size_choices(form, presets),
            value=form.size,
            label="Format",
            elem_id="format",
            filterable=False,
            min_width=140,
        )
        length = gr.Dropdown(
            length_choices(form, presets),
            value=form.num_frames,
            label="Length",
            elem_id="length",
            filterable=False,
            min_width=140,
        )
    with gr.Row(elem_classes="pair"):
        steps = gr.Slider(
            1,
            100,
            value=form.num_inference_steps,
            step=1,
            label="Steps",
            elem_id="steps",
            min_width=140,
        )
        guidance = gr.Slider(
            1,
            20,
            value=form.guidance_scale,
            step=0.1,
            label="Guidance",
            elem_id="guidance",
            min_width=140,
        )
    quality = gr.HTML(
        quality_note(form.num_inference_steps, form.guidance_scale, presets),
        elem_id="quality-note",
    )
    with gr.Row(elem_classes="pair"):
        num_takes = gr.Dropdown(
            [1, 2, 3, 4, 5, 6, 7, 8],
            value=form.num_takes,
            label="Takes",
            elem_id="num-takes",
            filterable=False,
            min_width=140,
        )
        mode = gr.Dropdown(
            [("Standard", "standard"), ("High quality", "high")],
            value=form.mode,
            label="Mode",
            elem_id="mode",
            filterable=False,
            visible=False,
            min_width=140,
        )
    with gr.Row(elem_classes="seed-row"):
        seed = gr.Number(
            None, label="Seed", precision=0, elem_id="seed", min_width=120, placeholder="Drawn"
        )
        seed_lock = gr.Checkbox(
            False, label="Lock", elem_id="seed-lock", container=False, scale=0, min_width=80
        )
        dice = gr.Button("New seed", elem_id="seed-dice", size="sm", scale=0, min_width=96)
    with gr.Accordion("More settings", open=False):
        include_audio = gr.Checkbox(
            form.include_audio, label="Sound track", elem_id="include-audio"
        )
        fps = gr.Dropdown(
            list(FPS_CHOICES),
            value=form.fps,
            label="Frames a second",
            elem_id="fps",
            filterable=False,
        )
        negative = gr.Textbox(
            form.negative_prompt,
            label="Negative prompt",
            info="What should not be seen or heard. Has no effect at guidance 1.",
            lines=2,
            elem_id="negative-prompt",
        )
    return Fields(
        of_form={
            "preset": preset,
            "prompt": prompt,
            **helpers,
            "size": size,
            "num_frames": length,
            "fps": fps,
            "num_inference_steps": steps,
            "guidance_scale": guidance,
            "seed": seed,
            "seed_locked": seed_lock,
            "image_strength": strength,
            "include_audio": include_audio,
            "mode": mode,
            "num_takes": num_takes,
            "negative_prompt": negative,
            "image_start": image_start,
            "image_end": image_end,
        },
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


def _helpers(presets: Presets) -> dict[str, Component]:
    """The helper fields below the prompt, by name; each offers phrases and takes any text."""
    fields: dict[str, Component] = {}
    for pair in (("camera", "lighting"), ("sound", "speech")):
        with gr.Row(elem_classes="pair"):
            for name in pair:
                phrases: Sequence[Phrase] = getattr(presets.phrases, name)
                fields[name] = gr.Dropdown(
                    ["", *(phrase.text for phrase in phrases)],
                    value="",
                    label=name.capitalize(),
                    allow_custom_value=True,
                    elem_id=name,
                    min_width=140,
                )
    return fields
