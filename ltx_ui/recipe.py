"""The Recipe: everything that defines a clip, and the rules it keeps.

Field names are those of the HTTP API and of diffusers. Whatever makes a Recipe (the page, the API,
a favourite) goes through :func:`parse_recipe`, so the rules stand here once:

- a value may also stand in quotes, and whole numbers come in any form (9, 9.0, "9");
- ``null`` is a field that was not given, and so are an empty model or picture and a seed of -1;
- prompts become one paragraph: models know no line breaks, and the same words are the same clip
  whether they came from the page or from a client that wraps its lines.

A recipe that was stored is read with ``Recipe.model_validate``, which leaves its words as they are.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from functools import cache
from itertools import islice
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)
from pydantic_core import PydanticCustomError

from ltx_ui.errors import FieldProblem, InvalidRecipe
from ltx_ui.geometry import TEMPORAL_COMPRESSION, whole_frames
from ltx_ui.pictures import FORMATS
from ltx_ui.pictures import decode_reference as decode_reference
from ltx_ui.pictures import is_digest as is_digest
from ltx_ui.values import Real, Truth, Whole, shown, whole
from ltx_ui.words import squeeze

MAX_PROMPT = 4000
MAX_SEED = 2**32 - 1
MIN_FRAMES, MAX_FRAMES = 9, 257
MIN_SIDE, MAX_SIDE = 128, 2048
FPS_CHOICES = (24, 25, 30)
DEFAULT_NEGATIVE_PROMPT = "blurry, low quality, distorted, glitchy, watermark"

_UNSET_WHEN_EMPTY = ("model", "image_start", "image_end")
_IN_QUOTES = {
    "integer": r"^\s*[+-]?\d+(\.0*)?\s*$",
    "number": r"^\s*[+-]?\d+(\.\d*)?([eE][+-]?\d+)?\s*$",
    "boolean": r"^\s*(true|false)\s*$",
}
"""How a value of a JSON type looks as a text; whole numbers are also taken as 9e0."""


def nearest_frames(frames: int) -> tuple[int, int]:
    """The two valid frame counts nearest to ``frames``, smaller first."""
    inside = min(max(frames, MIN_FRAMES), MAX_FRAMES - 1)
    below = whole_frames(inside)
    return below, below + TEMPORAL_COMPRESSION


def _check_prompt(prompt: str) -> str:
    if not prompt.strip():
        raise ValueError("is empty. Describe what should be seen and heard.")
    return prompt


def _check_frames(frames: int) -> int:
    if not MIN_FRAMES <= frames <= MAX_FRAMES or frames != whole_frames(frames):
        below, above = nearest_frames(frames)
        raise ValueError(
            f"is {frames}; allowed are {MIN_FRAMES} to {MAX_FRAMES} in steps of "
            f"{TEMPORAL_COMPRESSION} (8k+1). The nearest valid counts are {below} and {above}."
        )
    return frames


def _check_side(side: int) -> int:
    if side % 2:
        raise ValueError(
            f"is {side}; allowed are even numbers (H.264) from {MIN_SIDE} to {MAX_SIDE}. "
            f"Use {side - 1} or {side + 1}."
        )
    return side


def _check_reference(reference: str | None) -> str | None:
    if reference is not None and not is_digest(reference):
        decode_reference(reference)
    return reference


def _given(data: Mapping[str, Any]) -> dict[str, Any]:
    """The fields that were given a value."""
    return {name: value for name, value in data.items() if not _is_unset(name, value)}


def _is_unset(name: str, value: Any) -> bool:
    if value is None:
        return name in Recipe.model_fields
    if name in _UNSET_WHEN_EMPTY:
        return isinstance(value, str) and not value.strip()
    return name == "seed" and _is_minus_one(value)


def _is_minus_one(value: Any) -> bool:
    try:
        return whole(value) == -1
    except PydanticCustomError:
        return False


def _as_sent(schema: dict[str, Any]) -> None:
    """Add to the fields' JSON schema the other forms that their values may come in."""
    for name, field in schema["properties"].items():
        if name in schema["required"]:
            continue
        plain = {key: field.pop(key) for key in ("type", "enum") if key in field}
        forms = field.setdefault("anyOf", [plain])
        if pattern := _IN_QUOTES.get(forms[0]["type"]):
            forms.append({"type": "string", "pattern": pattern})
        if {"type": "null"} not in forms:
            forms.append({"type": "null"})


Prompt = Annotated[str, Field(max_length=MAX_PROMPT), AfterValidator(_check_prompt)]
Side = Annotated[
    int,
    Field(ge=MIN_SIDE, le=MAX_SIDE, json_schema_extra={"multipleOf": 2}),
    BeforeValidator(whole),
    AfterValidator(_check_side),
]
Reference = Annotated[str | None, AfterValidator(_check_reference)]


class Recipe(BaseModel):
    """Everything that defines a clip. Frozen; the same recipe on the same device and software gives
    the same clip.

    ``image_start`` and ``image_end`` arrive as base64 or data URIs; once the studio has taken a
    picture in, they hold its digest (``sha256:…``).
    """

    model_config = ConfigDict(
        frozen=True, extra="forbid", allow_inf_nan=False, json_schema_extra=_as_sent
    )

    prompt: Prompt = Field(
        description="What should be seen and heard, in one paragraph of 1 to 4000 characters."
    )
    negative_prompt: str = Field(
        DEFAULT_NEGATIVE_PROMPT,
        max_length=MAX_PROMPT,
        description="What should not be seen or heard. Has no effect at guidance 1.",
    )
    width: Side = Field(
        288, description="Pixels, even; off the model's grid it is cropped to size."
    )
    height: Side = Field(
        512, description="Pixels, even; off the model's grid it is cropped to size."
    )
    num_frames: Annotated[Whole, AfterValidator(_check_frames)] = Field(
        49,
        description="8k+1 frames: 9, 17, 25, … 257.",
        json_schema_extra={"minimum": MIN_FRAMES, "maximum": MAX_FRAMES},
    )
    fps: Annotated[Literal[24, 25, 30], BeforeValidator(whole)] = Field(
        24, description="Frames a second: 24, 25 or 30."
    )
    num_inference_steps: Whole = Field(40, ge=1, le=100, description="Denoising steps.")
    guidance_scale: Real = Field(
        3.0, ge=1.0, le=20.0, description="Classifier-free guidance for the picture; 1 is off."
    )
    seed: Whole = Field(
        default_factory=lambda: secrets.randbelow(MAX_SEED + 1),
        ge=0,
        le=MAX_SEED,
        description="The same seed repeats the clip. Left out, null or -1: one is drawn and kept.",
        json_schema_extra={"minimum": -1},
    )
    image_start: Reference = Field(
        None, description=f"First frame: {FORMATS} as base64 or data URI."
    )
    image_end: Reference = Field(None, description=f"Last frame: {FORMATS} as base64 or data URI.")
    image_strength: Real = Field(
        1.0, ge=0.0, le=1.0, description="How closely the first and the last frame are kept."
    )
    include_audio: Truth = Field(True, description="Make the sound track.")
    mode: Literal["standard", "high"] = Field(
        "standard",
        description=(
            "standard, or high, which adds spatio-temporal and modality guidance: 4 forwards a "
            "step, not 2."
        ),
    )
    two_stage: Truth = Field(
        False, description="Make the clip at half size, enlarge it and refine it: for HD formats."
    )
    num_takes: Whole = Field(
        1, ge=1, le=8, description="Takes to make, with seed, seed + 1, and so on."
    )
    model: str | None = Field(
        None, max_length=200, description="The model this clip asks for; none: whichever is loaded."
    )

    @model_validator(mode="before")
    @classmethod
    def _unset_means_default(cls, data: Any) -> Any:
        return _given(data) if isinstance(data, Mapping) else data

    @property
    def duration(self) -> float:
        """Length in seconds: frames / fps."""
        return self.num_frames / self.fps

    @property
    def resolution(self) -> str:
        """Size as ``288x512``."""
        return f"{self.width}x{self.height}"

    def takes(self) -> list[Recipe]:
        """The recipe of each take by itself: its own seed (the one after 2³²−1 is 0), one take."""
        return [
            self.model_copy(update={"seed": (self.seed + i) % (MAX_SEED + 1), "num_takes": 1})
            for i in range(self.num_takes)
        ]


def parse_recipe(data: Mapping[str, Any], *, max_volume: int | None = None) -> Recipe:
    """A Recipe from untrusted data.

    Args:
        data: the fields, as in the API's JSON.
        max_volume: the most width × height × frames allowed, in pixels.

    Raises:
        InvalidRecipe: with a sentence for every field that has to change.
    """
    known = {name: data[name] for name in Recipe.model_fields if name in data}
    for words in ("prompt", "negative_prompt"):
        if isinstance(known.get(words), str):
            known[words] = squeeze(known[words])
    problems: list[FieldProblem] = []
    try:
        recipe = Recipe.model_validate(known)
    except ValidationError as error:
        problems = [_problem(dict(e)) for e in error.errors(include_url=False)]
    unknown = len(data) - len(known)
    # Only those that are shown are looked at: a body may hold a million of them.
    strange = islice((name for name in data if name not in known), InvalidRecipe.LIMIT)
    problems += [_unknown(str(name)) for name in strange]
    if problems:
        raise InvalidRecipe(problems, more=max(0, unknown - InvalidRecipe.LIMIT))
    check_volume(recipe, max_volume)
    return recipe


def check_volume(recipe: Recipe, max_volume: int | None) -> None:
    """Hold a recipe to the operator's cap on width × height × frames.

    Raises:
        InvalidRecipe: it is larger; says the longest clip of this size that fits.
    """
    area = recipe.width * recipe.height
    if max_volume is None or area * recipe.num_frames <= max_volume:
        return
    fits = whole_frames(max_volume // area)
    cure = (
        f"At {recipe.resolution} up to {fits} frames fit"
        if fits >= MIN_FRAMES
        else "Choose a smaller format"
    )
    raise InvalidRecipe.because(
        "num_frames",
        f"num_frames: {recipe.resolution} with {recipe.num_frames} frames is "
        f"{area * recipe.num_frames / 1e6:.1f} million pixels; this studio allows "
        f"{max_volume / 1e6:.1f} million. {cure}.",
    )


def _unknown(name: str) -> FieldProblem:
    known = ", ".join(Recipe.model_fields)
    return FieldProblem(
        name[:60].encode(errors="replace").decode(),
        f"{shown(name)} is not a field of a recipe. Known fields: {known}.",
    )


def _problem(error: dict[str, Any]) -> FieldProblem:
    """One pydantic error as a sentence that names the field, the value and what is allowed."""
    field = str(error["loc"][0]) if error["loc"] else "recipe"
    return FieldProblem(field, f"{field}: {_sentence(field, error)}")


def _sentence(field: str, error: dict[str, Any]) -> str:
    kind, context, value = error["type"], error.get("ctx", {}), error["input"]
    match kind:
        case "missing":
            return "is missing. Describe what should be seen and heard."
        case "string_too_long":
            most = context["max_length"]
            return f"has {len(value)} characters; at most {most} are allowed. Shorten it."
        case "string_unicode":
            return f"is {shown(value)}, which is not Unicode text. Send it as UTF-8."
        case "value_error":
            return str(context["error"])
    return f"is {shown(value)}; allowed {_allowed(field)}.{_way_out(field)}"


@cache
def _allowed(field: str) -> str:
    """What a field takes, in words, from its JSON schema."""
    schema = Recipe.model_json_schema()["properties"][field]
    plain = schema["anyOf"][0] if "anyOf" in schema else schema
    if "enum" in plain:
        return f"are {', '.join(map(str, plain['enum']))}"
    if plain["type"] == "boolean":
        return "is true or false"
    if "minimum" not in schema:
        picture = field in ("image_start", "image_end")
        return f"is a {FORMATS} picture as base64 or as a data URI" if picture else "is a text"
    low = 0 if field == "seed" else schema["minimum"]
    noun = "a whole number" if plain["type"] == "integer" else "a number"
    steps = {"num_frames": " in steps of 8 (8k+1)", "width": ", even", "height": ", even"}
    return f"is {noun} from {low} to {schema['maximum']}{steps.get(field, '')}"


def _way_out(field: str) -> str:
    """What to do where no value is wanted."""
    info = Recipe.model_fields[field]
    if field == "seed":
        return " Leave it out, or send null or -1, to draw one."
    if info.is_required():
        return " Describe what should be seen and heard."
    if not isinstance(info.default, int | float) and field != "mode":
        return " Leave it out for the default."
    return f" Leave it out for {str(info.default).lower()}."
