"""Takes: find them, fetch them, write on them, delete them and bring them back."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import FileResponse, Response
from pydantic import AfterValidator, AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field

from ltx_ui.errors import InvalidParameter
from ltx_ui.presets import Presets
from ltx_ui.settings import Settings
from ltx_ui.studio.deleting import UNDO_SECONDS
from ltx_ui.studio.shelves import MAX_TAG, storable
from ltx_ui.studio.sought import Order, Sought
from ltx_ui.studio.studio import Studio
from ltx_ui.web.access import Owner
from ltx_ui.web.api_v1 import schemas
from ltx_ui.web.api_v1.cursors import cursor_of_takes, place_of_takes
from ltx_ui.web.api_v1.routes import TakeId, add, body, links_to
from ltx_ui.web.bodies import read_json
from ltx_ui.web.made_with import OWN, chosen, made_with
from ltx_ui.web.marks import MOST_BYTES, read_marks
from ltx_ui.web.media import Media
from ltx_ui.web.submitting import root_of

MOST_LISTED = 200
_MOST_SEARCHED = 400
_YEARS = range(1970, 9000)
"""In which a moment has a time in every time zone."""


def _as_text(moment: object) -> object:
    if isinstance(moment, str) and "T" in moment.upper():
        return moment
    raise ValueError("must be a date and a time, as in 2026-01-31T12:00:00Z")


def _possible(moment: datetime) -> datetime:
    if moment.year not in _YEARS:
        raise ValueError(f"must be in the years {_YEARS.start} to {_YEARS.stop - 1}")
    return moment.astimezone(UTC)


Moment = Annotated[AwareDatetime, BeforeValidator(_as_text), AfterValidator(_possible)]
Seconds = Annotated[float, Field(ge=0, le=1e6, allow_inf_nan=False)]


class Filters(BaseModel):
    """Which takes are meant, and in which order."""

    model_config = ConfigDict(extra="forbid")

    search: str = Field(
        "",
        max_length=_MOST_SEARCHED,
        description="Words of the prompt, the name, the note or the tags; each may be the "
        "beginning of one.",
    )
    favourite: bool = Field(False, description="Only favourites.")
    drafts: bool = Field(False, description="Only drafts, instead of only the others.")
    tag: str = Field("", max_length=MAX_TAG)
    model: str = Field("", max_length=200, description="The model's id.")
    preset: str = Field(
        "",
        max_length=200,
        description="The id of the preset whose settings it was made with; own: of none of them.",
    )
    resolution: str = Field(
        "", pattern=r"^([0-9]{1,5}x[0-9]{1,5})?$", description="Width and height, as in 288x512."
    )
    with_picture: bool | None = Field(None, description="Whether it starts from pictures.")
    longer_than: Seconds | None = Field(None, description="Seconds of the clip.")
    at_most: Seconds | None = Field(None, description="Seconds of the clip.")
    since: Moment | None = Field(None, description="Made at this moment or later.")
    until: Moment | None = Field(None, description="Made before this moment.")
    order: Order = "newest"
    limit: int = Field(50, ge=1, le=MOST_LISTED)
    cursor: str | None = Field(None, description="next_cursor of the page before.")

    def sought(self) -> Sought:
        """The same for the library."""
        width, _, height = self.resolution.partition("x")
        return Sought(
            search=storable(self.search),
            favourites_only=self.favourite,
            drafts=self.drafts,
            tag=storable(self.tag),
            model=storable(self.model),
            resolution=(int(width), int(height)) if height else None,
            with_picture=self.with_picture,
            shortest=self.longer_than,
            longest=self.at_most,
            since=self.since,
            until=self.until,
            order=self.order,
        )


class Takes:
    """The routes for takes, over one studio."""

    def __init__(self, studio: Studio, settings: Settings, presets: Presets) -> None:
        self._library = studio.library
        self._presets = presets
        self._media = Media(studio, settings)

    def list_takes(
        self, request: Request, owner: Owner, filters: Annotated[Filters, Query()]
    ) -> schemas.TakePage:
        """Your takes that are sought, in pages."""
        sought, limit = self._sought(filters, owner), filters.limit
        after = None if filters.cursor is None else place_of_takes(filters.cursor, sought.order)
        # One more than is shown tells whether there is another page.
        found = self._library.takes(owner, sought, limit=limit + 1, after=after)
        shown, root = found[:limit], root_of(request)
        last = cursor_of_takes(sought.order, sought.place(shown[-1])) if shown else None
        return schemas.TakePage(
            items=[schemas.take(take, root) for take in shown],
            next_cursor=last if len(found) > limit else None,
        )

    def get_take(self, request: Request, take_id: TakeId, owner: Owner) -> schemas.Take:
        """A take: its recipe, what is written on it, and where its files are."""
        return schemas.take(self._library.take(take_id, owner), root_of(request))

    async def change_take(self, request: Request, take_id: TakeId, owner: Owner) -> schemas.Take:
        """Change a take's name, note, heart or tags: all that the body has, or nothing."""
        marks = read_marks(await read_json(request, MOST_BYTES))
        await asyncio.to_thread(self._library.mark, take_id, owner, marks)
        return await asyncio.to_thread(self.get_take, request, take_id, owner)

    def delete_take(self, take_id: TakeId, owner: Owner) -> schemas.Deleted:
        """Delete a take. For half a minute it can be brought back."""
        self._library.delete([take_id], owner)
        return schemas.Deleted(id=take_id, restorable_seconds=UNDO_SECONDS)

    def restore_take(self, request: Request, take_id: TakeId, owner: Owner) -> schemas.Take:
        """Bring back a take that was deleted a moment ago, with all that it had."""
        self._library.restore([take_id], owner)
        return self.get_take(request, take_id, owner)

    def set_favourite(self, request: Request, take_id: TakeId, owner: Owner) -> schemas.Take:
        """Make a take a favourite. A draft becomes a take like any other."""
        self._library.set_favourite(take_id, owner, True)
        return self.get_take(request, take_id, owner)

    def unset_favourite(self, request: Request, take_id: TakeId, owner: Owner) -> schemas.Take:
        """Take the heart away."""
        self._library.set_favourite(take_id, owner, False)
        return self.get_take(request, take_id, owner)

    def get_take_video(self, request: Request, take_id: TakeId, owner: Owner) -> Response:
        """A take's mp4, which tells its recipe. Ranges and If-None-Match work."""
        return self._media.video(request, take_id, owner)

    async def get_take_poster(
        self,
        request: Request,
        take_id: TakeId,
        owner: Owner,
        w: Annotated[int, Query(ge=0, le=4096, description="Pixels; 0: as it is.")] = 0,
    ) -> Response:
        """A take's still picture; with w a small one about so many pixels wide, 320 or 640."""
        return await self._media.poster(request, take_id, owner, w)

    def _sought(self, filters: Filters, owner: str) -> Sought:
        if not filters.preset:
            return filters.sought()
        made = made_with(self._presets, self._library.kinds(owner))
        if filters.preset not in (*made, OWN):
            raise InvalidParameter.because(
                "preset", f"preset: is not known; there are {', '.join((*made, OWN))}."
            )
        return replace(filters.sought(), **chosen(filters.preset, made))

    def router(self) -> APIRouter:
        """All of the routes."""
        router, one = APIRouter(tags=["takes"]), "/takes/{take_id}"
        those = (self.get_take, self.get_take_video, self.get_take_poster, self.change_take)
        add(
            *(router, "GET HEAD", "/takes", self.list_takes, 422),
            answers={200: {"links": links_to(those, take_id="items/0/id")}},
        )
        add(router, "GET HEAD", one, self.get_take, 404)
        add(
            *(router, "PATCH", one, self.change_take, 403, 404, 409, 413, 415, 422),
            openapi_extra=body("TakeMarks"),
        )
        add(router, "DELETE", one, self.delete_take, 403, 404)
        add(router, "POST", f"{one}/restore", self.restore_take, 403, 404)
        add(router, "PUT", f"{one}/favourite", self.set_favourite, 403, 404)
        add(router, "DELETE", f"{one}/favourite", self.unset_favourite, 403, 404)
        for name, kind, answer in (
            ("video", "video/mp4", self.get_take_video),
            ("poster", "image/jpeg", self.get_take_poster),
        ):
            add(
                *(router, "GET HEAD", f"{one}/{name}", answer, 404, 422),
                answers=_file_answers(kind),
                response_class=FileResponse,
            )
        return router


def _file_answers(kind: str) -> dict[int | str, dict[str, Any]]:
    content = {kind: {"schema": {"type": "string", "format": "binary"}}}
    return {
        200: {"content": content},
        206: {"description": "The range that was asked for", "content": content},
        304: {"description": "You have it as it is: see If-None-Match"},
        416: {"description": "The file has no such range"},
    }
