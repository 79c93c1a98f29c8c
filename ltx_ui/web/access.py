"""Who is asking, and what they may do.

The page has Gradio's own login. Routes of our own are not covered by it, so they ask here: the same
name and password as HTTP Basic, or, for reading, the cookie of somebody who signed in on the page.
"""

from __future__ import annotations

import base64
import binascii
import secrets

import gradio as gr
from fastapi import HTTPException, Request
from pydantic import SecretStr

from ltx_ui.settings import Settings

LOCAL = "local"
"""The owner of everything where nobody has to sign in."""

SHARED_NAME = "guest"
"""Name to sign in with on a public link for which no password was chosen."""


def with_credentials(settings: Settings) -> Settings:
    """The settings, with a password made up if a public link would otherwise stand open."""
    if not settings.share or settings.credentials is not None:
        return settings
    auth = SecretStr(f"{SHARED_NAME}:{secrets.token_urlsafe(12)}")
    return settings.model_copy(update={"auth": auth})


def owner_of(request: gr.Request) -> str:
    """Who pressed the button: the signed-in name, or ``local``."""
    return request.username or LOCAL


class Door:
    """Lets a request in and says whose it is; a FastAPI dependency.

    Raises:
        HTTPException: 401, asking for HTTP Basic.
    """

    def __init__(self, credentials: tuple[str, str] | None) -> None:
        self._credentials = credentials

    def __call__(self, request: Request) -> str:
        if self._credentials is None:
            return LOCAL
        name, password = self._credentials
        if _same(_basic(request), f"{name}:{password}"):
            return name
        # A cookie comes along by itself when another site sends a form here; it may only read.
        if request.method in ("GET", "HEAD") and _page_user(request) == name:
            return name
        raise HTTPException(
            401,
            "Sign in with the studio's name and password (HTTP Basic).",
            headers={"WWW-Authenticate": 'Basic realm="LTX-2 Studio"'},
        )


def _same(given: str, expected: str) -> bool:
    """Compared in constant time, so that a password can't be found letter by letter."""
    return secrets.compare_digest(given.encode(), expected.encode())


def _basic(request: Request) -> str:
    """``name:password`` from the request's header; empty if it has none."""
    scheme, _, payload = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return ""
    try:
        return base64.b64decode(payload, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return ""


def _page_user(request: Request) -> str | None:
    """The name behind the page's login cookie, as ``gradio.routes`` reads it."""
    app = request.app
    for kind in ("access-token", "access-token-unsecure"):
        token = request.cookies.get(f"{kind}-{app.cookie_id}")
        if token and (user := app.tokens.get(token)):
            return str(user)
    return None
