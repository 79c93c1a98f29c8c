"""Tokens over HTTP: whoever may be asked for a password makes them here, for their programs."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

from fastapi import APIRouter, HTTPException, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from ltx_ui.studio.studio import Studio
from ltx_ui.studio.tokens import MAX_LABEL, Scope, Token
from ltx_ui.web.access import Caller
from ltx_ui.web.api_v1.problems import problem_answers
from ltx_ui.web.bodies import read_json, validated
from ltx_ui.web.routing import add_get, json_body

MOST_DAYS = 3660
_MOST_BYTES = 10_000
_VISITORS = (
    "Visitors of this studio have no tokens: their programs keep the cookie. Ask whoever runs it "
    "for a name of your own."
)


class TokenAsked(BaseModel):
    """A token to be made."""

    model_config = ConfigDict(extra="forbid")

    label: str = Field("", max_length=MAX_LABEL, description="What you call it.")
    scopes: list[Scope] = Field(
        min_length=1,
        description="What it is for. make: have clips made, cancel them, send pictures; read: "
        "jobs, takes and their files, presets, models; keep: names, tags, notes and hearts, "
        "links, deleting takes.",
    )
    expires_in_days: int | None = Field(
        None, ge=1, le=MOST_DAYS, description="After so many days it is refused; null: never."
    )


class TokenAnswer(BaseModel):
    """What is known of a token."""

    id: str
    label: str
    scopes: list[Scope]
    created_at: datetime
    used_at: datetime | None = Field(description="When it was used last, within five minutes.")
    expires_at: datetime | None


class NewTokenAnswer(TokenAnswer):
    """A token that was just made."""

    token: str = Field(description="The token itself. It is told this once.")


class TokensAnswer(BaseModel):
    """All of the owner's tokens, oldest first."""

    tokens: list[TokenAnswer]


def router(studio: Studio) -> APIRouter:
    """The routes, over one studio. No token opens them: see :mod:`ltx_ui.web.rights`."""

    async def make_token(request: Request, caller: Caller) -> NewTokenAnswer:
        """Make a token, by which a program asks for you. Send it as Authorization: Bearer …."""
        if caller.role == "visitor":
            raise HTTPException(403, _VISITORS)
        asked = validated(TokenAsked, await read_json(request, _MOST_BYTES))
        ends = asked.expires_in_days
        expires = None if ends is None else datetime.now(UTC) + timedelta(days=ends)
        secret, token = await asyncio.to_thread(
            studio.tokens.make, caller.owner, asked.label, asked.scopes, expires
        )
        return NewTokenAnswer(token=secret, **_told(token))

    def tokens(caller: Caller) -> TokensAnswer:
        """Your tokens, without the tokens themselves."""
        return TokensAnswer(
            tokens=[TokenAnswer(**_told(token)) for token in studio.tokens.all(caller.owner)]
        )

    def revoke_token(token_id: str, caller: Caller) -> Response:
        """End a token. What comes with it is refused from then on."""
        studio.tokens.revoke(token_id, caller.owner)
        return Response(status_code=204)

    made = APIRouter(prefix="/api/v1/tokens", tags=["tokens"])
    made.post(
        "",
        status_code=201,
        openapi_extra=json_body(TokenAsked),
        responses=problem_answers(403, 413, 415, 422),
    )(make_token)
    add_get(made, "", tokens, responses=problem_answers(403))
    made.delete(
        "/{token_id}",
        status_code=204,
        response_class=Response,
        responses=problem_answers(403, 404),
    )(revoke_token)
    return made


def _told(token: Token) -> dict[str, Any]:
    return {
        "id": token.id,
        "label": token.label,
        "scopes": sorted(token.scopes),
        "created_at": token.created_at,
        "used_at": token.used_at,
        "expires_at": token.expires_at,
    }
