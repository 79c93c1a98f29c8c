"""What comes when it is first needed: scripts and style sheets of the page's other parts."""

from __future__ import annotations

import gzip
import re
from itertools import product

import httpx
import pytest

from ltx_ui.web.compat import COUNTING
from ltx_ui.web.kept_files import FOREVER
from ltx_ui.web.parts import FIRST, FOLDER, PARTS
from ltx_ui.web.templating import ASSETS

NAMES = [f"{name}.{kind}" for name in PARTS for kind in ("js", "css")]


@pytest.mark.parametrize("name", NAMES)
def test_a_part_is_kept_for_ever_and_travels_compressed(http: httpx.Client, name: str) -> None:
    plain = http.get(f"/{FOLDER.path}{name}", headers={"Accept-Encoding": "identity"})
    assert plain.headers["Cache-Control"] == FOREVER
    kind = "text/javascript" if name.endswith("js") else "text/css"
    assert plain.headers["Content-Type"] == f"{kind}; charset=utf-8"
    with http.stream("GET", f"/{FOLDER.path}{name}", headers={"Accept-Encoding": "gzip"}) as packed:
        assert gzip.decompress(b"".join(packed.iter_raw())) == plain.content
    assert "Accept-Encoding" in packed.headers["Vary"]


@pytest.mark.parametrize("path", [f"{FOLDER.path}page.py", "parts/0123456789abcdef/gallery.js"])
def test_a_part_of_another_version_is_not_here(http: httpx.Client, path: str) -> None:
    assert http.get(f"/{path}").status_code == 404


def test_the_page_brings_only_what_its_first_tab_needs(http: httpx.Client) -> None:
    page = http.get("/").text
    for part in PARTS.values():
        for name in (*part.components, *part.scripts, *part.styles):
            comment = next(iter((ASSETS / name).read_text("utf-8").splitlines()))
            assert comment.strip("/* ") not in page, name
    assert all(name in page for name in FIRST.components)


def test_what_the_page_brings_of_its_own_stays_within_60_kb() -> None:
    first = (*FIRST.components, *FIRST.scripts, *FIRST.styles)
    assert sum((ASSETS / name).stat().st_size for name in first) <= 60_000


def test_the_page_names_at_once_what_it_will_ask_for(http: httpx.Client) -> None:
    page = http.get("/").text
    named = re.findall(r'<link rel="(?:module)?preload"[^>]* href="([^"]+)"', page)
    kinds = {re.sub(r"(?:-[\w-]{8})?\.(?:js|css)$", "", name) for name in named}
    assert kinds >= {f"assets/{name}" for name in ("Index", "core", "Blocks", "HTML")}
    for name, kind in product(named, ("br", "identity")):
        answer = http.get(f"/{name}", headers={"Accept-Encoding": kind})
        assert answer.status_code == 200
        if name.startswith("assets/"):
            assert answer.headers["vary"].count("Accept-Encoding") == 1


def test_a_script_of_gradios_that_is_mended_is_packed_as_the_others(http: httpx.Client) -> None:
    answers = {kind: http.get(f"/assets/{COUNTING}", headers={"Accept-Encoding": kind})
               for kind in ("br", "identity")}  # fmt: skip
    assert [answer.headers.get("content-encoding") for answer in answers.values()] == ["br", None]
    assert answers["br"].text == answers["identity"].text
    assert "isConnected&&" in answers["br"].text
    sent = [int(answer.headers["content-length"]) for answer in answers.values()]
    assert sent[0] < sent[1] / 2


def test_every_script_and_style_sheet_belongs_to_a_part() -> None:
    of_parts = [
        name
        for part in (FIRST, *PARTS.values())
        for name in {*part.components, *part.scripts, *part.styles}
    ]
    there = {file.name for file in ASSETS.iterdir() if re.search(r"\.(js|css)$", file.name)}
    assert there - {"plain.css", "docs.js"} == set(of_parts)
    assert [name for name in set(of_parts) if of_parts.count(name) > 1] == ["full.css"]
