"""presets.json, validated: every choice a creator sees, as data.

An operator may edit the file. A mistake is a :class:`SettingsError` with the key's path, raised
when the app starts, not a broken page.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)

from ltx_ui.errors import InvalidRecipe, SettingsError
from ltx_ui.geometry import SPATIAL_COMPRESSION
from ltx_ui.home import presets_file
from ltx_ui.inputs import FIELDS
from ltx_ui.request import Request, parse_request
from ltx_ui.values import mistake

DEFAULT_FILE = presets_file()

HD_GRID = 2 * SPATIAL_COMPRESSION
"""Half of an hd format, the size of its first stage, has to fit the model's grid of 32 pixels."""

_PER_CLIP = {"prompt", "model", *FIELDS.values()}
"""Fields that belong to one clip and can't be part of a preset."""


def _not_blank(text: str) -> str:
    if not text.strip():
        raise ValueError("is empty")
    return text


def _begins_somehow(word: str) -> str:
    if not word.strip(" *"):
        raise ValueError("would stand for every word; put letters before the *")
    return word


Text = Annotated[str, AfterValidator(_not_blank)]
Word = Annotated[Text, AfterValidator(_begins_somehow)]


class _Entry(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


def _keeps_recipe_rules(fields: dict[str, Any]) -> dict[str, Any]:
    """The values as the request that they will become part of takes them; a seed of -1, which says
    nothing, is left out."""
    try:
        request = parse_request({"prompt": "a clip", **fields})
    except InvalidRecipe as error:
        raise ValueError(str(error)) from None
    return {name: getattr(request, name) for name in fields if name in request.model_fields_set}


class Preset(_Entry):
    """A named bundle of recipe settings."""

    id: Text
    name: Text
    note: str = ""
    needs_reference: bool = False
    settings: dict[str, Any]

    @field_validator("settings")
    @classmethod
    def _are_recipe_fields(cls, settings: dict[str, Any]) -> dict[str, Any]:
        for name in sorted(_PER_CLIP & settings.keys()):
            raise ValueError(f"{name} belongs to one clip and can't be part of a preset")
        return _keeps_recipe_rules(settings)


class Format(_Entry):
    """A named size, in pixels. One in ``hd`` is made in two stages, where the model can."""

    name: Text
    width: int
    height: int
    aspect: str
    note: str = ""
    recommended: bool = False
    hd: bool = False

    @property
    def label(self) -> str:
        """As the page shows it: ``TikTok / Shorts 288x512``."""
        return f"{self.name} {self.width}x{self.height}"

    @model_validator(mode="after")
    def _is_a_size(self) -> Self:
        _keeps_recipe_rules({"width": self.width, "height": self.height})
        if self.hd and (self.width % HD_GRID or self.height % HD_GRID):
            raise ValueError(f"an hd format's width and height must be multiples of {HD_GRID}")
        return self

    @property
    def settings(self) -> dict[str, Any]:
        """What choosing it sets in a recipe."""
        return {"width": self.width, "height": self.height, "two_stage": self.hd}


class Length(_Entry):
    """A frame count. Its duration is computed from the fps, never stored."""

    num_frames: int
    note: str = ""
    recommended: bool = False

    @field_validator("num_frames")
    @classmethod
    def _is_a_frame_count(cls, num_frames: int) -> int:
        _keeps_recipe_rules({"num_frames": num_frames})
        return num_frames

    def label(self, fps: int) -> str:
        """As the page shows it: ``49 frames · 2.04 s``."""
        return f"{self.num_frames} frames · {self.num_frames / fps:.2f} s"


class StepLevel(_Entry):
    """A number of denoising steps and what it is good for."""

    num_inference_steps: int
    quality: Text
    note: str = ""
    recommended: bool = False

    @field_validator("num_inference_steps")
    @classmethod
    def _is_a_step_count(cls, steps: int) -> int:
        _keeps_recipe_rules({"num_inference_steps": steps})
        return steps


class GuidanceNote(_Entry):
    """What guidance does from a value upwards."""

    from_: float = Field(alias="from")
    note: Text
    recommended: bool = False

    @field_validator("from_")
    @classmethod
    def _is_a_guidance_scale(cls, guidance_scale: float) -> float:
        _keeps_recipe_rules({"guidance_scale": guidance_scale})
        return guidance_scale


class Phrase(_Entry):
    """A ready piece of prompt."""

    name: Text
    text: Text


class Phrases(_Entry):
    """Phrases by helper field."""

    camera: tuple[Phrase, ...]
    lighting: tuple[Phrase, ...]
    sound: tuple[Phrase, ...]
    speech: tuple[Phrase, ...]


class Example(_Entry):
    """A prompt to start from, with its helper fields."""

    prompt: Text
    camera: str = ""
    lighting: str = ""
    sound: str = ""
    speech: str = ""


class Advice(_Entry):
    """What to say about a prompt that leaves something out; one sentence a finding."""

    short_prompt: Text
    no_sound: Text
    no_camera: Text
    no_lighting: Text
    no_motion: Text
    speech_without_scene: Text


class Vocabulary(_Entry):
    """English words that show that a prompt speaks of something; advice looks for them. ``rumbl*``
    stands for every word that begins so. By ``common`` words a longer prompt in Latin letters is
    told to be English; without them every one counts as English."""

    camera: tuple[Word, ...] = Field(min_length=1)
    lighting: tuple[Word, ...] = Field(min_length=1)
    sound: tuple[Word, ...] = Field(min_length=1)
    motion: tuple[Word, ...] = Field(min_length=1)
    common: tuple[Text, ...] = ()


class Workflow(_Entry):
    """A way of working in steps, with the preset it starts from."""

    name: Text
    preset: str
    steps: tuple[Text, ...]


class Trouble(_Entry):
    """A problem and its cures."""

    problem: Text
    cures: tuple[Text, ...]


class Presets(_Entry):
    """Everything in presets.json."""

    presets: tuple[Preset, ...] = Field(min_length=1)
    default_preset: str
    formats: tuple[Format, ...] = Field(min_length=1)
    lengths: tuple[Length, ...] = Field(min_length=1)
    steps: tuple[StepLevel, ...] = Field(min_length=1)
    guidance: tuple[GuidanceNote, ...] = Field(min_length=1)
    phrases: Phrases
    speech_pattern: str
    examples: tuple[Example, ...]
    reference_prompt: Text
    advice: Advice
    vocabulary: Vocabulary
    workflows: tuple[Workflow, ...]
    reference_tips: tuple[Text, ...]
    seed_tips: tuple[Text, ...]
    troubleshooting: tuple[Trouble, ...]
    takeaways: tuple[Text, ...]

    @field_validator("speech_pattern")
    @classmethod
    def _has_a_place_for_speech(cls, pattern: str) -> str:
        if "{speech}" not in pattern:
            raise ValueError("must contain {speech}, the place where the spoken words go")
        return pattern

    @model_validator(mode="after")
    def _names_fit_together(self) -> Self:
        ids = [preset.id for preset in self.presets]
        if len(set(ids)) < len(ids):
            raise ValueError("presets: two presets have the same id")
        if self.default_preset not in ids:
            raise ValueError(f"default_preset: no preset has the id {self.default_preset!r}")
        for index, workflow in enumerate(self.workflows):
            if workflow.preset not in ids:
                raise ValueError(
                    f"workflows.{index}.preset: there is no preset {workflow.preset!r}"
                )
        return self

    def formats_for(self, *, has_upsampler: bool) -> tuple[Format, ...]:
        """The formats that a model offers."""
        return tuple(format for format in self.formats if has_upsampler or not format.hd)

    @property
    def sampled_sizes(self) -> frozenset[tuple[int, int]]:
        """Width and height of every format as it is sampled: an hd format at half size first."""
        return frozenset(
            (f.width // part, f.height // part) for f in self.formats for part in (1, 1 + f.hd)
        )

    def preset(self, preset_id: str) -> Preset:
        """The preset with this id; ``KeyError`` when there is none."""
        return {preset.id: preset for preset in self.presets}[preset_id]

    def preset_settings(self, preset_id: str) -> dict[str, Any]:
        """A preset's settings, completed with the defaults of a request where it is silent.

        The seed and the number of takes are there only if the preset fixes them.
        """
        fields = Request.model_fields
        defaults = {
            name: fields[name].default
            for name in fields
            if name not in _PER_CLIP | {"seed", "negative_prompt", "num_takes"}
        }
        return defaults | self.preset(preset_id).settings

    def guidance_note(self, guidance_scale: float) -> str:
        """What this guidance does."""
        notes = sorted(self.guidance, key=lambda note: note.from_)
        fitting = [note for note in notes if note.from_ <= guidance_scale]
        return (fitting or notes)[-1 if fitting else 0].note


def load_presets(path: Path = DEFAULT_FILE) -> Presets:
    """Read and validate presets.json.

    Raises:
        SettingsError: with the path of every key that has to change.
    """
    try:
        return Presets.model_validate_json(path.read_bytes())
    except OSError as error:
        raise SettingsError(f"{path} can't be read: {error.strerror}.") from None
    except ValidationError as error:
        lines = [_line(each["loc"], mistake(each)) for each in error.errors(include_url=False)]
        raise SettingsError("\n".join([f"{path} has mistakes:", *lines])) from None


def _line(place: Sequence[str | int], told: str) -> str:
    """A mistake with the keys that lead to it; the last of them is not said twice."""
    keys = [str(key) for key in place] or ["file"]
    return f"  {'.'.join(keys)}: {told.removeprefix(f'{keys[-1]}: ')}"
