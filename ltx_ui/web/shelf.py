"""The shelf on the Seeds tab: favourite seeds, to be tried on other prompts, and characters."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import gradio as gr

from ltx_ui.errors import NotFound, StudioError
from ltx_ui.recipe import MAX_SEED, Recipe
from ltx_ui.studio.characters import Character
from ltx_ui.studio.library import SIDE_BY_SIDE
from ltx_ui.studio.shelves import MAX_NAME, MAX_TAG, Marks
from ltx_ui.studio.sought import Sought
from ltx_ui.studio.studio import Studio
from ltx_ui.studio.takes import Take
from ltx_ui.web import views
from ltx_ui.web.access import owner_of
from ltx_ui.web.casting import brought
from ltx_ui.web.characters import form_of, read_character, shelf_of_characters
from ltx_ui.web.create import Create
from ltx_ui.web.language import t
from ltx_ui.web.marks import marked
from ltx_ui.web.sheet import MOST_TILES
from ltx_ui.web.templating import render
from ltx_ui.web.wiring import EACH, LATEST, Updates, Values, custom, on, sent, texts

FAVOURITES = Sought(favourites_only=True)
PAGE_SIZE = 24
"""Favourites that are sent at once."""
_TAGS = 50
"""Tags that are offered while one is typed."""


class Shelf:
    """The shelf's component and its events. All is drawn here and put in place by its script, which
    is told which part of it some HTML is."""

    def __init__(self, studio: Studio, create: Create, tabs: gr.Tabs) -> None:
        self._studio, self._create, self._tabs = studio, create, tabs
        self.part = custom("shelf", render("shelf.html", most=MOST_TILES), "shelf.js")
        self._shows: Mapping[str, Callable[[gr.EventData, str], Updates]] = {
            "seeds": lambda event, owner: self.seeds(owner),
            "more": self._more,
            "characters": lambda event, owner: self._characters(owner),
            "form": self._form,
            "seed_clips": self._seed_clips,
            "clips_with": self._clips_with,
        }
        self._writes: Mapping[str, Callable[[gr.EventData, str], None]] = {
            "name": self._name,
            "note": self._note,
            "tags": self._tags,
        }

    def _put(self, part: str, html: str, **more: Any) -> Updates:
        # The number makes it another value: the script puts in what it has been told before.
        return {self.part: {"part": part, "html": html, "number": secrets.token_hex(4), **more}}

    def seeds(self, owner: str) -> Updates:
        """The first of the favourite seeds."""
        library = self._studio.library
        html = render(
            "favourite_seeds.html",
            **self._page(owner),
            count=library.count(owner, FAVOURITES),
            tags=[tag for tag, _ in library.tags(owner)[:_TAGS]],
        )
        return self._put("seeds", html)

    def _page(self, owner: str, before: int | None = None) -> dict[str, Any]:
        library = self._studio.library
        after = None if before is None else (0, before)
        takes = library.takes(owner, FAVOURITES, limit=PAGE_SIZE + 1, after=after)
        most = {"name": MAX_NAME, "tag": MAX_TAG}
        return {"takes": takes[:PAGE_SIZE], "more": len(takes) > PAGE_SIZE, "most": most}

    def _more(self, event: gr.EventData, owner: str) -> Updates:
        before = sent(event, "before")
        if type(before) is not int:
            return {}
        return self._put("more", render("seed_cards.html", **self._page(owner, before)))

    def _characters(self, owner: str) -> Updates:
        return self._put("characters", shelf_of_characters(self._studio, owner))

    def _form(self, event: gr.EventData, owner: str) -> Updates:
        character_id = sent(event, "id")
        known = isinstance(character_id, str) and character_id
        character = self._studio.characters.one(known, owner) if known else Character("")
        return self._put("dialog", form_of(character))

    def _seed_clips(self, event: gr.EventData, owner: str) -> Updates:
        seed = sent(event, "seed")
        if type(seed) is not int or not 0 <= seed <= MAX_SEED:
            return {}
        takes = self._studio.library.side_by_side(owner, seed=seed)
        return self._clips(t("shelf.clips_of", seed=str(seed)), takes)

    def _clips_with(self, event: gr.EventData, owner: str) -> Updates:
        character = self._studio.characters.one(str(sent(event, "id")), owner)
        takes = self._studio.library.side_by_side(owner, name=character.name)
        return self._clips(t("character.clips_with", name=character.name), takes)

    def _clips(self, title: str, takes: Sequence[Take]) -> Updates:
        return self._put(
            "dialog", render("clips.html", title=title, takes=takes, most=SIDE_BY_SIDE)
        )

    def show(self, event: gr.EventData, request: gr.Request) -> Updates:
        """A part of the shelf that is asked for; the favourite seeds, if none is named."""
        shows = self._shows.get(str(sent(event, "what")), self._shows["seeds"])
        return shows(event, owner_of(request))

    def write(self, values: Values, event: gr.EventData, request: gr.Request) -> Updates:
        """Keep what was written on a favourite; Create shows it too."""
        owner = owner_of(request)
        if writes := self._writes.get(str(sent(event, "do"))):
            writes(event, owner)
        return self._create.stage.show(values, owner)

    def _name(self, event: gr.EventData, owner: str) -> None:
        self._mark(event, owner, marked(event, "name"))

    def _note(self, event: gr.EventData, owner: str) -> None:
        self._mark(event, owner, marked(event, "note"))

    def _mark(self, event: gr.EventData, owner: str, marks: Marks) -> None:
        self._studio.library.mark(str(sent(event, "take")), owner, marks)

    def _tags(self, event: gr.EventData, owner: str) -> None:
        add, remove = (texts(sent(event, name)) for name in ("add", "remove"))
        self._studio.library.set_tags([str(sent(event, "take"))], owner, add, remove)

    def heart(self, values: Values, event: gr.EventData, request: gr.Request) -> Updates:
        """Set or clear a favourite mark; Create shows it too."""
        owner, on_now = owner_of(request), bool(sent(event, "on"))
        self._studio.library.set_favourite(str(sent(event, "take")), owner, on_now)
        return self._create.stage.show(values, owner)

    def chosen(self, event: gr.EventData, owner: str) -> list[tuple[str, int]]:
        """What the chosen favourites are called, and their seeds, each once.

        Raises:
            NotFound: none of them is there any more.
        """
        takes = self._studio.library.those(texts(sent(event, "takes")), owner)
        seeds: dict[int, str] = {}
        for take in takes:
            seeds.setdefault(take.recipe.seed, take.name)
        if not seeds:
            raise NotFound("These seeds are not here any more. Load the page again.")
        return [(name, seed) for seed, name in seeds.items()][:MOST_TILES]

    def save(self, event: gr.EventData, request: gr.Request) -> Updates:
        """Keep a character; what is wrong with it is said in its form."""
        owner = owner_of(request)
        try:
            was = sent(event, "was")
            before = read_character(was) if was else None
            self._studio.characters.save(read_character(sent(event, "character")), owner, before)
        except StudioError as error:
            return self._put("problem", views.problem(error))
        return self._characters(owner)

    def forget(self, event: gr.EventData, request: gr.Request) -> Updates:
        """Delete a character."""
        owner = owner_of(request)
        self._studio.characters.delete(str(sent(event, "id")), owner)
        return self._characters(owner)

    def use(self, values: Values, event: gr.EventData, request: gr.Request) -> Updates:
        """Name a character in the prompt, with all that comes with that."""
        owner, filling = owner_of(request), self._create.form.filling
        character = self._studio.characters.one(str(sent(event, "id")), owner)
        form = filling.form(values)
        prompt = f"{form.prompt.rstrip()} @{character.name} ".lstrip()
        fields, said = brought(character, "")
        said = said or t("character.named", name=character.name)
        filled = filling.fill_some(values, said, prompt=prompt, **fields)
        return filled | {self._tabs: gr.Tabs(selected="create")}

    def connect(self, tab: gr.Tab) -> None:
        """Connect the component's events with this class's methods."""
        part, stage, form = self.part, self._create.stage, self._create.form
        for shown in (tab.select, part.look):
            on(shown, self.show, how=LATEST, outputs={part})
        on(part.write, self.write, stage.inputs, stage.outputs, how=EACH)
        on(part.heart, self.heart, stage.inputs, stage.outputs, how=EACH)
        on(part.save, self.save, None, {part}, how=EACH)
        on(part.forget, self.forget, None, {part}, how=EACH)
        on(part.use, self.use, form.fields.all, {*form.filling.filled, self._tabs})


def plan_of(chosen: Sequence[tuple[str, int]], recipe: Recipe) -> list[tuple[str, Recipe]]:
    """A label and a recipe for each of the chosen seeds.

    Args:
        chosen: what each is called, if anything, and the seed.
    """
    return [
        (name, recipe.model_copy(update={"seed": seed, "num_takes": 1})) for name, seed in chosen
    ]
