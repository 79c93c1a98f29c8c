"""What the studio says, in each language it knows: ``en.json``, ``de.json``, ``zh.json``.

A catalogue is plain JSON by id, which ``gr.I18n`` takes as it stands and a translator can edit
without a compiler. A text that depends on a ``count`` has a form for each plural category of its
language (Unicode CLDR, by Babel). Sentences of presets.json have no English here: theirs stands
there, where an operator may change it.

What is written in English elsewhere, names and notes of presets.json and errors, is looked up by
its English words in ``said.de.json`` and ``said.zh.json``, with ``{names}`` for what differs.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from string import Formatter

from babel import Locale, negotiate_locale
from babel.numbers import format_decimal

LANGUAGES = ("en", "de", "zh")
"""The first one is what everybody else gets."""

Text = str | Mapping[str, str]
"""A text, or one for each plural category."""


def language_of(*tags: str) -> str:
    """The language for tags of BCP 47, the best first: ``de`` for ``de-AT``, English where none is
    known."""
    plain = [tag.replace("_", "-").lower() for tag in tags]
    return negotiate_locale(plain, LANGUAGES, sep="-") or LANGUAGES[0]


@cache
def catalogue(language: str) -> Mapping[str, Text]:
    """All texts of one of the languages, by id."""
    texts: Mapping[str, Text] = json.loads(
        files(__name__).joinpath(f"{language}.json").read_text("utf-8")
    )
    return texts


def said(words: str, language: str) -> str:
    """English words of presets.json, of a model or of an error in a language; as they are where
    nobody has translated them, as an operator's own.

    Args:
        language: a tag of BCP 47.
    """
    known, patterns = _said(language_of(language))
    if words in known:
        return known[words]
    for pattern, text in patterns:
        if found := pattern.fullmatch(words):
            values = {name: known.get(value, value) for name, value in found.groupdict().items()}
            return text.format_map(values)
    return words


@cache
def _said(language: str) -> tuple[Mapping[str, str], list[tuple[re.Pattern[str], str]]]:
    """What is said of English words: of those that are always the same, and of the others."""
    if language == LANGUAGES[0]:
        return {}, []
    file = files(__name__).joinpath(f"said.{language}.json")
    texts: Mapping[str, str] = json.loads(file.read_text("utf-8"))
    whole = {words: text for words, text in texts.items() if "{" not in words}
    return whole, [(_pattern(words), texts[words]) for words in texts.keys() - whole.keys()]


def _pattern(words: str) -> re.Pattern[str]:
    parts = (
        re.escape(fixed) + (f"(?P<{name}>.+)" if name else "")
        for fixed, name, _, _ in Formatter().parse(words)
    )
    return re.compile("".join(parts), re.DOTALL)


def number(value: float, language: str, decimals: int | None = None) -> str:
    """A number as the language writes it, with so many decimals, or those that it has."""
    pattern = "#,##0.###" if decimals is None else f"#,##0.{decimals * '0'}".rstrip(".")
    return format_decimal(value, format=pattern, locale=language)


def translate(text_id: str, language: str = LANGUAGES[0], /, **values: str | float) -> str:
    """A text in a language, its ``{names}`` replaced by the values.

    Args:
        language: a tag of BCP 47.
        values: numbers are written as the language does; ``count`` chooses the plural.

    Raises:
        KeyError: there is no such text, or it needs a value that is not given.
    """
    chosen = language_of(language)
    text = catalogue(chosen)[text_id]
    if not isinstance(text, str):
        text = text[Locale(chosen).plural_form(float(values["count"]))]
    told = {
        name: value if isinstance(value, str) else number(value, chosen)
        for name, value in values.items()
    }
    return text.format_map(told)
