"""presets.json, validated: every choice a creator sees, as data.

An operator may edit the file. A mistake is a :class:`SettingsError` with the key's path, raised
when the app starts, not a broken page.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

from pydantic import Field, ValidationError, field_validator, model_validator

from ltx_ui.bundles import SETTINGS, Applied, Bundle, keep_request_rules, size_name
from ltx_ui.clip import Finding
from ltx_ui.errors import SettingsError
from ltx_ui.geometry import SPATIAL_COMPRESSION
from ltx_ui.guide import Stage, Tip, Trouble, Workflow
from ltx_ui.home import presets_file
from ltx_ui.phrases import Entry, Phrases, Text, Vocabulary
from ltx_ui.request import Request
from ltx_ui.values import mistake

DEFAULT_FILE = presets_file()

HD_GRID = 2 * SPATIAL_COMPRESSION
"""Half of an hd format, the size of its first stage, has to fit the model's grid of 32 pixels."""


def rounded_seconds(num_frames: int, fps: int) -> float:
    """The duration of a clip in seconds, as exactly as it is told: to a tenth."""
    return round(num_frames / fps, 1)


class Preset(Entry):
    """A named bundle of recipe settings.

    Attributes:
        short: its name where there is little room; the name itself where there is none.
    """

    id: Text
    name: Text
    short: str = ""
    note: str = ""
    needs_reference: bool = False
    settings: Bundle

    @property
    def short_name(self) -> str:
        """Its name in a word or two."""
        return self.short or self.name


class Least(Entry):
    """What a platform takes at least, in pixels and seconds; ``source`` is where it says so."""

    platform: Text
    width: int = Field(default=1, ge=1)
    height: int = Field(default=1, ge=1)
    seconds: float = Field(default=0.0, ge=0)
    source: str = ""

    def takes(self, width: int, height: int, seconds: float = math.inf) -> bool:
        """Whether a clip is large and long enough for it."""
        return width >= self.width and height >= self.height and seconds >= self.seconds


class Posting(Entry):
    """How a clip is made fit for a platform; ``source`` is where it says what it takes.

    Attributes:
        width: pixels of the file, as is ``height``.
        turns: whether a clip that is wider than high gets the size turned.
        seconds: a shorter clip is offered to be made as long, or as :class:`Least` asks for.
        fps: the fewest and the most frames a second.
        lufs: how loud it is made, in LUFS.
        peak: the highest true peak, in dB.
    """

    id: str = Field(pattern=r"^[a-z0-9-]{1,20}$")
    platform: Text
    width: int = Field(ge=16, le=4096, multiple_of=2)
    height: int = Field(ge=16, le=4096, multiple_of=2)
    turns: bool = False
    seconds: float = Field(default=0.0, ge=0, le=60)
    fps: tuple[int, int] = (23, 60)
    lufs: float = Field(default=-16.0, ge=-40, le=-5)
    peak: float = Field(default=-1.0, ge=-9, le=0)
    source: str = ""


class Format(Entry):
    """A named size, in pixels. One in ``hd`` is made in two stages, where the model can.

    Attributes:
        use: where such clips are shown, in a few words.
        least: what those platforms take, where they say so.
    """

    name: Text
    width: int
    height: int
    aspect: str
    note: str = ""
    recommended: bool = False
    hd: bool = False
    use: str = ""
    least: tuple[Least, ...] = ()

    @property
    def size_name(self) -> str:
        """As the page's form has it: ``288x512``."""
        return size_name(self.width, self.height, self.hd)

    @property
    def label(self) -> str:
        """Its name with its size: ``TikTok / Shorts 288x512``."""
        return f"{self.name} {self.width}x{self.height}"

    @model_validator(mode="after")
    def _is_a_size(self) -> Self:
        keep_request_rules({"width": self.width, "height": self.height})
        if self.hd and (self.width % HD_GRID or self.height % HD_GRID):
            raise ValueError(f"an hd format's width and height must be multiples of {HD_GRID}")
        return self

    @property
    def settings(self) -> dict[str, Any]:
        """What choosing it sets in a recipe."""
        return {"width": self.width, "height": self.height, "two_stage": self.hd}


class Length(Entry):
    """A frame count. Its duration is computed from the fps, never stored."""

    num_frames: int
    note: str = ""
    recommended: bool = False

    @field_validator("num_frames")
    @classmethod
    def _is_a_frame_count(cls, num_frames: int) -> int:
        keep_request_rules({"num_frames": num_frames})
        return num_frames


class StepLevel(Entry):
    """A number of denoising steps and what it is good for."""

    num_inference_steps: int
    quality: Text
    note: str = ""
    recommended: bool = False

    @field_validator("num_inference_steps")
    @classmethod
    def _is_a_step_count(cls, steps: int) -> int:
        keep_request_rules({"num_inference_steps": steps})
        return steps


class GuidanceNote(Entry):
    """What guidance does from a value upwards."""

    from_: float = Field(alias="from")
    note: Text
    recommended: bool = False

    @field_validator("from_")
    @classmethod
    def _is_a_guidance_scale(cls, guidance_scale: float) -> float:
        keep_request_rules({"guidance_scale": guidance_scale})
        return guidance_scale


class Example(Entry):
    """A prompt to start from, with its helper fields."""

    prompt: Text
    camera: str = ""
    lighting: str = ""
    sound: str = ""
    speech: str = ""


class Advice(Entry):
    """What to say about a prompt, a sentence for each finding of ``advice.py`` and
    ``publishing.py``. One that a file of
    an earlier version does not have is not said."""

    short_prompt: Text
    no_sound: Text
    no_camera: Text
    no_lighting: Text
    no_motion: Text
    speech_without_scene: Text
    speech_unheard: str = ""
    speech_too_long: str = ""
    speech_without_quotes: str = ""
    speech_without_speaker: str = ""
    two_cameras: str = ""
    negative_without_effect: str = ""
    falls_short: str = ""


class Remedy(Entry):
    """What to say about a clip with which something was found wrong, and what to change.

    Attributes:
        settings: to be set before the clip is made again.
        another_seed: whether another seed is worth a try.
    """

    sentence: Text
    settings: Applied = Field(default_factory=dict)
    another_seed: bool = False


class Presets(Entry):
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
    reference_tips: tuple[Tip, ...]
    seed_tips: tuple[Tip, ...]
    troubleshooting: tuple[Trouble, ...]
    takeaways: tuple[Tip, ...]
    doctor: dict[Finding, Remedy] = Field(default_factory=dict)
    posting: tuple[Posting, ...] = ()

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
        if len({each.id for each in self.posting}) < len(self.posting):
            raise ValueError("posting: two platforms have the same id")
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
        defaults = {name: Request.model_fields[name].default for name in SETTINGS}
        return defaults | self.preset(preset_id).settings

    def needs(self, workflow: Workflow) -> frozenset[str]:
        """The pictures without which a workflow can't start, its preset's among them."""
        of_preset = {"image_start"} if self.preset(workflow.preset).needs_reference else set()
        return frozenset({*workflow.needs, *of_preset})

    def stage_settings(self, workflow: Workflow, stage: Stage) -> dict[str, Any]:
        """All that a stage of a workflow sets: its preset's settings, and its own above them.

        The seed is not among them, even if the preset has one: it is found on the way.
        """
        of_preset = self.preset_settings(workflow.preset)
        return {name: of_preset[name] for name in of_preset.keys() - {"seed"}} | stage.settings

    @property
    def quickest(self) -> str:
        """The id of the preset that asks for the least work, among those that need no picture."""
        ready = [preset.id for preset in self.presets if not preset.needs_reference]
        return min(ready or [self.default_preset], key=self._work)

    def _work(self, preset_id: str) -> int:
        settings = self.preset_settings(preset_id)
        pixels = settings["width"] * settings["height"] * settings["num_frames"]
        return int(pixels * settings["num_inference_steps"])

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
