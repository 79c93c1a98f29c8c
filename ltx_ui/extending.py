"""Extending a film: what is asked for, and whether the film can be gone on from."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Annotated, Any

from pydantic import BeforeValidator, WithJsonSchema

from ltx_ui.errors import FieldProblem, InvalidRecipe
from ltx_ui.geometry import TEMPORAL_COMPRESSION, whole_frames
from ltx_ui.given_films import (
    FILM_SCHEMA,
    MOST_SECONDS,
    SIZES,
    Film,
    GivenFilm,
    read_film,
    whole_number,
)
from ltx_ui.inputs import EXTEND, Direction, FilmInput, SoundOn, name_at
from ltx_ui.recipe import MAX_FRAMES, Recipe
from ltx_ui.values import shown

OVERLAP = 17
"""Frames that the new part shares with the film unless something else is asked for."""
MIN_OVERLAP, MAX_OVERLAP = 9, 65
_KEYS = ("direction", "overlap", "sound")
_HOW = (
    'Send an object with either "take", the id of a take, or "video", a film as base64, as a data '
    'URI or as a digest; and, if need be, "direction" ("after" or "before"), "overlap" and "sound" '
    '("continue" or "new").'
)


class SentFilm(GivenFilm):
    """A film to go on from, as it is asked for.

    Attributes:
        overlap: None for as many frames as suit the film and the clip.
    """

    direction: Direction = "after"
    overlap: int | None = None
    sound: SoundOn = "continue"

    def input(self, digest: str) -> FilmInput:
        """The recipe's input."""
        overlap = self.overlap or 0
        return FilmInput(digest=digest, direction=self.direction, overlap=overlap, sound=self.sound)


def _read(value: Any) -> Any:
    given = read_film(value, _KEYS, _HOW)
    return SentFilm(
        take=given["take"],
        video=given["video"],
        direction=_direction(given.get("direction", "after")),
        overlap=_overlap(given.get("overlap")),
        sound=_sound(given.get("sound", "continue")),
    )


def _direction(value: Any) -> Direction:
    if value == "after":
        return "after"
    if value == "before":
        return "before"
    raise ValueError(
        f'has the direction {shown(value)}; allowed are "after", to go on from the film\'s end, '
        'and "before", to lead to its beginning.'
    )


def _sound(value: Any) -> SoundOn:
    if value == "continue":
        return "continue"
    if value == "new":
        return "new"
    raise ValueError(
        f'has the sound {shown(value)}; allowed are "continue", to let the film\'s sound go on, '
        'and "new", to make sound that only passes over into it.'
    )


def _overlap(value: Any) -> int | None:
    if value is None:
        return None
    frames = whole_number(value)
    if frames is None or frames not in range(MIN_OVERLAP, MAX_OVERLAP + 1, TEMPORAL_COMPRESSION):
        raise ValueError(
            f"has the overlap {shown(value)}; allowed are {MIN_OVERLAP} to {MAX_OVERLAP} frames in "
            f"steps of {TEMPORAL_COMPRESSION} (8k+1). Leave it out for {OVERLAP}."
        )
    return frames


SentExtend = Annotated[
    SentFilm | None,
    BeforeValidator(_read),
    WithJsonSchema(
        {
            "type": "object",
            "properties": {
                **FILM_SCHEMA,
                "direction": {"type": "string", "enum": ["after", "before"]},
                "overlap": {
                    "type": "integer",
                    "minimum": MIN_OVERLAP,
                    "maximum": MAX_OVERLAP,
                },
                "sound": {"type": "string", "enum": ["continue", "new"]},
            },
            "additionalProperties": False,
        }
    ),
]


def goes_on(
    fields: Mapping[str, Any], film: Mapping[str, Any], *, keep_size: object = None
) -> dict[str, Any]:
    """A request's fields for a clip that makes a film so much longer as it was to be long itself.

    Args:
        film: as the API takes it.
        keep_size: whether its size was asked for; otherwise it has the film's.
    """
    left = () if keep_size else SIZES
    told = {name: value for name, value in fields.items() if name not in left} | {EXTEND: film}
    if frames := fields.get("num_frames"):
        told["num_frames"] = min(frames + OVERLAP - 1, MAX_FRAMES)
    return told


def as_sent(film: FilmInput) -> dict[str, Any]:
    """A recipe's film under the API's names."""
    told = {"video": film.digest, "direction": film.direction, "overlap": film.overlap}
    return {**told, "sound": film.sound}


def settled(recipe: Recipe, film: Film, inherited: Collection[str] = ()) -> Recipe:
    """A recipe with all that it needs to know of the film that it goes on from.

    Args:
        film: the one that the recipe names.
        inherited: those of :data:`SIZES` that it has of the film.

    Raises:
        InvalidRecipe: the film and the recipe don't go together; says what to change.
    """
    named = recipe.inputs.film
    if named is None:
        return recipe
    recipe = recipe.model_copy(update={name: getattr(film, name) for name in inherited})
    usual = min(OVERLAP, whole_frames(film.frames), recipe.num_frames - TEMPORAL_COMPRESSION)
    overlap = named.overlap or max(MIN_OVERLAP, usual)
    filled = named.model_copy(update={"frames": film.frames, "overlap": overlap})
    if recipe.inputs.audio is not None:
        # The new part is made to that one, which passes over from the film's.
        filled = filled.model_copy(update={"sound": "new"})
    inputs = recipe.inputs.model_copy(update={"film": filled})
    recipe = recipe.model_copy(update={"inputs": inputs})
    _check(recipe, filled, film)
    return recipe


def _check(recipe: Recipe, named: FilmInput, film: Film) -> None:
    problems = []

    def wrong(field: str, sentence: str) -> None:
        problems.append(FieldProblem(field, f"{field}: {sentence}"))

    if (recipe.width, recipe.height, recipe.fps) != (film.width, film.height, film.fps):
        wrong(
            EXTEND,
            f"the film is {film.width}x{film.height} at {film.fps} fps, and the clip asks for "
            f"{recipe.resolution} at {recipe.fps} fps. Leave width, height and fps out, or give "
            "the film's.",
        )
    if film.frames < named.overlap:
        wrong(
            EXTEND,
            f"the film has {film.frames} frames; at least {named.overlap} are needed. Take a "
            "longer film"
            + (
                f", or an overlap of {whole_frames(film.frames)}."
                if film.frames >= MIN_OVERLAP
                else "."
            ),
        )
    if recipe.num_frames < named.overlap + TEMPORAL_COMPRESSION:
        wrong(
            "num_frames",
            f"is {recipe.num_frames}, of which {named.overlap} are the film's. At least "
            f"{named.overlap + TEMPORAL_COMPRESSION} are needed.",
        )
    if recipe.film_frames > MOST_SECONDS * recipe.fps:
        wrong(
            EXTEND,
            f"the film would be {recipe.duration:.1f} s long; at most {MOST_SECONDS} s are "
            "allowed. Take a shorter film, or fewer frames.",
        )
    last = recipe.num_frames - 1
    first = 0 if named.direction == "after" else recipe.num_frames - named.overlap
    for image in recipe.inputs.images:
        place = last if image.at == -1 else image.at
        if first <= place < first + named.overlap:
            wrong(
                name_at(image.at),
                f"there are the film's own frames, {first} to {first + named.overlap - 1} of the "
                "clip, which it goes on from. Leave the picture out, or choose another frame.",
            )
    if problems:
        raise InvalidRecipe(problems)
