"""``/openapi.json``, and ``/docs``, which shows it: Swagger UI, with nothing from elsewhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import fastapi_offline
from fastapi import APIRouter, Request
from fastapi.openapi.utils import get_openapi
from fastapi.responses import HTMLResponse
from pydantic import BaseModel
from starlette.routing import BaseRoute

from ltx_ui import __version__
from ltx_ui.asked_shots import StoryboardAsked
from ltx_ui.request import Request as RecipeRequest
from ltx_ui.web.api_v1 import storyboards
from ltx_ui.web.api_v1.links import LinkAsked
from ltx_ui.web.api_v1.problems import Problem
from ltx_ui.web.api_v1.queue import Pause
from ltx_ui.web.api_v1.schemas import Move, Progress
from ltx_ui.web.api_v1.tokens import TokenAsked
from ltx_ui.web.api_v1.workers import ModelAsked, WorkersAsked
from ltx_ui.web.enhancing import PromptToEnhance
from ltx_ui.web.kept_folder import KeptFolder
from ltx_ui.web.marks import TakeMarks
from ltx_ui.web.routing import add_get
from ltx_ui.web.submitting import root_of
from ltx_ui.web.templating import ASSETS, render

TITLE = "LTX-2 Studio"
_DESCRIPTION = (
    "Clips with sound from words and pictures. Addresses below /api/v1 stay as they are; their "
    "errors are problem details (RFC 9457). The others came before, and stay as well."
)
_TAGS = [
    {"name": "jobs", "description": "Clips that are asked for: submit, follow, cancel, reorder."},
    {"name": "takes", "description": "Clips that were made: find, fetch, write on, delete."},
    {"name": "storyboards", "description": "Shots, made one after the other and joined."},
    {"name": "images", "description": "Pictures that clips start from."},
    {"name": "tokens", "description": "By which programs ask for you."},
    {"name": "offers", "description": "What may be asked for."},
    {"name": "earlier", "description": "Addresses that came before /api/v1, and stay."},
    {"name": "monitoring", "description": "For load balancers and Prometheus."},
]
_SECURITY = {
    "token": {"type": "http", "scheme": "bearer", "description": "A token that its owner made."},
    "password": {"type": "http", "scheme": "basic", "description": "Name and password."},
    "cookie": {
        "type": "apiKey",
        "in": "cookie",
        "name": "ltx2-who-7860",
        "description": "What a browser has, or a program that keeps cookies; the number is the "
        "port. At the machine itself nothing is needed.",
    },
}
_BODIES: Mapping[str, type[BaseModel]] = {
    "RecipeRequest": RecipeRequest,
    "Problem": Problem,
    "Progress": Progress,
    "Move": Move,
    "Pause": Pause,
    "PromptToEnhance": PromptToEnhance,
    "TakeMarks": TakeMarks,
    "TokenAsked": TokenAsked,
    "LinkAsked": LinkAsked,
    "WorkersAsked": WorkersAsked,
    "ModelAsked": ModelAsked,
    "StoryboardAsked": StoryboardAsked,
    "StoryboardChanges": storyboards.StoryboardChanges,
    "ShotMaking": storyboards.ShotMaking,
    "ShotChoice": storyboards.ShotChoice,
}
"""Models that routes name in their descriptions without having them as arguments or answers."""

_STATIC = Path(fastapi_offline.__file__).parent / "static"
_FILES = (_STATIC / "swagger-ui.css", _STATIC / "swagger-ui-bundle.js", ASSETS / "docs.js")


def docs_router(described: Sequence[BaseRoute]) -> APIRouter:
    """``/docs``, its files, and ``/openapi.json``, which describe these routes."""
    schema = openapi_of(described)
    files = KeptFolder("docs", lambda: {file.name: file.read_bytes() for file in _FILES})

    def openapi(request: Request) -> dict[str, Any]:
        root = root_of(request)
        return schema | {"servers": [{"url": root}]} if root else schema

    def docs() -> HTMLResponse:
        return HTMLResponse(render("docs.html", title=TITLE, digest=files.digest))

    router = APIRouter(include_in_schema=False)
    add_get(router, "/openapi.json", openapi)
    add_get(router, "/docs", docs)
    files.add_to(router)
    return router


def openapi_of(described: Sequence[BaseRoute]) -> dict[str, Any]:
    """The OpenAPI description of these routes, with what their models can't tell."""
    schema = get_openapi(
        title=TITLE,
        version=__version__,
        description=_DESCRIPTION,
        routes=described,
        tags=_TAGS,
    )
    for operation in chain.from_iterable(each.values() for each in schema["paths"].values()):
        operation.setdefault("tags", ["earlier"])
    components = schema.setdefault("components", {})
    schemas = components.setdefault("schemas", {})
    for name, model in _BODIES.items():
        told = model.model_json_schema(ref_template="#/components/schemas/{model}")
        schemas.update(told.pop("$defs", {}))
        schemas[name] = told
    components["securitySchemes"] = _SECURITY
    schema["security"] = [{}, *({name: []} for name in _SECURITY)]
    return schema
