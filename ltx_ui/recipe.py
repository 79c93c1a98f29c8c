"""The Recipe: everything that defines a clip, and the rules it keeps.

Its fields have the names of diffusers and of the HTTP API. What people ask for becomes a Recipe in
``request.py``, whatever form it came in; one that was stored, in the library or in an mp4, is read
with ``Recipe.model_validate``, which leaves its words as they are.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    model_validator,
)
from pydantic_core import PydanticCustomError

from ltx_ui.errors import InvalidRecipe
from ltx_ui.geometry import TEMPORAL_COMPRESSION, whole_frames
from ltx_ui.inputs import AUDIO, CENTRE, FIELDS, FOCUSES, Inputs
from ltx_ui.values import Real, Truth, Whole, shown, truth, whole

MAX_PROMPT = 4000
MOST_TYPED = 5 * MAX_PROMPT
"""Characters typed for a recipe that are taken for somebody's words: reading them takes time."""
MAX_SEED = 2**32 - 1
MIN_FRAMES, MAX_FRAMES = 9, 257
MIN_SIDE, MAX_SIDE = 128, 2048
MAX_TAKES = 8
LOUDNESS = -16.0
"""LUFS that sound is brought to where that is asked for."""
DEFAULT_NEGATIVE_PROMPT = "blurry, low quality, distorted, glitchy, watermark"

_EARLIER = frozenset((*FIELDS.values(), "image_strength"))


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


Prompt = Annotated[str, Field(max_length=MAX_PROMPT), AfterValidator(_check_prompt)]
Side = Annotated[
    int,
    Field(ge=MIN_SIDE, le=MAX_SIDE, json_schema_extra={"multipleOf": 2}),
    BeforeValidator(whole),
    AfterValidator(_check_side),
]


def images_from(data: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The pictures in fields of the API's names, ``image_start`` and so on, as a recipe's inputs
    have them."""
    strength = data.get("image_strength", 1.0)
    return [
        {
            "digest": data[name],
            "at": place,
            "strength": strength,
            "focus": data.get(FOCUSES[place], CENTRE),
        }
        for place, name in FIELDS.items()
        if data.get(name) is not None
    ]


def sound_from(data: Mapping[str, Any]) -> dict[str, Any] | None:
    """The sound in fields of the API's names, as a recipe's inputs have it; None without one."""
    if data.get(AUDIO) is None:
        return None
    return {
        "digest": data[AUDIO],
        "strength": data["audio_strength"],
        "start": data["audio_start"],
    }


@dataclass(frozen=True)
class PromptFields:
    """What a creator typed: the prompt and its helper fields, any of which may be empty."""

    prompt: str = ""
    camera: str = ""
    lighting: str = ""
    sound: str = ""
    speech: str = ""


@dataclass(frozen=True)
class Typed(PromptFields):
    """What a creator typed for a recipe.

    Attributes:
        negative_prompt: their own one, also where the recipe has its model's authors' in its place.
            None where it is not known: versions up to 0.2.0 didn't keep it.
    """

    negative_prompt: str | None = None


def _is_loudness(value: Any) -> Any:
    """The one loudness that there is also means that it is wanted."""
    if value in (LOUDNESS, f"{LOUDNESS:g}"):
        return True
    try:
        return truth(value)
    except PydanticCustomError:
        raise ValueError(
            f"is {shown(value)}; allowed is true, for {LOUDNESS:g} LUFS, or false. Leave it out "
            "for false."
        ) from None


class ClipFields(BaseModel):
    """What a recipe and a request for one have in common: all but the inputs."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    prompt: Prompt = Field(
        description="What should be seen and heard, in one paragraph of 1 to "
        f"{MAX_PROMPT} characters."
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
        description=f"8k+1 frames: 9, 17, 25, … {MAX_FRAMES}.",
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
    motion_speed: Real = Field(
        1.0,
        ge=0.2,
        le=2.0,
        description="How fast everything moves: below 1 in slow motion, above it hurried. The clip "
        "is as long as before.",
    )
    loop: Truth = Field(
        False,
        exclude_if=lambda loop: not loop,
        description="The last frame is the first one, and the sound passes over into its "
        "beginning: the clip can be played round and round.",
    )
    loudness: Annotated[Truth, BeforeValidator(_is_loudness)] = Field(
        False,
        exclude_if=lambda loudness: not loudness,
        description="Bring the sound to -16 LUFS, with true peaks of at most -1 dB.",
    )
    num_takes: Whole = Field(
        1, ge=1, le=MAX_TAKES, description="Takes to make, with seed, seed + 1, and so on."
    )
    model: str | None = Field(
        None, max_length=200, description="The model this clip asks for; none: whichever is loaded."
    )

    noise: Literal["frame", "clip"] = Field(
        "clip",
        description=(
            "Where the noise comes from. frame: each frame's has a place of its own, so that a "
            "longer or better clip of the same seed begins alike. clip: as versions up to 0.2.0 "
            "drew it, whose clips it repeats."
        ),
    )

    @property
    def duration(self) -> float:
        """Length in seconds: frames / fps."""
        return self.num_frames / self.fps

    @property
    def resolution(self) -> str:
        """Size as ``288x512``."""
        return f"{self.width}x{self.height}"


class Recipe(ClipFields):
    """Everything that defines a clip. Frozen; the same recipe on the same device and software gives
    the same clip. The files that it is made from are named by their digests.

    Attributes:
        noise: "clip" where it is not told: what was stored before there was a choice was made so.
        typed: what the page made the prompts from, so that its fields can be filled again; it does
            nothing to the clip. None for prompts that were sent as they are.
    """

    inputs: Inputs = Inputs()
    typed: Typed | None = None

    @model_validator(mode="before")
    @classmethod
    def _read_earlier_form(cls, data: Any) -> Any:
        """Versions up to 0.2.0 had two fields for pictures with one strength for both; mp4 files
        made by them keep that form."""
        if not isinstance(data, Mapping) or _EARLIER.isdisjoint(data):
            return data
        return {name: value for name, value in data.items() if name not in _EARLIER} | {
            "inputs": {"images": images_from(data)}
        }

    @model_validator(mode="after")
    def _keeps_pictures_inside(self) -> Recipe:
        last = self.num_frames - 1
        places = {last if image.at == -1 else image.at for image in self.inputs.images}
        if len(places) < len(self.inputs.images) or max(places, default=0) > last:
            raise ValueError("has pictures at the same frame, or after its last one")
        return self

    @property
    def seen(self) -> bool:
        """Whether some of its frames are given while it is sampled, at whatever strength."""
        return self.loop or self.inputs.seen

    @property
    def as_given(self) -> bool:
        """Whether its picture is a film's and its sound a given one or none, so that nothing of it
        is sampled."""
        audio = self.inputs.audio
        given = audio is not None and audio.strength == 1.0
        return self.inputs.picture is not None and (given or not self.include_audio)

    @property
    def sound_seconds(self) -> float:
        """How long a given sound is heard: as long as what is sampled, or as a film that keeps its
        picture."""
        return self.duration if self.inputs.picture else self.num_frames / self.fps

    @property
    def film_frames(self) -> int:
        """Frames of the take: with those of the film that it goes on from, or is a part of."""
        film, whole = self.inputs.film, self.inputs.retake or self.inputs.picture
        if whole is not None:
            return whole.frames or self.num_frames
        return self.num_frames + (max(0, film.frames - film.overlap) if film else 0)

    @property
    def duration(self) -> float:
        """Length of the take in seconds."""
        return self.film_frames / self.fps

    def with_typed(self, typed: Typed | None) -> Recipe:
        """The same with these words as what was typed for it; without any where they are longer
        than somebody's words."""
        length = sum(len(words or "") for words in vars(typed).values()) if typed else 0
        return self.model_copy(update={"typed": typed if length <= MOST_TYPED else None})

    def takes(self) -> list[Recipe]:
        """The recipe of each take by itself: its own seed (the one after 2³²−1 is 0), one take."""
        seeds = seeds_of(self)
        return [self.model_copy(update={"seed": seed, "num_takes": 1}) for seed in seeds]


def seeds_of(recipe: ClipFields) -> list[int]:
    """The seed of each take."""
    return [(recipe.seed + i) % (MAX_SEED + 1) for i in range(recipe.num_takes)]


def check_volume(recipe: ClipFields, max_volume: int | None) -> None:
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
