"""A take opened: its clip large, all that is known of it, and what can be made of it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import gradio as gr

from ltx_ui.errors import NotFound
from ltx_ui.presets import Presets
from ltx_ui.recall import Making, Recalled
from ltx_ui.studio.jobs import Relation
from ltx_ui.studio.shelves import MAX_NAME
from ltx_ui.studio.studio import Studio
from ltx_ui.studio.takes import Take
from ltx_ui.web.access import owner_of
from ltx_ui.web.create import Create
from ltx_ui.web.difference import filling
from ltx_ui.web.job_view import STAGES
from ltx_ui.web.language import t
from ltx_ui.web.recipe_words import recipe_lines
from ltx_ui.web.taking import WAYS, lost, with_loss
from ltx_ui.web.templating import render
from ltx_ui.web.wiring import EACH, LATEST, Updates, Values, custom, on, sent

_CAME: dict[Relation, str] = {
    "variation": "opened.variation",
    "finished": "opened.finished",
    "continued": "opened.continued",
    "again": "opened.again",
    "cured": "opened.cured",
    "extended": "opened.extended",
    "retaken": "opened.retaken",
    "revoiced": "opened.revoiced",
    "upscaled": "opened.upscaled",
    "followed": "opened.followed",
}
"""What a take is to the one that it came from, as texts of the catalogue."""


@dataclass(frozen=True)
class _Relative:
    """A take that another one came from, or that came of it.

    Attributes:
        came: what the later one is to the earlier.
    """

    take: Take
    came: str


class Opened:
    """The dialog and its events. Nothing of a take is on the page before it is opened."""

    def __init__(self, studio: Studio, presets: Presets, create: Create) -> None:
        self._studio, self._presets, self._create = studio, presets, create
        self._dialog = custom("opened", render("opened_dialog.html"), "opened.js")

    def show(self, event: gr.EventData, request: gr.Request) -> Updates:
        """A take, or a sentence that it is not here; and the newest ones, among which it is one
        where it was opened by its address."""
        take_id, owner = str(sent(event, "take")), owner_of(request)
        try:
            html = self._html(self._studio.library.take(take_id, owner), owner)
        except NotFound:
            html = render("opened_gone.html")
        newest = [take.id for take in self._studio.library.newest(owner)]
        told = {"take": take_id, "html": html, "newest": newest}
        return {self._dialog: told | answered(event)}

    def _html(self, take: Take, owner: str) -> str:
        lineage = self._studio.library.lineage(take.id, owner)
        came = [_Relative(lineage.came_from, _came(take))] if lineage.came_from else []
        return render(
            "opened.html",
            take=take,
            lines=recipe_lines(take.recipe, self._presets),
            told=json.dumps(_answer(take), indent=2, ensure_ascii=False),
            stages=[(t(STAGES[name]), spent) for name, spent in _spent(take)],
            remedies=self._create.stage.remedies(take),
            leads=self._create.form.filling.leading,
            raises=self._create.form.filling.can_be_raised(take.recipe),
            ways=WAYS,
            gone=lineage.gone,
            came_from=came,
            came_of=[_Relative(each, _came(each)) for each in lineage.came_of],
            most_name=MAX_NAME,
        )

    def weigh(self, values: Values, event: gr.EventData, request: gr.Request) -> Updates:
        """What filling the fields in one of the ways would change."""
        if (way := WAYS.get(str(sent(event, "way")))) is None:
            return {}
        take = self._studio.library.take(str(sent(event, "take")), owner_of(request))
        now = self._create.form.filling.form(values)
        changes = filling(now, way.form(now, take, self._presets))
        missed = lost(take.recipe) if way.takes_all else ""
        name = str(sent(event, "way"))
        html = render("opened_changes.html", way=name, changes=changes, lost=missed)
        return {self._dialog: {"take": take.id, "changes": html} | answered(event)}

    def fill(self, values: Values, event: gr.EventData, request: gr.Request) -> Updates:
        """Fill the fields in one of the ways."""
        if (way := WAYS.get(str(sent(event, "way")))) is None:
            return {}
        take = self._studio.library.take(str(sent(event, "take")), owner_of(request))
        fields = self._create.form.filling
        form = way.form(fields.form(values), take, self._presets)
        said = with_loss(t(way.done), take.recipe) if way.takes_all else t(way.done)
        return fields.fill(values, said, form, way.origin(take))

    def connect(self) -> None:
        """Connect the dialog's events with this class's methods, and with what Create does."""
        create, dialog = self._create, self._dialog
        fields, stage = create.form.fields.all, create.stage
        on(dialog.ask, self.show, None, {dialog}, how=EACH)
        on(dialog.weigh, self.weigh, fields, {dialog}, how=EACH)
        on(dialog.fill, self.fill, fields, create.form.filling.filled, how=EACH)
        changes = {*stage.outputs, *create.form.filling.filled}
        on(dialog.act, create.act, {*stage.inputs, *fields}, changes, how=EACH)
        on(dialog.left, create.follow, stage.inputs, create.followed, how=LATEST)


def answered(event: gr.EventData) -> dict[str, int]:
    """Which question of a dialog's script an answer is to: two answers are never the same value, of
    which the second would not be noticed."""
    number = sent(event, "number")
    return {"number": number} if type(number) is int else {}


def _came(take: Take) -> str:
    return next((t(text) for relation, text in _CAME.items() if relation == take.relation), "")


def _answer(take: Take) -> dict[str, Any]:
    """What the take's file tells, as JSON that the page reads again."""
    making = Making.model_validate(
        {
            "model": take.model,
            "device": take.device,
            "versions": take.versions,
            "timings": {name: round(spent, 3) for name, spent in take.timings.items()},
            "made_at": take.created_at,
            "made_from": take.made_from,
            "relation": take.relation,
        }
    )
    return Recalled(take.recipe, making).answer()


def _spent(take: Take) -> Sequence[tuple[str, float]]:
    """Seconds by stage, of the stages that have a name on the page."""
    return [(name, spent) for name, spent in take.timings.items() if name in STAGES]
