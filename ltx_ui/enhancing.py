"""A prompt said in more words, by a model: what has to stay as it was, and what has changed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Literal

import regex

from ltx_ui.mentions import names_in
from ltx_ui.phrases import Words, found
from ltx_ui.words import joined, quotations, sentences, squeeze

Kind = Literal["same", "added", "removed"]

ALIKE = 0.6
"""From this share of common letters on, a passage in quotes counts as another one that was changed.
Two different sentences of a few words have about 0.4 in common."""
_CHOICE = regex.compile(r"\{(?:[^{}]|\{[^{}]*\})*\|(?:[^{}]|\{[^{}]*\})*\}")
_STRAIGHT = str.maketrans(dict.fromkeys("‘’‚", "'") | dict.fromkeys("“”„«»「」『』", '"'))
_WORD = regex.compile(
    r"\s*(?:[\p{Han}\p{Hiragana}\p{Katakana}]|[^\s\p{Han}\p{Hiragana}\p{Katakana}]+)"
)
_NAME_END = regex.compile(r"[^\p{L}\p{M}\p{N}_]+\Z")
_NOTHING_SAID = regex.compile(r"\A[^\p{L}\p{N}@{\"'“‘„«「]+")
_UNFINISHED = regex.compile(r"(?:\p{STerm}|…)[\p{Pe}\p{Pf}\"']*(?=\s|\Z)")


@dataclass(frozen=True)
class Piece:
    """Some words of a prompt, and whether they are in both versions or in one of them alone. The
    pieces that are not ``removed``, put together, are the new version."""

    kind: Kind
    text: str


@dataclass(frozen=True)
class Suggestion:
    """What a model made of a prompt.

    Attributes:
        before: the prompt that it was given, on one line.
        text: the suggestion, with all of the prompt in it that has to stay.
        seed: the same prompt and seed give the same suggestion.
        put_back: what the model had left out or changed that had to stay.
    """

    before: str
    text: str
    seed: int
    put_back: tuple[str, ...] = ()

    @property
    def difference(self) -> list[Piece]:
        """All words of both versions, in order."""
        return difference(self.before, self.text)


def tidied(written: str, most: int, *, whole: bool = True) -> str:
    """What a model wrote, as one paragraph without marks of a list or a heading.

    Args:
        most: characters that a prompt may have.
        whole: whether the model came to an end. Otherwise, and where the text is longer than it may
            be, the last sentence that is whole ends it.
    """
    text = squeeze(_NOTHING_SAID.sub("", squeeze(written.replace("**", "").replace("`", ""))))
    if whole and len(text) <= most:
        return text
    ends = [end.end() for end in _UNFINISHED.finditer(text[:most])]
    return text[: ends[-1]] if ends else text[:most].rpartition(" ")[0]


def settled(before: str, written: str, camera: Words, seed: int, most: int) -> Suggestion:
    """The suggestion that a model's text makes, with all in it that has to stay as it was typed:
    passages in quotes, names with an @, choices in braces, and words that speak of the camera.

    A passage in quotes that was only changed a little is put in the changed one's place, a name
    that lost its @ gets it back. Of anything else that is missing, the sentence that it stood in
    follows at the end.

    Args:
        before: the prompt as it was typed.
        written: the model's text, tidied.
        camera: words that speak of the camera.
        most: characters that a prompt may have. Where what is put back has no room, the model's
            last sentences make some.
    """
    before = squeeze(before)
    text, back = written, []
    for quote in quotations(before):
        if not _has(text, quote):
            text = _requoted(text, quote, before)
            back.append(quote)
    for name in map(_plain_name, names_in(before)):
        if len(name) > 1 and name not in text:
            text = regex.sub(
                rf"(?<![\p{{L}}\p{{N}}_@]){regex.escape(name[1:])}(?![\p{{L}}\p{{N}}_])", name, text
            )
            back.append(name)
    back += [choice[0] for choice in _CHOICE.finditer(before) if choice[0] not in text]
    back += [word for word in found(before, camera) if word.lower() not in text.lower()]
    missing = [each for each in back if not _has(text, each)]
    return Suggestion(
        before, _followed(text, before, missing, most), seed, tuple(dict.fromkeys(back))
    )


def difference(before: str, after: str) -> list[Piece]:
    """Which words of two versions are in both, and which in one of them alone; of a script without
    spaces each character counts as a word."""
    old, new = _WORD.findall(before), _WORD.findall(after)
    words, others = ([word.strip() for word in each] for each in (old, new))
    pieces: list[Piece] = []
    for kind, a, b, c, d in SequenceMatcher(None, words, others, autojunk=False).get_opcodes():
        if kind == "equal":
            pieces.append(Piece("same", "".join(new[c:d])))
            continue
        if b > a:
            pieces.append(Piece("removed", "".join(old[a:b])))
        if d > c:
            pieces.append(Piece("added", "".join(new[c:d])))
    return pieces


def _has(text: str, passage: str) -> bool:
    """Whether a text has a passage, in whichever quotes."""
    return _said(passage) in text.translate(_STRAIGHT)


def _said(passage: str) -> str:
    """A passage without its quotes; the choice of its apostrophes is not looked at."""
    inside = passage[1:-1] if quotations(passage) == [passage] else passage
    return squeeze(inside).translate(_STRAIGHT)


def _requoted(text: str, quote: str, before: str) -> str:
    """The text with the passage in place of the one that the model made of it; as it is if it made
    none. One that is the prompt's own is no such."""
    own = set(map(_said, quotations(before)))
    others = [each for each in quotations(text) if _said(each) not in own]
    if not others:
        return text
    likeness = {each: SequenceMatcher(None, _said(each), _said(quote)).ratio() for each in others}
    nearest = max(others, key=likeness.__getitem__)
    return text.replace(nearest, quote, 1) if likeness[nearest] >= ALIKE else text


def _followed(text: str, before: str, missing: list[str], most: int) -> str:
    """The text, and after it the sentences of the prompt that something is missing of."""
    back = [each for each in sentences(before) if any(part in each for part in missing)]
    room = most - sum(len(each) + 1 for each in back)
    kept = text if len(text) <= room else _up_to(text, room)
    whole = joined([each for each in (kept, *back) if each])
    return whole if len(whole) <= most else before


def _up_to(text: str, room: int) -> str:
    return "".join(_fitting(text, room)).rstrip()


def _fitting(text: str, room: int) -> Iterator[str]:
    """The first sentences of a text, as far as there is room."""
    for sentence in sentences(text):
        room -= len(sentence) + 1
        if room < 0:
            return
        yield f"{sentence} "


def _plain_name(name: str) -> str:
    return _NAME_END.sub("", name)
