"""Ready pieces of prompt, and the words that show what a prompt speaks of."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field


def _not_blank(text: str) -> str:
    if not text.strip():
        raise ValueError("is empty")
    return text


def _begins_somehow(word: str) -> str:
    if not word.strip(" *"):
        raise ValueError("would stand for every word; put letters before the *")
    return word


Text = Annotated[str, AfterValidator(_not_blank)]
Word = Annotated[Text, AfterValidator(_begins_somehow)]
Words = tuple[Word, ...]


class Entry(BaseModel):
    """A part of presets.json: nothing in it is unknown, and nothing changes it."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Phrase(Entry):
    """A ready piece of prompt.

    Attributes:
        fits: words of a prompt that it goes well with, written as a vocabulary's are.
    """

    name: Text
    text: Text
    fits: Words = ()


class Phrases(Entry):
    """Phrases by helper field, and sentences in which something moves, for a prompt with a picture.

    Where a model's own have none for a field, the model does not know what that field is about.
    """

    camera: tuple[Phrase, ...]
    lighting: tuple[Phrase, ...]
    sound: tuple[Phrase, ...]
    speech: tuple[Phrase, ...]
    motion: tuple[Phrase, ...] = ()


class Vocabulary(Entry):
    """English words that show that a prompt speaks of something; advice looks for them. ``rumbl*``
    stands for every word that begins so.

    Attributes:
        static: a camera that stands still.
        moving: a camera that moves.
        then: one thing after another, such as a camera that first stands still.
        speech: verbs that what is said follows.
        voice: somebody who can be heard.
        writing: words that are read and not spoken, such as those of a sign.
        common: by these a longer prompt in Latin letters is told to be English; without them every
            one counts as English.
    """

    camera: Words = Field(min_length=1)
    lighting: Words = Field(min_length=1)
    sound: Words = Field(min_length=1)
    motion: Words = Field(min_length=1)
    static: Words = ()
    moving: Words = ()
    then: Words = ()
    speech: Words = ()
    voice: Words = ()
    writing: Words = ()
    common: tuple[Text, ...] = ()

    def __add__(self, other: Vocabulary) -> Vocabulary:
        """The words of both."""
        fields = type(self).model_fields
        return Vocabulary.model_construct(
            **{name: getattr(self, name) + getattr(other, name) for name in fields}
        )


def mentions(text: str, words: Words) -> bool:
    """Whether a text has any of these words, in capital letters or small."""
    return _pattern(words).search(text) is not None


def found(text: str, words: Words) -> list[str]:
    """Those of the words that a text has, as they stand there, each once."""
    return list(dict.fromkeys(_pattern(words).findall(text)))


def without(text: str, words: Words) -> str:
    """The text without any of these words."""
    return _pattern(words).sub("", text)


def fitting(phrases: Iterable[Phrase], text: str) -> Phrase | None:
    """The first phrase that goes well with a text."""
    return next((phrase for phrase in phrases if mentions(text, phrase.fits)), None)


@lru_cache(maxsize=64)
def _pattern(words: Words) -> re.Pattern[str]:
    ends = (
        re.escape(word[:-1]) + r"\w*" if word.endswith("*") else rf"{re.escape(word)}\b"
        for word in words
    )
    return re.compile(rf"\b(?:{'|'.join(ends)})" if words else r"(?!)", re.IGNORECASE)
