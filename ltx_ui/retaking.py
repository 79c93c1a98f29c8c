"""Making a part of a film again: what is asked for, and which frames that is."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Annotated, Any, ClassVar, NamedTuple, Self

from pydantic import BeforeValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

from ltx_ui.errors import FieldProblem, InvalidRecipe
from ltx_ui.geometry import TEMPORAL_COMPRESSION, latent_frame_of, whole_frames
from ltx_ui.given_films import (
    FILM_SCHEMA,
    MOST_SECONDS,
    RATES,
    SIZES,
    Film,
    GivenFilm,
    read_film,
    whole_number,
)
from ltx_ui.inputs import AUDIO, MASK, RETAKE, NamedFilm, OfSound, RetakeInput, name_at
from ltx_ui.recipe import MAX_FRAMES, MIN_FRAMES, Recipe
from ltx_ui.sent_files import PICTURE, SentFile, digest_or_file
from ltx_ui.values import real, shown

JOINT = 4
"""Frames of the film, before and after the part, in which its own pixels pass over into the clip's:
they show the same, but no clip has exactly the film's colours."""
Region = tuple[float, float, float, float]

_MOST = MOST_SECONDS * max(RATES)
_LONGEST = 100
"""Characters of a region as text."""
_KEYS = ("start_frame", "end_frame", "sound", "region", "mask")
_HOW = (
    'Send an object with either "take", the id of a take, or "video", a film as base64, as a data '
    'URI or as a digest; with "start_frame", the first frame that is made again, and "end_frame", '
    'the first one after it that stays; and, if need be, "sound" ("new" or "keep") and "region" or '
    '"mask".'
)


class SentRetake(GivenFilm):
    """A film of which a part is to be made again, as it is asked for.

    Attributes:
        end_frame: None for the film's end.
        mask: a picture that is white where the film's is made again; None for everywhere, or for
            the region.
    """

    inherits: ClassVar[tuple[str, ...]] = (*SIZES, "num_frames")

    start_frame: int = 0
    end_frame: int | None = None
    sound: OfSound = "new"
    region: Region | None = None
    mask: SentFile | None = None

    def sent(self, field: str) -> dict[str, str | bytes | None]:
        return super().sent(field) | {MASK: self.mask}

    def stored(self, digests: Mapping[str, str]) -> Self:
        return self.model_copy(update={"mask": digests.get(MASK, self.mask)})

    def input(self, digest: str) -> NamedFilm:
        """The recipe's input."""
        assert not isinstance(self.mask, bytes)
        return RetakeInput(
            digest=digest,
            start=self.start_frame,
            end=self.end_frame or 0,
            sound=self.sound,
            region=self.region,
            mask=self.mask,
        )


def _read(value: Any) -> Any:
    given = read_film(value, _KEYS, _HOW)
    start = _frame(given, "start_frame", 0)
    end = _frame(given, "end_frame", None)
    if end is not None and end <= (start or 0):
        raise ValueError(
            f"has the end_frame {end}; it has to come after start_frame, which is {start}: it is "
            "the first frame that stays."
        )
    return SentRetake(
        take=given["take"],
        video=given["video"],
        start_frame=start or 0,
        end_frame=end,
        sound=_sound(given.get("sound", "new")),
        region=_region(given.get("region")),
        mask=_mask(given),
    )


def _frame(given: Mapping[str, Any], name: str, default: int | None) -> int | None:
    if name not in given:
        return default
    frame = whole_number(given[name])
    if frame is None or not 0 <= frame <= _MOST:
        raise ValueError(
            f"has the {name} {shown(given[name])}; allowed is the number of one of the film's "
            "frames, counted from 0."
        )
    return frame


def _sound(value: Any) -> OfSound:
    if value == "new":
        return "new"
    if value == "keep":
        return "keep"
    raise ValueError(
        f'has the sound {shown(value)}; allowed are "new", to make it again with the picture, and '
        '"keep", to leave the film\'s.'
    )


def _region(value: Any) -> Region | None:
    if value is None:
        return None
    problem = ValueError(
        f"has the region {shown(value)}; allowed are [x, y, width, height] within the picture, "
        "from [0, 0, 1, 1], which is all of it: numbers from 0 to 1, width and height above 0."
    )
    if isinstance(value, str) and len(value) <= _LONGEST:
        value = value.strip().removeprefix("[").removesuffix("]").split(",")
    if not isinstance(value, list | tuple) or len(value) != 4:
        raise problem
    try:
        x, y, width, height = (float(real(each)) for each in value)
    except ValueError:
        raise problem from None
    inside = min(x, y) >= 0 and min(width, height) > 0
    if not (inside and max(x + width, y + height) <= 1 + 1e-6):
        raise problem
    return x, y, min(width, 1.0), min(height, 1.0)


def _mask(given: Mapping[str, Any]) -> SentFile | None:
    if "mask" not in given:
        return None
    if "region" in given:
        raise ValueError(
            "has both a region and a mask, either of which says where the picture is made again. "
            "Leave one of them out."
        )
    try:
        return digest_or_file(given["mask"], PICTURE)
    except PydanticCustomError:
        raise ValueError(
            f"has the mask {shown(given['mask'])}; allowed is a {PICTURE.named} as base64, as a "
            "data URI or as a digest, white where the picture is made again."
        ) from None
    except ValueError as error:
        raise ValueError(f"has a mask that {error}") from None


SentPart = Annotated[
    SentRetake | None,
    BeforeValidator(_read),
    WithJsonSchema(
        {
            "type": "object",
            "properties": {
                **FILM_SCHEMA,
                "start_frame": {"type": "integer", "minimum": 0, "maximum": _MOST},
                "end_frame": {"type": "integer", "minimum": 1, "maximum": _MOST},
                "sound": {"type": "string", "enum": ["new", "keep"]},
                "region": {
                    "type": "array",
                    "items": {"type": "number", "minimum": 0, "maximum": 1},
                    "minItems": 4,
                    "maxItems": 4,
                },
                "mask": {"type": "string"},
            },
            "additionalProperties": False,
        }
    ),
]


def as_sent(film: RetakeInput) -> dict[str, Any]:
    """A recipe's film under the API's names."""
    return {
        "video": film.digest,
        "start_frame": film.start,
        "end_frame": film.end,
        "sound": film.sound,
        **({"region": list(film.region)} if film.region else {}),
        **({"mask": film.mask} if film.mask else {}),
    }


class Span(NamedTuple):
    """Frames from one to another, which is the first one after them."""

    start: int
    end: int


def latents_again(film: RetakeInput) -> Span:
    """The latent frames that are sampled, counted from that of ``film.first``."""
    first, last = film.start - film.first, film.end - 1 - film.first
    return Span(latent_frame_of(first), latent_frame_of(last) + 1)


def frames_again(film: RetakeInput) -> Span:
    """The film's frames that are made again: those that were asked for, and those beside them that
    share a latent frame with them."""
    start, end = latents_again(film)
    before = TEMPORAL_COMPRESSION * (start - 1) + 1 if start else 0
    return Span(film.first + before, film.first + TEMPORAL_COMPRESSION * (end - 1) + 1)


def settled(recipe: Recipe, film: Film, inherited: Collection[str] = ()) -> Recipe:
    """A recipe with all that it needs to know of the film of which it makes a part again.

    Args:
        film: the one that the recipe names.
        inherited: those of :attr:`SentRetake.inherits` that it has of the film.

    Raises:
        InvalidRecipe: the film and the recipe don't go together; says what to change.
    """
    named = recipe.inputs.retake
    if named is None:
        return recipe
    sizes = {name: getattr(film, name) for name in SIZES if name in inherited}
    recipe = recipe.model_copy(update=sizes)
    if "num_frames" in inherited:
        recipe = recipe.model_copy(update={"num_frames": MAX_FRAMES})
    named = named.model_copy(update={"frames": film.frames, "end": named.end or film.frames})
    _check(recipe, named, film)
    named, num_frames = _placed(recipe, named)
    inputs = recipe.inputs.model_copy(update={"retake": named})
    recipe = recipe.model_copy(update={"inputs": inputs, "num_frames": num_frames})
    _check_pictures(recipe, named)
    return recipe


def _placed(recipe: Recipe, named: RetakeInput) -> tuple[RetakeInput, int]:
    """The frames that are sampled: so that the part begins and ends with latent frames, as many as
    may be, the part in their middle. Pictures are at frames of the film, so beside them the film's
    first frame is that of the clip."""
    latest = 0 if recipe.inputs.images else named.frames - MIN_FRAMES
    found = []
    for first in range(min(latest, named.start) + 1):
        frames = whole_frames(min(recipe.num_frames, named.frames - first))
        end = first + frames
        if named.end > end:
            continue
        placed = named.model_copy(update={"first": first})
        again = frames_again(placed)
        # Something of the film has to be on either side, where there is something.
        before = again.start > first or first == 0
        if before and (again.end < end or end == named.frames):
            aside = abs(first + end - named.start - named.end)
            found.append((again.end - again.start, -frames, aside, first, placed, frames))
    if not found:
        most = whole_frames(min(recipe.num_frames, named.frames))
        raise InvalidRecipe.because(
            RETAKE,
            f"{RETAKE}: frames {named.start} to {named.end - 1} of {named.frames} can't be made "
            f"again in {most} frames, in which something of the film has to be on "
            "either side. Choose fewer frames"
            + (", or leave the pictures out." if recipe.inputs.images else "."),
        )
    *_, placed, frames = min(found, key=lambda each: each[:4])
    return placed, frames


def _check(recipe: Recipe, named: RetakeInput, film: Film) -> None:
    problems = []

    def wrong(field: str, sentence: str) -> None:
        problems.append(FieldProblem(field, f"{field}: {sentence}"))

    if (recipe.width, recipe.height, recipe.fps) != (film.width, film.height, film.fps):
        wrong(
            RETAKE,
            f"the film is {film.width}x{film.height} at {film.fps} fps, and the clip asks for "
            f"{recipe.resolution} at {recipe.fps} fps. Leave width, height and fps out, or give "
            "the film's.",
        )
    if not named.start < named.end <= film.frames:
        wrong(
            RETAKE,
            f"the film has {film.frames} frames, and {named.start} to {named.end - 1} are to be "
            f"made again. Choose some from 0 to {film.frames - 1}; end_frame is the first one "
            "after them.",
        )
    elif not (named.region or named.mask) and named.end - named.start == film.frames:
        wrong(
            RETAKE,
            "all of the film is to be made again. Choose a part of its frames, a region or a mask; "
            "or make a new clip.",
        )
    if recipe.inputs.audio is not None:
        wrong(
            AUDIO,
            "a part that is made again has new sound, or the film's. Leave the field out, or "
            'choose "sound": "keep".',
        )
    if problems:
        raise InvalidRecipe(problems)


def _check_pictures(recipe: Recipe, named: RetakeInput) -> None:
    start, end = frames_again(named)
    for image in recipe.inputs.images:
        place = recipe.num_frames - 1 if image.at == -1 else image.at
        if not start <= place < end:
            raise InvalidRecipe.because(
                name_at(image.at),
                f"{name_at(image.at)}: is at frame {place}, which stays as it is; frames {start} "
                f"to {end - 1} are made again. Leave the picture out, or choose one of these.",
            )
