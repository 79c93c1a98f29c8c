"""The Gallery tab: a wall of takes, and what finds them."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import gradio as gr

from ltx_ui.errors import NotFound
from ltx_ui.presets import Presets
from ltx_ui.recipe import MAX_SEED
from ltx_ui.studio.deleting import NOT_HERE, UNDO_SECONDS
from ltx_ui.studio.guard import is_visitor
from ltx_ui.studio.search import MAX_SEARCH
from ltx_ui.studio.shelves import MAX_TAG
from ltx_ui.studio.sought import Place, Sought
from ltx_ui.studio.studio import Studio
from ltx_ui.studio.takes import Take
from ltx_ui.web.access import owner_of
from ltx_ui.web.create import Create
from ltx_ui.web.gallery_filter import Filter, menus
from ltx_ui.web.language import said, seconds, t
from ltx_ui.web.made_with import made_with
from ltx_ui.web.marks import marked
from ltx_ui.web.templating import render
from ltx_ui.web.wiring import EACH, LATEST, Updates, Values, custom, on, panel, sent, texts

PAGE_SIZE = 48
"""Takes that are sent at once."""
MOST_WORDS = 160
"""Characters of a prompt that stand on a poster."""


class Gallery:
    """The tab's components and their events. Takes come in pages, and each is sent once: the
    script lays them out, and takes those off that are deleted."""

    def __init__(self, studio: Studio, presets: Presets, create: Create, tabs: gr.Tabs) -> None:
        self._studio, self._presets = studio, presets
        self._library = studio.library
        self._create = create
        self._tabs = tabs
        with gr.Row(elem_classes="filter"):
            field = render("sought.html", most=MAX_SEARCH)
            self._sought = custom("gallery-filter", field, "sought.js", elem_classes="choice")
            panel("take-along", render("along.html"), "along.js")
            self._count = panel("gallery-count")
        wall = render("wall.html", undo_seconds=UNDO_SECONDS, most_tag=MAX_TAG)
        self._wall = custom("gallery", wall, "cards.js")
        self._menu = custom("gallery-menu", render("take_menu_waits.html"), "take_menu.js")

    def show(self, values: Values, request: gr.Request) -> Updates:
        """The first of the takes that are sought, how many there are, and what to choose from."""
        owner, now = owner_of(request), datetime.now(UTC)
        kinds, tags = self._library.kinds(owner), self._library.tags(owner)
        made = made_with(self._presets, kinds)
        chosen = Filter.read(values.get(self._sought), kinds, made)
        sought = chosen.sought(now, made)
        page = self._page(sought, owner)
        page["of"], page["question"] = chosen.chosen, chosen.asked
        named = {preset.id: said(preset.name) for preset in self._presets.presets}
        choices = menus(chosen, kinds, tags, now, made, named)
        page["menus"] = render("gallery_menus.html", menus=choices)
        page["tags"] = [tag for tag, _ in tags]
        page["brings"] = not is_visitor(owner)
        if not page["takes"]:
            page["empty"] = render("gallery.html", chosen=chosen)
        return {self._wall: page} | self._counted(chosen, sought, owner)

    def show_more(self, values: Values, event: gr.EventData, request: gr.Request) -> Updates:
        """The takes behind those that are shown."""
        owner, place = owner_of(request), _place(event)
        if place is None:
            return {}
        _, sought = self._filter(values, owner)
        return {self._wall: self._page(sought, owner, place) | {"after": place}}

    def _page(self, sought: Sought, owner: str, after: Place | None = None) -> dict[str, Any]:
        takes = self._library.takes(owner, sought, limit=PAGE_SIZE + 1, after=after)
        shown = [_tile(take, sought) for take in takes[:PAGE_SIZE]]
        return {"takes": shown, "more": len(takes) > PAGE_SIZE}

    def _filter(self, values: Values, owner: str) -> tuple[Filter, Sought]:
        kinds = self._library.kinds(owner)
        made = made_with(self._presets, kinds)
        chosen = Filter.read(values.get(self._sought), kinds, made)
        return chosen, chosen.sought(datetime.now(UTC), made)

    def _counted(self, chosen: Filter, sought: Sought, owner: str) -> Updates:
        count = None if chosen.is_just() else self._library.count(owner, sought)
        return {self._count: render("count.html", count=count, room=self._studio.room(owner))}

    def heart(self, values: Values, event: gr.EventData, request: gr.Request) -> Updates:
        """Set or clear the favourite mark of takes; Create shows it too. Those that are gone by now
        are left out.

        Raises:
            NotFound: none of them is here.
        """
        owner, marked_any = owner_of(request), False
        for take_id in _take_ids(event):
            with suppress(NotFound):
                self._library.set_favourite(take_id, owner, bool(sent(event, "on")))
                marked_any = True
        if not marked_any:
            raise NotFound(NOT_HERE)
        return self._create.stage.show(values, owner)

    def tag(self, values: Values, event: gr.EventData, request: gr.Request) -> Updates:
        """Give takes tags, or take them away."""
        add, remove = texts(sent(event, "add")), texts(sent(event, "remove"))
        self._library.set_tags(_take_ids(event), owner_of(request), add, remove)
        return self.show(values, request)

    def note(self, values: Values, event: gr.EventData, request: gr.Request) -> Updates:
        """Keep a take's note; Create shows it too."""
        owner = owner_of(request)
        self._library.mark(_take_id(event), owner, marked(event, "note"))
        return self._create.stage.show(values, owner)

    def remove(self, values: Values, event: gr.EventData, request: gr.Request) -> Updates:
        """Delete takes, also from Create, or bring them back. The wall has changed already, and
        gets its first page where it asks for it."""
        owner, take_ids = owner_of(request), _take_ids(event)
        try:
            change = self._library.restore if sent(event, "back") else self._library.delete
            change(take_ids, owner)
        except NotFound as gone:
            gr.Info(str(gone) if sent(event, "back") else t("gallery.deleted_already"))
        if sent(event, "anew"):
            counted = self.show(values, request)
        else:
            counted = self._counted(*self._filter(values, owner), owner)
        return counted | self._create.stage.show(values, owner)

    def open_menu(self, event: gr.EventData, request: gr.Request) -> Updates:
        """What can be done with a take, and what it is."""
        take = self._library.take(_take_id(event), owner_of(request))
        leads = self._create.form.filling.leading
        html = render("take_menu.html", take=take, leads=leads)
        return {self._menu: {"take": take.id, "html": html}}

    def use_seed(self, values: Values, event: gr.EventData) -> Updates:
        """Put a take's seed into Create's field, locked."""
        seed = sent(event, "seed")
        if type(seed) is not int or not 0 <= seed <= MAX_SEED:
            return {}
        filling = self._create.form.filling
        locked = filling.fill_some(values, t("filled.seed"), seed=seed, seed_locked=True)
        return locked | self._to_create

    def use_all(self, values: Values, event: gr.EventData, request: gr.Request) -> Updates:
        """Put a take's whole recipe into Create's fields."""
        take = self._library.take(_take_id(event), owner_of(request))
        return self._create.form.filling.reuse_recipe(take.recipe, values) | self._to_create

    def follow(self, values: Values, event: gr.EventData, request: gr.Request) -> Updates:
        """Let the next clip follow a take's film."""
        return (
            self._create.follow_take(_take_id(event), values, owner_of(request)) | self._to_create
        )

    def make_again(self, values: Values, event: gr.EventData, request: gr.Request) -> Updates:
        """Queue the recipe of a take whose file is gone."""
        begun = self._create.begin_again(_take_id(event), values, owner_of(request))
        return begun | self._to_create

    @property
    def _to_create(self) -> Updates:
        return {self._tabs: gr.Tabs(selected="create")}

    def connect(self, tab: gr.Tab) -> None:
        """Connect the components' events with this tab's methods."""
        stage, form, wall, menu = self._create.stage, self._create.form, self._wall, self._menu
        fields = form.fields
        shown = {wall, self._count}
        for seeks in (tab.select, self._sought.seek, wall.seek):
            on(seeks, self.show, {self._sought}, shown, how=LATEST)
        on(wall.more, self.show_more, {self._sought}, {wall}, how=LATEST)
        on(wall.heart, self.heart, stage.inputs, stage.outputs, how=EACH)
        on(wall.tag, self.tag, {self._sought}, shown, how=EACH)
        removed = ({self._sought, *stage.inputs}, {*shown, *stage.outputs})
        on(wall.remove, self.remove, *removed, how=EACH)
        on(wall.again, self.make_again, stage.inputs, {*stage.outputs, self._tabs})
        on(menu.seek, self.open_menu, None, {menu}, how=LATEST)
        on(menu.note, self.note, stage.inputs, stage.outputs, how=EACH)
        acts = (
            (menu.use_seed, self.use_seed),
            (menu.use_all, self.use_all),
            (menu.follow, self.follow),
        )
        for used, use in acts:
            on(used, use, fields.all, {*form.filling.filled, self._tabs})


def _tile(take: Take, sought: Sought) -> dict[str, Any]:
    """What the wall shows of a take, and lays it out by."""
    words = take.recipe.prompt
    return {
        "id": take.id,
        "place": sought.place(take),
        "ratio": round(take.recipe.width / take.recipe.height, 4),
        "words": words if len(words) <= MOST_WORDS else f"{words[:MOST_WORDS]}…",
        "name": take.name,
        "tags": take.tags,
        "length": seconds(take.recipe.duration, 1),
        "favourite": take.favourite,
        "missing": take.missing,
    }


def _place(event: gr.EventData) -> Place | None:
    """The place in the order that an event came with."""
    match sent(event, "after"):
        # Not truths, which are numbers to Python and none to PostgreSQL.
        case [key, number] if type(key) in (int, float) and type(number) is int:
            return key, number
    return None


def _take_id(event: gr.EventData) -> str:
    """The id of the take that an event is about.

    Raises:
        NotFound: the event carries none.
    """
    take_id = sent(event, "take")
    if not isinstance(take_id, str):
        raise NotFound("This clip is not here. Load the page again.")
    return take_id


def _take_ids(event: gr.EventData) -> list[str]:
    return texts(sent(event, "takes"))
