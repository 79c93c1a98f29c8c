"""The Gallery tab: takes and favourites, newest first."""

from __future__ import annotations

from typing import Any

import gradio as gr

from ltx_ui.errors import NotFound
from ltx_ui.studio.studio import Studio
from ltx_ui.web import fragments
from ltx_ui.web.access import owner_of
from ltx_ui.web.create import EACH, QUIET, Create, CreateTab
from ltx_ui.web.watching import Watcher, save_seed_label

PAGE_SIZE = 48
ALL, FAVOURITES = "All", "Favourites"

# Names of events in quotes, and what they carry; see gr.HTML.
_CARDS_JS = """
const details = source => {
  const card = source.closest('[data-take]');
  return card ? {take: card.dataset.take, seed: Number(card.dataset.seed)} : {};
};
element.addEventListener('click', event => {
  const button = event.target.closest('button[data-do]');
  if (!button) return;
  const action = button.dataset.do, sent = details(button);
  if (action === 'heart') {
    sent.on = button.getAttribute('aria-pressed') !== 'true';
    button.setAttribute('aria-pressed', sent.on);
    button.textContent = sent.on ? '♥' : '♡';
    trigger('heart', sent);
  }
  if (action === 'use_seed') trigger('use_seed', sent);
  if (action === 'use_all') trigger('use_all', sent);
  if (action === 'remove') trigger('remove', sent);
  if (action === 'more') trigger('more', sent);
});
element.addEventListener('change', event => {
  if (event.target.dataset.do === 'note')
    trigger('note', {...details(event.target), text: event.target.value});
});
"""


class Gallery:
    """What the cards do."""

    def __init__(self, studio: Studio) -> None:
        self._studio = studio
        self._watcher = Watcher(studio)

    def show(self, which: str, limit: int, request: gr.Request) -> str:
        """The newest ``limit`` cards."""
        only = which == FAVOURITES
        takes = self._studio.library.takes(owner_of(request), favourites_only=only, limit=limit + 1)
        return fragments.gallery(takes[:limit], favourites_only=only, more=len(takes) > limit)

    def show_more(self, which: str, limit: int, request: gr.Request) -> tuple[str, int]:
        """The next page as well."""
        return self.show(which, limit + PAGE_SIZE, request), limit + PAGE_SIZE

    def heart(self, shown: str | None, event: gr.EventData, request: gr.Request) -> Any:
        """Make a take a favourite, or no longer; the button on Create follows if it shows it."""
        owner = owner_of(request)
        self._studio.library.set_favourite(event.take, owner, bool(event.on))
        if event.take != shown:
            return gr.skip()
        return save_seed_label(bool(event.on))

    def note(self, event: gr.EventData, request: gr.Request) -> None:
        """Keep a card's note."""
        self._studio.library.set_note(event.take, owner_of(request), str(event.text))

    def remove(
        self,
        which: str,
        limit: int,
        shown: str | None,
        in_strip: Any,
        event: gr.EventData,
        request: gr.Request,
    ) -> list[Any]:
        """Delete a take: the cards that are left, and Create without it."""
        owner = owner_of(request)
        try:
            self._studio.library.delete(event.take, owner)
        except NotFound:
            gr.Info("This clip was already deleted.")
        create = self._watcher.without(event.take, shown, in_strip, owner)
        return [self.show(which, limit, request), *create]


def build_gallery(
    studio: Studio, create: Create, target: CreateTab, tabs: gr.Tabs, tab: gr.Tab
) -> None:
    """Lay the tab out and connect it."""
    gallery = Gallery(studio)
    with gr.Row(elem_classes="filter"):
        which = gr.Radio(
            [ALL, FAVOURITES], value=ALL, label="Show", show_label=False, elem_id="gallery-filter"
        )
    cards = gr.HTML(
        fragments.gallery([], favourites_only=False, more=False),
        js_on_load=_CARDS_JS,
        elem_id="gallery",
    )
    limit = gr.State(PAGE_SIZE)
    watch, form = target.watch, target.fields
    which.change(gallery.show, [which, limit], cards, **QUIET)
    cards.more(gallery.show_more, [which, limit], [cards, limit], **QUIET)
    cards.heart(gallery.heart, watch.shown, watch.save_seed, **EACH)
    cards.note(gallery.note, None, None, **EACH)
    removed_from = [which, limit, watch.shown, watch.in_strip]
    cards.remove(gallery.remove, removed_from, [cards, *watch.of_take], **EACH)

    def use_seed(event: gr.EventData) -> list[Any]:
        return [*create.reuse_seed(int(event.seed)), gr.Tabs(selected="create")]

    def use_all(event: gr.EventData, request: gr.Request) -> list[Any]:
        shown = create.reuse_all(str(event.take), request)
        # So that the pictures that it brought can be seen.
        section = gr.Accordion(open=True) if any(shown[-1]) else gr.skip()
        return [*shown, section, gr.Tabs(selected="create")]

    cards.use_seed(use_seed, None, [form.named("seed"), form.named("seed-lock"), tabs], **QUIET)
    cards.use_all(
        use_all,
        None,
        [
            *form.of_form,
            form.image_start,
            form.image_end,
            target.images,
            form.images_section,
            tabs,
        ],
        **QUIET,
    )
    tab.select(gallery.show, [which, limit], cards, **QUIET)
