"""Whether a clip is large and long enough for where it is to be shown."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Protocol

from ltx_ui.advice import Finding, Fix, frames_for, told
from ltx_ui.presets import Format, Least, Posting, Presets, rounded_seconds
from ltx_ui.texts import language_of, number, translate


class Sized(Protocol):
    """A recipe's size and length: pixels, frames, and frames a second."""

    @property
    def width(self) -> int: ...
    @property
    def height(self) -> int: ...
    @property
    def num_frames(self) -> int: ...
    @property
    def fps(self) -> int: ...


def falls_short(
    clip: Sized, presets: Presets, *, has_upsampler: bool = False, language: str = "en"
) -> Finding | None:
    """What a platform that the clip's format is named for does not take of it; None where all do,
    and for a size that is no format's.

    The fix has the smallest format of the same shape that most of them take, and the shortest
    length that is enough.

    Args:
        has_upsampler: whether the model can make the hd formats.
        language: that it is told in, as a tag of BCP 47.
    """
    language = language_of(language)
    formats = presets.formats_for(has_upsampler=has_upsampler)
    chosen = next((f for f in formats if (f.width, f.height) == (clip.width, clip.height)), None)
    seconds = clip.num_frames / clip.fps
    if chosen is None or not presets.advice.falls_short:
        return None
    refusing = [p for p in chosen.least if not p.takes(clip.width, clip.height, seconds)]
    if not refusing:
        return None
    values: dict[str, str | float] = {
        "width": str(clip.width),
        "height": str(clip.height),
        "lasts": rounded_seconds(clip.num_frames, clip.fps),
        "least": "; ".join(_asks(least, language) for least in refusing),
    }
    sentence = told("falls_short", presets, language, values)
    return Finding("falls_short", sentence, _fix(clip, chosen, formats, language))


def seconds_for(posting: Posting, presets: Presets) -> float:
    """How long a clip must be at least to be fit for a platform."""
    said = (
        least.seconds
        for each in presets.formats
        for least in each.least
        if least.platform == posting.platform
    )
    return max((posting.seconds, *said))


def _asks(least: Least, language: str) -> str:
    size = f"{least.width}x{least.height}" if least.width > 1 or least.height > 1 else ""
    length = f"{number(least.seconds, language)} s" if least.seconds else ""
    return f"{least.platform} {', '.join(filter(None, (size, length)))}"


def _fix(clip: Sized, chosen: Format, formats: Iterable[Format], language: str) -> Fix | None:
    larger = _larger(chosen, formats)
    frames = frames_for(max(least.seconds for least in chosen.least), clip.fps) or 0
    fields: dict[str, Any] = {} if larger is chosen else {"size": larger.size_name}
    if frames > clip.num_frames:
        fields["num_frames"] = frames
    size, count = f"{larger.width}x{larger.height}", rounded_seconds(frames, clip.fps)
    match sorted(fields):
        case []:
            return None
        case ["size"]:
            label = translate("fix.size", language, size=size)
        case ["num_frames"]:
            label = translate("fix.length", language, count=count)
        case _:
            label = translate("fix.size_and_length", language, size=size, count=count)
    return Fix(label, fields)


def _larger(chosen: Format, formats: Iterable[Format]) -> Format:
    """The smallest format of the same shape that most platforms take; the one chosen where no other
    is better."""
    alike = [other for other in formats if other.aspect == chosen.aspect]

    def fitness(other: Format) -> tuple[int, int]:
        taken = sum(least.takes(other.width, other.height) for least in chosen.least)
        return taken, -other.width * other.height

    best = max(alike, key=fitness)
    return best if fitness(best)[0] > fitness(chosen)[0] else chosen
