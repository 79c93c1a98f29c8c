"""The page's templates: whatever is put in one stays text, for HTML, JavaScript and Handlebars."""

import json
import re
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from jinja2 import UndefinedError, meta
from studios import quick

from ltx_ui.presets import Presets, load_presets
from ltx_ui.studio.library import Take
from ltx_ui.web.templating import TEMPLATES, environment, render

SIGNS = "<>\"'&${}`"
HARMLESS = "words"
HOSTILE = "</script></style>\"'><img src=x onerror=alert(1)> ${alert(1)} {{value}} `tick` &lt; \\"

Values = Callable[[str], dict[str, Any]]


def _take(text: str, *, there: bool = True, favourite: bool = False) -> Take:
    file = Path(__file__) if there else Path("not here")
    return Take(
        id=text,
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
        video=file,
        poster=file,
    )


def _presets(text: str) -> Presets:
    presets, lines = load_presets(), (text, text)
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
        **dict.fromkeys(_MODEL_TEXTS, text),
    }


def _quality(why_fixed: bool) -> Values:
    level = load_presets().steps[0]
    return lambda text: {
        "why_fixed": text if why_fixed else "",
        "steps": text,
        "level": level.model_copy(update={"quality": text, "note": text}),
        "guidance_scale": 4.0,
        "guidance_note": text,
    }


def _docs(text: str) -> dict[str, Any]:
    route = {"method": text, "path": text, "description": text, "answers": {text: text}}
    field = dict.fromkeys(("name", "type", "default", "description"), text)
    return {"title": text, "version": text, "routes": [route], "fields": [field]}


def _gallery(text: str) -> dict[str, Any]:
    takes = [_take(text), _take(text, there=False), _take(text, favourite=True)]
    return {"takes": takes, "limit": text, "more": True, "favourites_only": False}


def _of(*names: str) -> Values:
    return lambda text: dict.fromkeys(names, text)


CASES: list[tuple[str, Values]] = [
    ("advice.html", lambda text: {"sentences": [text, text]}),
    ("brand.html", _of("title", "tagline", "can_sign_out")),
    ("docs.html", _docs),
    ("examples.html", lambda text: {"prompts": [text], "knows": text}),
    ("facts.html", lambda text: {"take": _take(text)}),
    ("gallery.html", _gallery),
    ("guide.html", lambda text: {"presets": _presets(text), "fps": 24}),
    ("head.html", _of("title", "tagline")),
    ("login.html", _of("studio", "problem")),
    ("model.html", _model("failed")),
    ("model.html", _model("busy")),
    ("model.html", _model("ready")),
    ("model.html", _model("demo")),
    ("preview.html", lambda text: {"webp": text, "recipe": quick()}),
    ("problem.html", lambda text: {"sentences": [text], "fields": [text, text]}),
    ("progress.html", _of("title", "detail", "percent")),
    ("quality.html", _quality(why_fixed=True)),
    ("quality.html", _quality(why_fixed=False)),
    ("refusal.html", _of("title", "sentence", "home")),
    ("scripts.html", lambda text: {"keep": text, "presets": {text: [text, 1.5, None]}}),
    ("stage.html", lambda text: {"take": _take(text)}),
    ("strip.html", lambda text: {"takes": [_take(text)], "shown": text}),
    ("tokens.html", _of("count", "limit", "last_words")),
]

NO_TEXT = {"estimate.html", "cancelled.html"}
"""Templates that are given a number or a yes or no, and no text."""


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
    shown = render("advice.html", sentences=[HOSTILE])
    assert unescape(shown).count(HOSTILE) == 1


def test_a_script_gets_its_values_unchanged() -> None:
    page = render("scripts.html", keep=HOSTILE, presets={"é ♥": [HOSTILE, 0.5, True, None]})
    known = [json.loads(json.loads(found)) for found in re.findall(r'JSON.parse\((".*")\);', page)]
    assert known == [HOSTILE, {"é ♥": [HOSTILE, 0.5, True, None]}]


def test_a_forgotten_value_is_an_error() -> None:
    with pytest.raises(UndefinedError, match="last_words"):
        render("tokens.html", count=1, limit=2)
