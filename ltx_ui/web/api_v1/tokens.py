"""Tokens over HTTP: whoever may be asked for a password makes them here, for their programs."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from ltx_ui.errors import NotAllowed
from ltx_ui.studio.studio import Studio
from ltx_ui.studio.tokens import MAX_LABEL, Scope, Token
from ltx_ui.web.access import Caller
from ltx_ui.web.api_v1.routes import add, body
from ltx_ui.web.bodies import read_json, validated

MOST_DAYS = 3660
"""Days after which a token, or a link, expires at the latest, if it does."""
_MOST_BYTES = 10_000
_VISITORS = (
    "Visitors of this studio have no tokens: their programs keep the cookie. Ask whoever runs it "
    "for a name of your own."
)


class TokenAsked(BaseModel):
    """A token to be made."""

    model_config = ConfigDict(extra="forbid", strict=True)

    label: str = Field("", max_length=MAX_LABEL, description="What you call it.")
    scopes: list[Scope] = Field(
        min_length=1,
        max_length=10,
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
    """All of your tokens, oldest first."""

    tokens: list[TokenAnswer]


def expiry(days: int | None) -> datetime | None:
    """The moment after so many days; None for never."""
    return None if days is None else datetime.now(UTC) + timedelta(days=days)


def router(studio: Studio) -> APIRouter:
    """The routes, over one studio. No token opens them: see :mod:`ltx_ui.web.rights`."""

    async def make_token(request: Request, caller: Caller) -> NewTokenAnswer:
        """Make a token, by which a program asks for you. Send it as Authorization: Bearer …."""
        if caller.role == "visitor":
            raise NotAllowed(_VISITORS)
        asked = validated(TokenAsked, await read_json(request, _MOST_BYTES))
        secret, token = await asyncio.to_thread(
            studio.tokens.make,
            caller.owner,
            asked.label,
            asked.scopes,
            expiry(asked.expires_in_days),
        )
        return NewTokenAnswer(token=secret, **_told(token))

    def list_tokens(caller: Caller) -> TokensAnswer:
        """Your tokens, without the tokens themselves."""
        found = studio.tokens.all(caller.owner)
        return TokensAnswer(tokens=[TokenAnswer(**_told(token)) for token in found])

    def revoke_token(token_id: str, caller: Caller) -> Response:
        """End a token. What comes with it is refused from then on."""
        studio.tokens.revoke(token_id, caller.owner)
        return Response(status_code=204)

    made = APIRouter(prefix="/api/v1", tags=["tokens"])
    add(
        *(made, "POST", "/tokens", make_token, 403, 413, 415, 422),
        status_code=201,
        openapi_extra=body("TokenAsked"),
    )
    add(made, "GET HEAD", "/tokens", list_tokens, 403)
    add(
        *(made, "DELETE", "/tokens/{token_id}", revoke_token, 403, 404, 422),
        status_code=204,
        response_class=Response,
    )
    return made


def _told(token: Token) -> dict[str, Any]:
    return {**vars(token), "scopes": sorted(token.scopes)}
