"""``@Aiko`` in a text: who is named, and the words that stand for them."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache

import regex

from ltx_ui.words import begins_sentence

_RUNNING_ON = "".join(
    rf"\p{{scx={script}}}"
    for script in (
        *("Han", "Hira", "Kana", "Bopo", "Thai", "Laoo", "Khmr", "Mymr", "Tibt", "Hang"),
    )
)
"""Scripts in which the next word, or a particle, follows a name without a space."""

LETTER = rf"(?:(?![{_RUNNING_ON}])[\p{{L}}\p{{M}}\p{{N}}_])"
"""What a name may not touch, before its @ and after its end, there not even with a hyphen between.
A pattern for Python's ``regex`` and, with the flag ``u``, for browsers."""

_NAMED = regex.compile(rf"(?<!{LETTER})@[^\s@]+")
_ALIKE = regex.IGNORECASE | regex.FULLCASE
_KEPT = 64
_Found = regex.Match[str]


def mentioned(text: str, names: Iterable[str]) -> list[str]:
    """Those of the names that stand in a text with an @ before them, each once, in their order.

    The longest name that fits is meant, in capitals or small letters. An address such as
    ``me@example.com`` names nobody.
    """
    known = {alike(name): name for name in names}
    return list(dict.fromkeys(known[alike(found[1])] for found in _in(text, known)))


def spelled_out(text: str, cast: Mapping[str, str]) -> str:
    """A text with everybody's words in their place, with a capital where they begin a sentence; the
    name alone for who has none.

    Args:
        cast: words by name. Other names stay as they are typed.
    """
    known = {alike(name): words or name for name, words in cast.items()}
    if "@" not in text or not known:
        return text

    def words(found: _Found) -> str:
        given = known[alike(found[1])]
        begins = begins_sentence(text, found.start())
        return given[:1].title() + given[1:] if begins else given

    return _pattern(tuple(known)).sub(words, text)


def names_in(text: str) -> list[str]:
    """What may be a name in a text, each with its @: all up to the next space, whoever is meant."""
    return _NAMED.findall(text) if "@" in text else []


def _in(text: str, known: Mapping[str, str]) -> Iterator[_Found]:
    return _pattern(tuple(known)).finditer(text) if known and "@" in text else iter(())


@lru_cache(_KEPT)
def _pattern(keys: tuple[str, ...]) -> regex.Pattern[str]:
    """Finds the names, however their accents are written."""
    written = {unicodedata.normalize(form, key) for key in keys for form in ("NFC", "NFD")}
    longest_first = sorted(written, key=len, reverse=True)
    names = "|".join(map(regex.escape, longest_first))
    return regex.compile(rf"(?<!{LETTER})@({names})(?!-?{LETTER})", _ALIKE)


def alike(name: str) -> str:
    """What names have in common that are the same, in whatever letters they are written."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())
