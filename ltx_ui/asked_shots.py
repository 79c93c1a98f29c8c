"""Storyboards as clients ask for them."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, WithJsonSchema

from ltx_ui.alternatives import one_prompt
from ltx_ui.errors import FieldProblem, InvalidRecipe
from ltx_ui.presets import Presets
from ltx_ui.recipe import MAX_PROMPT, Recipe
from ltx_ui.request import parse_request
from ltx_ui.shorthand import spelled_out
from ltx_ui.storyboards import MAX_NAME, MOST_SHOTS, SHARED, Join, Shot, check_joins, planned
from ltx_ui.values import Whole, shown

_SHORT = ("preset", "size")
_SECONDS = {"anyOf": [{"type": "number"}, {"type": "null"}]}
"""Which lengths there are depends on the frames a second: see :mod:`ltx_ui.shorthand`."""


class AskedShot(BaseModel):
    """A shot, as it is asked for."""

    model_config = ConfigDict(extra="forbid")

    id: str | None = Field(
        None, max_length=32, description="The shot's, to keep its takes; null for a new one."
    )
    prompt: str = Field(
        max_length=MAX_PROMPT,
        description="What should be seen and heard in it. The @name of one of your characters "
        r"stands for their words. It has no choices, as in {a|b}; \{ is a brace.",
    )
    num_frames: Whole | None = Field(
        None, description="Its length: 8k+1 frames. Those that it adds, and the frame it starts at."
    )
    seconds: Annotated[Any, WithJsonSchema(_SECONDS)] = Field(
        None, description="Its length, where num_frames is not given."
    )
    seed: Whole | None = Field(None, description="Its own seed; null for the settings' or any.")
    join: Join = Field(
        "cut",
        description="cut: it starts by itself. last_frame: it starts from the last frame of the "
        "shot before. go_on: it goes on from the shot before, with its motion and its sound.",
    )


Shots = Annotated[list[AskedShot], Field(min_length=1, max_length=MOST_SHOTS)]


SettingsField = Field(
    description="What all shots share: fields of a recipe (width, height, fps, "
    "num_inference_steps, guidance_scale, negative_prompt, seed, model, loras, …), a preset and a "
    "size by their names. A seed is that of the shots without one of their own."
)


class StoryboardAsked(BaseModel):
    """A storyboard to be kept."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field("", max_length=MAX_NAME)
    settings: Annotated[dict[str, Any], SettingsField] = Field(default_factory=dict)
    shots: Shots


def read_settings(
    asked: Mapping[str, Any], presets: Presets, *, max_volume: int | None = None
) -> dict[str, Any]:
    """What all shots of a storyboard share, as plain data, from untrusted data.

    Args:
        asked: fields of :data:`SHARED`; a preset and a size by their names.

    Raises:
        InvalidRecipe: with a sentence for each field that has to change.
    """
    known = (*SHARED, *_SHORT)
    if strange := [name for name in asked if name not in known]:
        name = shown(strange[0])
        raise InvalidRecipe.because(
            "settings",
            f"settings: {name} is not a field that all shots share. Known: {', '.join(known)}.",
        )
    with _of("settings"):
        fields = spelled_out(asked, presets)
        told = {name: value for name, value in fields.items() if name in SHARED}
        request = parse_request(told | {"prompt": "-"}, max_volume=max_volume)
    settings = request.model_dump(mode="json", include={*SHARED} - {"loras", "seed"})
    if request.loras:
        settings["loras"] = [lora.asked for lora in request.loras]
    if "seed" in request.model_fields_set:
        settings["seed"] = request.seed
    return settings


def read_shots(
    asked: Sequence[AskedShot],
    settings: Mapping[str, Any],
    presets: Presets,
    *,
    known: Iterable[str] = (),
    max_volume: int | None = None,
) -> tuple[Shot, ...]:
    """The shots that are asked for.

    Args:
        settings: what all of them share.
        known: ids of shots that the storyboard has.

    Raises:
        InvalidRecipe: with a sentence for each field that has to change.
    """
    free, shots = set(known), []
    for number, each in enumerate(asked):
        place = f"shots.{number}"
        if each.id and each.id not in free:
            raise InvalidRecipe.because(
                f"{place}.id",
                f"{place}.id: is no shot of this storyboard, or named twice. Leave it out for a "
                "new shot.",
            )
        free.discard(each.id or "")
        if each.seconds is not None and each.num_frames is not None:
            raise InvalidRecipe.because(
                f"{place}.seconds",
                f"{place}.seconds: stands beside num_frames, and both say how long the shot is. "
                "Leave one of them out.",
            )
        with _of(place):
            shots.append(_shot(each, settings, presets, max_volume))
    check_joins(shots, settings["fps"])
    return tuple(shots)


def asked_again(shots: Iterable[Shot]) -> list[AskedShot]:
    """Shots as a client would ask for them once more."""
    return [
        AskedShot.model_validate(shot.model_dump(include={*AskedShot.model_fields}))
        for shot in shots
    ]


def check_shots(
    shots: Sequence[Shot], settings: Mapping[str, Any], usable: Callable[[Recipe], object]
) -> None:
    """Refuse shots that can't be made, as far as that can be known before.

    Args:
        usable: raises InvalidRecipe for a recipe that can't be used.

    Raises:
        InvalidRecipe: with a sentence for each field that has to change.
    """
    for number, recipe in enumerate(planned(shots, settings)):
        try:
            usable(recipe)
        except InvalidRecipe as error:
            shared = any(each.field in settings for each in error.problems)
            with _of("settings" if shared else f"shots.{number}"):
                raise


def _shot(
    asked: AskedShot, settings: Mapping[str, Any], presets: Presets, max_volume: int | None
) -> Shot:
    told = asked.model_dump(exclude={"id", "join"}, exclude_none=True)
    request = parse_request(spelled_out({**settings, **told}, presets), max_volume=max_volume)
    one_prompt(request.prompt)
    return Shot(
        id=asked.id or secrets.token_hex(4),
        prompt=request.prompt,
        num_frames=request.num_frames,
        seed=None if asked.seed in (None, -1) else request.seed,
        join=asked.join,
    )


@contextmanager
def _of(place: str) -> Iterator[None]:
    """A block in which errors are about fields of something, which their names tell then."""
    try:
        yield
    except InvalidRecipe as error:
        told = [
            FieldProblem(f"{place}.{each.field}", f"{place}.{each.message}")
            for each in error.problems
        ]
        raise InvalidRecipe(told) from None
