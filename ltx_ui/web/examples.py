"""Six clips of the demo model that come with the package, for who has made none yet.

``training/make_examples.py`` made them. Beside each mp4 lie its poster and its recipe.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache

from fastapi import APIRouter
from starlette.responses import FileResponse

from ltx_ui.errors import NotFound
from ltx_ui.recipe import Recipe
from ltx_ui.request import parse_recipe
from ltx_ui.web.routing import add_get
from ltx_ui.web.templating import ASSETS

_FOLDER = ASSETS / "examples"
_CACHED = {"Cache-Control": "private, max-age=86400"}
"""They change with a new version only."""
_KINDS = {".mp4": "video/mp4", ".jpg": "image/jpeg"}


@dataclass(frozen=True)
class ExampleClip:
    """A clip that comes with the package.

    Attributes:
        name: as in the addresses of its files.
        recipe: gives the same clip again with the demo model on the same software.
    """

    name: str
    recipe: Recipe

    @property
    def video(self) -> str:
        """The path of the mp4's address."""
        return f"/examples/{self.name}.mp4"

    @property
    def poster(self) -> str:
        """The path of the address of its still picture, JPEG."""
        return f"/examples/{self.name}.jpg"


@cache
def examples() -> tuple[ExampleClip, ...]:
    """All of them, by name."""
    files = sorted(_FOLDER.glob("*.json"))
    return tuple(
        ExampleClip(file.stem, parse_recipe(json.loads(file.read_text()))) for file in files
    )


def video(name: str) -> FileResponse:
    """An example's mp4; ranges work."""
    return _file(name, ".mp4")


def poster(name: str) -> FileResponse:
    """An example's still picture."""
    return _file(name, ".jpg")


def router() -> APIRouter:
    """The routes to the files."""
    routes = APIRouter()
    add_get(routes, "/examples/{name}.mp4", video, response_class=FileResponse)
    add_get(routes, "/examples/{name}.jpg", poster, response_class=FileResponse)
    return routes


def _file(name: str, ending: str) -> FileResponse:
    if name not in {example.name for example in examples()}:
        raise NotFound("There is no such example.")
    return FileResponse(_FOLDER / f"{name}{ending}", media_type=_KINDS[ending], headers=_CACHED)
