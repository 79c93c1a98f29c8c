"""The Create tab's rail: the behaviour of its fields."""

from __future__ import annotations

import dataclasses
from typing import Any

import gradio as gr

from ltx_ui.alternatives import alternatives
from ltx_ui.errors import NotFound, StudioError
from ltx_ui.presets import Presets
from ltx_ui.recipe import Recipe
from ltx_ui.request import parse_recipe, request_data
from ltx_ui.settings import Settings
from ltx_ui.studio.guard import Limits
from ltx_ui.studio.studio import Studio
from ltx_ui.web import fields, limited, views
from ltx_ui.web.access import owner_of
from ltx_ui.web.caller import asking
from ltx_ui.web.cast import model_reads
from ltx_ui.web.choices import length_choices, other_lengths, preset_choices, size_choices
from ltx_ui.web.difference import changes
from ltx_ui.web.estimates import Estimates
from ltx_ui.web.fields import PICTURES, TIMED
from ltx_ui.web.filling import Filling
from ltx_ui.web.findings import Findings
from ltx_ui.web.followed import check_followed
from ltx_ui.web.form import (
    FIXED,
    OFFERED,
    SETTING_FIELDS,
    Form,
    preset_fields,
)
from ltx_ui.web.given_sound import check_sound
from ltx_ui.web.helpers import offer_phrases
from ltx_ui.web.keyframes import check_sent, length_of
from ltx_ui.web.language import said, t
from ltx_ui.web.loras import camera_loras
from ltx_ui.web.pictures import check_refused
from ltx_ui.web.segments import offer
from ltx_ui.web.shown import Shown
from ltx_ui.web.templating import render
from ltx_ui.web.wiring import EACH, LATEST, Updates, Values, in_browser, on, panel, presence, sent
from ltx_ui.words import tidy_lines

_SENT = (*PICTURES, *TIMED, "followed")
_TYPED = ("prompt", "negative_prompt", *_SENT)
"""Fields that report changes by scripts of their own; all others have Gradio's ``change``."""


class RecipeForm:
    """The fields, and the notes about them: problems, the estimate, advice.

    Args:
        draft: keeps the form in the browser.
        shown: says which clip is on the stage.
    """

    def __init__(
        self,
        studio: Studio,
        settings: Settings,
        presets: Presets,
        draft: gr.BrowserState,
        shown: gr.BrowserState,
    ) -> None:
        self._studio = studio
        self._settings = settings
        self._presets = presets
        self._estimates = Estimates(studio, presets)
        self.draft, self._shown = draft, shown
        first = Form.first(presets, demo=studio.model_status().demo)
        self.fields = fields.lay_out(presets, first)
        self.filling = Filling(studio, presets, self.fields)
        self._findings = Findings(studio, presets, self._estimates, self.fields)

    def lay_out_foot(self) -> None:
        """Put the notes on the page that belong above the Generate button."""
        self.problem = panel("problem")
        self.filling.lay_out()
        self._since = panel("since")
        self._estimate = panel("estimate")

    @property
    def _limits(self) -> Limits | None:
        """What whoever asks may ask for; None for everything."""
        return self._studio.limits(asking())

    def recipe(self, values: Values) -> Recipe:
        """The recipe that the fields ask for.

        Raises:
            InvalidRecipe: some fields have to change first.
        """
        for name in PICTURES:
            check_refused(values.get(self.fields[name]), name)
        check_sent(values.get(self.fields["keyframes"]))
        check_sound(values.get(self.fields["given_sound"]))
        check_followed(values.get(self.fields["followed"]))
        form = self.filling.form(values)
        data = form.recipe_data(self._presets, self._studio.model_card())
        recipe = parse_recipe(data, max_volume=self._settings.max_volume)
        return recipe.model_copy(update={"typed": form.typed})

    def recipes(self, values: Values) -> list[Recipe]:
        """The recipe that the fields ask for, or one for each alternative of its prompt.

        Raises:
            InvalidRecipe: as :meth:`recipe`, or there are too many alternatives.
        """
        recipe = self.recipe(values)
        if (prompts := alternatives(recipe.prompt)) == [recipe.prompt]:
            return [recipe]
        asked, typed = request_data(recipe), {"typed": recipe.typed}
        made = (parse_recipe(asked | {"prompt": prompt}) for prompt in prompts)
        return [each.model_copy(update=typed) for each in made]

    def describe(self, values: Values, request: gr.Request) -> Updates:
        """Update everything that depends on the form: compiled prompt, advice, notes, draft."""
        return self._described(values) | self.tell_since(values, request)

    def _described(self, values: Values) -> Updates:
        form = self.filling.form(values)
        updates: Updates = {
            self.fields.summary: self._summary(form),
            self.fields.advice: render("advice.html", findings=self._findings.words(form)),
            self.fields.platform: render(
                "advice.html", findings=self._findings.sizes(form, values)
            ),
            self.fields.quality: self._estimates.quality(form),
            self.fields["image_strength"]: gr.update(visible=form.has_picture),
            **{self.fields[n]: gr.update(**length_of(form.num_frames, form.fps)) for n in TIMED},
            self.fields["followed"]: self.filling.follows(form),
            self.draft: form.as_draft(),
            **self._measure(form),
        }
        if values.get(self.problem):
            updates[self.problem] = self._what_is_wrong(values)
        return updates

    def _summary(self, form: Form) -> str:
        return render(
            "summary.html",
            size=next(
                each
                for each in size_choices(form, self._presets, has_upsampler=True)
                if each["value"] == form.size
            ),
            seconds=form.num_frames / form.fps,
            preset=said(self._presets.preset(form.preset).name),
            takes=form.num_takes,
            seed=form.seed if form.seed_locked else None,
        )

    def fix(self, values: Values, event: gr.EventData) -> Updates:
        """Make the change that settles a finding."""
        form, name = self.filling.form(values), sent(event, "name")
        fix = self._findings.fix(name, form)
        if fix is None:
            return {}
        return self.filling.fill(
            values, t("filled.fix", fix=fix.label), dataclasses.replace(form, **fix.fields)
        )

    def _compiled(self, form: Form) -> str:
        text = model_reads(form.prompt_fields, self._presets)
        tokens = self._studio.count_tokens(text)
        return views.compiled(text, tokens, differs=text != tidy_lines(form.prompt))

    def _what_is_wrong(self, values: Values) -> str:
        try:
            self.recipe(values)
        except StudioError as error:
            return views.problem(error)
        return ""

    def follow_model(self, values: Values) -> Updates:
        """Adapt choices and estimates to the model that is loaded."""
        form, card = self.filling.form(values), self._studio.model_card()
        sizes = size_choices(form, self._presets, has_upsampler=self.filling.has_upsampler)
        return {
            self.fields["size"]: offer(limited.sizes(sizes, self._limits)),
            **{
                self.fields[name]: gr.update(interactive=card is None or not fixed(card))
                for name, fixed in FIXED.items()
            },
            **{
                self.fields[name]: presence(self.fields[name], card is not None and offered(card))
                for name, offered in OFFERED.items()
            },
            self.fields["given_sound"]: presence(self.fields["given_sound"], self._hears(form)),
            **self._phrases(),
            self.fields.enhance: render("enhance.html", why=said(self._studio.enhancing.why_not)),
            self.fields["loras"]: self.filling.loras(form),
            self.fields["followed"]: self.filling.follows(form),
            self.fields.quality: self._estimates.quality(form),
            **self._measure(form),
        }

    def _hears(self, form: Form) -> bool:
        """Whether the field for a sound is shown: where the model can use one, or one is chosen,
        which has to be removed then."""
        card = self._studio.model_card()
        return card is None or card.hears or bool(form.given_sound)

    def _phrases(self) -> Updates:
        """The chips with the model's own phrases; those that it knows nothing of are hidden."""
        card = self._studio.model_card()
        phrases = (card and card.phrases) or self._presets.phrases
        chips = {name: self.fields[name] for name in fields.HINTS}
        offered = {
            chip: offer_phrases(chip, getattr(phrases, name)) for name, chip in chips.items()
        }
        moves = camera_loras(self._studio.loras.usable())
        offered[chips["camera"]] |= {"loras": moves}
        return offered

    def measure(self, values: Values) -> Updates:
        """Update the estimated times and what the model reads."""
        return self._measure(self.filling.form(values))

    def _measure(self, form: Form) -> Updates:
        return {
            self._estimate: self._estimates.line(form),
            self.fields.compiled: self._compiled(form),
            self.fields["preset"]: offer(
                limited.presets(
                    preset_choices(form, self._presets, self._estimates.seconds_by_preset(form)),
                    *(form, self._presets, self._limits),
                )
            ),
        }

    def relabel_lengths(self, values: Values) -> Updates:
        """Give the lengths' choices their seconds at the chosen frames a second."""
        form, presets, limits = self.filling.form(values), self._presets, self._limits
        lengths = (
            limited.lengths(choices, form, limits)
            for choices in (length_choices(form, presets), other_lengths(form, presets))
        )
        return {self.fields["num_frames"]: offer(*lengths)}

    def restore(self, values: Values) -> Updates:
        """Fill the fields from the draft that the browser kept."""
        draft = values.get(self.draft)
        if draft is None:
            # Gradio shows a number field without a value as 0, which is a seed.
            return {self.fields["seed"]: None}
        return self.filling.show(Form.read(draft, self._presets))

    def tell_since(self, values: Values, request: gr.Request) -> Updates:
        """Say what the fields change against the clip on the stage."""
        take_id = Shown.read(values.get(self._shown)).take
        try:
            take = take_id and self._studio.library.take(take_id, owner_of(request))
        except NotFound:
            take = None
        form = self.filling.form(values)
        found = changes(take.recipe, form, self._presets) if take and form.prompt.strip() else ()
        return {self._since: render("since.html", changes=found)}

    def compare(self, values: Values, request: gr.Request) -> Updates:
        """Adapt what depends on the clip on the stage, and on those that were made meanwhile."""
        return self.tell_since(values, request) | self.measure(values)

    def describe_on(self, trigger: Any) -> None:
        """Call :meth:`describe` on an event."""
        inputs = {*self.fields.all, self.problem, self._shown}
        outputs = {*self._described({}), self.problem, self._since}
        on(trigger, self.describe, inputs, outputs, how=LATEST)

    def connect(self, demo: gr.Blocks, model: gr.HTML) -> None:
        """Connect the fields' events with this class's methods.

        Args:
            model: changes when another model is loaded or its state changes.
        """
        form = self.fields
        self.describe_on([form[name].change for name in form.of_form if name not in _TYPED])
        told = (form.cast.paused, self.filling.done.change)
        for tell in (*told, *(form[name].changed for name in _SENT)):
            self.describe_on(tell)
        on(model.change, self.follow_model, form.all, self.follow_model({}))
        self.filling.connect()
        for found in (form.advice, form.platform):
            on(found.act, self.fix, form.all, self.filling.filled, how=EACH)
        compared = {self._since, *self.measure({})}
        on(self._shown.change, self.compare, {*form.all, self._shown}, compared, how=LATEST)
        self._connect_presets()
        # A typed seed is locked: in an unlocked one's place the next clip would draw another.
        seed, lock = form["seed"], form["seed_locked"]
        in_browser(seed.input, "studio.isSeed", [seed], [lock])
        in_browser(lock.input, "studio.seedOf", [lock, seed], [seed])
        restored = on(demo.load, self.restore, {self.draft}, form.all)
        self.describe_on(restored.then)
        chosen = {form[name] for name in ("size", "num_frames", "num_takes", "num_inference_steps")}
        for event in (restored.then, form["size"].change):
            on(event, self.filling.limit, form.all, chosen, how=LATEST)

    def _connect_presets(self) -> None:
        form = self.fields
        preset, length = form["preset"], form["num_frames"]
        settings = [form[name] for name in SETTING_FIELDS]
        # Not "change": choosing the present preset once more resets its fields.
        in_browser(preset.chosen, "studio.applyPreset", [preset, *settings], settings)
        on(preset.chosen, self.relabel_lengths, form.all, {length})
        on(form["fps"].chosen, self.relabel_lengths, form.all, {length})


def preset_data(presets: Presets) -> dict[str, Any]:
    """The presets' fields and settings for the page's script, which applies them in the browser.

    A server's answer would come too late for a visitor who presses Generate at once, and would
    overwrite what was changed meanwhile.
    """
    settings = {preset.id: preset_fields(preset.id, presets) for preset in presets.presets}
    quick = list(settings).index(presets.quickest)
    return {"fields": SETTING_FIELDS, "settings": settings, "quick": quick}
