"""What a request needs: which addresses are open to everybody, and what a token must be for.

There is one table, and the first of its lines that fits decides. An address without a line is
refused for tokens; ``tests/test_rights.py`` walks all routes of the app and fails for one of them.
"""

from __future__ import annotations

import re
from typing import Literal

from ltx_ui.studio.tokens import Scope

Need = Scope | Literal["nothing", "token", "person"]
"""What a request needs. ``nothing``: everybody may, without signing in; ``token``: a token with any
scope will do, and what it may do is decided by what answers; ``person``: no token will do, only a
browser, or a name with its password. A scope: a token must have it."""

_READS, _ANY = "GET|HEAD", "GET|HEAD|POST|PUT|PATCH|DELETE"
_TABLE: tuple[tuple[str, str, Need], ...] = (
    (_READS, "/(health|ready)", "nothing"),
    (f"{_READS}|POST", "/(login|owner)", "nothing"),
    # A take that was given away: the link is all it needs.
    (_READS, "/t/.+", "nothing"),
    (_ANY, "/logout", "person"),
    (_ANY, "/api/v1/tokens(/.*)?", "person"),
    (f"{_READS}|POST", "/account(/.*)?", "person"),
    ("POST", "/api/v1/licence", "make"),
    ("POST|PATCH", "/api/v1/workers(/.*)?", "person"),
    # Clips, and what is needed to have them made.
    ("POST", "/(generate|jobs|inputs(/(sound|film))?|recipe)|/jobs/[^/]+/make", "make"),
    ("DELETE", "/jobs/[^/]+", "make"),
    (_READS, "/jobs/.+|/inputs/.+", "read"),
    (_READS, "/api/v1/.+", "read"),
    ("POST|PUT|PATCH|DELETE", "/api/v1/(jobs|queue|images|enhance)(/.*)?", "make"),
    ("POST", "/api/v1/storyboards/[^/]+/(shots/[^/]+/)?(make|stop)", "make"),
    (_READS, "/v1/.+", "read"),
    ("POST", "/v1/videos(/.*)?", "make"),
    ("DELETE", "/v1/videos/.+", "keep"),
    # Takes, and what is written on them.
    (_READS, "/takes/.+|/characters|/metrics", "read"),
    ("POST", "/library/export", "read"),
    ("PATCH", "/takes/[^/]+", "keep"),
    ("POST", "/library/import", "keep"),
    ("POST|PUT|PATCH|DELETE", "/api/v1/.+", "keep"),
    # Each tool of MCP's has a scope of its own.
    (_ANY, "/mcp(/.*)?", "token"),
    (_READS, "/docs(/.*)?|/openapi.json|/examples/.+", "token"),
    # What gradio_client asks for.
    ("POST", "/gradio/(queue/join|cancel)", "make"),
    (_READS, "/gradio/(config|info)", "token"),
    (_READS, "/gradio/(queue/data|file=.+)", "read"),
    # The page, and what it loads and calls.
    ("POST", "/recipe/(share|link)|/prompt/enhanced", "person"),
    (_READS, r"/|/config/?|/theme\.css|/robots\.txt|/(static|assets|svelte|parts)/.+", "person"),
    ("GET", "/session/(events|version)", "person"),
    ("GET|HEAD|POST", "/gradio_api/.+", "person"),
)
_RULES = tuple((re.compile(methods), re.compile(path), need) for methods, path, need in _TABLE)


def need_of(method: str, path: str) -> Need | None:
    """What a request needs; None if nobody has decided about it."""
    for methods, paths, need in _RULES:
        if methods.fullmatch(method) and paths.fullmatch(path):
            return need
    return None
