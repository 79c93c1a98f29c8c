"""Storyboards: shots in their order, made one after the other and joined into a film."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from fastapi import Path as InPath
from fastapi.responses import FileResponse
from pydantic import BaseModel, ConfigDict, Field

from ltx_ui.asked_shots import (
    SettingsField,
    Shots,
    StoryboardAsked,
    asked_again,
    check_shots,
    read_settings,
    read_shots,
)
from ltx_ui.errors import ChangedMeanwhile
from ltx_ui.media.splicing import splice
from ltx_ui.presets import Presets
from ltx_ui.recipe import MAX_PROMPT, MAX_SEED
from ltx_ui.settings import Settings
from ltx_ui.storyboards import MAX_NAME, MOST_SHOTS, Join, Shot
from ltx_ui.studio.kept_shots import SeenShot, ShotState, Storyboard, Written, chosen_again, edited
from ltx_ui.studio.studio import Studio
from ltx_ui.values import Whole
from ltx_ui.web.access import Owner
from ltx_ui.web.api_v1 import schemas
from ltx_ui.web.api_v1.cursors import cursor_of_storyboards, place_of_storyboards
from ltx_ui.web.api_v1.routes import LOCATION, StoryboardId, add, body
from ltx_ui.web.api_v1.schemas import Id, TakeLinks
from ltx_ui.web.bodies import read_json, validated
from ltx_ui.web.made_films import MadeFilms
from ltx_ui.web.submitting import root_of

_MOST_BYTES = 500_000
"""Twelve prompts in any script, escaped."""

ShotId = Annotated[str, InPath(max_length=32, description="A shot's id.")]


MOST_LISTED = 100


class StoryboardFilters(BaseModel):
    """Which storyboards are meant."""

    model_config = ConfigDict(extra="forbid")

    limit: int = Field(50, ge=1, le=MOST_LISTED)
    cursor: str | None = Field(None, description="next_cursor of the page before.")


class ShotWritten(BaseModel):
    """What is written of a shot."""

    model_config = ConfigDict(extra="ignore", strict=True)

    id: str = Field(max_length=32)
    prompt: str = Field(max_length=MAX_PROMPT)
    num_frames: int
    seed: int | None = None
    join: Join = "cut"


class StoryboardWritten(BaseModel):
    """What is written in a storyboard, as answers tell it. What is left out may be anything."""

    model_config = ConfigDict(extra="forbid", strict=True)

    name: str | None = Field(None, max_length=MAX_NAME)
    settings: dict[str, Any] | None = None
    shots: list[ShotWritten] | None = Field(
        None,
        max_length=MOST_SHOTS,
        description="All of them, in their order. What answers tell of a shot besides is left out.",
    )

    def written(self) -> Written:
        """The same for the library."""
        shots = self.shots
        told = None if shots is None else [Shot(**each.model_dump()) for each in shots]
        return Written(self.name, self.settings, told)


class StoryboardChanges(BaseModel):
    """What is to change of a storyboard; what is left out stays."""

    model_config = ConfigDict(extra="forbid")

    name: str | None = Field(None, max_length=MAX_NAME)
    settings: Annotated[dict[str, Any] | None, SettingsField] = None
    shots: Shots | None = Field(
        None, description="All of them, in their order. Those with their ids keep their takes."
    )
    was: StoryboardWritten | None = Field(
        None,
        description="What you take for written there. Where something else is by now, nothing is "
        "changed, and the answer is 409, with the storyboard in present.",
    )


class ShotMaking(BaseModel):
    """How a shot is to be made again."""

    model_config = ConfigDict(extra="forbid")

    seed: Whole | None = Field(
        None,
        ge=-1,
        le=MAX_SEED,
        description="null: its own, or another one if it has its take. -1: one is drawn.",
    )


class ShotChoice(BaseModel):
    """Which take the film is to have."""

    model_config = ConfigDict(extra="forbid")

    take: Id


class ShotTold(BaseModel):
    """A shot."""

    id: str
    prompt: str
    num_frames: int
    seed: int | None
    join: Join
    state: ShotState = Field(
        description="missing: it has no take; outdated: that is of other words or settings, or "
        "joins another take than the shot before now has; ready."
    )
    job: Id | None = Field(description="The job that makes it, while it is queued or made.")
    waits: bool = Field(description="Whether it is still to be made.")
    take: TakeLinks | None = Field(description="What the film has.")
    takes: list[TakeLinks] = Field(description="All that can be chosen, oldest first.")


class StoryboardTold(BaseModel):
    """A storyboard."""

    id: Id
    href: str
    name: str
    settings: dict[str, Any] = Field(description="What all shots share, spelled out.")
    shots: list[ShotTold]
    making: bool = Field(description="Whether shots are being made, or wait for that.")
    message: str = Field(description="Why the last making ended before its time; empty: it didn't.")
    seconds: float = Field(description="How long the film is or will be.")
    film: str | None = Field(description="The joined film, once every shot has a take.")


class StoryboardPage(BaseModel):
    """Storyboards, the one that was changed last first."""

    items: list[StoryboardTold]
    next_cursor: str | None = Field(description="For the next page; null on the last one.")


class Storyboards:
    """The routes, over one studio."""

    def __init__(
        self, studio: Studio, settings: Settings, presets: Presets, films: MadeFilms
    ) -> None:
        self._studio, self._boards, self._director = studio, studio.storyboards, studio.director
        self._most = settings.max_volume
        self._presets = presets
        self._films = films

    def list_storyboards(
        self, request: Request, owner: Owner, filters: Annotated[StoryboardFilters, Query()]
    ) -> StoryboardPage:
        """Your storyboards, the one that was changed last first, in pages. One that is changed
        meanwhile comes first again."""
        after = None if filters.cursor is None else place_of_storyboards(filters.cursor)
        found, last = self._boards.page(owner, filters.limit, after)
        return StoryboardPage(
            items=[self._told(each, request, owner) for each in found],
            next_cursor=last and cursor_of_storyboards(last),
        )

    async def make_storyboard(
        self, request: Request, response: Response, owner: Owner
    ) -> StoryboardTold:
        """Keep a storyboard: shots in their order, each with its own prompt and length. Nothing is
        made yet."""
        asked = validated(StoryboardAsked, await read_json(request, _MOST_BYTES))

        def kept() -> Storyboard:
            settings = self._settings(asked.settings)
            shots = self._shots(asked.shots, settings, ())
            check_shots(shots, settings, lambda each: self._studio.usable(each, owner))
            return self._boards.add(asked.name, settings, shots, owner)

        told = self._told(await asyncio.to_thread(kept), request, owner)
        response.headers["Location"] = told.href
        return told

    def get_storyboard(
        self, request: Request, storyboard_id: StoryboardId, owner: Owner
    ) -> StoryboardTold:
        """A storyboard: its shots, how far each is, and where their takes are."""
        return self._told(self._boards.one(storyboard_id, owner), request, owner)

    async def change_storyboard(
        self, request: Request, storyboard_id: StoryboardId, owner: Owner
    ) -> StoryboardTold:
        """Change a storyboard's name, settings or shots: all that the body has, or nothing. Shots
        that are left out are gone, their takes stay in the library. With was, nothing that another
        client wrote meanwhile is replaced."""
        asked = validated(StoryboardChanges, await read_json(request, _MOST_BYTES))

        def change(board: Storyboard) -> Storyboard:
            settings = board.settings
            if asked.settings is not None:
                settings = self._settings(asked.settings)
            given = asked.shots
            if given is None:
                given = asked_again(board.shots)
            shots = self._shots(given, settings, [shot.id for shot in board.shots])
            # A storyboard of which a LoRA went away meanwhile may still get another name.
            if asked.settings is not None or asked.shots is not None:
                check_shots(shots, settings, lambda each: self._studio.usable(each, owner))
            return edited(board, board.name if asked.name is None else asked.name, settings, shots)

        def changed() -> StoryboardTold:
            was = asked.was.written() if asked.was else None
            try:
                board = self._boards.change(storyboard_id, owner, change, was)
            except ChangedMeanwhile:
                now = self.get_storyboard(request, storyboard_id, owner)
                raise ChangedMeanwhile(now.model_dump(mode="json")) from None
            return self._told(board, request, owner)

        return await asyncio.to_thread(changed)

    def delete_storyboard(self, storyboard_id: StoryboardId, owner: Owner) -> Response:
        """Delete a storyboard with all its words, and cancel the shot that is being made. The takes
        that were made stay in the library."""
        self._director.delete(storyboard_id, owner)
        return Response(status_code=204)

    def make_shots(
        self, request: Request, storyboard_id: StoryboardId, owner: Owner
    ) -> StoryboardTold:
        """Make every shot that has no take or an outdated one, and what depends on it, one after
        the other. A shot that fails ends the making, and message says why."""
        return self._told(self._director.make(storyboard_id, owner), request, owner)

    async def make_shot(
        self, request: Request, storyboard_id: StoryboardId, shot_id: ShotId, owner: Owner
    ) -> StoryboardTold:
        """Make one shot again; its other takes stay. Shots that start from it are outdated then."""
        asked = validated(ShotMaking, await read_json(request, _MOST_BYTES))
        board = await asyncio.to_thread(
            self._director.make_shot, storyboard_id, shot_id, owner, asked.seed
        )
        return await asyncio.to_thread(self._told, board, request, owner)

    def stop_making(
        self, request: Request, storyboard_id: StoryboardId, owner: Owner
    ) -> StoryboardTold:
        """Make no more shots, and cancel the one that is being made."""
        return self._told(self._director.stop(storyboard_id, owner), request, owner)

    async def choose_take(
        self, request: Request, storyboard_id: StoryboardId, shot_id: ShotId, owner: Owner
    ) -> StoryboardTold:
        """Have another one of a shot's takes in the film."""
        asked = validated(ShotChoice, await read_json(request, _MOST_BYTES))

        def change(board: Storyboard) -> Storyboard:
            self._studio.library.take(asked.take, owner)
            return chosen_again(board, shot_id, asked.take)

        changed = await asyncio.to_thread(self._boards.change, storyboard_id, owner, change)
        return await asyncio.to_thread(self._told, changed, request, owner)

    async def get_film(
        self, request: Request, storyboard_id: StoryboardId, owner: Owner
    ) -> Response:
        """The chosen takes joined into one mp4, which is made when it is asked for and tells
        nothing of how. Cuts are hard, and the sound fades for a few milliseconds there."""
        board = await asyncio.to_thread(self._boards.one, storyboard_id, owner)
        pieces = await asyncio.to_thread(self._boards.pieces, board, owner)

        def make(target: Path, stop: threading.Event) -> None:
            splice(pieces, target, board.name, stop)

        return await self._films.film(request, make, f"ltx2-storyboard-{board.id[:8]}.mp4")

    def _settings(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        return read_settings(asked, self._presets, max_volume=self._most)

    def _shots(
        self, asked: Shots, settings: Mapping[str, Any], known: list[str] | tuple[()]
    ) -> tuple[Shot, ...]:
        return read_shots(asked, settings, self._presets, known=known, max_volume=self._most)

    def _told(self, board: Storyboard, request: Request, owner: str) -> StoryboardTold:
        root, seen = root_of(request), self._boards.seen(board, owner)
        at = f"{root}/api/v1/storyboards/{board.id}"
        frames = sum(shot.num_frames - (shot.join != "cut") for shot in board.shots)
        whole = all(each.chosen is not None for each in seen)
        return StoryboardTold(
            id=board.id,
            href=at,
            name=board.name,
            settings=board.settings,
            shots=[_shot(each, board, root) for each in seen],
            making=bool(board.turns),
            message=board.message,
            seconds=round(frames / board.settings["fps"], 3),
            film=f"{at}/film" if whole else None,
        )

    def router(self) -> APIRouter:
        """All of the routes."""
        router, one = (
            APIRouter(prefix="/api/v1", tags=["storyboards"]),
            "/storyboards/{storyboard_id}",
        )
        shot = one + "/shots/{shot_id}"
        add(router, "GET HEAD", "/storyboards", self.list_storyboards, 422)
        add(
            *(router, "POST", "/storyboards", self.make_storyboard, 403, 409, 413, 415, 422),
            answers={201: {"headers": LOCATION}},
            status_code=201,
            openapi_extra=body("StoryboardAsked"),
        )
        add(router, "GET HEAD", one, self.get_storyboard, 404)
        add(
            *(router, "PATCH", one, self.change_storyboard, 403, 404, 409, 413, 415, 422),
            openapi_extra=body("StoryboardChanges"),
        )
        add(
            *(router, "DELETE", one, self.delete_storyboard, 403, 404),
            status_code=204,
            response_class=Response,
        )
        making = (403, 404, 409, 422, 429, 503)
        add(router, "POST", f"{one}/make", self.make_shots, *making)
        add(router, "POST", f"{one}/stop", self.stop_making, 403, 404)
        add(
            *(router, "POST", f"{shot}/make", self.make_shot, 413, 415, *making),
            openapi_extra=body("ShotMaking"),
        )
        add(
            *(router, "PUT", f"{shot}/take", self.choose_take, 403, 404, 413, 415, 422),
            openapi_extra=body("ShotChoice"),
        )
        content = {"video/mp4": {"schema": {"type": "string", "format": "binary"}}}
        add(
            *(router, "GET", f"{one}/film", self.get_film, 404, 409),
            answers={200: {"description": "The mp4", "content": content}},
            response_class=FileResponse,
        )
        return router


def _shot(seen: SeenShot, board: Storyboard, root: str) -> ShotTold:
    shot = seen.shot
    turn = next((turn for turn in board.turns if turn.shot == shot.id), None)
    return ShotTold(
        id=shot.id,
        prompt=shot.prompt,
        num_frames=shot.num_frames,
        seed=shot.seed,
        join=shot.join,
        state=seen.state,
        job=turn.job if turn else None,
        waits=turn is not None,
        take=schemas.links(seen.chosen.id, root) if seen.chosen else None,
        takes=[schemas.links(take.id, root) for take in seen.takes],
    )
