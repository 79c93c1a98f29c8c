"""States of a library's pages for :mod:`screenshots_library`: what finds takes, what is done with
them, and what lies over the page then."""

from __future__ import annotations

from collections.abc import Callable

from playwright.sync_api import Page, expect

GONE = 3
"""The number of the take whose file was removed by hand."""


def _close(page: Page) -> None:
    """Leaves whatever lies over the page."""
    for _ in range(3):
        page.keyboard.press("Escape")
    expect(page.locator("dialog[open]")).to_have_count(0)


def _tab(page: Page, name: str, part: str) -> None:
    _close(page)
    page.locator(f"[role=tab][data-tab-id={name}]").click()
    expect(page.locator(part).first).to_be_visible()


def gallery(page: Page) -> None:
    """The wall, or what is said where it is empty."""
    _tab(page, "gallery", "#gallery .card, #gallery .stage.empty:not([data-waits])")


def scrolled(page: Page) -> None:
    """The wall some screens further down."""
    gallery(page)
    page.mouse.move(200, 500)
    page.mouse.wheel(0, 4000)
    page.wait_for_timeout(1500)


def _select(page: Page, takes: list[int]) -> None:
    gallery(page)
    page.evaluate("scrollTo(0, 0)")
    for take in takes:
        page.locator("#gallery .card").nth(take).locator(".open").click(modifiers=["Control"])


def selected(page: Page) -> None:
    """Takes that are chosen, with their tags."""
    _select(page, [0, 2, 3])
    page.locator("[data-bar=tags]").click()
    expect(page.locator("#gallery-tags")).to_be_visible()


def deleted(page: Page) -> None:
    """Takes that can be brought back; they are, before the next state."""
    page.keyboard.press("Escape")
    page.locator("[data-bar=remove]").click()
    expect(page.locator(".undo-bar")).to_be_visible()


def filters(page: Page) -> None:
    """The filters, a word that is sought, and what was brought back."""
    page.locator(".undo-bar button").click()
    _close(page)
    page.locator("#gallery-filter .search").fill("sea")
    if page.locator(".filters-button").is_visible():
        page.locator(".filters-button").click()
    expect(page.locator("#gallery-filters select").first).to_be_visible()
    page.locator("#gallery-filters select[name=length]").select_option(index=1)
    page.wait_for_timeout(800)


def nothing(page: Page) -> None:
    """A search that finds nothing."""
    page.locator("#gallery-filters [data-do=clear]").click()
    _close(page)
    page.locator("#gallery-filter .search").fill("Nothing of this kind was ever made")
    expect(page.locator("#gallery .stage.empty")).to_be_visible()


def menu(page: Page) -> None:
    """What can be done with a take."""
    page.locator("#gallery-filter .search").fill("")
    expect(page.locator("#gallery .card").first).to_be_visible()
    card = page.locator("#gallery .card").nth(0)
    card.hover()
    card.locator(".dots").click()
    expect(page.locator("#take-menu [data-do=use_all]")).to_be_visible()


def along(page: Page) -> None:
    """What is taken along and brought in."""
    gallery(page)
    page.locator("#take-along .action").first.click()
    expect(page.locator("#along")).to_be_visible()


def _open(page: Page, take: int) -> None:
    _close(page)
    page.evaluate("take => { location.hash = `#take=${take}`; }", f"take{take}")
    expect(page.locator("#opened-title")).to_be_visible()


def opened(page: Page) -> None:
    """A take opened."""
    _open(page, 0)


def weighed(page: Page) -> None:
    """What filling the fields would change."""
    page.locator("#opened [data-way=use_all]").click()
    expect(page.locator("#opened .weighed")).not_to_be_empty()


def told(page: Page) -> None:
    """The end of what an opened take tells."""
    page.locator("#opened summary").last.click()
    page.locator("#opened .about > details").last.scroll_into_view_if_needed()


def gone(page: Page) -> None:
    """A take whose file was removed by hand."""
    _open(page, GONE)
    expect(page.locator("#opened [data-do=again]")).to_be_visible()


def absent(page: Page) -> None:
    """A take that is not here."""
    _close(page)
    page.evaluate("location.hash = '#take=nowhere'")
    expect(page.locator("#opened .nothing")).to_be_visible()


def link(page: Page) -> None:
    """A recipe as a link and as a QR code."""
    _open(page, 0)
    page.locator("#opened [data-share]").click()
    expect(page.locator("#link-sheet .code svg")).to_be_visible()


def linked(page: Page) -> None:
    """What who opens such a link is asked."""
    address = page.locator("#link-sheet input").input_value()
    _close(page)
    page.goto(address)
    expect(page.locator("#link-sheet .told")).to_be_visible()


def _compare(page: Page, takes: list[int]) -> None:
    _close(page)
    page.evaluate(
        "takes => document.dispatchEvent(new CustomEvent('studio:compare', {detail: {takes}}))",
        [f"take{take}" for take in takes],
    )
    expect(page.locator("dialog.compared video")).to_have_count(len(takes))
    page.wait_for_timeout(400)


def two(page: Page) -> None:
    """Two takes in step, with a border between."""
    _compare(page, [0, 5])
    page.locator("dialog.compared .wipes").click()


def three(page: Page) -> None:
    """Three takes in step."""
    _compare(page, [0, 1, 2])


def four(page: Page) -> None:
    """Four takes in step."""
    _compare(page, [0, 1, 2, 4])


def seeds(page: Page) -> None:
    """The favourite seeds, two of which are chosen."""
    _tab(page, "seeds", "#shelf .seed, #shelf .shelf-empty")
    picks = page.locator("#shelf .seed .pick input")
    for place in range(min(2, picks.count())):
        picks.nth(place).check(force=True)


def all_seeds(page: Page) -> None:
    """The favourite seeds, below each other."""
    page.locator("#shelf [data-do=all]").click()
    page.wait_for_timeout(300)


def seed_clips(page: Page) -> None:
    """A seed's takes side by side."""
    page.locator("#shelf [data-do=seed_clips]").first.click()
    expect(page.locator("#shelf dialog figure").first).to_be_visible()


def characters(page: Page) -> None:
    """The characters."""
    _tab(page, "seeds", "#shelf .shelf-head")
    page.locator("#shelf [value=characters]").check(force=True)
    expect(page.locator("#shelf .new-character")).to_be_visible()


def character(page: Page) -> None:
    """The form of a character."""
    page.locator("#shelf .character [data-do=form]").first.click()
    expect(page.locator("#shelf [name=name]")).to_be_visible()


FEW = (gallery, along, seeds, characters)
"""What there is without takes."""
ONE = (gallery, menu, opened, seeds)
MANY: tuple[Callable[[Page], None], ...] = (
    *(gallery, selected, deleted, filters, nothing, menu, along),
    *(opened, weighed, told, gone, absent, link, linked, two, three, four),
    *(seeds, all_seeds, seed_clips, characters, character),
)
MOST = (gallery, scrolled, seeds)
