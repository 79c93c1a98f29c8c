"""What the page tells before Generate: how long a clip takes here, what its settings are for."""

from __future__ import annotations

from ltx_ui.alternatives import alternatives
from ltx_ui.errors import InvalidRecipe
from ltx_ui.presets import Presets
from ltx_ui.recipe import Recipe
from ltx_ui.request import parse_recipe
from ltx_ui.studio.studio import Studio
from ltx_ui.web import views
from ltx_ui.web.form import Form
from ltx_ui.web.templating import render
from ltx_ui.words import tidy_lines


class Estimates:
    """Tells of forms, by the loaded model and by what earlier clips took on this machine."""

    def __init__(self, studio: Studio, presets: Presets) -> None:
        self._studio = studio
        self._presets = presets

    def seconds_by_preset(self, form: Form) -> dict[str, float | None]:
        """How long a clip of the form takes with each preset, by the preset's id."""
        ids = [preset.id for preset in self._presets.presets]
        return {id: self._seconds(form.with_preset(id, self._presets)) for id in ids}

    def _seconds(self, form: Form) -> float | None:
        recipe = self.roughly(form)
        found = recipe and self._studio.estimate(recipe)
        return found.seconds if found else None

    def roughly(self, form: Form) -> Recipe | None:
        """A recipe that takes as long; None if the form can't be made."""
        words = {"prompt": tidy_lines(form.prompt) or "a clip"}
        try:
            data = form.recipe_data(self._presets, self._studio.model_card())
            return parse_recipe(data | words)
        except InvalidRecipe:
            return None

    def line(self, form: Form) -> str:
        """Frames, seconds, the estimated time of all takes, and the device memory. Empty if the
        form can't be made; if no clip can be made at all, a sentence says so."""
        if self._studio.model_status().state == "failed":
            return render("estimate.html", model_failed=True)
        recipe = self.roughly(form)
        if recipe is None:
            return ""
        found = self._studio.estimate(recipe)
        prompts = _alternatives(recipe.prompt)
        return render(
            "estimate.html",
            model_failed=False,
            seconds=None if found is None else prompts * found.seconds,
            clips=prompts * recipe.num_takes,
            recipe=recipe,
            needed=self._studio.needs(recipe),
        )

    def quality(self, form: Form) -> str:
        """What the form's steps and guidance are good for."""
        card = self._studio.model_card()
        steps, guidance = form.num_inference_steps, form.guidance_scale
        return views.quality_note(steps, guidance, self._presets, card.why_fixed if card else "")


def _alternatives(prompt: str) -> int:
    """How many prompts a prompt stands for; 1 for one that stands for too many."""
    try:
        return len(alternatives(prompt))
    except InvalidRecipe:
        return 1
