"""No address of the app is one that nobody has decided about."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from starlette.routing import BaseRoute, Mount
from test_security import gradio_routes

from ltx_ui.presets import load_presets
from ltx_ui.settings import Settings
from ltx_ui.studio.studio import Studio
from ltx_ui.web.application import make_routes
from ltx_ui.web.authenticator import Authenticator
from ltx_ui.web.identity import Identities, OwnerLink
from ltx_ui.web.metrics import Metrics
from ltx_ui.web.mounting import is_open
from ltx_ui.web.page import pages
from ltx_ui.web.rights import need_of


def addresses(routes: Sequence[BaseRoute], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Method and path of all routes, those of mounted apps among them."""
    for route in routes:
        path = prefix + re.sub(r"{[^}]*}", "x", getattr(route, "path", ""))
        if (included := getattr(route, "original_router", None)) is not None:
            inner: Any = route
            yield from addresses(included.routes, prefix + inner.include_context.prefix)
        elif isinstance(route, Mount) and path:
            yield "GET", f"{path}/x"
            yield from addresses(route.routes, path)
        for method in getattr(route, "methods", None) or ():
            yield method, path


def undecided(found: Iterator[tuple[str, str]]) -> set[tuple[str, str]]:
    return {(method, path) for method, path in found if need_of(method, path) is None}


def is_page(method: str, path: str) -> bool:
    return is_open({"type": "http", "method": method, "path": path, "query_string": b""})


def test_somebody_has_decided_about_every_route(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, model="demo")
    studio = Studio(settings)
    presets = load_presets(settings.presets)
    made = pages(studio, settings, presets)
    who = Authenticator(settings, Identities(b"key", 1), OwnerLink(), studio)
    app = make_routes(studio, settings, presets, made, who, Metrics(studio))
    found = set(addresses(app.routes))
    assert {("POST", "/jobs"), ("DELETE", "/api/v1/tokens/x"), ("POST", "/login")} <= found
    assert not undecided(iter(found))
    # The page comes before them.
    assert not [each for each in found if is_page(*each)]
    open_to_the_page = ((method, path) for method, path in gradio_routes() if is_page(method, path))
    assert not undecided(open_to_the_page)
    studio.close()


def test_a_route_that_was_forgotten_is_found() -> None:
    app, inner = FastAPI(openapi_url=None), FastAPI(openapi_url=None)
    app.get("/health")(lambda: None)
    app.put("/jobs/{job_id}/secret")(lambda: None)
    inner.get("/there")(lambda: None)
    app.mount("/inner", inner)
    found = undecided(addresses(app.routes))
    assert ("PUT", "/jobs/x/secret") in found and ("GET", "/inner/there") in found
    assert ("GET", "/health") not in found
