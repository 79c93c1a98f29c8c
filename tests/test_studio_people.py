"""Users, tokens, links and bans, in each of the databases."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from kept import keep
from postgres import ON_BOTH
from studios import OpenStudio, quick

from ltx_ui.errors import InvalidRecipe, NotAllowed, NotFound, WrongMoment
from ltx_ui.settings import VISITOR
from ltx_ui.studio.tokens import MOST

PASSWORD = "correct horse"
VISITORS = [f"{VISITOR}crowd-{name}" for name in ("ada", "bob")]


@ON_BOTH
def test_users_come_change_and_go(open_studio: OpenStudio) -> None:
    studio = open_studio(start=False)
    users = studio.users
    users.add("zoë", PASSWORD)
    assert users.verify("zoë", PASSWORD) and users.verify("zoë", PASSWORD)
    for name, password in (("zoë", "x"), ("zo\0", PASSWORD), ("nobody", PASSWORD), ("", "")):
        assert not users.verify(name, password)
    with pytest.raises(WrongMoment, match="already"):
        users.add("ZOË", PASSWORD)
    for wrong in ("short", "x" * 201, "with\0zero", "half \ud800"):
        with pytest.raises(InvalidRecipe, match="8 to 200"):
            users.set_password("zoë", wrong)
    users.set_password("zoë", "another password")
    assert (users.verify("zoë", PASSWORD), users.verify("zoë", "another password")) == (False, True)
    assert [user.name for user in users.all()] == ["zoë"]
    users.remove("zoë")
    assert users.all() == [] and not users.verify("zoë", "another password")
    with pytest.raises(NotFound):
        users.remove("zo\0")


@ON_BOTH
def test_tokens_are_known_until_they_end(open_studio: OpenStudio) -> None:
    tokens = open_studio(start=False).tokens
    now = datetime.now(UTC)
    secret, made = tokens.make("ada", "  my\n script ", {"read", "make"})
    assert (made.label, made.used_at) == ("my script", None)
    assert made.scopes == {"make", "read"}
    known = tokens.known(secret)
    assert known and known.id == made.id
    (listed,) = tokens.all("ada")
    assert listed.used_at and listed.used_at >= now
    for wrong in ([], ["all"]):
        with pytest.raises(InvalidRecipe, match="one or more of make, read, keep"):
            tokens.make("ada", "", wrong)
    with pytest.raises(InvalidRecipe, match="past"):
        tokens.make("ada", "", ["read"], now - timedelta(seconds=1))
    with pytest.raises(NotFound):
        tokens.revoke(made.id, "bob")
    tokens.revoke(made.id)
    assert tokens.known(secret) is None and tokens.all() == []


def test_so_many_tokens_one_may_have(open_studio: OpenStudio) -> None:
    tokens = open_studio(start=False).tokens
    for _ in range(MOST):
        tokens.make("ada", "", ["read"])
    with pytest.raises(InvalidRecipe, match="Revoke one"):
        tokens.make("ada", "", ["read"])
    tokens.make("bob", "", ["read"])


@ON_BOTH
def test_links_lead_to_their_takes_and_go_with_them(open_studio: OpenStudio) -> None:
    studio = open_studio(start=False)
    for name in ("one", "two"):
        keep(studio.library, name, "ada")
    first, second = studio.take_links.make("one", "ada"), studio.take_links.make("two", "ada")
    assert studio.take_links.take(first.id).id == "one"
    with pytest.raises(NotFound):
        studio.take_links.make("one", "bob")
    with pytest.raises(NotFound):
        studio.take_links.revoke("two", first.id, "ada")
    studio.take_links.revoke("one", first.id, "ada")
    studio.library.delete(["two"], "local")
    for link in (first, second):
        with pytest.raises(NotFound):
            studio.take_links.take(link.id)
    studio.library.purge()
    keep(studio.library, "two", "bob")
    assert studio.take_links.all("two", "bob") == []


@ON_BOTH
def test_a_ban_holds_for_jobs_that_wait_and_those_to_come(open_studio: OpenStudio) -> None:
    studio = open_studio(start=False)
    ada, bob = VISITORS
    jobs = {owner: studio.submit(quick(), owner) for owner in VISITORS}
    assert studio.ban(ada) == ada
    states = [studio.job(job.id, owner).state.name for owner, job in jobs.items()]
    assert states == ["cancelled", "queued"]
    with pytest.raises(NotAllowed, match="lets you in no more"):
        studio.submit(quick(), ada)
    address = studio.ban(bob, address=True)
    assert studio.job(jobs[bob].id, bob).state.name == "cancelled"
    for owner in (bob, f"{VISITOR}crowd-new"):
        with pytest.raises(NotAllowed):
            studio.submit(quick(), owner)
    studio.submit(quick(), f"{VISITOR}other-eve")
    for name in ("ada", "local"):
        with pytest.raises(WrongMoment):
            studio.ban(name)
    studio.bans.remove(address)
    studio.submit(quick(), bob)
