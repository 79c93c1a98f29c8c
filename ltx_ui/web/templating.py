"""The page's HTML, from the templates beside this module: whatever is put in stays text."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from jinja2 import (
    ChoiceLoader,
    Environment,
    FileSystemLoader,
    FunctionLoader,
    StrictUndefined,
    pass_context,
)
from jinja2.runtime import Context
from markupsafe import Markup, escape

from ltx_ui.studio.shelves import MAX_NOTE
from ltx_ui.web.language import (
    duration,
    gigabytes,
    language,
    percent,
    said,
    seconds,
    size,
    t,
    within,
)

TEMPLATES = Path(__file__).parent / "templates"
ASSETS = Path(__file__).parent / "assets"

_BROWSER_TEMPLATE_SIGNS = {sign: f"&#{ord(sign)};" for sign in "${}`"}


def render(template: str, /, **values: Any) -> str:
    """The HTML of a file in ``templates``; empty where the template has nothing to say.

    Raises:
        jinja2.UndefinedError: the template uses a value that was not given.
    """
    return environment.get_template(template).render(values).strip()


@pass_context  # Otherwise Jinja2 would translate a constant once, when it compiles the template.
def _text(_: Context, text_id: str, /, **values: Any) -> str:
    """A text of the catalogue; HTML among the values stays what it is."""
    if not any(hasattr(value, "__html__") for value in values.values()):
        return t(text_id, **values)
    safe = {n: v if isinstance(v, int | float) else escape(v) for n, v in values.items()}
    return Markup(t(text_id, **safe))  # our own text, its parts escaped above  # nosec B704


def _in_script(value: Any) -> str:
    """JSON for between the double quotes of a JavaScript string.

    Every sign that could end the string or the script, or that HTML and :func:`_as_text` would
    replace, is written as an escape, which JavaScript turns back.
    """
    return re.sub(r"[^\w ,:.-]", lambda sign: f"\\u{ord(sign[0]):04x}", json.dumps(value))


def _as_text(value: Any) -> Markup:
    """What Jinja2 puts in a template in a value's place.

    The browser takes a component's HTML for a JavaScript and a Handlebars template once more, so
    the signs of both are replaced too. This runs for every ``{{ … }}``, also after ``|safe``.
    """
    text = str(escape(value))
    for sign, entity in _BROWSER_TEMPLATE_SIGNS.items():
        text = text.replace(sign, entity)
    return Markup(text)  # escaped above  # nosec B704


def as_plain(text: str) -> str:
    """A text for a property that the browser puts into a template: its signs that would mean
    something in a JavaScript string are replaced by ones that look alike."""
    return text.replace("\\", "/").replace("`", "’").replace("$", "＄")


def asset(name: str) -> str:
    """The text of a script or style sheet in ``assets``."""
    return (ASSETS / name).read_text("utf-8")


def _asset(name: str) -> str | None:
    """A script or style sheet that a template includes: its text as it is, for it may hold signs
    that mean something to Jinja2."""
    there = (ASSETS / name).is_file()
    return f"{{% raw %}}{asset(name)}{{% endraw %}}" if there else None


environment = Environment(
    loader=ChoiceLoader([FileSystemLoader(TEMPLATES), FunctionLoader(_asset)]),
    autoescape=True,
    finalize=_as_text,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    auto_reload=False,
)
environment.globals |= {"language": language, "t": _text, "MOST_NOTE": MAX_NOTE}
environment.filters |= {
    "duration": duration,
    "gigabytes": gigabytes,
    "size": size,
    "identity": id,
    "in_script": _in_script,
    "percent": percent,
    "said": said,
    "seconds": seconds,
    "t": _text,
    "within": within,
}
