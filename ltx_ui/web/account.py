"""The account menu and the owner's panel: sheets of HTML, made when they are opened.

The page's script (``people.js``) fetches them and sends what their buttons are for, here or to the
API. Nothing of a person is on the page itself, which is the same for everybody.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse
from pydantic import BaseModel, ConfigDict

from ltx_ui.errors import NotAllowed
from ltx_ui.settings import LOCAL
from ltx_ui.studio.guard import crowd_of, is_visitor
from ltx_ui.studio.jobs import Job
from ltx_ui.studio.member import WorkerState
from ltx_ui.studio.model_change import ChangeState
from ltx_ui.studio.people import Person
from ltx_ui.studio.studio import Studio
from ltx_ui.studio.team import MOST
from ltx_ui.studio.tokens import MAX_LABEL, Scope
from ltx_ui.web.access import Caller, Owner
from ltx_ui.web.api_v1.tokens import MOST_DAYS
from ltx_ui.web.authenticator import Authenticator
from ltx_ui.web.bodies import read_json, validated
from ltx_ui.web.caller import Asking, owners_only
from ltx_ui.web.given import Given
from ltx_ui.web.language import t
from ltx_ui.web.routing import add_get
from ltx_ui.web.submitting import root_of
from ltx_ui.web.templating import render

_MOST_BYTES = 10_000
_EXAMPLE = (768, 512)
"""The size by which the largest clip is told in frames."""
_SCOPES: Mapping[Scope, str] = {
    "make": "access.make",
    "read": "access.read",
    "keep": "access.keep",
}
"""What tokens are for, as texts of the catalogue."""


_WORKERS: Mapping[WorkerState, str] = {
    "loading": "workers.loading",
    "idle": "workers.idle",
    "working": "workers.working",
    "draining": "workers.draining",
    "failed": "workers.failed",
}
_CHANGES: Mapping[ChangeState, str] = {
    "loading": "workers.change_loading",
    "rolling": "workers.change_rolling",
    "done": "workers.change_done",
    "failed": "workers.change_failed",
}
"""What workers do, and how far a change of the model is, as texts of the catalogue."""


class _Decided(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


Decided = TypeVar("Decided", bound=_Decided)


class Banned(_Decided):
    """A visitor, or with ``address`` everybody from their address, who is to be let in no more."""

    who: str
    address: bool = False


class Unbanned(_Decided):
    """Who is to be let in again, as the ban is kept."""

    who: str


class Stopped(_Decided):
    """A job that is to be cancelled, whoever's it is."""

    job: str


class Held(_Decided):
    """Whether nobody's jobs are to be begun."""

    on: bool


@dataclass(frozen=True)
class Somebody:
    """A person as the panel shows them.

    Attributes:
        name: what the studio calls them.
        code: where they come from, in a few signs; empty but for visitors.
        person: what is known of them; None for who was not seen since the start.
        jobs: theirs that wait or run.
    """

    name: str
    code: str
    person: Person | None
    jobs: tuple[Job, ...]

    @property
    def called(self) -> str:
        """What they are called in words."""
        if self.name == LOCAL:
            return t("people.owner")
        return t("people.visitor", code=self.name[-6:]) if self.code else self.name

    @property
    def quiet(self) -> bool:
        """Whether they are a visitor who has only looked: of no one else are there so many."""
        known = self.person
        if not self.code or self.jobs or known is None:
            return False
        return not (known.takes or known.minutes or known.banned)

    @property
    def seconds(self) -> float:
        """How long ago they were seen."""
        return (datetime.now(UTC) - self.person.seen_at).total_seconds() if self.person else 0.0


class Account:
    """The sheets and what their buttons do, over one studio."""

    def __init__(self, studio: Studio, authenticator: Authenticator, given: Given) -> None:
        self._studio = studio
        self._auth = authenticator
        self._given = given

    async def show(self, request: Request, caller: Caller) -> HTMLResponse:
        """Who is asking, what they may ask for, and where they go from here."""
        auth, model = self._auth, self._studio.model_status()
        to_accept = await asyncio.to_thread(self._studio.licences.to_accept, caller.owner, model)
        limits = self._studio.limits(caller.owner)
        width, height = _EXAMPLE
        return _sheet(
            "account.html",
            role=caller.role,
            name=caller.owner,
            signed_in=await auth.keeps(request),
            can_sign_in=caller.role == "visitor" and await auth.has_names(),
            limits=limits,
            frames=limits and (limits.volume // (width * height) - 1) // 8 * 8 + 1,
            size=f"{width} × {height}",
            model=model,
            licence=_licence(model.licence, to_accept, limits is not None),
        )

    def tokens(self, caller: Caller) -> HTMLResponse:
        """Their tokens."""
        if caller.role == "visitor":
            raise NotAllowed(t("access.visitors"))
        found = self._studio.tokens.all(caller.owner)
        return _sheet(
            "access.html", tokens=found, scopes=_SCOPES, most_label=MAX_LABEL, most_days=MOST_DAYS
        )

    def links(self, request: Request, take_id: str, owner: Owner) -> HTMLResponse:
        """The links by which one of their takes was given away."""
        found = self._studio.take_links.all(take_id, owner)
        links = [(link, self._given.url(link.id, request)) for link in found]
        return _sheet("give.html", take=take_id, links=links, most_days=MOST_DAYS)

    def people(self, request: Request, caller: Caller) -> HTMLResponse:
        """Who is here, for the owner."""
        owners_only(caller)
        studio, public = self._studio, self._auth.public
        here = f"{request.url.scheme}://{request.headers['host']}{root_of(request)}"
        return _sheet(
            "people.html",
            people=somebodies(studio.people(), studio.live_jobs()),
            bans={who: _code(who) for who in sorted(studio.bans.names.get())},
            held=studio.held,
            public=public,
            owner_link=f"{here}/{self._auth.link.path}",
        )

    def workers(self, caller: Caller) -> HTMLResponse:
        """Who makes clips, for the owner."""
        owners_only(caller)
        studio = self._studio
        workers = studio.each_worker()
        return _sheet(
            "workers.html",
            workers=workers,
            states=_WORKERS,
            changes=_CHANGES,
            count=sum(each.state not in ("draining", "failed") for each in workers),
            most=MOST,
            changeable=studio.many_workers,
            models=studio.models_to_change_to(),
            change=studio.model_change,
        )

    async def ban(self, request: Request, caller: Caller) -> Response:
        """Let a visitor in no more, or everybody from their address."""
        asked = await _decided(Banned, request, caller)
        await asyncio.to_thread(self._studio.ban, asked.who, address=asked.address)
        return _done()

    async def unban(self, request: Request, caller: Caller) -> Response:
        """Let somebody in again."""
        asked = await _decided(Unbanned, request, caller)
        await asyncio.to_thread(self._studio.bans.remove, asked.who)
        return _done()

    async def stop(self, request: Request, caller: Caller) -> Response:
        """Cancel anybody's job."""
        asked = await _decided(Stopped, request, caller)
        await asyncio.to_thread(self._studio.cancel, asked.job, caller.owner)
        return _done()

    async def hold(self, request: Request, caller: Caller) -> Response:
        """Begin nobody's jobs, or go on."""
        asked = await _decided(Held, request, caller)
        await asyncio.to_thread(self._studio.hold, asked.on)
        return _done()

    async def close(self, request: Request, caller: Caller) -> Response:
        """Close the public link."""
        await _decided(_Decided, request, caller)
        self._auth.public.close()
        return _done()

    async def open(self, request: Request, caller: Caller) -> Response:
        """Open the public link again."""
        await _decided(_Decided, request, caller)
        await asyncio.to_thread(self._auth.public.open)
        return _done()

    def router(self) -> APIRouter:
        """The routes; left out of the API's schema, for they serve the page."""
        router = APIRouter(prefix="/account", include_in_schema=False)
        add_get(router, "", self.show)
        add_get(router, "/tokens", self.tokens)
        add_get(router, "/links/{take_id}", self.links)
        add_get(router, "/people", self.people)
        add_get(router, "/workers", self.workers)
        for path in ("ban", "unban", "stop", "hold", "close", "open"):
            router.add_api_route(f"/{path}", getattr(self, path), methods=["POST"])
        return router


def somebodies(people: list[Person], jobs: list[Job]) -> list[Somebody]:
    """Who was seen lately, and who has jobs, each with those."""
    theirs: dict[str, list[Job]] = {}
    for job in jobs:
        theirs.setdefault(job.owner, []).append(job)
    known: Mapping[str, Person | None] = {person.name: person for person in people}
    names = [*known, *(owner for owner in theirs if owner not in known)]
    return [
        Somebody(name, _code(name), known.get(name), tuple(theirs.get(name, ()))) for name in names
    ]


def _code(name: str) -> str:
    """Where a visitor, or everybody whose names begin so, comes from; empty for others."""
    return crowd_of(name).rstrip("-").rpartition("-")[2][:6] if is_visitor(name) else ""


def _licence(licence: str, to_accept: bool, visits: bool) -> str:
    if not (visits and licence):
        return "none"
    return "asked" if to_accept else "told"


def _sheet(template: str, **values: Any) -> HTMLResponse:
    return HTMLResponse(render(template, **values), headers={"Cache-Control": "no-store"})


def _done() -> Response:
    return Response(status_code=204)


async def _decided(kind: type[Decided], request: Request, caller: Asking) -> Decided:
    owners_only(caller)
    return validated(kind, await read_json(request, _MOST_BYTES))
