"""Drafts are tried beside the takes that are kept."""

from __future__ import annotations

from postgres import ON_BOTH
from studios import PATIENCE, OpenStudio, leave, quick, sampling, slow, until

from ltx_ui.studio.jobs import Done
from ltx_ui.studio.sought import Sought
from ltx_ui.studio.studio import Studio

pytestmark = ON_BOTH


def shown(studio: Studio) -> tuple[list[str], list[str]]:
    """The ids of the takes that a session shows, and of the drafts in the library."""
    drafts = studio.library.takes("ada", Sought(drafts=True))
    return [take.id for take in studio.session("ada").takes], [take.id for take in drafts]


def test_a_draft_is_listed_by_itself_until_it_is_a_favourite(open_studio: OpenStudio) -> None:
    studio = open_studio()
    draft, kept = (studio.submit(quick(), "ada", draft=each) for each in (True, False))
    assert studio.wait(kept.id, "ada", PATIENCE).state == Done(kept.id)
    assert shown(studio) == ([kept.id], [draft.id])
    assert [take.id for take in studio.library.takes("ada")] == [kept.id]
    assert [take.draft for take in studio.library.takes("ada", Sought(drafts=True))] == [True]
    studio.library.set_favourite(draft.id, "ada", True)
    assert shown(studio) == ([kept.id, draft.id], [])
    studio.library.set_favourite(draft.id, "ada", False)
    assert not studio.library.take(draft.id, "ada").draft


def test_a_draft_that_waits_is_one_after_a_restart_and_when_it_is_made_again(
    open_studio: OpenStudio,
) -> None:
    studio = open_studio()
    running = studio.submit(slow(), "ada")
    until(lambda: sampling(studio, running))
    draft = studio.submit(quick(num_takes=2), "ada", draft=True)
    studio.cancel(running.id, "ada")
    leave(studio)
    restarted = open_studio()
    restarted.wait(draft.id, "ada", PATIENCE)
    again = restarted.again(draft.id, "ada")
    assert restarted.wait(again.id, "ada", PATIENCE).draft
    assert shown(restarted) == ([], [*reversed(again.take_ids), *reversed(draft.take_ids)])
