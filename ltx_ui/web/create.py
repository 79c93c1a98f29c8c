"""The Create tab: from fields to a job, and back to a clip."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from dataclasses import fields as fields_of
from pathlib import Path
from typing import Any

import gradio as gr

from ltx_ui.errors import InvalidRecipe, NotFound, StudioError
from ltx_ui.media.images import read_reference
from ltx_ui.presets import Example, Presets
from ltx_ui.prompting import advise, compile_prompt
from ltx_ui.recipe import MAX_SEED, is_digest, parse_recipe
from ltx_ui.settings import Settings
from ltx_ui.studio.studio import Studio
from ltx_ui.web import fields, fragments, watching
from ltx_ui.web.access import owner_of
from ltx_ui.web.fields import Fields, preset_js, show_form, show_mark
from ltx_ui.web.form import SEED_FIELD, SETTING_FIELDS, Form, length_choices, size_choices
from ltx_ui.web.watching import Watch, Watcher, cancel_button

_KEEP = "ltx-2-studio"
"""Storage key and secret of what the browser keeps. Fixed, so that drafts outlive a restart; the
secret protects nothing, for it is sent to every visitor."""

QUIET: dict[str, Any] = {"queue": False, "show_progress": "hidden"}
"""Short answers go past Gradio's queue, without its spinner."""

EACH: dict[str, Any] = {**QUIET, "trigger_mode": "multiple"}
"""The same, and each time counts: Gradio drops an event while the answer to one of the same kind is
on its way, such as the second of two hearts."""


@dataclass(frozen=True)
class CreateTab:
    """What other tabs reach into."""

    fields: Fields
    watch: Watch
    images: gr.BrowserState


class Create:
    """What the buttons and fields of the tab do."""

    def __init__(self, studio: Studio, settings: Settings, presets: Presets) -> None:
        self._studio = studio
        self._settings = settings
        self._presets = presets

    def describe(self, image: Path | None, *values: Any) -> list[Any]:
        """What the model will read, advice, what the settings mean, the preset's mark, a draft."""
        form = self._form(values)
        findings = advise(
            form.prompt_fields,
            self._presets,
            has_reference=image is not None,
            include_audio=form.include_audio,
        )
        return [
            compile_prompt(form.prompt_fields, self._presets),
            fragments.advice(findings),
            self._quality(form),
            show_mark(form, self._presets),
            form.as_draft(),
            self._estimate(form),
        ]

    def follow_model(self, *values: Any) -> list[Any]:
        """What the loaded model leaves to choose, and how long a clip takes with it: format, steps,
        guidance, negative prompt, mode, what the settings mean, estimate, examples."""
        form, card = self._form(values), self._studio.model_card()
        sizes = size_choices(form, self._presets, has_upsampler=self._has_upsampler)
        free = gr.update(interactive=card is None or card.takes_guidance)
        return [
            gr.update(choices=sizes),
            gr.update(interactive=card is None or card.fixed_steps is None),
            free,
            free,
            gr.update(visible=card is not None and card.has_high),
            self._quality(form),
            self._estimate(form),
            fragments.examples([e.prompt for e in self._examples()], card.knows if card else ""),
        ]

    def estimate(self, *values: Any) -> str:
        """How long the clip will take."""
        return self._estimate(self._form(values))

    def _form(self, values: tuple[Any, ...]) -> Form:
        """The form, in the standard mode where the model has no other: its choice is hidden."""
        form, card = Form.from_values(values), self._studio.model_card()
        return form if card is None or card.has_high else replace(form, mode="standard")

    def _show(self, form: Form) -> list[Any]:
        return show_form(form, self._presets, has_upsampler=self._has_upsampler)

    @property
    def _has_upsampler(self) -> bool:
        card = self._studio.model_card()
        return card is not None and card.has_upsampler

    def _quality(self, form: Form) -> str:
        card = self._studio.model_card()
        if card is not None and card.why_fixed:
            return f'<p class="small">{fragments.escape(card.why_fixed)}</p>'
        steps, guidance = form.num_inference_steps, form.guidance_scale
        return fragments.quality_note(steps, guidance, self._presets)

    def _estimate(self, form: Form) -> str:
        """Time of all takes. Nothing for what can't be made."""
        try:
            data = form.recipe_data(self._presets, None, None)
            recipe = parse_recipe(data | {"prompt": data["prompt"] or "a clip"})
        except InvalidRecipe:
            return ""
        found = self._studio.estimate(recipe)
        return fragments.estimate(None if found is None else found.seconds)

    def follow_preset(self, *values: Any) -> list[Any]:
        """What else a preset that was just chosen means: lengths in seconds at its frames a second,
        and the images opened where it needs one."""
        preset = self._presets.preset(Form.from_values(values).preset)
        section = gr.update(open=True) if preset.needs_reference else gr.skip()
        return [self.relabel_lengths(*values), section]

    def _examples(self) -> tuple[Example, ...]:
        """The model's own where it knows only a small world, as soon as it is loaded."""
        card = self._studio.model_card()
        if card is None and self._studio.model_status().demo:
            return ()
        own = card.examples if card else ()
        return tuple(Example(prompt=prompt) for prompt in own) or self._presets.examples

    def choose_example(self, event: gr.EventData) -> list[str]:
        """An example's prompt and helper fields."""
        example = self._examples()[int(event.index)]
        return [example.prompt, example.camera, example.lighting, example.sound, example.speech]

    def relabel_lengths(self, *values: Any) -> Any:
        """Lengths in seconds at the frames a second just chosen."""
        return gr.update(choices=length_choices(Form.from_values(values), self._presets))

    def roll(self) -> tuple[int, bool]:
        """A new seed, locked: a drawn seed that is thrown away again would be no use."""
        return secrets.randbelow(MAX_SEED + 1), True

    def check_image(self, field: str) -> Callable[[Path | None], str]:
        """Says at once what is wrong with a picture."""

        def check(image: Path | None) -> str:
            try:
                if image is not None:
                    read_reference(image.read_bytes(), self._max_bytes, field)
            except StudioError as error:
                return fragments.problem(error)
            return ""

        return check

    @property
    def _max_bytes(self) -> int:
        return int(self._settings.max_image_mb * 1e6)

    def submit(
        self, request: gr.Request, start: Path | None, end: Path | None, *values: Any
    ) -> list[Any]:
        """Queue the recipe: problem, job, images, progress, generate, cancel, timer."""
        form = self._form(values)
        try:
            data = form.recipe_data(self._presets, start, end)
            recipe = parse_recipe(data, max_volume=self._settings.max_volume)
            job = self._studio.submit(recipe, owner_of(request))
        except StudioError as error:
            return [fragments.problem(error), *[gr.skip()] * 6]
        return [
            "",
            job.id,
            [job.recipe.image_start, job.recipe.image_end],
            fragments.progress(job),
            gr.update(interactive=False, value="Working…"),
            cancel_button(visible=True, cancelling=False),
            gr.Timer(active=True),
        ]

    def cancel(self, job_id: str | None, request: gr.Request) -> list[Any]:
        """Ask the job to stop: progress, cancel, and which job that was. A poll shows the end."""
        try:
            job = self._studio.cancel(job_id, owner_of(request)) if job_id else None
        except NotFound:
            job = None
        if job is None:
            return [gr.skip(), cancel_button(visible=False, cancelling=False), None]
        button = cancel_button(visible=True, cancelling=True)
        return [fragments.progress(job, cancelling=True), button, job_id]

    def restore(self, draft: Any, images: Any) -> list[Any]:
        """The fields as they were before the page was loaded again."""
        if draft is None:
            # Gradio shows a number field without a value as 0, which is a seed.
            untouched: list[Any] = [gr.skip()] * len(fields_of(Form))
            untouched[SEED_FIELD] = None
            return [*untouched, None, None]
        form = Form.from_draft(draft, self._presets)
        return [*self._show(form), *self.references(images)]

    def references(self, digests: Any) -> list[Path | None]:
        """First and last frame by digest, where they are still here."""
        listed: Sequence[Any] = digests if isinstance(digests, list) else []
        start, end = [*listed, None, None][:2]
        return [self._reference(start), self._reference(end)]

    def _reference(self, digest: Any) -> Path | None:
        if not isinstance(digest, str) or not is_digest(digest):
            return None
        try:
            return self._studio.reference(digest)
        except NotFound:
            return None

    def reuse_seed(self, seed: int) -> tuple[int, bool]:
        """A seed for the next clip, locked; the other fields stay."""
        return seed, True

    def reuse_all(self, take_id: str, request: gr.Request) -> list[Any]:
        """Fields and images that make a take's recipe again, and the digests for the browser."""
        recipe = self._studio.library.take(take_id, owner_of(request)).recipe
        digests = [recipe.image_start, recipe.image_end]
        form = Form.from_recipe(recipe, self._presets)
        return [*self._show(form), *self.references(digests), digests]


def build_create(
    studio: Studio, settings: Settings, presets: Presets, demo: gr.Blocks, model: gr.HTML
) -> CreateTab:
    """Lay the tab out and connect it."""
    create, watcher = Create(studio, settings, presets), Watcher(studio)
    draft, images = _kept("draft"), _kept("images")
    with gr.Row(elem_classes="create"):
        with gr.Column(scale=6, min_width=320, elem_id="recipe"):
            form = fields.lay_out(presets)
            with gr.Column(elem_id="actions"):
                problem = gr.HTML("", elem_id="problem")
                estimate = gr.HTML("", elem_id="estimate")
                with gr.Row():
                    generate = gr.Button("Generate", variant="primary", elem_id="generate")
                    cancel = gr.Button(
                        "Cancel", elem_id="cancel", visible=False, scale=0, min_width=120
                    )
        with gr.Column(scale=5, min_width=320, elem_id="result"):
            watch = watching.lay_out(model, _kept)
    job, shown, in_strip = watch.job, watch.shown, watch.in_strip
    _connect_fields(create, presets, form, draft, images, problem, estimate)
    followers = ("format", "steps", "guidance", "negative-prompt", "mode")
    watch.model.change(
        create.follow_model,
        form.of_form,
        [*map(form.named, followers), form.quality, estimate, form.examples],
        **QUIET,
    )
    job.change(create.estimate, form.of_form, estimate, **QUIET)
    followed = [
        *(watch.model, watch.progress, generate, cancel, form.named("seed"), job, watch.timer),
        *watch.of_take,
    ]
    seen = [job, form.named("seed-lock"), watch.cancelled, shown, in_strip]
    follow = {"inputs": seen, "outputs": followed, **QUIET}
    generate.click(
        create.submit,
        [form.image_start, form.image_end, *form.of_form],
        [problem, job, images, watch.progress, generate, cancel, watch.timer],
        **QUIET,
    )
    cancel.click(create.cancel, job, [watch.progress, cancel, watch.cancelled], **QUIET)
    watch.timer.tick(watcher.follow, **follow)
    watch.strip.choose(watcher.choose, None, watch.of_take, **EACH)
    watch.save_seed.click(watcher.toggle_favourite, shown, watch.save_seed, **QUIET)
    gr.on(
        [watch.note.blur, watch.note.submit], watcher.write_note, [shown, watch.note], None, **EACH
    )
    restored = [*form.of_form, form.image_start, form.image_end]
    demo.load(create.restore, [draft, images], restored, **QUIET)
    recalled = demo.load(watcher.recall, [shown, in_strip], watch.of_take, **QUIET)
    recalled.then(watcher.follow, **follow)
    return CreateTab(form, watch, images)


def _kept(name: str) -> gr.BrowserState:
    return gr.BrowserState(None, storage_key=f"{_KEEP}-{name}", secret=_KEEP)


def _connect_fields(
    create: Create,
    presets: Presets,
    form: Fields,
    draft: gr.BrowserState,
    images: gr.BrowserState,
    problem: gr.HTML,
    estimate: gr.HTML,
) -> None:
    described = [form.compiled, form.advice, form.quality, form.preset, draft, estimate]
    gr.on(
        [field.change for field in (*form.of_form, form.image_start)],
        create.describe,
        [form.image_start, *form.of_form],
        described,
        trigger_mode="always_last",
        **QUIET,
    )
    # Choosing the preset that is already there takes its settings back, so not "change".
    settings = [form.of_form[index] for index in SETTING_FIELDS]
    form.preset.select(None, [form.preset, *settings], settings, js=preset_js(presets), **QUIET)
    form.preset.select(
        create.follow_preset, form.of_form, [form.named("length"), form.images_section], **QUIET
    )
    form.examples.example(create.choose_example, None, form.of_form[1:6], **EACH)
    form.named("fps").input(create.relabel_lengths, form.of_form, form.named("length"), **QUIET)
    # Who types a seed wants it; unlocked, another would be drawn in its place.
    seed, lock = form.named("seed"), form.named("seed-lock")
    seed.input(None, seed, lock, js="seed => seed !== null", **QUIET)
    form.dice.click(create.roll, None, [seed, lock], **QUIET)
    for field, image in (("image_start", form.image_start), ("image_end", form.image_end)):
        image.upload(create.check_image(field), image, problem, **QUIET)
        image.clear(lambda: (None, ""), None, [images, problem], **QUIET)
