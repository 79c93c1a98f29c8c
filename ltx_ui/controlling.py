"""Films that a clip follows, beside an IC-LoRA that has learnt to: what is asked for, and whether
it can be.

The film is no part of the clip. It stands beside it, and the clip has its edges, depth or poses, or
is the same clip in more detail: whatever the IC-LoRA was trained for.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Annotated, Any, ClassVar, get_args

from pydantic import BeforeValidator, WithJsonSchema

from ltx_ui.errors import InvalidRecipe
from ltx_ui.geometry import TEMPORAL_COMPRESSION, followed_tokens, whole_frames
from ltx_ui.given_films import FILM_SCHEMA, MOST_SECONDS, Film, GivenFilm, read_film
from ltx_ui.inputs import CONTROL, PICTURE_OF, RETAKE, UPSCALE, ControlInput, ControlKind
from ltx_ui.recipe import MIN_FRAMES, Recipe
from ltx_ui.values import real, shown

LORAS = "loras"
"""The recipe's field with its LoRAs, named in errors."""
WHAT = (
    "A film that the clip follows, by an IC-LoRA that loras names: the id of a take, or video: MP4 "
    "as base64, data URI or digest."
)
"""The request's field, in words."""
_KEYS = ("kind", "strength", "start")
_HOW = (
    'Send an object with either "take", the id of a take, or "video", a film as base64, as a data '
    'URI or as a digest; and, if need be, "kind" ("given" or "canny"), "strength" and "start".'
)


class SentControl(GivenFilm):
    """A film to follow, as it is asked for.

    Attributes:
        kind: whether it is followed as it is, or its edges are.
        strength: how closely, 0…1.
        start: seconds into the film where the clip begins.
    """

    inherits: ClassVar[tuple[str, ...]] = ()

    kind: ControlKind = "given"
    strength: float = 1.0
    start: float = 0.0

    def input(self, digest: str) -> ControlInput:
        """The recipe's input."""
        return ControlInput(digest=digest, kind=self.kind, strength=self.strength, start=self.start)


def _read(value: Any) -> Any:
    if isinstance(value, SentControl):
        return value
    given = read_film(value, _KEYS, _HOW)
    return SentControl(
        take=given["take"],
        video=given["video"],
        kind=_kind(given.get("kind", "given")),
        strength=_number(given, "strength", 1.0, 1.0),
        start=_number(given, "start", 0.0, float(MOST_SECONDS)),
    )


def _kind(value: Any) -> ControlKind:
    known: ControlKind | None = next((k for k in get_args(ControlKind) if k == value), None)
    if known is None:
        raise ValueError(
            f'has the kind {shown(value)}; allowed are "given", for a film that is followed as it '
            'is (depth, poses, edges, a clip to be detailed), and "canny", for the edges of any '
            "film, which are drawn here."
        )
    return known


def _number(given: Mapping[str, Any], name: str, usual: float, most: float) -> float:
    try:
        found = real(given.get(name, usual))
    except ValueError:
        found = None
    if isinstance(found, bool) or not isinstance(found, int | float) or not 0 <= found <= most:
        raise ValueError(
            f"has the {name} {shown(given[name])}; allowed is a number from 0 to {most:g}. Leave "
            f"it out for {usual:g}."
        )
    return float(found)


SentFollowed = Annotated[
    SentControl | None,
    BeforeValidator(_read),
    WithJsonSchema(
        {
            "type": "object",
            "properties": {
                **FILM_SCHEMA,
                "kind": {"type": "string", "enum": list(get_args(ControlKind))},
                "strength": {"type": "number", "minimum": 0, "maximum": 1, "default": 1},
                "start": {"type": "number", "minimum": 0, "maximum": MOST_SECONDS, "default": 0},
            },
            "additionalProperties": False,
        }
    ),
]


def as_sent(control: ControlInput) -> dict[str, Any]:
    """A film that a recipe follows, under the API's names."""
    return {
        "video": control.digest,
        "kind": control.kind,
        "strength": control.strength,
        "start": control.start,
    }


def settled(recipe: Recipe, film: Film, inherited: Collection[str] = ()) -> Recipe:
    """A recipe with all that it needs to know of the film that it follows.

    Args:
        film: the one that the recipe names.
        inherited: what it has of other films.

    Raises:
        InvalidRecipe: the film ends before the clip does. One that lacks less than a latent frame
            is held on its last frame.
    """
    control = recipe.inputs.control
    if control is None:
        return recipe
    others = {name for name, _ in recipe.inputs.films()}
    for name in (RETAKE, PICTURE_OF, UPSCALE):
        if name in others:
            raise InvalidRecipe.because(
                CONTROL,
                f"{CONTROL}: can't stand beside {name}, whose clip is a film that is there "
                "already. Leave one of them out.",
            )
    left = film.frames / film.fps - control.start
    has = max(0, int(left * recipe.fps + 1e-6))
    if left <= 0 or recipe.num_frames - has > TEMPORAL_COMPRESSION:
        most = whole_frames(has + TEMPORAL_COMPRESSION)
        shorter = f"Ask for at most {most} frames, t" if most >= MIN_FRAMES and left > 0 else "T"
        raise InvalidRecipe.because(
            CONTROL,
            f"{CONTROL}: the film has {max(0.0, left):.2f} s from second {control.start:g} on, and "
            f"the clip lasts {recipe.num_frames / recipe.fps:.2f} s. {shorter}ake a longer film, "
            "or let it begin earlier.",
        )
    return _with(recipe, control.model_copy(update={"frames": film.frames}))


def led(recipe: Recipe, factors: Mapping[str, int]) -> Recipe:
    """A recipe that knows in which size its IC-LoRA takes the film.

    Args:
        factors: of those of its LoRAs that are IC-LoRAs, by name: how many times as wide the clip
            is as the film that it is to follow.

    Raises:
        InvalidRecipe: it follows a film and has no IC-LoRA to do so, or the other way around, or
            several that don't go together.
    """
    used = [each.name for each in recipe.inputs.loras if each.strength and each.name in factors]
    control = recipe.inputs.control
    if control is None:
        if used:
            raise InvalidRecipe.because(
                LORAS,
                f"{LORAS}: {used[0]} is an IC-LoRA, which follows a film. Name the film as "
                f"{CONTROL}, or leave the LoRA out.",
            )
        return recipe
    if not used:
        raise InvalidRecipe.because(
            CONTROL,
            f"{CONTROL}: needs an IC-LoRA in {LORAS}, with a strength other than 0: that is what "
            "follows the film. GET /api/v1/loras tells which are. Add one, or leave the film out.",
        )
    if len({factors[name] for name in used}) > 1:
        raise InvalidRecipe.because(
            LORAS,
            f"{LORAS}: {' and '.join(used)} take the film in different sizes. Use one of them.",
        )
    return _with(recipe, control.model_copy(update={"factor": factors[used[0]]}))


def tokens_beside(recipe: Recipe) -> int:
    """Tokens that a recipe's clip has in the transformer besides its own: those of the film that it
    follows."""
    size = recipe.width, recipe.height, recipe.num_frames
    return followed_tokens(*size, recipe.inputs.follows)


def _with(recipe: Recipe, control: ControlInput) -> Recipe:
    inputs = recipe.inputs.model_copy(update={"control": control})
    return recipe.model_copy(update={"inputs": inputs})
