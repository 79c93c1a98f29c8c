"""What the page finds in a form: advice on its words, and what its sizes fall short of."""

from __future__ import annotations

from ltx_ui.advice import Finding, Fix, advise
from ltx_ui.presets import Presets
from ltx_ui.publishing import falls_short
from ltx_ui.studio.studio import Studio
from ltx_ui.web import limited
from ltx_ui.web.caller import asking
from ltx_ui.web.estimates import Estimates
from ltx_ui.web.fields import PICTURES, Fields
from ltx_ui.web.form import DESCRIBED, Form, size_fields
from ltx_ui.web.language import language
from ltx_ui.web.pictures import too_small
from ltx_ui.web.wiring import Values


class Findings:
    """Finds them by the loaded model, presets.json and what a browser sent."""

    def __init__(
        self, studio: Studio, presets: Presets, estimates: Estimates, fields: Fields
    ) -> None:
        self._studio, self._presets = studio, presets
        self._estimates, self._fields = estimates, fields

    def words(self, form: Form) -> list[Finding]:
        """Advice on the prompt."""
        return advise(form, self._presets, self._studio.model_card(), language())

    def sizes(self, form: Form, values: Values) -> list[Finding]:
        """What the clip has that its maker may not ask for, what platforms don't take of it, and
        which pictures are smaller than it."""
        return [*self._limits(form), *self._platform(form), *self._pictures(form, values)]

    def fix(self, name: object, form: Form) -> Fix | None:
        """The change that settles the finding of this name, if there is one."""
        found = [*self.words(form), *self._limits(form), *self._platform(form)]
        return next((each.fix for each in found if each.name == name), None)

    def _limits(self, form: Form) -> list[Finding]:
        found = limited.finding(form, self._studio.limits(asking()))
        return [found] if found else []

    def _platform(self, form: Form) -> list[Finding]:
        clip, card = self._estimates.roughly(form), self._studio.model_card()
        has_upsampler = card is not None and card.has_upsampler
        found = clip and falls_short(
            clip, self._presets, has_upsampler=has_upsampler, language=language()
        )
        return [found] if found else []

    def _pictures(self, form: Form, values: Values) -> list[Finding]:
        size = size_fields(form.size)
        found = (
            too_small(
                values.get(self._fields[name]), DESCRIBED[name].label, size["width"], size["height"]
            )
            for name in PICTURES
        )
        return [*filter(None, found)]
