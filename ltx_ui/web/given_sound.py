"""The field for the sound that a clip is made to, with the part of it that the clip has.

It is a button until a sound is asked for; the rest comes then. The browser sends a sound as soon as
it is chosen, to ``POST /inputs/sound``, and plays it from there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import gradio as gr

from ltx_ui.errors import InvalidRecipe
from ltx_ui.inputs import AUDIO, MOST_START
from ltx_ui.web.described import read_digest, read_number
from ltx_ui.web.language import percent, seconds, t
from ltx_ui.web.templating import render
from ltx_ui.web.wiring import custom

ACCEPTED = ".wav,.mp3,.flac,.m4a,.ogg,audio/*"
"""What a browser's file dialogue offers; it knows some kinds by their endings only."""


MIN_LONGER = 0.25
"""Seconds from which on a sound counts as longer than its clip: the nearest possible length is at
most 4 frames less, which are 0.17 s."""


@dataclass(frozen=True)
class GivenSound:
    """A sound that the studio has, and how the clip is made to it.

    Attributes:
        start: seconds into it where the clip begins.
        seconds: how long it is; 0 where that is not known, which makes it no other sound.
    """

    digest: str
    start: float = 0.0
    strength: float = 1.0
    seconds: float = field(default=0.0, compare=False)

    @property
    def asked(self) -> dict[str, Any]:
        """The same as fields of a request."""
        return {"audio": self.digest, "audio_start": self.start, "audio_strength": self.strength}


def lay_out_sound(elem_id: str, length: Mapping[str, Any]) -> gr.HTML:
    """Put an empty field on the page. Its event ``changed`` says that it has changed.

    Args:
        length: of the clip, as :func:`ltx_ui.web.keyframes.length_of` tells it.
    """
    template = render("given_sound.html", accept=ACCEPTED, most=MOST_START)
    return custom(elem_id, template, "given_sound.js", [], **length)


def read_sound(value: Any) -> tuple[GivenSound, ...]:
    """The sound in what a browser sent or has kept; nothing where it says anything else.

    Raises:
        ValueError: it is no list, or a number in it is none.
    """
    if not isinstance(value, list | tuple):
        raise ValueError
    given = value[0] if value and isinstance(value[0], Mapping) else {}
    if not (digest := read_digest(given.get("digest"))):
        return ()
    start, strength, lasts = (
        read_number(given.get(name, usual))
        for name, usual in (("start", 0.0), ("strength", 1.0), ("seconds", 0.0))
    )
    return (GivenSound(digest, min(max(start, 0.0), MOST_START), strength, max(lasts, 0.0)),)


def sound_asked(asked: Mapping[str, Any]) -> tuple[GivenSound, ...]:
    """The sound that a request names by its digest, if it names one."""
    if asked.get(AUDIO) is None:
        return ()
    return (GivenSound(asked[AUDIO], asked["audio_start"], asked["audio_strength"]),)


def check_sound(value: Any) -> None:
    """Refuse a recipe whose sound was refused: without it, it would be another clip.

    Raises:
        InvalidRecipe: the field's value says that its sound was refused.
    """
    first = value[0] if isinstance(value, list) and value else None
    if isinstance(first, Mapping) and first.get("problem"):
        raise InvalidRecipe.because(
            AUDIO, f"{AUDIO}: could not be used. Choose another sound, or remove it."
        )


def fitted(lasts: float, clip: float) -> str:
    """What became of a clip's length that was to be its sound's.

    Args:
        lasts, clip: seconds of the sound, from where the clip begins, and of the clip.
    """
    told = t("heard.fitted", time=seconds(clip, 2))
    if lasts - clip < MIN_LONGER:
        return told
    return " ".join([told, t("heard.fitted_most", time=seconds(lasts, 2))])


def as_rows(sounds: tuple[GivenSound, ...]) -> list[dict[str, Any]]:
    """The field's value."""
    return [asdict(each) for each in sounds]


def in_words(sounds: tuple[GivenSound, ...]) -> str:
    """Where a clip begins in its sound, and how closely that is kept."""
    return ", ".join(
        t("heard.words", time=seconds(each.start, 2), strength=percent(100 * each.strength))
        for each in sounds
    ) or t("since.none")
