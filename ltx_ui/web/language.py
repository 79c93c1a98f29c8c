"""The language of each visitor: that of the request which is being answered.

A browser says which languages its reader knows with every request, and Gradio runs an event's
handler in a thread that has the request's context. So nothing has to pass a language on: what is
rendered while a request is answered is in its language, and so is a page built ``in_language``.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from operator import itemgetter

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from ltx_ui import texts
from ltx_ui.texts import LANGUAGES, translate

_MOST_TAGS = 20
"""Languages of a request that are looked at; nobody reads more."""

_language = ContextVar("language", default=LANGUAGES[0])


def language() -> str:
    """The language that is spoken now: one of :data:`~ltx_ui.texts.LANGUAGES`."""
    return _language.get()


@contextmanager
def in_language(spoken: str) -> Iterator[None]:
    """Speak one of the languages."""
    before = _language.set(spoken)
    try:
        yield
    finally:
        _language.reset(before)


def t(text_id: str, /, **values: str | float) -> str:
    """A text of the catalogue in the language that is spoken, as :func:`~ltx_ui.texts.translate`
    gives it."""
    return translate(text_id, language(), **values)


def said(words: str) -> str:
    """English words of presets.json or of a model in the language that is spoken, as
    :func:`~ltx_ui.texts.said` gives them."""
    return texts.said(words, language())


def number(value: float, decimals: int | None = None) -> str:
    """A number as the language writes it, with so many decimals, or those that it has."""
    return texts.number(value, language(), decimals)


def seconds(value: float, decimals: int | None = None) -> str:
    """``2.04 s``."""
    return t("unit.seconds", seconds=number(value, decimals))


def gigabytes(value: int) -> str:
    """A number of bytes in gigabytes of 10⁹ bytes."""
    return f"{number(value / 1e9, 0 if value >= 1e10 else 1)} GB"


def size(value: int) -> str:
    """A number of bytes in gigabytes; where that is less than one, in megabytes, or kilobytes."""
    if value >= 1e9:
        return gigabytes(value)
    if value < 1e5:
        return f"{number(value / 1e3, 0)} kB"
    return f"{number(value / 1e6, 0 if value >= 1e7 else 1)} MB"


def percent(value: float) -> str:
    """``12 %``, of 12.3."""
    return t("unit.percent", percent=number(value, 0))


def duration(value: float) -> str:
    """``0.8 s``, ``12 s``, ``3 min 5 s``, of a number of seconds."""
    if value < 10:
        return seconds(value, 1)
    minutes, rest = divmod(round(value), 60)
    return t("unit.minutes", minutes=minutes, seconds=rest) if minutes else seconds(rest)


def within(name: str) -> str:
    """A field's name within a sentence: in small letters, but for an abbreviation, and for German,
    whose nouns have a capital everywhere."""
    as_it_is = language() == "de" or any(map(str.isupper, name[1:]))
    return name if as_it_is else name.lower()


class Spoken:
    """Speaks the language that a request asks for while it is answered; an ASGI middleware."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        with in_language(preferred(Headers(scope=scope).get("accept-language", ""))):
            await self._app(scope, receive, send)


def preferred(accepted: str) -> str:
    """The language for an ``Accept-Language`` header: the first one that the studio speaks of those
    that the reader prefers, else English."""
    weighed = sorted(map(_weighed, accepted.split(",")[:_MOST_TAGS]), key=itemgetter(0))
    return texts.language_of(*(tag for weight, tag in weighed if weight < 0))


def _weighed(part: str) -> tuple[float, str]:
    """Minus the weight, so that sorting keeps the order of equals; 0 for what can't be read."""
    tag, _, weight = part.partition(";")
    try:
        return -float(weight.strip().removeprefix("q=") or 1), tag.strip()
    except ValueError:
        return 0.0, tag
