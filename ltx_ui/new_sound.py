"""Another sound for a film: what is asked for, and whether it can be made."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

from pydantic import BeforeValidator, WithJsonSchema

from ltx_ui.errors import FieldProblem, InvalidRecipe
from ltx_ui.geometry import TEMPORAL_COMPRESSION
from ltx_ui.given_films import (
    FILM_SCHEMA,
    SIZES,
    Film,
    GivenFilm,
    read_film,
    read_object,
    read_take,
    undecided,
)
from ltx_ui.inputs import AUDIO, PICTURE_OF, PictureInput, name_at
from ltx_ui.recipe import MAX_FRAMES, Recipe
from ltx_ui.sent_files import SOUND, SentFile, digest_or_file
from ltx_ui.values import is_blank, shown

_HOW = (
    'Send an object with either "take", the id of a take, or "video", a film as base64, as a data '
    "URI or as a digest."
)


_SOUND_HOW = (
    'Send a sound as base64, as a data URI or as a digest, or {"take": …} with the id of a take '
    "for its sound."
)


class SentSeen(GivenFilm):
    """A film whose picture a clip is to keep, as it is asked for."""

    inherits: ClassVar[tuple[str, ...]] = (*SIZES, "num_frames", "two_stage")

    def input(self, digest: str) -> PictureInput:
        """The recipe's input."""
        return PictureInput(digest=digest)


SentPictureOf = Annotated[
    SentSeen | None,
    BeforeValidator(lambda value: SentSeen(**read_film(value, (), _HOW))),
    WithJsonSchema(
        {"type": "object", "properties": dict(FILM_SCHEMA), "additionalProperties": False}
    ),
]


@dataclass(frozen=True)
class SoundOfTake:
    """The sound of a take, as it is asked for."""

    take: str


def _read_sound(value: Any) -> Any:
    if isinstance(value, str) and value.lstrip().startswith("{"):
        value = read_object(value, _SOUND_HOW)
    if not isinstance(value, Mapping):
        return digest_or_file(value, SOUND)
    if strange := next((key for key in value if key != "take"), None):
        raise ValueError(f"has {shown(str(strange))}, which it can't have. {_SOUND_HOW}")
    if is_blank(value.get("take")):
        raise ValueError(f"names no take. {_SOUND_HOW}")
    return SoundOfTake(read_take(value["take"]))


SentSound = Annotated[
    SentFile | SoundOfTake | None,
    BeforeValidator(_read_sound),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string"},
                {
                    "type": "object",
                    "properties": {"take": FILM_SCHEMA["take"]},
                    "required": ["take"],
                    "additionalProperties": False,
                },
            ]
        }
    ),
]
"""A sound as it is asked for: a digest, a file's bytes, or a take's."""


def as_sent(film: PictureInput) -> dict[str, Any]:
    """A recipe's film under the API's names."""
    return {"video": film.digest}


def frames_for(frames: int) -> int:
    """How many frames a clip has in which a film has room: 8k+1, up to the longest clip."""
    eights = -(-(frames - 1) // TEMPORAL_COMPRESSION)
    return min(TEMPORAL_COMPRESSION * eights + 1, MAX_FRAMES)


def settled(recipe: Recipe, film: Film, inherited: Collection[str] = ()) -> Recipe:
    """A recipe with all that it needs to know of the film whose picture it keeps.

    Args:
        film: the one that the recipe names.
        inherited: the fields that it has of the film.

    Raises:
        InvalidRecipe: the film and the recipe don't go together; says what to change.
    """
    named = recipe.inputs.picture
    if named is None:
        return recipe
    # There is nothing to refine in a picture that stays.
    decided = {name: getattr(film, name) for name in SIZES} | {"two_stage": False}
    decided["num_frames"] = frames_for(film.frames)
    problems = undecided(recipe, {name: decided[name] for name in decided.keys() - inherited})
    inputs = recipe.inputs.model_copy(
        update={"picture": named.model_copy(update={"frames": film.frames})}
    )
    recipe = recipe.model_copy(update={**decided, "inputs": inputs})
    problems += _problems(recipe, film)
    if problems:
        raise InvalidRecipe(problems)
    return recipe


def _problems(recipe: Recipe, film: Film) -> list[FieldProblem]:
    found = []

    def wrong(field: str, sentence: str) -> None:
        found.append(FieldProblem(field, f"{field}: {sentence}"))

    for image in recipe.inputs.images:
        field = name_at(image.at)
        wrong(field, f"the picture is the film's. Leave the field out, or leave {PICTURE_OF} out.")
    if recipe.inputs.audio is not None and not recipe.include_audio:
        wrong(AUDIO, "a film without sound is asked for. Leave audio or include_audio out.")
    if film.frames > MAX_FRAMES and not recipe.as_given:
        wrong(
            PICTURE_OF,
            f"the film has {film.frames} frames; the model makes a sound for at most "
            f"{MAX_FRAMES}. Give it a sound as audio, with audio_strength 1, or cut the film.",
        )
    return found
