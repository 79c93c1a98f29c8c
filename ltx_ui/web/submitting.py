"""How what a client asks for becomes a job, whichever way it was asked."""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import Mapping
from functools import partial
from typing import Any, NamedTuple

from fastapi.responses import Response
from starlette.requests import Request as HttpRequest

from ltx_ui.errors import InvalidParameter, StudioError
from ltx_ui.inputs import CONTROL, EXTEND, PICTURE_OF, RETAKE, UPSCALE
from ltx_ui.request import Request, parse_request
from ltx_ui.settings import Settings
from ltx_ui.studio.asked import Key
from ltx_ui.studio.jobs import Job, Origin, Relation
from ltx_ui.studio.studio import Studio
from ltx_ui.web.bodies import parse_object, read_json_body, recipe_limit
from ltx_ui.web.decoding import decoding

KEY = "Idempotency-Key"
"""The header with a client's own key for its request."""
KEYED: dict[str, Any] = {
    "parameters": [
        {
            "name": KEY,
            "in": "header",
            "required": False,
            "description": "A name of your own for this request, drawn anew for each. The same "
            "request sent again within 24 hours then finds the job of the first time.",
            "schema": {"type": "string", "pattern": "^[!-~]{1,255}$"},
        }
    ]
}
"""What OpenAPI says of it."""
REPLAYED = "Idempotency-Replayed"
"""The header of an answer that is about the job of an earlier request with the same key."""
_RELATIONS: Mapping[str, Relation] = {
    EXTEND: "extended",
    RETAKE: "retaken",
    PICTURE_OF: "revoiced",
    UPSCALE: "upscaled",
    CONTROL: "followed",
}
"""What a clip is to the take that a field of its request names."""
JOB_PATH = "/api/v1/jobs/{}"
"""Where a job is found."""

_KEY = re.compile(r"[\x21-\x7e]{1,255}")


class Asked(NamedTuple):
    """What a client asks for: the fields of a recipe, and its key for the request."""

    data: Mapping[str, Any]
    key: Key | None


class Submitted(NamedTuple):
    """A job, and whether an earlier request with the same key has submitted it."""

    job: Job
    replayed: bool


async def read_asked(request: HttpRequest, settings: Settings) -> Asked:
    """The recipe's fields in a request's JSON, and its key.

    Raises:
        BodyTooLarge, HTTPException: as :func:`~ltx_ui.web.bodies.read_json_body`.
        InvalidRecipe: the body is no JSON object, or the key can't be used.
    """
    name = key_name(request)
    body = await read_json_body(request, recipe_limit(settings))
    data = await asyncio.to_thread(parse_object, body)
    if name is None:
        return Asked(data, None)
    digest = await asyncio.to_thread(hashlib.sha256, body)
    return Asked(data, Key(name, digest.hexdigest()))


def key_name(request: HttpRequest) -> str | None:
    """What a client calls its key for a request; None without one.

    Raises:
        InvalidRecipe: the key can't be used.
    """
    given = request.headers.getlist(KEY)
    if not given:
        return None
    # The draft standard has the key in quotes, most clients send it as it is.
    name = given[0].strip()
    name = name[1:-1] if len(name) > 1 and name[0] == name[-1] == '"' else name
    if len(given) > 1 or not _KEY.fullmatch(name):
        raise InvalidParameter.because(
            KEY,
            f"{KEY}: must be one name of 1 to 255 visible ASCII characters without blanks, such as "
            "a UUID that is drawn for each request.",
        )
    return name


async def submitted_once(
    studio: Studio, settings: Settings, asked: Asked, owner: str, origin: Origin | None = None
) -> Submitted:
    """The job for a request: a new one, or the one that an earlier request with the same key has
    submitted, without blocking the event loop.

    Args:
        origin: the take that its takes come from, if its client named one.

    Raises:
        InvalidRecipe, StudioError: as :func:`submitted`.
        KeyReused: the key stands for a request with another body.
        NotFound: the job of the earlier request is gone.
    """
    data, key = asked
    if key is None:
        return Submitted(await submitted(studio, settings, data, owner, origin), False)
    earlier = partial(asyncio.to_thread, studio.asked, key, owner)
    if (job := await earlier()) is not None:
        return Submitted(job, True)
    try:
        return Submitted(await submitted(studio, settings, data, owner, origin, key), False)
    except StudioError:
        # Of two that come at once one is the first, and may have taken the last place.
        if (job := await earlier()) is None:
            raise
        return Submitted(job, True)


async def submitted(
    studio: Studio,
    settings: Settings,
    data: Mapping[str, Any],
    owner: str,
    origin: Origin | None = None,
    key: Key | None = None,
) -> Job:
    """Queue a recipe from untrusted data, without blocking the event loop.

    Args:
        data: the fields, as in the API's JSON.
        origin: the take that its takes come from, if its client named one.
        key: stands for the job from now on.

    Raises:
        InvalidRecipe: a field has to change.
        StudioError: as :meth:`Studio.submit`.
    """
    asked = await asyncio.to_thread(parse_request, data, max_volume=settings.max_volume)
    run = decoding if asked.files or asked.takes or asked.films or asked.fits else asyncio.to_thread
    return await run(_submit, studio, asked, owner, origin, key)


def _submit(
    studio: Studio, asked: Request, owner: str, origin: Origin | None, key: Key | None
) -> Job:
    """Store the files that a request carries, and queue its recipe."""
    recipe = studio.recipe_of(asked, owner)
    for field, take in asked.takes.items():
        if field in _RELATIONS:
            origin = origin or Origin(take, _RELATIONS[field])
    return studio.submit(recipe, owner, origin=origin, key=key)


def prefers_async(request: HttpRequest) -> bool:
    """Whether the client would rather not wait for the clip (RFC 7240)."""
    preferences = ",".join(request.headers.getlist("prefer")).lower().split(",")
    return any(each.partition(";")[0].strip() == "respond-async" for each in preferences)


def tell_of(submission: Submitted, request: HttpRequest, answer: Response) -> None:
    """Say in an answer's headers where its job is, and whether it is an earlier request's."""
    path = JOB_PATH.format(submission.job.id)
    answer.headers["Location"] = root_of(request) + path
    if submission.replayed:
        answer.headers[REPLAYED] = "true"


def root_of(request: HttpRequest) -> str:
    """The path below which a proxy has the studio; empty without one."""
    root: str = request.scope.get("root_path", "")
    return root.rstrip("/")
