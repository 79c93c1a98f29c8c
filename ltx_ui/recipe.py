"""The Recipe: everything that defines a clip, and the rules it keeps.

Field names are those of the HTTP API and of diffusers. Whatever makes a Recipe (the page, the API,
a favourite) goes through :func:`parse_recipe`, so the rules stand here once.
"""

from __future__ import annotations

import base64
import binascii
import re
import secrets
from collections.abc import Mapping
from typing import Annotated, Any, Literal, get_args

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)

from ltx_ui.errors import FieldProblem, InvalidRecipe

MAX_PROMPT = 4000
MAX_SEED = 2**32 - 1
FRAME_STEP = 8
"""Frames come as 8k+1: the video VAE packs eight frames into one latent frame after the first."""
MIN_FRAMES, MAX_FRAMES = 9, 257
MIN_SIDE, MAX_SIDE = 128, 2048
FPS_CHOICES = (24, 25, 30)
DEFAULT_NEGATIVE_PROMPT = "blurry, low quality, distorted, glitchy, watermark"

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_DATA_URI = re.compile(r"data:image/(png|jpeg|jpg|webp);base64,", re.IGNORECASE)
_MAGIC = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"RIFF")


def nearest_frames(frames: int) -> tuple[int, int]:
    """The two valid frame counts nearest to ``frames``, smaller first."""
    inside = min(max(frames, MIN_FRAMES), MAX_FRAMES - 1)
    below = (inside - 1) // FRAME_STEP * FRAME_STEP + 1
    return below, below + FRAME_STEP


def is_digest(reference: str) -> bool:
    """Whether a reference names a stored image (``sha256:…``) instead of carrying one."""
    return _DIGEST.fullmatch(reference) is not None


def decode_reference(reference: str) -> bytes:
    """The bytes of an image sent as base64 or as a data URI.

    Raises:
        ValueError: it is neither, or not a PNG, JPEG or WebP.
    """
    prefix = _DATA_URI.match(reference)
    payload = reference[prefix.end() :] if prefix else reference
    try:
        data = base64.b64decode("".join(payload.split()), validate=True)
    except (binascii.Error, ValueError):
        raise ValueError(
            "is not valid base64. Send a PNG, JPEG or WebP image as base64 or as a data URI "
            "(data:image/png;base64,…), not a path or an address."
        ) from None
    if not data.startswith(_MAGIC):
        raise ValueError("is not a PNG, JPEG or WebP image. Save the picture as one of these.")
    return data


def _check_prompt(prompt: str) -> str:
    if not prompt.strip():
        raise ValueError("is empty. Describe what should be seen and heard.")
    return prompt


def _check_frames(frames: int) -> int:
    if not MIN_FRAMES <= frames <= MAX_FRAMES or (frames - 1) % FRAME_STEP:
        below, above = nearest_frames(frames)
        raise ValueError(
            f"is {frames}; allowed are {MIN_FRAMES} to {MAX_FRAMES} in steps of {FRAME_STEP} "
            f"(8k+1). The nearest valid counts are {below} and {above}."
        )
    return frames


def _check_side(side: int) -> int:
    if side % 2:
        raise ValueError(f"is {side}; it must be even (H.264). Use {side - 1} or {side + 1}.")
    return side


def _check_reference(reference: str | None) -> str | None:
    if reference is not None and not is_digest(reference):
        decode_reference(reference)
    return reference


Prompt = Annotated[str, Field(max_length=MAX_PROMPT), AfterValidator(_check_prompt)]
Side = Annotated[int, Field(ge=MIN_SIDE, le=MAX_SIDE, strict=True), AfterValidator(_check_side)]
Reference = Annotated[str | None, AfterValidator(_check_reference)]


class Recipe(BaseModel):
    """Everything that defines a clip. Frozen; the same recipe on the same device and software gives
    the same clip.

    ``image_start`` and ``image_end`` arrive as base64 or data URIs of a PNG, JPEG or WebP; once the
    studio has taken a picture in, they hold its digest (``sha256:…``).
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    prompt: Prompt = Field(description="What should be seen and heard; 1 to 4000 characters.")
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
    num_frames: Annotated[int, Field(strict=True), AfterValidator(_check_frames)] = Field(
        49, description="8k+1 frames: 9, 17, 25, … 257."
    )
    fps: Literal[24, 25, 30] = Field(24, description="Frames a second.")
    num_inference_steps: int = Field(40, ge=1, le=100, strict=True, description="Denoising steps.")
    guidance_scale: float = Field(
        3.0, ge=1.0, le=20.0, description="Classifier-free guidance for the picture; 1 is off."
    )
    seed: int = Field(
        default_factory=lambda: secrets.randbelow(MAX_SEED + 1),
        ge=0,
        le=MAX_SEED,
        strict=True,
        description="The same seed repeats the clip. None given: one is drawn and kept.",
    )
    image_start: Reference = Field(
        None, description="First frame: PNG, JPEG or WebP as base64 or data URI."
    )
    image_end: Reference = Field(
        None, description="Last frame: PNG, JPEG or WebP as base64 or data URI."
    )
    image_strength: float = Field(
        1.0, ge=0.0, le=1.0, description="How closely the reference images are kept."
    )
    include_audio: bool = Field(True, description="Make the sound track.")
    mode: Literal["standard", "high"] = Field(
        "standard",
        description="high adds spatio-temporal and modality guidance: 4 forwards a step, not 2.",
    )
    two_stage: bool = Field(
        False, description="Make the clip at half size, enlarge it and refine it: for HD formats."
    )
    num_takes: int = Field(
        1, ge=1, le=8, strict=True, description="Takes to make, with seed, seed + 1, and so on."
    )
    model: str | None = Field(
        None, max_length=200, description="The model this clip asks for; none: whichever is loaded."
    )

    @model_validator(mode="before")
    @classmethod
    def _absent_means_default(cls, data: Any) -> Any:
        """A ``null`` seed or model is one that was not given."""
        if isinstance(data, Mapping):
            return {k: v for k, v in data.items() if not (k == "seed" and v is None)}
        return data

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
    try:
        recipe = Recipe.model_validate(data)
    except ValidationError as error:
        raise InvalidRecipe([_problem(dict(e)) for e in error.errors()]) from None
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
    fits = (max_volume // area - 1) // FRAME_STEP * FRAME_STEP + 1
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


def _problem(error: dict[str, Any]) -> FieldProblem:
    """One pydantic error as a sentence that names the field, the value and what is allowed."""
    field = str(error["loc"][0]) if error["loc"] else "recipe"
    return FieldProblem(field, f"{field}: {_sentence(field, error)}")


def _sentence(field: str, error: dict[str, Any]) -> str:
    kind, context, value = error["type"], error.get("ctx", {}), error["input"]
    match kind:
        case "missing":
            return "is missing. Describe what should be seen and heard."
        case "extra_forbidden":
            return f"is not a field of a recipe. Known fields: {', '.join(Recipe.model_fields)}."
        case "string_too_long":
            return f"has {len(value)} characters; at most {context['max_length']} are allowed."
        case "literal_error":
            choices = get_args(Recipe.model_fields[field].annotation)
            return f"is {_short(value)}; allowed are {', '.join(map(str, choices))}."
        case "value_error":
            return str(context["error"])
    allowed = _allowed(field)
    return f"is {_short(value)}; allowed is {allowed}." if allowed else f"{error['msg']}."


def _allowed(field: str) -> str | None:
    """What a field takes, in words, read from its own annotation."""
    info = Recipe.model_fields.get(field)
    if info is None:
        return None
    kinds: dict[Any, str] = {int: "a whole number", float: "a number", bool: "true or false"}
    noun = kinds.get(info.annotation, "a text")
    low = next((item.ge for item in info.metadata if hasattr(item, "ge")), None)
    high = next((item.le for item in info.metadata if hasattr(item, "le")), None)
    return noun if low is None or high is None else f"{noun} from {low} to {high}"


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}…"
