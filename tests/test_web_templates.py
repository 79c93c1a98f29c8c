"""The page's templates: whatever is put in one stays text, for HTML, JavaScript and Handlebars."""

import json
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from boards import boards
from jinja2 import UndefinedError, meta
from sheets import SHEETS
from studios import quick

from ltx_ui.advice import Finding, Fix
from ltx_ui.engine.clip_memory import Needed
from ltx_ui.guide import Advised
from ltx_ui.presets import Presets, load_presets
from ltx_ui.studio.characters import Character
from ltx_ui.studio.takes import Take
from ltx_ui.texts import LANGUAGES
from ltx_ui.web.difference import Change
from ltx_ui.web.examples import ExampleClip
from ltx_ui.web.gallery_filter import Menu
from ltx_ui.web.job_view import JobView
from ltx_ui.web.language import in_language
from ltx_ui.web.parts import FIRST
from ltx_ui.web.recipe_words import Difference, Line, Piece
from ltx_ui.web.templating import TEMPLATES, as_plain, environment, render

SIGNS = "<>\"'&${}`"
HARMLESS = "words"
HOSTILE = "</script></style>\"'><img src=x onerror=alert(1)> ${alert(1)} {{value}} `tick` &lt; \\"

Values = Callable[[str], dict[str, Any]]


def _take(text: str, *, there: bool = True, favourite: bool = False) -> Take:
    file = Path(__file__) if there else Path("not here")
    return Take(
        id=text,
        number=1,
        owner=text,
        recipe=quick(prompt=text),
        created_at=datetime(2026, 1, 2, tzinfo=UTC),
        seconds=12.0,
        timings={},
        versions={},
        model=text,
        device=text,
        notes=(text, text),
        note=text,
        favourite=favourite,
        name=text,
        tags=(text, text),
        video=file,
        poster=file,
    )


def _presets(text: str) -> Presets:
    presets, lines = load_presets(), (Advised(text=text), Advised(text=text))
    return presets.model_copy(
        update={
            **dict.fromkeys(("takeaways", "reference_tips", "seed_tips"), lines),
            "reference_prompt": text,
            "formats": tuple(
                each.model_copy(update={"name": text, "aspect": text, "note": text})
                for each in presets.formats
            ),
            "lengths": tuple(each.model_copy(update={"note": text}) for each in presets.lengths),
            "steps": tuple(
                each.model_copy(update={"quality": text, "note": text}) for each in presets.steps
            ),
            "guidance": tuple(each.model_copy(update={"note": text}) for each in presets.guidance),
            "workflows": tuple(
                each.model_copy(update={"name": text, "steps": lines}) for each in presets.workflows
            ),
            "troubleshooting": tuple(
                each.model_copy(update={"problem": text, "cures": lines})
                for each in presets.troubleshooting
            ),
        }
    )


_MODEL_TEXTS = ("title", "device", "message", "percent", "why_demo", "licence", "licence_url")


def _model(kind: str) -> Values:
    return lambda text: {
        "kind": kind,
        "demo": kind == "demo",
        **dict.fromkeys(_MODEL_TEXTS, text),
    }


def _quality(why_fixed: bool) -> Values:
    level = load_presets().steps[0]
    return lambda text: {
        "why_fixed": text if why_fixed else "",
        "steps": 5,
        "level": level.model_copy(update={"quality": text, "note": text}),
        "guidance_scale": 4.0,
        "guidance_note": text,
    }


def _docs(text: str) -> dict[str, Any]:
    return {"title": text, "digest": text}


def _menus(text: str) -> dict[str, Any]:
    return {"menus": [Menu(text, text, [(text, text), ("", text)], text)]}


def _named(text: str) -> Take:
    return replace(_take(text), name=text)


def _seed_cards(text: str) -> dict[str, Any]:
    takes = [_take(text), _take(text, there=False)]
    return {"takes": takes, "more": True, "most": {"name": 80, "tag": 40}}


def _character(text: str) -> Character:
    return Character(text, text, (text, text), 7, text)


def _character_form(text: str) -> dict[str, Any]:
    most = {"name": 40, "words": 1000, "images": 4, "seed": 7}
    return {"character": _character(text), "was": text, "accept": text, "most": most}


def _clips(text: str) -> dict[str, Any]:
    return {"title": text, "takes": [_take(text), _take(text, there=False)], "most": 2}


def _advice(text: str) -> dict[str, Any]:
    return {"findings": [Finding(text, text, Fix(text, {text: text})), Finding(text, text)]}


def _job(text: str, *, runs: bool) -> JobView:
    waits_for = None if runs else text
    return JobView(text, text, text, text, text, 12.5, runs=runs, waits_for=waits_for)


def _jobs(text: str) -> dict[str, Any]:
    return {"jobs": [_job(text, runs=True), _job(text, runs=False)]}


def _queue(text: str) -> dict[str, Any]:
    return {**_jobs(text), "paused": True, "held": True, "ended": [_job(text, runs=False)]}


def _strip(text: str) -> dict[str, Any]:
    takes = [_take(text), _take(text, favourite=True)]
    return {**_jobs(text), "takes": takes, "shown": text, "live": False, "pinned": text}


def _contact_sheet(text: str) -> dict[str, Any]:
    tile = {"take": text, "label": text}
    places = [
        {"tile": tile, "take": _take(text), "percent": None},
        {"tile": tile, "take": None, "percent": 12.5},
        {"tile": tile, "take": None, "percent": None},
    ]
    return {"places": places, "live": True, "columns": 2}


def _stage(**given: Callable[[str], Any]) -> Values:
    """A stage with nothing but what is given."""

    def values(text: str) -> dict[str, Any]:
        empty = dict.fromkeys(("take", "pinned", "preview", "recipe"))
        shown = {name: make(text) for name, make in given.items()}
        return {**empty, "clips": [], "prompts": [], "knows": "", **shown}

    return values


def _summary(text: str) -> dict[str, Any]:
    size = {"label": text, "small": text}
    return {"size": size, "seconds": 2.0, "preset": text, "takes": 4, "seed": None}


def _take_row(text: str) -> dict[str, Any]:
    return {
        "take": _take(text),
        "remedies": {text: {"sentence": text}},
        "raises": True,
        "leads": [text],
    }


def _opened(text: str, *, there: bool = True) -> dict[str, Any]:
    relative = {"take": _take(text), "came": text}
    return {
        "take": _take(text, there=there),
        "lines": [Line("prompt", text, text), Line("image_start", text, "", text)],
        "told": text,
        "stages": [(text, 1.5)],
        "remedies": {text: {"sentence": text}},
        "raises": True,
        "leads": [text],
        "ways": {text: {"label": "take.use_all", "hint": "take.vary_hint"}},
        "gone": True,
        "came_from": [relative],
        "came_of": [relative, relative],
        "most_name": 80,
    }


def _compare(text: str) -> dict[str, Any]:
    line = Line("prompt", text, text)
    pieces = (Piece(text, True), Piece(text, False))
    rows = [
        Difference(text, (line, None), (pieces, pieces)),
        Difference(text, (line, Line("image_start", text, "", text))),
    ]
    takes = [(text, _take(text)), (text, _take(text))]
    return {"takes": takes, "rows": rows, "model": text, "left_out": 1}


def _changes(text: str) -> dict[str, Any]:
    changes = [Change(text, text, text), Change(text, "", text)]
    return {"changes": changes, "way": text, "lost": text}


def _workflow(text: str) -> dict[str, Any]:
    stages = [{"name": text, "text": text}] * 2
    return {"workflow": {"name": text, "stages": stages}, "at": 0, "needs": [text]}


def _of(*names: str) -> Values:
    return lambda text: dict.fromkeys(names, text)


CASES: list[tuple[str, Values]] = [
    *SHEETS,
    *boards(_take),
    ("advice.html", _advice),
    ("brand.html", _of("title", "tagline")),
    ("character_form.html", _character_form),
    ("characters.html", lambda text: {"characters": [_character(text), Character(text)]}),
    ("clips.html", _clips),
    (
        "compiled.html",
        lambda text: {"text": text, "differs": True, "count": 9, "limit": 8, "last_words": text},
    ),
    ("compare.html", _compare),
    ("contact_sheet.html", _contact_sheet),
    ("disclosure.html", _of("label")),
    ("docs.html", _docs),
    ("ended.html", lambda text: {"message": text, "kept": False, "job": text}),
    ("gallery_menus.html", _menus),
    ("favourite_seeds.html", lambda text: {**_seed_cards(text), "count": 2, "tags": [text]}),
    ("guide.html", lambda text: {"presets": _presets(text), "fps": 24}),
    ("head.html", _of("title", "tagline")),
    ("keyframes.html", lambda text: {"accept": text, "most": 8}),
    ("followed.html", lambda text: {"kinds": {text: "follow.given"}}),
    ("given_sound.html", lambda text: {"accept": text, "most": 600}),
    ("history.html", lambda text: {"takes": [_take(text)]}),
    ("keys.html", lambda text: {"known": [((text, text), "keys.list")]}),
    (
        "linked.html",
        lambda text: {"recipe": quick(prompt=text), "model": text, "told": {text: [text]}},
    ),
    ("login.html", _of("studio", "problem")),
    ("model.html", _model("failed")),
    ("model.html", _model("busy")),
    ("model.html", _model("ready")),
    ("model.html", _model("demo")),
    ("given.html", _of("title", "prompt", "width", "height", "here", "link", "studio", "file")),
    ("opened.html", _opened),
    ("opened.html", lambda text: _opened(text, there=False)),
    ("opened_changes.html", _changes),
    ("owner.html", lambda text: {"studio": text, "token": text, "used": False}),
    ("progress.html", lambda text: {"job": _job(text, runs=False), "loaded": text}),
    ("quality.html", _quality(why_fixed=True)),
    ("quality.html", _quality(why_fixed=False)),
    ("queue.html", _queue),
    ("refusal.html", _of("title", "sentence", "home")),
    (
        "scripts.html",
        lambda text: {
            "keep": text,
            "presets": {text: [text, 1.5, None]},
            "words": {},
            "parts": {text: text},
            **vars(FIRST),
        },
    ),
    ("seed_cards.html", _seed_cards),
    ("share.html", lambda text: {"link": text, "code": text, "here_only": True, "pictures": 1}),
    ("since.html", lambda text: {"changes": [Change(text, text, text), Change(text, "", text)]}),
    ("soon.html", lambda text: {"files": [text, f"{text}.css"]}),
    ("stage.html", _stage(take=_take, pinned=_take)),
    ("stage.html", _stage(take=lambda text: _take(text, there=False))),
    ("stage.html", _stage(preview=str, recipe=lambda text: quick())),
    ("stage.html", _stage(prompts=lambda text: [text], knows=str)),
    ("stage.html", _stage(clips=lambda text: [ExampleClip(text, quick(prompt=text))], knows=str)),
    ("strip.html", _strip),
    ("summary.html", _summary),
    ("take_menu.html", lambda text: {"take": _named(text), "leads": {text}}),
    ("take_row.html", _take_row),
    ("workflow.html", _workflow),
]

NEEDED = 12_300_000_000
"""Bytes of device memory that a clip needs."""


@pytest.mark.parametrize(
    ("free", "words"), [(80, "12 GB of 80 GB of GPU memory"), (8, "but only 8.0 GB are free")]
)
def test_the_estimate_tells_of_memory_where_there_is_a_gpu(free: int, words: str) -> None:
    shown = {"model_failed": False, "seconds": 2.0, "clips": 1, "recipe": quick()}
    assert "GPU" not in render("estimate.html", **shown, needed=None)
    assert words in render("estimate.html", **shown, needed=Needed(NEEDED, free * 10**9))


NO_TEXT = {
    "count.html",
    "estimate.html",
    "gallery.html",
    "room.html",
    "shelf.html",
    "sought.html",
    "wall.html",
}
"""Templates that are given numbers and a yes or no, and no text."""


@pytest.mark.parametrize(("template", "values"), CASES)
def test_hostile_text_adds_no_sign_that_means_something(template: str, values: Values) -> None:
    hostile, harmless = render(template, **values(HOSTILE)), render(template, **values(HARMLESS))
    # A page may replace a sign by an entity, whose & and ; mean no more than the sign does.
    entities = re.compile(r"&#?\w+;")
    assert hostile != harmless
    assert _signs(entities.sub("", hostile)) == _signs(entities.sub("", harmless))


def _signs(html: str) -> Counter[str]:
    return Counter(sign for sign in html if sign in SIGNS)


def test_every_template_that_takes_values_is_among_the_cases() -> None:
    taking = {
        file.name
        for file in TEMPLATES.glob("*.html")
        if meta.find_undeclared_variables(environment.parse(file.read_text("utf-8")))
    }
    assert taking == {template for template, _ in CASES} | NO_TEXT


def test_text_reads_as_it_was_written() -> None:
    shown = render("compiled.html", text=HOSTILE, differs=True, count=0)
    assert unescape(shown).count(HOSTILE) == 1


def test_a_text_in_a_property_ends_no_script_string_and_reads_almost_as_it_was_written() -> None:
    shown = as_plain(HOSTILE)
    assert not set(shown) & set("$`\\")
    assert as_plain("Rain, 50 % louder") == "Rain, 50 % louder"
    assert len(shown) == len(HOSTILE)


def test_a_script_gets_its_values_unchanged() -> None:
    page = render(
        "scripts.html",
        keep=HOSTILE,
        presets={"é ♥": [HOSTILE, 0.5, True, None]},
        words={},
        parts={},
        scripts=(),
        components=(),
    )
    known = [json.loads(json.loads(found)) for found in re.findall(r'JSON.parse\((".*")\);', page)]
    assert known == [HOSTILE, {"é ♥": [HOSTILE, 0.5, True, None]}, {}, {}]


def test_a_forgotten_value_is_an_error() -> None:
    with pytest.raises(UndefinedError, match="last_words"):
        render("compiled.html", text="", differs=False, count=1, limit=2)


@pytest.mark.parametrize("language", LANGUAGES)
def test_html_in_a_text_stays_html_and_a_value_stays_text(language: str) -> None:
    with in_language(language):
        shown = render("model.html", **_model("ready")(HOSTILE))
    assert "<strong>&lt;/script&gt;" in shown
