"""The Gallery tab: takes and favourites, newest first."""

from __future__ import annotations

from typing import Any

import gradio as gr

from ltx_ui.errors import NotFound
from ltx_ui.recipe import MAX_SEED
from ltx_ui.studio.studio import Studio
from ltx_ui.web.access import owner_of
from ltx_ui.web.create import Create
from ltx_ui.web.result import save_seed_label
from ltx_ui.web.templating import render
from ltx_ui.web.wiring import EACH, Updates, Values, on, script, sent

PAGE_SIZE = 48
ALL, FAVOURITES = "All", "Favourites"

_MOST = 100 * PAGE_SIZE
"""Cards on one page at most."""


class Gallery:
    """The tab's components and their events."""

    def __init__(self, studio: Studio, create: Create, tabs: gr.Tabs) -> None:
        self._studio = studio
        self._create = create
        self._tabs = tabs
        with gr.Row(elem_classes="filter"):
            self._which = gr.Radio(
                [ALL, FAVOURITES],
                value=ALL,
                label="Show",
                show_label=False,
                elem_id="gallery-filter",
            )
        gr.HTML(render("offline.html"), elem_classes="offline")
        self._cards = gr.HTML(
            render("gallery_waits.html"), js_on_load=script("cards.js"), elem_id="gallery"
        )

    def show(self, values: Values, request: gr.Request) -> Updates:
        """The newest cards."""
        return self._show(values, PAGE_SIZE, owner_of(request))

    def _show(self, values: Values, limit: int, owner: str) -> Updates:
        only = values.get(self._which) == FAVOURITES
        takes = self._studio.library.takes(owner, favourites_only=only, limit=limit + 1)
        more = len(takes) > limit
        shown = {"takes": takes[:limit], "limit": limit, "more": more}
        return {self._cards: render("gallery.html", favourites_only=only, **shown)}

    def show_more(self, values: Values, event: gr.EventData, request: gr.Request) -> Updates:
        """Show another page of cards below those that are shown."""
        return self._show(values, _limit(event) + PAGE_SIZE, owner_of(request))

    def heart(self, values: Values, event: gr.EventData, request: gr.Request) -> Updates:
        """Set or clear a take's favourite mark; Create's button shows it too if its player has the
        take."""
        take_id, on, panel = _take_id(event), bool(sent(event, "on")), self._create.panel
        self._studio.library.set_favourite(take_id, owner_of(request), on)
        return {panel.save_seed: save_seed_label(on)} if take_id == values.get(panel.shown) else {}

    def note(self, event: gr.EventData, request: gr.Request) -> None:
        """Keep a card's note."""
        words = str(sent(event, "text") or "")
        self._studio.library.set_note(_take_id(event), owner_of(request), words)

    def remove(self, values: Values, event: gr.EventData, request: gr.Request) -> Updates:
        """Delete a take; answers with the remaining cards, and removes the take from Create."""
        owner, take_id = owner_of(request), _take_id(event)
        try:
            self._studio.library.delete(take_id, owner)
        except NotFound:
            gr.Info("This clip was already deleted.")
        create = self._create.progress.without(take_id, values, owner)
        return self._show(values, _limit(event), owner) | create

    def use_seed(self, event: gr.EventData) -> Updates:
        """Put a card's seed into Create's field, locked."""
        seed = sent(event, "seed")
        if not isinstance(seed, int) or not 0 <= seed <= MAX_SEED:
            return {}
        return self._create.form.reuse_seed(seed) | self._to_create

    def use_all(self, event: gr.EventData, request: gr.Request) -> Updates:
        """Put a card's whole recipe into Create's fields."""
        shown = self._create.form.reuse_all(_take_id(event), owner_of(request))
        return shown | self._to_create

    def make_again(self, event: gr.EventData, request: gr.Request) -> Updates:
        """Queue the recipe of a take whose file is gone."""
        return self._create.make_again(_take_id(event), request) | self._to_create

    @property
    def _to_create(self) -> Updates:
        return {self._tabs: gr.Tabs(selected="create")}

    def connect(self, tab: gr.Tab) -> None:
        """Connect the components' events with this tab's methods."""
        panel, form, cards = self._create.panel, self._create.form, self._cards
        fields = form.fields
        for shown in (tab.select, self._which.change):
            on(shown, self.show, {self._which}, {cards})
        on(cards.more, self.show_more, {self._which}, {cards})
        on(cards.heart, self.heart, {panel.shown}, {panel.save_seed}, how=EACH)
        on(cards.note, self.note, how=EACH)
        removed_from = {self._which, panel.shown, panel.in_strip}
        on(cards.remove, self.remove, removed_from, {cards, *panel.of_take}, how=EACH)
        reused = {fields["seed"], fields["seed_locked"], self._tabs}
        on(cards.use_seed, self.use_seed, None, reused)
        form.describe_on(on(cards.use_all, self.use_all, None, {*fields.all, self._tabs}).then)
        on(cards.again, self.make_again, None, {*self._create.begun, self._tabs})


def _take_id(event: gr.EventData) -> str:
    """The id of the take whose card an event came from.

    Raises:
        NotFound: the event carries none.
    """
    take_id = sent(event, "take")
    if not isinstance(take_id, str):
        raise NotFound("This clip is not here. Load the page again.")
    return take_id


def _limit(event: gr.EventData) -> int:
    """How many cards the page shows, from a card's event; bounded, as a browser may send
    any number."""
    limit: Any = sent(event, "limit")
    return min(max(limit, PAGE_SIZE), _MOST) if isinstance(limit, int) else PAGE_SIZE
