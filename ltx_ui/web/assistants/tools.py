"""The tools that assistants call, each for whoever sent the request."""

from __future__ import annotations

import asyncio
import base64
import json
from contextlib import aclosing, suppress
from typing import Annotated, Any

from mcp.server.mcpserver import Context
from mcp.server.mcpserver.exceptions import ResourceError, ResourceNotFoundError
from mcp_types import CallToolResult, ContentBlock, ImageContent, TextContent
from pydantic import BaseModel, Field
from starlette.requests import Request

from ltx_ui.errors import InvalidRecipe, NotFound, StudioError
from ltx_ui.extending import goes_on
from ltx_ui.inputs import MOST_PICTURES, Direction, is_digest
from ltx_ui.media.posters import WIDTHS, small_poster
from ltx_ui.presets import Presets
from ltx_ui.request import request_data
from ltx_ui.settings import Settings
from ltx_ui.shorthand import spelled_out
from ltx_ui.studio.jobs import Job, Queued, Running
from ltx_ui.studio.sought import Sought
from ltx_ui.studio.studio import Studio
from ltx_ui.studio.takes import Take
from ltx_ui.studio.tokens import Scope
from ltx_ui.values import shown
from ltx_ui.web.api_v1.events import Watching
from ltx_ui.web.api_v1.schemas import Id
from ltx_ui.web.assistants import objects
from ltx_ui.web.assistants.objects import Choices, FoundTakes, JobAnswer, TakeAnswer, WholeTake
from ltx_ui.web.caller import Asking
from ltx_ui.web.decoding import decoding
from ltx_ui.web.submitting import submitted

WAIT_SECONDS = 50.0
"""How long a client waits for a clip unless it says otherwise: many give up after a minute."""
MOST_SECONDS = 600.0

Asked = Context[Any, Request]

TakeId = Annotated[Id, Field(description="A clip's id, as search_takes lists it.")]
JobId = Annotated[Id, Field(description="As generate_clip answered it.")]


class Tools:
    """The tools, over one studio."""

    def __init__(
        self, studio: Studio, settings: Settings, presets: Presets, watching: Watching
    ) -> None:
        self._studio = studio
        self._watching = watching
        self._settings = settings
        self._presets = presets

    async def generate_clip(
        self,
        ctx: Asked,
        prompt: Annotated[
            str, Field(description="What should be seen and heard, in one paragraph.")
        ],
        preset: Annotated[
            str | None,
            Field(description="A preset's id, as list_presets tells; fast-preview is quick."),
        ] = None,
        format: Annotated[
            str | None, Field(description="A format's name, or a size such as 768x432.")
        ] = None,
        seconds: Annotated[
            float | None, Field(description="The length; the nearest one that there is.")
        ] = None,
        seed: Annotated[
            int | None, Field(description="The same seed repeats a clip; none: one is drawn.")
        ] = None,
        start_from: Annotated[
            str | None,
            Field(
                pattern="^(sha256:[0-9a-f]{64}|[0-9a-f]{32})$",
                description="What the first frame looks like: a picture's digest (sha256:…), or a "
                "clip's id, whose last frame it goes on from.",
            ),
        ] = None,
        keyframes: Annotated[
            list[dict[str, Any]] | None,
            Field(
                max_length=MOST_PICTURES,
                description="What other frames look like: for each a picture's digest as image and "
                "its frame (0 is the first one, -1 the last); strength from 0 to 1 and focus, as "
                "in [0.5, 0.5], if you like.",
            ),
        ] = None,
        extend: Annotated[
            str | None,
            Field(
                pattern="^[0-9a-f]{32}$",
                description="A clip's id: it goes on for so many seconds, as one longer clip of "
                "the same size.",
            ),
        ] = None,
        direction: Annotated[
            Direction, Field(description="Where it goes on: after its end or before its start.")
        ] = "after",
        loras: Annotated[
            list[Any] | None,
            Field(description="LoRAs of this studio, each a name or {name, strength}."),
        ] = None,
        audio: Annotated[
            str | None,
            Field(
                description="A sound to make the clip to: the digest (sha256:…) of a stored one."
            ),
        ] = None,
        motion_speed: Annotated[
            float | None,
            Field(
                description="How fast everything moves; below 1 in slow motion, above it hurried."
            ),
        ] = None,
        settings: Annotated[
            dict[str, Any] | None,
            Field(
                description="Other fields as POST /api/v1/jobs takes them, such as "
                "negative_prompt, num_inference_steps, guidance_scale, audio_start or num_takes."
            ),
        ] = None,
        wait_seconds: Annotated[
            float, Field(ge=0, le=MOST_SECONDS, description="How long to wait for the clip.")
        ] = WAIT_SECONDS,
    ) -> Annotated[CallToolResult, JobAnswer]:
        """Make a short clip with sound from a description of what is seen and heard. Waits until it
        is made and answers with it and its still picture; where that takes longer than
        wait_seconds, the answer has the job's id for job_status, and the clip is made all the
        same."""
        owner = _owner(ctx, "make")
        asked: dict[str, Any] = {
            "preset": preset,
            "size": format,
            "seconds": seconds,
            "seed": seed,
            "keyframes": keyframes,
            "loras": loras,
            "audio": audio,
            "motion_speed": motion_speed,
            "extend": extend,
        }
        fields = {name: value for name, value in asked.items() if value is not None}
        if start_from:
            fields["image_start"] = await self._picture(ctx, start_from)
        fields = _with_settings(fields | {"prompt": prompt}, settings or {})
        fields = spelled_out(fields, self._presets)
        if extend:
            fields = goes_on(fields, {"take": extend, "direction": direction}, keep_size=format)
        with self._watching.streams.open(owner):
            job = await submitted(self._studio, self._settings, fields, owner)
            if wait_seconds:
                with self._watching.streams.waiting(_request(ctx).state.caller):
                    job = await self._watched(ctx, job, wait_seconds)
        return await self._told(ctx, job, owner)

    async def job_status(self, ctx: Asked, job_id: JobId) -> Annotated[CallToolResult, JobAnswer]:
        """How far a clip is that generate_clip began; with the clip once it is made."""
        owner = _owner(ctx, "read")
        return await self._told(ctx, await asyncio.to_thread(self._job, job_id, owner), owner)

    async def cancel_job(self, ctx: Asked, job_id: JobId) -> Annotated[CallToolResult, JobAnswer]:
        """Stop a clip that waits or is being made. Clips that are finished stay."""
        owner = _owner(ctx, "make")
        job = await asyncio.to_thread(self._studio.cancel, job_id, owner)
        return await self._told(ctx, job, owner)

    async def search_takes(
        self,
        ctx: Asked,
        words: Annotated[
            str, Field(description="Words of the prompt, name, note or tags, in any order.")
        ] = "",
        favourites_only: bool = False,
        tag: Annotated[str, Field(description="A tag that they have.")] = "",
        limit: Annotated[int, Field(ge=1, le=50)] = 10,
        after: Annotated[
            int | None, Field(description="What the answer before had as next.")
        ] = None,
    ) -> FoundTakes:
        """Find finished clips, the newest first. Without words all of them are listed."""
        return await asyncio.to_thread(
            self._search,
            _owner(ctx, "read"),
            Sought(search=words, favourites_only=favourites_only, tag=tag),
            limit,
            after,
            _base_url(ctx),
        )

    async def get_take(self, ctx: Asked, take_id: TakeId) -> Annotated[CallToolResult, WholeTake]:
        """A finished clip with its recipe, its addresses and its still picture."""
        take = await self._take(ctx, take_id)
        return await _result(objects.whole_take(take, _base_url(ctx)), [take])

    async def set_favourite(
        self,
        ctx: Asked,
        take_id: TakeId,
        favourite: Annotated[bool, Field(description="False takes the heart away.")] = True,
    ) -> TakeAnswer:
        """Give a finished clip a heart, or take it away. Clips with a heart are never deleted to
        make room."""
        owner = _owner(ctx, "keep")
        await asyncio.to_thread(self._studio.library.set_favourite, take_id, owner, favourite)
        take = await asyncio.to_thread(self._studio.library.take, take_id, owner)
        return objects.take_answer(take, _base_url(ctx))

    async def list_presets(self) -> Choices:
        """The presets and formats by whose names generate_clip may be asked, and the model."""
        presets = self._presets
        return Choices(
            presets=[
                objects.preset_answer(preset, presets.preset_settings(preset.id))
                for preset in presets.presets
            ],
            formats=[objects.format_answer(each) for each in presets.formats],
            model=self._studio.model_status().model,
        )

    async def recipe(self, ctx: Asked, take_id: str) -> str:
        """The recipe of a finished clip, as JSON."""
        try:
            take = await self._take(ctx, take_id)
        except NotFound as error:
            raise ResourceNotFoundError(str(error)) from None
        return json.dumps(request_data(take.recipe), ensure_ascii=False)

    async def _watched(self, ctx: Asked, job: Job, seconds: float) -> Job:
        """A job once it has ended, or as it is after so many seconds. Its client is told how far it
        is meanwhile."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds), aclosing(self._watching.follow(job)) as states:
                async for now in states:
                    if now is None:
                        raise NotFound("This clip was deleted while you waited for it.")
                    job = now
                    if now.live:
                        fraction, message = _progress(now)
                        await ctx.report_progress(fraction, 1.0, message)
        return job

    async def _told(self, ctx: Asked, job: Job, owner: str) -> CallToolResult:
        takes = await asyncio.to_thread(self._studio.library.those, job.kept, owner)
        return await _result(objects.job_answer(job, takes, _base_url(ctx)), takes)

    def _job(self, job_id: str, owner: str) -> Job:
        try:
            return self._studio.job(job_id, owner)
        except NotFound as error:
            if self._studio.library.those([job_id], owner):
                raise NotFound(
                    "This job ended long ago. Its clip is here: get_take with the same id has it."
                ) from None
            raise error

    async def _take(self, ctx: Asked, take_id: str) -> Take:
        return await asyncio.to_thread(self._studio.library.take, take_id, _owner(ctx, "read"))

    async def _picture(self, ctx: Asked, start_from: str) -> str:
        """The digest of the picture that a clip starts from."""
        if is_digest(start_from):
            return start_from
        try:
            stored = await decoding(self._studio.last_frame, start_from, _owner(ctx, "read"))
        except NotFound:
            raise InvalidRecipe.because(
                "start_from",
                f"start_from: is {shown(start_from)}; allowed are a picture's digest (sha256:…) "
                "and the id of a clip that search_takes lists.",
            ) from None
        return stored.digest

    def _search(
        self, owner: str, sought: Sought, limit: int, after: int | None, base_url: str
    ) -> FoundTakes:
        place = None if after is None else (0.0, after)
        found = self._studio.library.takes(owner, sought, limit=limit + 1, after=place)
        shown_ones = found[:limit]
        return FoundTakes(
            takes=[objects.take_answer(take, base_url) for take in shown_ones],
            total=self._studio.library.count(owner, sought),
            next=shown_ones[-1].number if len(found) > limit else None,
        )


def _request(ctx: Asked) -> Request:
    request = ctx.request_context.request
    assert request is not None, "these tools are called over HTTP"
    return request


def _owner(ctx: Asked, scope: Scope) -> str:
    """Whose request a tool is called by.

    Raises:
        ResourceError: they come with a token that is not for what needs this scope.
    """
    caller: Asking = _request(ctx).state.caller
    if not caller.may(scope):
        raise ResourceError(
            f"This token is not for that: it lacks the scope {scope}. Make one that has it."
        )
    return caller.owner


def _with_settings(fields: dict[str, Any], settings: dict[str, Any]) -> dict[str, Any]:
    """The fields that arguments name, and others as the API takes them.

    Raises:
        InvalidRecipe: one is given twice over.
    """
    for name in sorted(settings.keys() & fields.keys()):
        raise InvalidRecipe.because(
            name,
            f"{shown(name)} is given twice, as an argument and within settings. Leave one out.",
        )
    return settings | fields


def _base_url(ctx: Asked) -> str:
    return str(_request(ctx).base_url)


def _progress(job: Job) -> tuple[float, str]:
    """How much of a job is done, 0 to 1, and what happens now."""
    match job.state:
        case Queued(place):
            return 0.0, f"Waiting, number {place} in the queue." if place else "Waiting."
        case Running() as running:
            step = f", step {running.step} of {running.steps}" if running.steps else ""
            return running.fraction, f"Making it: {running.stage}{step}."
    return 0.0, "Stopping."


async def _result(answer: BaseModel, takes: tuple[Take, ...] | list[Take]) -> CallToolResult:
    """An answer with the first take's still picture, for assistants that can look at it."""
    content: list[ContentBlock] = [TextContent(type="text", text=answer.model_dump_json(indent=2))]
    for take in takes[:1]:
        try:
            poster = await decoding(small_poster, take.poster, WIDTHS[0])
        except StudioError:  # It was deleted from outside. The rest of the answer is right.
            continue
        data = base64.b64encode(poster).decode()
        content.append(ImageContent(type="image", data=data, mime_type="image/jpeg"))
    return CallToolResult(content=content, structured_content=answer.model_dump(mode="json"))
