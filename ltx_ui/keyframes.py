"""Keyframes: pictures that a clip is to look like at any of its frames, as clients ask for them.

The first and the last frame have fields of their own in a request, with one strength for both. In
a list of keyframes each picture tells its frame and its strength.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from ltx_ui.errors import FieldProblem, InvalidRecipe
from ltx_ui.inputs import CENTRE, FIELDS, FORMATS, MOST_PICTURES, ImageInput
from ltx_ui.sent_files import PICTURE, SentFile, digest_or_file
from ltx_ui.values import Real, Whole, is_blank, real, shown, taken_in_quotes

FIELD = "keyframes"
"""What a request calls the list."""

_Part = Annotated[float, Field(ge=0.0, le=1.0), BeforeValidator(real)]
Focus = tuple[_Part, _Part]
"""Which part of a picture stays where the clip has another shape."""

_ALLOWED = {
    "image": f"is a {FORMATS} picture as base64 or as a data URI, or the digest of one",
    "frame": "is a whole number: 0 for the first frame, 24 for the one after 24 others, -1 for the "
    "last",
    "strength": "is a number from 0 to 1",
    "focus": "are two numbers from 0 to 1, as in [0.5, 0.5]",
}
"""What each part of a keyframe takes, in words."""

SentPicture = Annotated[
    SentFile | None, BeforeValidator(lambda value: digest_or_file(value, PICTURE))
]
"""A picture in whatever form a request has it."""

_EXAMPLE = '[{"image": "data:image/png;base64,…", "frame": 24, "strength": 0.8}]'


class Keyframe(BaseModel):
    """A picture that a frame of the clip is to look like."""

    model_config = ConfigDict(frozen=True, extra="forbid", json_schema_extra=taken_in_quotes)

    image: Annotated[SentFile, BeforeValidator(lambda value: digest_or_file(value, PICTURE))] = (
        Field(description=f"{FORMATS} as base64 or data URI, or the digest of a stored picture.")
    )
    frame: Whole = Field(
        ge=-1,
        description="Which frame: 0 is the first one, num_frames - 1 or -1 the last.",
    )
    strength: Real = Field(1.0, ge=0.0, le=1.0, description="How closely it is kept.")
    focus: Focus = Field(
        CENTRE,
        description="Which part of it stays where the format has another shape: how far right and "
        "how far down, from [0, 0] to [1, 1].",
    )


def name_of(number: int) -> str:
    """What errors call the entry of this number in the list, counted from 0."""
    return f"{FIELD}[{number}]"


def read_keyframes(value: Any) -> tuple[Keyframe, ...]:
    """The entries of a list as a client sent it.

    Raises:
        InvalidRecipe: names each entry that has to change.
    """
    if value is None:
        return ()
    if not isinstance(value, list | tuple):
        raise InvalidRecipe.because(
            FIELD, f"{FIELD}: is {shown(value)}; allowed is a list, as in {_EXAMPLE}."
        )
    if len(value) > MOST_PICTURES:
        raise _too_many(len(value), "entries")
    found: list[Keyframe] = []
    problems: list[FieldProblem] = []
    for number, entry in enumerate(value):
        given = entry
        if isinstance(entry, Mapping):
            given = {name: each for name, each in entry.items() if not is_blank(each)}
        try:
            found.append(Keyframe.model_validate(given))
        except ValidationError as error:
            said = _sentence(dict(error.errors(include_url=False)[0]))
            problems.append(FieldProblem(name_of(number), f"{name_of(number)}: {said}"))
    if problems:
        raise InvalidRecipe(problems)
    return tuple(found)


def check_keyframes(keyframes: Sequence[Keyframe], ends: Iterable[int], num_frames: int) -> None:
    """Hold keyframes to the clip that they are for.

    Args:
        ends: where the request has pictures besides: 0 for the first frame, -1 for the last.
        num_frames: of the clip.

    Raises:
        InvalidRecipe: one stands outside the clip or where another picture stands, or there are
            too many; names it.
    """
    taken = {place: FIELDS[place] for place in ends}
    if len(taken) + len(keyframes) > MOST_PICTURES:
        raise _too_many(len(taken) + len(keyframes), "pictures with the first and the last one")
    problems: list[FieldProblem] = []
    for number, keyframe in enumerate(keyframes):
        name, place = name_of(number), place_of(keyframe.frame, num_frames)
        if keyframe.frame >= num_frames:
            wrong = (
                f"frame is {keyframe.frame}; the clip has {num_frames}. Allowed are 0 to "
                f"{num_frames - 1}, and -1 for the last."
            )
        elif place in taken:
            wrong = (
                f"frame is {keyframe.frame}, where {taken[place]} stands too. Give each picture a "
                "frame of its own, or leave one of them out."
            )
        else:
            taken[place] = name
            continue
        problems.append(FieldProblem(name, f"{name}: {wrong}"))
    if problems:
        raise InvalidRecipe(problems)


def place_of(frame: int, num_frames: int) -> int:
    """Where a recipe's picture stands for a frame: the last one is -1 in any clip."""
    return -1 if frame == num_frames - 1 else frame


def images_of(
    keyframes: Sequence[Keyframe], digests: Mapping[str, str], num_frames: int
) -> list[dict[str, Any]]:
    """Keyframes as a recipe's inputs have them.

    Args:
        digests: of the stored files of those that came as files, by :func:`name_of`.
    """
    return [
        {
            "digest": digests.get(name_of(number), each.image),
            "at": place_of(each.frame, num_frames),
            "strength": each.strength,
            "focus": each.focus,
        }
        for number, each in enumerate(keyframes)
    ]


def keyframes_of(images: Iterable[ImageInput]) -> list[dict[str, Any]]:
    """A recipe's pictures as a list of keyframes, plain data."""
    return [
        {
            "image": image.digest,
            "frame": image.at,
            "strength": image.strength,
            "focus": list(image.focus),
        }
        for image in images
    ]


def _too_many(count: int, what: str) -> InvalidRecipe:
    return InvalidRecipe.because(
        FIELD,
        f"{FIELD}: has {count} {what}; a clip takes at most {MOST_PICTURES} pictures. Leave some "
        "out.",
    )


def _sentence(error: Mapping[str, Any]) -> str:
    """One of pydantic's errors about an entry, as a sentence."""
    where = error["loc"]
    if not where:
        return f"is {shown(error['input'])}; allowed is an object, as in {_EXAMPLE}."
    part = str(where[0])
    match error["type"]:
        case "extra_forbidden":
            known = ", ".join(Keyframe.model_fields)
            return f"{shown(part)} is no part of a keyframe. Known parts: {known}."
        case "missing" if len(where) == 1:
            return f"{part} is missing; allowed {_ALLOWED[part]}."
        case "value_error":
            return f"{part} {error['ctx']['error']}"
    return f"{part} is {shown(error['input'])}; allowed {_ALLOWED[part]}."
