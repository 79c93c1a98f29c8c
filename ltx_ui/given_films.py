"""Films that clips are made from: how one is named in a request, and what is known of its file."""

from __future__ import annotations

import re
from abc import abstractmethod
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict
from pydantic_core import PydanticCustomError

from ltx_ui.errors import FieldProblem, InvalidRecipe
from ltx_ui.inputs import EXTEND, PICTURE_OF, RETAKE, UPSCALE, NamedFilm, is_digest
from ltx_ui.recipe import MAX_SIDE, MIN_FRAMES, MIN_SIDE, Recipe
from ltx_ui.sent_files import Kind, decode_file
from ltx_ui.untrusted_json import json_object
from ltx_ui.values import is_blank, shown, whole

SIZES = ("width", "height", "fps")
"""Fields that a clip has of the film that it is made from, unless they are given."""
ALONE = (EXTEND, RETAKE, PICTURE_OF, UPSCALE)
"""Fields that name the film which a clip becomes a part of. It has one of them at most."""
MOST_SECONDS = 60
"""Length of the longest film."""
RATES = (24, 25, 30)

VIDEO = Kind("MP4 or MOV film", "video/mp4", lambda data: data[4:8] == b"ftyp")

_TAKE = re.compile(r"[0-9a-f]{32}")
_NAMES = ("take", "video")


@dataclass(frozen=True)
class Film:
    """What is known of a film's file.

    Attributes:
        width, height: pixels.
        fps: frames a second.
        frames: how many it has.
        sound: whether it has any.
    """

    width: int
    height: int
    fps: int
    frames: int
    sound: bool = True


class GivenFilm(BaseModel):
    """A film as it is asked for: by the id of a take, as a stored film's digest, or as a file.

    Attributes:
        inherits: fields that the clip has of the film, unless they are given.
    """

    model_config = ConfigDict(frozen=True)

    inherits: ClassVar[tuple[str, ...]] = SIZES

    take: str | None = None
    video: str | bytes | None = None

    def sent(self, field: str) -> dict[str, str | bytes | None]:
        """The files that it names, by what errors call them.

        Args:
            field: the request's field that it stands in.
        """
        return {field: self.video}

    def stored(self, digests: Mapping[str, str]) -> Self:
        """The same with digests in place of what was sent beside the film, by :meth:`sent`'s
        names."""
        return self

    @abstractmethod
    def input(self, digest: str) -> NamedFilm:
        """The recipe's input, of which only the studio that keeps the film can fill in the rest."""


FILM_SCHEMA: Mapping[str, Any] = {
    "take": {"type": "string", "pattern": "^[0-9a-f]{32}$"},
    "video": {"type": "string"},
}
"""The JSON schema of what names a film."""


def read_film(value: Any, others: Collection[str], how: str) -> dict[str, Any]:
    """A film from untrusted data, and what is said of it.

    Args:
        value: an object, or its JSON as text.
        others: the keys that it may have besides those that name the film.
        how: a sentence that says what to send.

    Returns:
        The take and the video, as :class:`GivenFilm` has them, and those of ``others`` that were
        given, as they came.

    Raises:
        ValueError: as the end of a sentence that begins with the field's name.
    """
    if isinstance(value, str) and value.lstrip().startswith("{"):
        value = read_object(value, how)
    if not isinstance(value, Mapping):
        raise ValueError(f"is {shown(value)}. {how}")
    if strange := next((key for key in value if key not in (*_NAMES, *others)), None):
        raise ValueError(f"has {shown(str(strange))}, which it can't have. {how}")
    given = {key: each for key, each in value.items() if not is_blank(each)}
    if ("take" in given) == ("video" in given):
        raise ValueError(
            f"names {'both a take and a video' if 'take' in given else 'no film'}. {how}"
        )
    return given | {
        "take": read_take(given["take"]) if "take" in given else None,
        "video": _video(given.get("video"), how),
    }


def read_object(text: str, how: str) -> Mapping[str, Any]:
    """An object from its JSON as text.

    Args:
        how: a sentence that says what to send.

    Raises:
        ValueError: as :func:`read_film`.
    """
    try:
        return json_object(text.encode())
    except ValueError:
        raise ValueError(f"is no JSON object. {how}") from None


def read_take(value: Any) -> str:
    """A take's id from untrusted data.

    Raises:
        ValueError: as :func:`read_film`.
    """
    if not isinstance(value, str) or not _TAKE.fullmatch(value):
        raise ValueError(f"has the take {shown(value)}; allowed is a take's id, 32 digits 0 to f.")
    return value


def _video(value: Any, how: str) -> str | bytes | None:
    if value is None:
        return None
    if not isinstance(value, str):
        raise ValueError(f"has the video {shown(value)}. {how}")
    return value if is_digest(value) else decode_file(value, VIDEO)


def check_alone(films: Collection[str]) -> None:
    """Hold a request to one film that its clip becomes a part of.

    Args:
        films: the fields that name one.

    Raises:
        InvalidRecipe: there are several.
    """
    several = [name for name in ALONE if name in films]
    if len(several) > 1:
        raise InvalidRecipe.because(
            several[1],
            f"{several[1]}: can't stand beside {several[0]}, for either makes a film of its own. "
            "Leave one of them out, and take what comes of it for the other.",
        )


def undecided(recipe: Recipe, asked: Mapping[str, object]) -> list[FieldProblem]:
    """A problem for each field of a recipe that is not as its film decides.

    Args:
        asked: what it has to have where it does not leave it to the film.
    """
    return [
        FieldProblem(
            name,
            f"{name}: is {getattr(recipe, name)}, and {value} for this film. Leave it out: the "
            "film decides.",
        )
        for name, value in sorted(asked.items())
        if getattr(recipe, name) != value
    ]


def whole_number(value: Any) -> int | None:
    """A whole number in whatever form requests have them; None for anything else."""
    try:
        return whole(value)
    except PydanticCustomError:
        return None


def check_film(film: Film) -> None:
    """Hold a film to what clips can be made from.

    Raises:
        ValueError: as the end of a sentence that begins with what the film is called.
    """
    if film.frames < MIN_FRAMES:
        raise ValueError(
            f"has {film.frames} frame{'' if film.frames == 1 else 's'}; at least {MIN_FRAMES} "
            "are needed. Send a longer film, or its picture as image_start."
        )
    for side in (film.width, film.height):
        if side % 2 or not MIN_SIDE <= side <= MAX_SIDE:
            raise ValueError(
                f"is {film.width}x{film.height}; allowed are even sides from {MIN_SIDE} to "
                f"{MAX_SIDE} pixels. Send it in another size."
            )
