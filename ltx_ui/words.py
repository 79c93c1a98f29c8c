"""What differs between the scripts of the world: spaces, ends of sentences, how long words are."""

from __future__ import annotations

import math

import regex

_CJK = (
    r"\p{Han}\p{Hiragana}\p{Katakana}\p{Bopomofo}"
    r"\p{InCJKSymbolsAndPunctuation}\p{InHalfwidthAndFullwidthForms}"
)
_IDEOGRAPHS = regex.compile(r"[\p{Han}\p{Hiragana}\p{Katakana}\p{Bopomofo}]")
_SOUTH_EAST = regex.compile(r"[\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}\p{Tibetan}]")
_CHARACTERS_A_WORD = {_IDEOGRAPHS: 1.5, _SOUTH_EAST: 4.0}
"""Mean length of a word in running text of the scripts that have no spaces between words."""

_LETTER, _LATIN = regex.compile(r"\p{L}"), regex.compile(r"\p{Latin}")
_CONTROL = regex.compile(r"(?![\s\x1c-\x1f])\p{Cc}")
_SPACE, _LINE_BREAK = regex.compile(r"[\s\x1c-\x1f]+"), regex.compile(r"[\n\r\u2028\u2029]")
_EMPTY_LINES = regex.compile(r"\n{3,}")
_SEEN = regex.compile(r"[^\s\p{Cc}\p{Cf}\p{Default_Ignorable_Code_Point}]")
_TOUCHING = regex.compile(rf"[{_CJK}]")
_ENDED = regex.compile(r"""(?:[\p{STerm}\p{Pe}\p{Pi}\p{Pf}…⋯"]|\p{STerm}')\Z""")

_SENTENCE_ENDED = regex.compile(r"""(?:\p{STerm}|…)[\p{Pe}\p{Pf}"']*\s*\Z""")

_MARKS = (
    (regex.compile(r"[\p{Thai}\p{Lao}\p{Tibetan}]"), ""),
    (_IDEOGRAPHS, "。"),
    (regex.compile(r"[\p{Devanagari}\p{Bengali}\p{Gurmukhi}\p{Oriya}]"), "।"),
    (regex.compile(r"\p{Khmer}"), "។"),
    (regex.compile(r"\p{Myanmar}"), "။"),
    (regex.compile(r"\p{Armenian}"), "։"),
    (regex.compile(r"\p{Ethiopic}"), "።"),
)
"""What ends a sentence, by the script of its last letter; a full stop in all others."""


_QUOTES = (
    (regex.compile(r"[\p{Hiragana}\p{Katakana}]"), ("「", "」")),
    (regex.compile(r"[\p{Cyrillic}\p{Greek}\p{Arabic}\p{Armenian}]"), ("«", "»")),
)
"""What stands around a quotation, by the script of its letters; “” around all others."""

_QUOTATION = regex.compile(
    r"""“[^“”]*”|„[^„“”]*[“”]|"[^"]*"|«[^«»]*»|»[^«»]*«|「[^「」]*」|『[^『』]*』"""
    r"""|(?<![\w’'])[‘'](?:[^‘’']|(?<=\w)[’'](?=\w))*[’'](?!\w)"""
)
"""A passage in quotes of any kind; an apostrophe within a word ends none."""

_SENTENCE = regex.compile(
    rf"""(?:{_QUOTATION.pattern}|(?!\p{{STerm}}|…).)+(?:(?:\p{{STerm}}|…)+[\p{{Pe}}\p{{Pf}}"']*)?"""
)


def squeeze(text: str) -> str:
    """One line without control characters, in which a space is all that white space leaves; the
    same once more changes nothing. Of a text in which nothing can be seen nothing is left.

    Where a line was broken between two Chinese or Japanese characters nothing is left: these
    scripts are written without spaces.
    """
    line = _SPACE.sub(_gap, _CONTROL.sub("", text)).strip()
    return line if _SEEN.search(line) else ""


def tidy_lines(text: str) -> str:
    """The lines of a text, each as :func:`squeeze` leaves it, with ``\\n`` between them and one
    empty line at most in a row; the same once more changes nothing. Of a text in which nothing can
    be seen nothing is left."""
    lines = "\n".join(map(squeeze, text.splitlines()))
    return _EMPTY_LINES.sub("\n\n", lines).strip("\n")


def word_count(text: str) -> int:
    """How many words a text has; for scripts without spaces about how many, by its length."""
    words = 0.0
    for script, characters in _CHARACTERS_A_WORD.items():
        text, found = script.subn(" ", text)
        words += found / characters
    return math.floor(words) + sum(1 for word in text.split() if any(map(str.isalnum, word)))


def is_latin(text: str) -> bool:
    """Whether a text is written in Latin letters, but for a word or two: less than a tenth."""
    return len(_LATIN.findall(text)) >= 0.9 * len(_LETTER.findall(text))


def quotations(text: str) -> list[str]:
    """The passages of a text that stand in quotes, each with its quotes."""
    return [found[0] for found in _QUOTATION.finditer(text)]


def sentences(text: str) -> list[str]:
    """The sentences of a text on one line. A passage in quotes is never parted."""
    return [whole for found in _SENTENCE.finditer(text) if (whole := found[0].strip())]


def quoted(text: str) -> str:
    """The text in the quotes of its script; one that stands in quotes already stays as it is."""
    if _QUOTATION.fullmatch(text):
        return text
    opening, closing = next((marks for script, marks in _QUOTES if script.search(text)), ("“", "”"))
    return f"{opening}{text}{closing}"


def as_sentence(text: str) -> str:
    """The text with a capital first letter and an end mark, both as its script has them.

    A text that ends with a mark, a quotation or a bracket gets no other; the rest stays untouched.
    """
    text = text[:1].title() + text[1:]
    return text if _ENDED.search(text) else text + _end_mark(text)


def begins_sentence(text: str, place: int) -> bool:
    """Whether a sentence begins at a place in a text."""
    before = text[:place]
    return not before.strip() or _SENTENCE_ENDED.search(before) is not None


def joined(sentences: list[str]) -> str:
    """Sentences one after the other; no space stands beside Chinese or Japanese characters."""
    paragraph = ""
    for sentence in sentences:
        touching = _TOUCHING.match(paragraph[-1:]) or _TOUCHING.match(sentence[:1])
        paragraph += sentence if touching or not paragraph else f" {sentence}"
    return paragraph


def _gap(space: regex.Match[str]) -> str:
    """What is left of white space."""
    text, (start, end) = space.string, space.span()
    beside = _TOUCHING.match(text, start - 1) if start else None
    closed = beside and _TOUCHING.match(text, end) and _LINE_BREAK.search(text, start, end)
    return "" if closed else " "


def _end_mark(text: str) -> str:
    last = next((letter for letter in reversed(text) if _LETTER.match(letter)), "")
    return next((mark for script, mark in _MARKS if script.match(last)), ".")
