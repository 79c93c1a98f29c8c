"""Fills the Create tab's fields for the visitor, with what was there before kept for Undo."""

from __future__ import annotations

import dataclasses
import secrets
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

import gradio as gr
from gradio.components import Component

from ltx_ui.bundles import form_fields
from ltx_ui.errors import NotFound
from ltx_ui.inputs import CENTRE, FIELDS, FOCUSES
from ltx_ui.loras import MOST, read_sent
from ltx_ui.presets import Example, Presets, Remedy
from ltx_ui.recall import Making, recalled
from ltx_ui.recipe import MAX_PROMPT, MAX_SEED, PromptFields, Recipe
from ltx_ui.sound_length import frames_for
from ltx_ui.studio.deleting import UNDO_SECONDS
from ltx_ui.studio.jobs import Origin
from ltx_ui.studio.session import Session
from ltx_ui.studio.stored import StoredSound
from ltx_ui.studio.studio import Studio
from ltx_ui.studio.takes import Take
from ltx_ui.web.access import owner_of
from ltx_ui.web.caller import asking
from ltx_ui.web.cast import model_reads
from ltx_ui.web.casting import brought
from ltx_ui.web.fields import Fields
from ltx_ui.web.followed import Followed
from ltx_ui.web.form import DESCRIBED, OFFERED, Form, size_fields
from ltx_ui.web.given_sound import GivenSound, as_rows, fitted
from ltx_ui.web.keyframes import Keyframe
from ltx_ui.web.language import t
from ltx_ui.web.loras import as_asked, offer_loras
from ltx_ui.web.pictures import shown_picture
from ltx_ui.web.taking import is_of_a_film, with_loss
from ltx_ui.web.templating import render
from ltx_ui.web.wiring import EACH, Updates, Values, custom, on, sent, texts

_LONGEST_NAME = 80
"""Characters of a file's name that are shown."""
_PROMPT_FIELDS = tuple(each.name for each in dataclasses.fields(PromptFields))


class Filling:
    """Fills the fields from takes, examples, ready settings and the like.

    Attributes:
        done: what was done and how to undo it; its ``change`` says that something was.
    """

    def __init__(self, studio: Studio, presets: Presets, fields: Fields) -> None:
        self._studio, self._presets, self.fields = studio, presets, fields

    def lay_out(self) -> None:
        """Put the line on the page that says what was done and offers to undo it."""
        self.done = custom("undo", render("undo.html"), "undo.js")

    @property
    def filled(self) -> set[Component]:
        """What the methods that fill the fields update."""
        return {*self.fields.all, self.done}

    def form(self, values: Values) -> Form:
        """The form, without the choices that are hidden because the model does not offer them."""
        return self.fields.read(values, self._presets).made_with(self._studio.model_card())

    @property
    def has_upsampler(self) -> bool:
        """Whether the loaded model can make the HD formats."""
        card = self._studio.model_card()
        return card is not None and card.has_upsampler

    def show(self, form: Form) -> Updates:
        """Put a form into the fields, without pictures that are not here, or not for who asks."""
        there = {
            name: self._picture(getattr(form, name), getattr(form, FOCUSES[place]))
            for place, name in FIELDS.items()
        } | {"keyframes": [dataclasses.asdict(each) for each in form.keyframes if self._has(each)]}
        there["given_sound"] = as_rows(tuple(filter(self._hears, form.given_sound)))
        there["followed"] = [dataclasses.asdict(e) for e in form.followed if self._hears(e)]
        limits = self._studio.limits(asking())
        shown = self.fields.show(
            form, self._presets, there, limits, has_upsampler=self.has_upsampler
        )
        followed = self.follows(form) | {"value": there["followed"]}
        return shown | {
            self.fields["loras"]: self.loras(form) | {"value": form.loras},
            self.fields["followed"]: followed,
        }

    def loras(self, form: Form) -> dict[str, Any]:
        """What the field for LoRAs offers beside those that are chosen."""
        return offer_loras(self.fields["loras"], self._studio.loras.usable(), form.loras)

    @property
    def leading(self) -> set[str]:
        """The names of the IC-LoRAs that can be used."""
        return {lora.name for lora in self._studio.loras.usable() if lora.factor}

    def follows(self, form: Form) -> dict[str, Any]:
        """An update by which the field for the film to follow is there where an IC-LoRA is chosen,
        or a film is."""
        chosen = {name.partition("@")[0] for name, _ in form.loras}
        # By a class it would forget what its script has put into it meanwhile.
        return dict(gr.update(led=bool(form.followed or (chosen and chosen & self.leading))))

    def limit(self, values: Values) -> Updates:
        """Offer a visitor what they may ask for; whoever has no limits has been offered all."""
        if (limits := self._studio.limits(asking())) is None:
            return {}
        offered = self.fields.offered(
            self.form(values), self._presets, limits, has_upsampler=self.has_upsampler
        )
        updates = {self.fields[name]: each for name, each in offered.items() if name != "preset"}
        return updates | {self.fields["num_inference_steps"]: gr.update(maximum=limits.steps)}

    def _picture(self, digest: str | None, focus: Sequence[float]) -> dict[str, Any] | None:
        try:
            there = digest and self._studio.reference(digest, asking())
            return shown_picture(digest, focus) if digest and there else None
        except NotFound:
            return None

    def _has(self, row: Keyframe) -> bool:
        return self._picture(row.digest, CENTRE) is not None

    def _hears(self, given: GivenSound | Followed) -> bool:
        try:
            return bool(self._studio.media_file(given.digest, asking()))
        except NotFound:
            return False

    def fill(self, values: Values, words: str, form: Form, origin: Origin | None = None) -> Updates:
        """Put another form into the fields, and keep the present one for :meth:`undo`.

        Args:
            origin: the take that the next clip comes from, if it is generated before the fields are
                filled again or the filling is undone.
        """
        done = {"words": words, "draft": self.form(values).as_draft()}
        told = {"take": origin.take_id, "relation": origin.relation} if origin else None
        return self.show(form) | {self.done: done | ({"origin": told} if told else {})}

    def origin(self, values: Values) -> Origin | None:
        """The take that what stands in the fields comes from; unchecked, as a browser sent it."""
        kept = values.get(self.done)
        told = kept.get("origin") if isinstance(kept, Mapping) else None
        if not isinstance(told, Mapping):
            return None
        return Origin.read(told.get("take"), told.get("relation"))

    def used(self, values: Values) -> Updates:
        """What was filled in was generated: what is generated next comes from nowhere."""
        kept = values.get(self.done)
        if not isinstance(kept, Mapping) or "origin" not in kept:
            return {}
        return {self.done: {name: kept.get(name) for name in ("words", "draft")}}

    def fill_some(self, values: Values, words: str, **fields: Any) -> Updates:
        """Put values into some of the fields, and keep what was there for :meth:`undo`. The others
        are left to who may be typing in them."""
        form = self.form(values)
        kept = {"words": words, "draft": form.as_draft(), "only": list(fields)}
        return self._show_some(dataclasses.replace(form, **fields), fields) | {self.done: kept}

    def _show_some(self, form: Form, names: Collection[str]) -> Updates:
        shown, these = self.show(form), self.fields.of_form.keys() & names
        return {self.fields[name]: shown[self.fields[name]] for name in these}

    def deleted(self, take_ids: Sequence[str]) -> Updates:
        """Say that takes were deleted, and keep their ids for bringing them back."""
        told = {"words": t("undo.deleted"), "takes": list(take_ids), "seconds": UNDO_SECONDS}
        return {self.done: told}

    def deleted_before(self, values: Values) -> list[str]:
        """The ids of the takes that :meth:`deleted` kept, as a browser sent them."""
        kept = values.get(self.done)
        return texts(kept.get("takes")) if isinstance(kept, Mapping) else []

    def undo(self, values: Values) -> Updates:
        """Put back what was in the fields before the studio filled them."""
        given = values.get(self.done)
        kept: Mapping[Any, Any] = given if isinstance(given, Mapping) else {}
        form, only = Form.read(kept.get("draft"), self._presets), kept.get("only")
        shown = self._show_some(form, texts(only)) if isinstance(only, list) else self.show(form)
        return shown | {self.done: None}

    def merge(self, values: Values) -> Updates:
        """Make the prompt of all that the model reads, to be edited as one text."""
        form = self.form(values)
        text = model_reads(form.prompt_fields, self._presets)
        words: dict[str, Any] = dict.fromkeys(_PROMPT_FIELDS, "") | {"prompt": text}
        return self.fill(values, t("filled.one_text"), dataclasses.replace(form, **words))

    def at_full_quality(self, recipe: Recipe) -> Recipe:
        """A clip's recipe with at least the default preset's frames and steps; one of a film keeps
        its length. Its seed, and so its noise, stays."""
        best = self._presets.preset_settings(self._presets.default_preset)
        names = ["num_inference_steps", *([] if is_of_a_film(recipe) else ["num_frames"])]
        raised = {name: max(best[name], getattr(recipe, name)) for name in names}
        return recipe.model_copy(update=raised)

    def can_be_raised(self, recipe: Recipe) -> bool:
        """Whether a clip's recipe has less than full quality."""
        return self.at_full_quality(recipe) != recipe

    @property
    def is_demo(self) -> bool:
        """Whether the demo model is loaded, of which there are example clips."""
        card = self._studio.model_card()
        return card is not None and self._studio.model_status().demo

    @property
    def knows(self) -> str:
        """What the loaded model knows, where that is not everything."""
        card = self._studio.model_card()
        return card.knows if card else ""

    def examples(self) -> tuple[Example, ...]:
        """The presets' examples, or the loaded model's own. None while the demo model is being
        loaded, which has its own."""
        card = self._studio.model_card()
        if card is None and self._studio.model_status().demo:
            return ()
        own = card.examples if card else ()
        return tuple(Example(prompt=prompt) for prompt in own) or self._presets.examples

    def choose_example(self, values: Values, event: gr.EventData) -> Updates:
        """Put an example into the prompt and the helper fields."""
        known = {str(number): example for number, example in enumerate(self.examples())}
        example = known.get(str(sent(event, "example")))
        if example is None:
            return {}
        words = {name: getattr(example, name) for name in _PROMPT_FIELDS}
        form = dataclasses.replace(self.form(values), **words)
        return self.fill(values, t("filled.example"), form)

    def roll(self) -> Updates:
        """Draw a seed and lock it: unlocked, the next clip would draw another."""
        return self.reuse_seed(secrets.randbelow(MAX_SEED + 1))

    def reuse_seed(self, seed: int) -> Updates:
        """Put a seed into its field and lock it."""
        return {self.fields["seed"]: seed, self.fields["seed_locked"]: True}

    def reuse_recipe(self, recipe: Recipe, values: Values) -> Updates:
        """Fill the fields with a recipe."""
        form = Form.from_recipe(recipe, self._presets)
        return self.fill(values, with_loss(t("filled.recipe"), recipe), form)

    def reuse_file(self, values: Values, event: gr.EventData) -> Updates:
        """Fill the fields with what a file told."""
        told = sent(event, "told")
        found = recalled(told if isinstance(told, Mapping) else {})
        form = Form.from_recipe(found.recipe, self._presets)
        said = t("filled.file", name=str(sent(event, "name"))[:_LONGEST_NAME])
        said = with_loss(said, found.recipe)
        return self.fill(values, " ".join([said, *self._unfilled(form, found.making)]), form)

    def _unfilled(self, form: Form, making: Making) -> Iterator[str]:
        """What of a recipe from elsewhere is not to be had here, in sentences."""
        for name in FIELDS.values():
            digest = getattr(form, name)
            if digest and not self._picture(digest, CENTRE):
                yield t("filled.no_picture", picture=DESCRIBED[name].label)
        asked = read_sent(as_asked(form.loras))
        for missing in self._studio.loras.missing(asked):
            yield t("filled.no_lora", name=missing)
        if not all(map(self._hears, form.given_sound)):
            yield t("filled.no_sound")
        if not all(map(self._hears, form.followed)):
            yield t("follow.not_here")
        for row in form.keyframes:
            if not self._has(row):
                yield t("filled.no_picture", picture=t("keyframes.number", number=row.frame))
        card = self._studio.model_card()
        if card is None:
            return
        offered = form.made_with(card)
        for name in OFFERED:
            if getattr(form, name) != getattr(offered, name):
                yield t("filled.not_offered", field=DESCRIBED[name].label, model=card.id)
        if making.model not in (None, card.id):
            yield t("filled.other_model", made_with=making.model, model=card.id)

    def drawn_history(self, values: Values, session: Session, owner: str) -> dict[Any, str]:
        """The earlier prompts to choose from, for the stage's updates."""
        latest: dict[str, Take] = {}
        for take in session.takes:
            latest.setdefault(take.recipe.prompt, take)
        return {self.fields.history: render("history.html", takes=list(latest.values()))}

    def reuse_words(self, values: Values, event: gr.EventData, request: gr.Request) -> Updates:
        """Fill the prompt and its helpers with those of an earlier clip."""
        take = self._studio.library.take(str(sent(event, "take")), owner_of(request))
        was = Form.from_recipe(take.recipe, self._presets)
        words: dict[str, Any] = {name: getattr(was, name) for name in _PROMPT_FIELDS}
        form = dataclasses.replace(self.form(values), **words)
        return self.fill(values, t("filled.earlier"), form)

    def enhanced(self, values: Values, event: gr.EventData) -> Updates:
        """Take a suggestion for the prompt, as it was edited."""
        text = str(sent(event, "text") or "")[:MAX_PROMPT]
        return self.fill_some(values, t("filled.enhanced"), prompt=text) if text.strip() else {}

    def bring(self, values: Values, event: gr.EventData, request: gr.Request) -> Updates:
        """Fill in what belongs to a character who was named in the prompt."""
        named = self._studio.characters.called(str(sent(event, "name")), owner_of(request))
        fields, said = brought(named, str(sent(event, "first") or ""))
        return self.fill_some(values, said, **fields) if said else {}

    def apply(
        self,
        settings: Mapping[str, Any],
        values: Values,
        words: str,
        *,
        preset: str | None = None,
        seed: int | None = None,
    ) -> Updates:
        """Put ready settings into the fields.

        Args:
            settings: by a request's names, and ``seed_locked``.
            words: what was done.
            preset: the id of the one that they belong to.
            seed: what locking the seed locks where none is in its field.
        """
        form = self.form(values)
        known: dict[str, Any] = form_fields(settings) | ({"preset": preset} if preset else {})
        known = {name: known[name] for name in known.keys() & DESCRIBED.keys()}
        if known.get("seed_locked"):
            known["seed"] = form.seed if seed is None else seed
            known["seed_locked"] = known["seed"] is not None
        elif "seed_locked" in known:
            known["seed"] = None
        return self.fill(values, words, dataclasses.replace(form, **known))

    def cure(self, take: Take, remedy: Remedy, values: Values) -> Updates:
        """Fill the fields with a clip's recipe, changed as the doctor says."""
        form = Form.from_recipe(take.recipe, self._presets)
        known: dict[str, Any] = form_fields(remedy.settings)
        if remedy.another_seed:
            known |= {"seed": None, "seed_locked": False}
        cured = dataclasses.replace(form, **known)
        said = with_loss(t("filled.cure"), take.recipe)
        return self.fill(values, said, cured, Origin(take.id, "cured"))

    def start_from(self, digest: str, values: Values) -> Updates:
        """Make a picture the first frame."""
        form = dataclasses.replace(self.form(values), image_start=digest)
        return self.fill(values, t("filled.last_frame"), form)

    def follow(self, film: StoredSound, values: Values, take_id: str) -> Updates:
        """Let the next clip follow a film, by the one IC-LoRA that there is, if it is the only
        one."""
        form, leading = self.form(values), self.leading
        loras = form.loras
        if len(leading) == 1 and not {name.partition("@")[0] for name, _ in loras} & leading:
            loras = (*loras, (next(iter(leading)), 1.0))[-MOST:]
        films = (Followed(film.digest, seconds=film.seconds),)
        form = dataclasses.replace(form, followed=films, loras=loras)
        return self.fill(values, t("follow.filled"), form, Origin(take_id, "followed"))

    def fit_sound(self, values: Values) -> Updates:
        """Make the clip as long as the sound that it is made to, as far as it may be."""
        form, owner = self.form(values), asking()
        if not form.given_sound:
            return {}
        given, size = form.given_sound[0], size_fields(form.size)
        most = self._studio.most_volume(owner) // max(1, size["width"] * size["height"])
        lasts = self._studio.sound_seconds(given.digest, owner) - given.start
        frames = frames_for(lasts, form.fps, most)
        return self.fill_some(values, fitted(lasts, frames / form.fps), num_frames=frames)

    def connect(self) -> None:
        """Connect the events that fill the fields."""
        fields = self.fields
        on(fields["given_sound"].fit, self.fit_sound, fields.all, self.filled, how=EACH)
        on(self.done.undo, self.undo, {self.done}, self.filled, how=EACH)
        on(fields.compiled.act, self.merge, fields.all, self.filled, how=EACH)
        on(fields.history.act, self.reuse_words, fields.all, self.filled, how=EACH)
        on(fields.enhance.use, self.enhanced, fields.all, self.filled, how=EACH)
        on(fields.cast.bring, self.bring, fields.all, self.filled, how=EACH)
        on(fields.file.told, self.reuse_file, fields.all, self.filled, how=EACH)
        on(fields.dice.click, self.roll, None, {fields["seed"], fields["seed_locked"]})
