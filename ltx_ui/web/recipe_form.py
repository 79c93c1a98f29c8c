"""The Create tab's recipe side: the behaviour of its fields."""

from __future__ import annotations

import dataclasses
import secrets
from typing import Any

import gradio as gr

from ltx_ui.errors import InvalidRecipe, NotFound, StudioError
from ltx_ui.presets import Example, Presets
from ltx_ui.prompting import advise, compile_prompt
from ltx_ui.recipe import MAX_SEED, PromptFields, Recipe
from ltx_ui.request import parse_recipe
from ltx_ui.settings import Settings
from ltx_ui.studio.studio import Studio
from ltx_ui.web import fields, views
from ltx_ui.web.fields import PICTURES, show_mark
from ltx_ui.web.form import (
    FIXED,
    OFFERED,
    SETTING_FIELDS,
    Form,
    length_choices,
    preset_fields,
    size_choices,
)
from ltx_ui.web.pictures import check_refused, shown_picture
from ltx_ui.web.templating import render
from ltx_ui.web.wiring import EACH, LATEST, Updates, Values, in_browser, on, sent

_PROMPT_FIELDS = tuple(each.name for each in dataclasses.fields(PromptFields))

_TYPED = ("prompt", "negative_prompt", *PICTURES)
"""Fields that report changes by scripts of their own; all others have Gradio's ``change``."""


class RecipeForm:
    """The fields, and the notes about them: problems, the estimate, advice.

    Args:
        draft: keeps the form in the browser.
    """

    def __init__(
        self, studio: Studio, settings: Settings, presets: Presets, draft: gr.BrowserState
    ) -> None:
        self._studio = studio
        self._settings = settings
        self._presets = presets
        self._draft = draft
        self.fields = fields.lay_out(presets)

    def lay_out_foot(self) -> None:
        """Put the notes on the page that belong above the Generate button."""
        gr.HTML(render("offline.html"), elem_classes="offline")
        self.problem = gr.HTML("", elem_id="problem")
        self._estimate = gr.HTML("", elem_id="estimate")

    def recipe(self, values: Values) -> Recipe:
        """The recipe that the fields ask for.

        Raises:
            InvalidRecipe: some fields have to change first.
        """
        for name in PICTURES:
            check_refused(values.get(self.fields[name]), name)
        form = self._form(values)
        data = form.recipe_data(self._presets, self._studio.model_card())
        recipe = parse_recipe(data, max_volume=self._settings.max_volume)
        return recipe.model_copy(update={"typed": form.typed})

    def show(self, form: Form) -> Updates:
        """Put a form into the fields, without pictures that were deleted since."""
        there = {name: self._picture(getattr(form, name)) for name in PICTURES}
        return self.fields.show(form, self._presets, there, has_upsampler=self._has_upsampler)

    def _picture(self, digest: str | None) -> dict[str, str] | None:
        try:
            return shown_picture(digest) if digest and self._studio.reference(digest) else None
        except NotFound:
            return None

    def _form(self, values: Values) -> Form:
        """The form, without the choices that are hidden because the model does not offer them."""
        return self.fields.read(values, self._presets).made_with(self._studio.model_card())

    @property
    def _has_upsampler(self) -> bool:
        card = self._studio.model_card()
        return card is not None and card.has_upsampler

    def describe(self, values: Values) -> Updates:
        """Update everything that depends on the form: compiled prompt, advice, notes, draft."""
        form, presets = self._form(values), self._presets
        findings = advise(
            form.prompt_fields,
            presets,
            has_reference=form.image_start is not None,
            include_audio=form.include_audio,
        )
        updates: Updates = {
            self.fields.compiled: compile_prompt(form.prompt_fields, presets),
            self.fields.advice: render("advice.html", sentences=findings),
            self.fields.quality: self._quality(form),
            self.fields["preset"]: show_mark(form, presets),
            self.fields["image_strength"]: gr.update(visible=form.has_picture),
            self._draft: form.as_draft(),
            **self._measure(form),
        }
        if values.get(self.problem):
            updates[self.problem] = self._what_is_wrong(values)
        return updates

    def _what_is_wrong(self, values: Values) -> str:
        try:
            self.recipe(values)
        except StudioError as error:
            return views.problem(error)
        return ""

    def follow_model(self, values: Values) -> Updates:
        """Adapt choices, examples and estimates to the model that is loaded."""
        form, card = self._form(values), self._studio.model_card()
        sizes = size_choices(form, self._presets, has_upsampler=self._has_upsampler)
        examples = [example.prompt for example in self._examples()]
        return {
            self.fields["size"]: gr.update(choices=sizes),
            **{
                self.fields[name]: gr.update(interactive=card is None or not fixed(card))
                for name, fixed in FIXED.items()
            },
            **{
                self.fields[name]: gr.update(visible=card is not None and offered(card))
                for name, offered in OFFERED.items()
            },
            self.fields.quality: self._quality(form),
            self.fields.examples: render(
                "examples.html", prompts=examples, knows=card.knows if card else ""
            ),
            **self._measure(form),
        }

    def measure(self, values: Values) -> Updates:
        """Update the estimated time and the token count."""
        return self._measure(self._form(values))

    def _measure(self, form: Form) -> Updates:
        compiled = compile_prompt(form.prompt_fields, self._presets)
        return {
            self._estimate: self._expected(form),
            self.fields.tokens: views.token_count(self._studio.count_tokens(compiled)),
        }

    def _quality(self, form: Form) -> str:
        card = self._studio.model_card()
        steps, guidance = form.num_inference_steps, form.guidance_scale
        return views.quality_note(steps, guidance, self._presets, card.why_fixed if card else "")

    def _expected(self, form: Form) -> str:
        """The estimated time of all takes. Empty if the form can't be made; if no clip can be made
        at all, a sentence says so."""
        status = self._studio.model_status()
        if status.state == "failed":
            return render("estimate.html", model_failed=True)
        try:
            data = form.recipe_data(self._presets, self._studio.model_card())
            recipe = parse_recipe(data | {"prompt": data["prompt"] or "a clip"})
        except InvalidRecipe:
            return ""
        found = self._studio.estimate(recipe)
        seconds = None if found is None else found.seconds
        return render("estimate.html", model_failed=False, seconds=seconds)

    def _examples(self) -> tuple[Example, ...]:
        """The presets' examples, or the loaded model's own. None while the demo model is being
        loaded, which has its own."""
        card = self._studio.model_card()
        if card is None and self._studio.model_status().demo:
            return ()
        own = card.examples if card else ()
        return tuple(Example(prompt=prompt) for prompt in own) or self._presets.examples

    def choose_example(self, event: gr.EventData) -> Updates:
        """Put an example into the prompt and the helper fields."""
        examples, index = self._examples(), sent(event, "index")
        if not isinstance(index, int) or not 0 <= index < len(examples):
            return {}
        return {self.fields[name]: getattr(examples[index], name) for name in _PROMPT_FIELDS}

    def relabel_lengths(self, values: Values) -> Updates:
        """Give the lengths' choices their seconds at the chosen frames a second."""
        lengths = length_choices(self._form(values), self._presets)
        return {self.fields["num_frames"]: gr.update(choices=lengths)}

    def roll(self) -> Updates:
        """Draw a seed and lock it: unlocked, the next clip would draw another."""
        return self.reuse_seed(secrets.randbelow(MAX_SEED + 1))

    def reuse_seed(self, seed: int) -> Updates:
        """Put a seed into its field and lock it."""
        return {self.fields["seed"]: seed, self.fields["seed_locked"]: True}

    def restore(self, values: Values) -> Updates:
        """Fill the fields from the draft that the browser kept."""
        draft = values.get(self._draft)
        if draft is None:
            # Gradio shows a number field without a value as 0, which is a seed.
            return {self.fields["seed"]: None}
        return self.show(Form.read(draft, self._presets))

    def reuse_all(self, take_id: str, owner: str) -> Updates:
        """Fill the fields with a take's recipe."""
        recipe = self._studio.library.take(take_id, owner).recipe
        return self.show(Form.from_recipe(recipe, self._presets))

    def describe_on(self, trigger: Any) -> None:
        """Call :meth:`describe` on an event."""
        inputs = {*self.fields.all, self.problem}
        on(trigger, self.describe, inputs, {*self.describe({}), self.problem}, how=LATEST)

    def connect(self, demo: gr.Blocks, model: gr.HTML, job: gr.BrowserState) -> None:
        """Connect the fields' events with this class's methods.

        Args:
            model: changes when another model is loaded or its state changes.
            job: changes when a job begins or ends.
        """
        form = self.fields
        self.describe_on([form[name].change for name in form.of_form if name not in _TYPED])
        for tell in (form.typing.paused, *(form[name].changed for name in PICTURES)):
            self.describe_on(tell)
        on(model.change, self.follow_model, form.all, set(self.follow_model({})))
        on(job.change, self.measure, form.all, set(self.measure({})))
        self._connect_presets()
        written = {form[name] for name in _PROMPT_FIELDS}
        chosen = on(form.examples.example, self.choose_example, None, written, how=EACH)
        self.describe_on(chosen.then)
        # A typed seed is locked: in an unlocked one's place the next clip would draw another.
        seed, lock = form["seed"], form["seed_locked"]
        in_browser(seed.input, "studio.isSeed", [seed], [lock])
        on(form.dice.click, self.roll, None, {seed, lock})
        self.describe_on(on(demo.load, self.restore, {self._draft}, form.all).then)

    def _connect_presets(self) -> None:
        form = self.fields
        preset, length = form["preset"], form["num_frames"]
        settings = [form[name] for name in SETTING_FIELDS]
        # "select" comes by mouse, "input" by keyboard. Not "change": choosing the present preset
        # once more resets its fields.
        for chosen in (preset.select, preset.input):
            in_browser(chosen, "studio.applyPreset", [preset, *settings], settings)
            on(chosen, self.relabel_lengths, form.all, {length})
        on(form["fps"].input, self.relabel_lengths, form.all, {length})


def preset_data(presets: Presets) -> dict[str, Any]:
    """The presets' fields and settings for the page's script, which applies them in the browser.

    A server's answer would come too late for a visitor who presses Generate at once, and would
    overwrite what was changed meanwhile.
    """
    settings = {preset.id: preset_fields(preset.id, presets) for preset in presets.presets}
    return {"fields": SETTING_FIELDS, "settings": settings}
