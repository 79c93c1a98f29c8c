"""Making a film larger: what is asked for, and whether the film can be."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Annotated, Any, ClassVar

from pydantic import BeforeValidator, WithJsonSchema

from ltx_ui.errors import FieldProblem, InvalidRecipe
from ltx_ui.geometry import whole_frames
from ltx_ui.given_films import FILM_SCHEMA, SIZES, Film, GivenFilm, read_film, undecided
from ltx_ui.inputs import UPSCALE, Inputs, NamedFilm, SoundInput
from ltx_ui.recipe import MAX_FRAMES, MAX_SIDE, Recipe

TIMES = 2
"""How many times larger each side gets: as the models' latent upsamplers make it."""

_HOW = (
    'Send an object with either "take", the id of a take, or "video", a film as base64, as a data '
    "URI or as a digest."
)


class SentSmall(GivenFilm):
    """A film to make larger, as it is asked for."""

    inherits: ClassVar[tuple[str, ...]] = (*SIZES, "num_frames", "two_stage")

    def input(self, digest: str) -> NamedFilm:
        """The recipe's input."""
        return NamedFilm(digest=digest)


SentUpscale = Annotated[
    SentSmall | None,
    BeforeValidator(lambda value: SentSmall(**read_film(value, (), _HOW))),
    WithJsonSchema(
        {"type": "object", "properties": dict(FILM_SCHEMA), "additionalProperties": False}
    ),
]


def as_sent(film: NamedFilm) -> dict[str, Any]:
    """A recipe's film under the API's names."""
    return {"video": film.digest}


def given_sound(inputs: Inputs) -> SoundInput | None:
    """The sound that a recipe was asked for with; none where it is the film's that is made larger,
    which :func:`settled` gives it."""
    own = inputs.upscale
    return None if own and inputs.audio == SoundInput(digest=own.digest) else inputs.audio


def settled(recipe: Recipe, film: Film, inherited: Collection[str] = ()) -> Recipe:
    """A recipe with all that it needs to know of the film that it makes larger. Its sound is the
    film's, unless it has another one; a silent film stays silent.

    Args:
        film: the one that the recipe names.
        inherited: the fields that it has of the film.

    Raises:
        InvalidRecipe: the film and the recipe don't go together; says what to change.
    """
    named = recipe.inputs.upscale
    if named is None:
        return recipe
    sizes = {
        "width": TIMES * film.width,
        "height": TIMES * film.height,
        "fps": film.fps,
        "num_frames": whole_frames(film.frames),
        "two_stage": True,
    }
    _check(recipe, film, {name: sizes[name] for name in sizes.keys() - inherited})
    files: dict[str, Any] = {"upscale": named.model_copy(update={"frames": film.frames})}
    if recipe.inputs.audio is None and recipe.include_audio:
        if film.sound:
            files["audio"] = SoundInput(digest=named.digest)
        else:
            sizes["include_audio"] = False
    inputs = recipe.inputs.model_copy(update=files)
    return recipe.model_copy(update={**sizes, "inputs": inputs})


def _check(recipe: Recipe, film: Film, asked: Mapping[str, object]) -> None:
    """Hold a recipe to its film.

    Args:
        asked: what it has to have where it does not leave it to the film.
    """
    problems = undecided(recipe, asked)
    wrong = ""
    if film.frames > MAX_FRAMES:
        wrong = f"the film has {film.frames} frames; at most {MAX_FRAMES} are allowed. Cut it"
    elif TIMES * max(film.width, film.height) > MAX_SIDE:
        wrong = (
            f"the film is {film.width}x{film.height}, and would be {TIMES * film.width}x"
            f"{TIMES * film.height}; allowed are sides of at most {MAX_SIDE} pixels. Take a "
            "smaller one"
        )
    elif recipe.inputs.images:
        wrong = "a film that is made larger takes no pictures. Leave them out"
    if wrong:
        problems.append(FieldProblem(UPSCALE, f"{UPSCALE}: {wrong}."))
    if problems:
        raise InvalidRecipe(problems)
