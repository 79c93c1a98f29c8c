"""The fields of the Create tab as components: what they look like, not what they do."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.data_classes import ImageData
from gradio.processing_utils import save_file_to_cache

from ltx_ui.presets import Phrase, Presets
from ltx_ui.recipe import FPS_CHOICES, MAX_PROMPT
from ltx_ui.web import fragments
from ltx_ui.web.form import (
    SETTING_FIELDS,
    Form,
    length_choices,
    preset_choices,
    preset_fields,
    size_choices,
)

Field = gr.Dropdown | gr.Textbox | gr.Slider | gr.Number | gr.Checkbox


@dataclass(frozen=True)
class Fields:
    """The components that hold a :class:`Form`, in its order, and the two images."""

    of_form: list[Field]
    image_start: gr.Image
    image_end: gr.Image
    images_section: gr.Accordion
    dice: gr.Button
    examples: gr.HTML
    compiled: gr.Textbox
    advice: gr.HTML
    quality: gr.HTML

    @property
    def preset(self) -> gr.Dropdown:
        """The preset's dropdown."""
        preset = self.of_form[0]
        assert isinstance(preset, gr.Dropdown)
        return preset

    def named(self, elem_id: str) -> Field:
        """The field with this element id."""
        return next(field for field in self.of_form if field.elem_id == elem_id)


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
    examples = gr.HTML("", js_on_load=_EXAMPLE_JS, elem_id="examples")
    helpers = _helpers(presets)
    compiled = gr.Textbox(
        label="What the model reads",
        lines=2,
        max_lines=8,
        interactive=False,
        placeholder="Prompt and choices as one paragraph",
        elem_id="compiled-prompt",
    )
    advice = gr.HTML("", elem_id="prompt-advice")
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
        fragments.quality_note(form.num_inference_steps, form.guidance_scale, presets),
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
    with gr.Accordion("Reference image", open=False) as images_section:
        image_start, image_end, strength = _images(form)
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
    of_form: list[Field] = [
        preset,
        prompt,
        *helpers,
        size,
        length,
        fps,
        steps,
        guidance,
        seed,
        seed_lock,
        strength,
        include_audio,
        mode,
        num_takes,
        negative,
    ]
    return Fields(
        of_form=of_form,
        image_start=image_start,
        image_end=image_end,
        images_section=images_section,
        dice=dice,
        examples=examples,
        compiled=compiled,
        advice=advice,
        quality=quality,
    )


def show_form(form: Form, presets: Presets, *, has_upsampler: bool) -> list[Any]:
    """What to send to :attr:`Fields.of_form` so that it shows this form."""
    names = list(Form.__dataclass_fields__)
    updates = dict(zip(names, form.values(), strict=True))
    updates["preset"] = {**show_mark(form, presets), "value": form.preset}
    sizes = size_choices(form, presets, has_upsampler=has_upsampler)
    updates["size"] = gr.update(choices=sizes, value=form.size)
    updates["num_frames"] = gr.update(choices=length_choices(form, presets), value=form.num_frames)
    return [updates[name] for name in names]


def show_mark(form: Form, presets: Presets) -> Any:
    """What to send to the preset's dropdown, so that it says whether it is modified.

    Without the value: another may have been chosen while the answer is on its way.
    """
    note = presets.preset(form.preset).note
    return gr.update(choices=preset_choices(form, presets), info=note)


def preset_js(presets: Presets) -> str:
    """Puts a preset's settings into their fields, in the browser: an answer from here would come
    too late for who presses Generate at once, and undo what was changed meanwhile.

    From the preset's id and the values of :data:`SETTING_FIELDS` to those values.
    """
    settings = {preset.id: preset_fields(preset.id, presets) for preset in presets.presets}
    fields = list(Form.__dataclass_fields__)
    names = [fields[index] for index in SETTING_FIELDS]
    return (
        f"(preset, ...values) => {{ const settings = {json.dumps(settings)}[preset];"
        f" return {json.dumps(names)}.map((name, place) => settings[name] ?? values[place]); }}"
    )


def _helpers(presets: Presets) -> list[Field]:
    fields: list[Field] = []
    for pair in (("camera", "lighting"), ("sound", "speech")):
        with gr.Row(elem_classes="pair"):
            for name in pair:
                phrases: Sequence[Phrase] = getattr(presets.phrases, name)
                fields.append(
                    gr.Dropdown(
                        ["", *(phrase.text for phrase in phrases)],
                        value="",
                        label=name.capitalize(),
                        allow_custom_value=True,
                        elem_id=name,
                        min_width=140,
                    )
                )
    return fields


def _images(form: Form) -> tuple[gr.Image, gr.Image, gr.Slider]:
    with gr.Row(elem_classes="pair"):
        start = _image("First frame", "reference-image")
        end = _image("Last frame", "end-image")
    strength = gr.Slider(
        0,
        1,
        value=form.image_strength,
        step=0.05,
        label="Image strength",
        info="1 keeps the picture closest; less gives more motion.",
        elem_id="image-strength",
    )
    return start, end, strength


def _image(label: str, elem_id: str) -> gr.Image:
    """An image that reaches us as the file that was uploaded, byte for byte.

    Gradio itself decodes and may save anew, which changes the picture's digest and with it the
    clip, and turns an unreadable file into an error without words. A subclass would make Gradio
    write a stub file beside this one, so the two methods are replaced. Send it paths or None,
    never ``gr.update`` or ``gr.skip``: on those Gradio builds a new component with its own methods.
    """
    image = gr.Image(
        label=label,
        elem_id=elem_id,
        sources=["upload", "clipboard"],
        height=190,
        min_width=140,
        buttons=[],
    )

    def fetchable(stored: Path | None) -> ImageData | None:
        if stored is None:
            return None
        return ImageData(path=save_file_to_cache(stored, image.GRADIO_CACHE), orig_name=stored.name)

    image.preprocess = _uploaded  # type: ignore[method-assign, assignment]
    image.postprocess = fetchable  # type: ignore[method-assign, assignment]
    return image


def _uploaded(payload: ImageData | None) -> Path | None:
    """The file; Gradio has checked before that it lies in its upload folder."""
    return Path(payload.path) if payload and payload.path else None


_EXAMPLE_JS = """
element.addEventListener('click', event => {
  const chip = event.target.closest('[data-example]');
  if (chip) trigger('example', {index: Number(chip.dataset.example)});
});
"""
