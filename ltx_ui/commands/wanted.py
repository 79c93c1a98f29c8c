"""What ``ltx-ui generate`` is asked for: options, lines and files → the fields of a request."""

from __future__ import annotations

import base64
import json
from argparse import Namespace
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from ltx_ui.errors import InvalidRecipe, SettingsError
from ltx_ui.film_kinds import FILM_KINDS
from ltx_ui.inputs import AUDIO, FIELDS
from ltx_ui.presets import Presets
from ltx_ui.recipe import seeds_of
from ltx_ui.request import Request, parse_request
from ltx_ui.shorthand import format_names, frames_of, named, preset_names
from ltx_ui.untrusted_json import json_object

T = TypeVar("T")

_FILES = frozenset({*FIELDS.values(), AUDIO, "image", "video", "mask"})
"""Fields that take a file, also those of a keyframe and of a film."""


@dataclass(frozen=True)
class Wanted:
    """A clip that is asked for.

    Attributes:
        data: the fields as the API takes them, the seed among them.
        request: the same, checked.
    """

    data: Mapping[str, Any]
    request: Request

    @classmethod
    def of(cls, data: Mapping[str, Any], max_volume: int) -> Wanted:
        """The clip of these fields.

        Raises:
            InvalidRecipe: they can't be made.
        """
        request = parse_request(data, max_volume=max_volume)
        return cls({**data, "seed": request.seed}, request)

    @property
    def seeds(self) -> list[int]:
        """The seed of each take."""
        return seeds_of(self.request)


def base_of(asked: Namespace, presets: Presets, max_volume: int) -> dict[str, Any]:
    """The fields that the options set for every clip.

    Raises:
        SettingsError: an option can't be used; says what it may be.
    """
    name = asked.preset or presets.default_preset
    preset = _named("--preset", name, presets.presets, preset_names)
    given = dict(map(_field, asked.set))
    # A film decides some of them.
    left = {name for film in FILM_KINDS.keys() & given for name in FILM_KINDS[film].inherits}
    settings = presets.preset_settings(preset.id)
    fields = {name: value for name, value in settings.items() if name not in left}
    if asked.format is not None:
        fields |= _named("--format", asked.format, presets.formats, format_names).settings
    for option, field in (("image", "image_start"), ("image_end", "image_end")):
        if (file := getattr(asked, option)) is not None:
            fields[field] = _file(file)
    if preset.needs_reference and "image_start" not in fields:
        raise SettingsError(f"--preset {preset.id} starts from a picture: name one with --image.")
    if asked.seed is not None:
        fields["seed"] = asked.seed
    fields |= given
    try:
        if asked.seconds is not None:
            fields["num_frames"] = frames_of(asked.seconds, fields.get("fps", 24))
        parse_request({"prompt": "a clip", **fields}, max_volume=max_volume)
    except InvalidRecipe as error:
        raise SettingsError(str(error)) from None
    return fields


def fields_of(data: bytes) -> dict[str, Any]:
    """The fields in JSON: a recipe as the API takes it, or what ``ltx-ui show --json`` prints.

    Raises:
        InvalidRecipe: it is no JSON object.
    """
    try:
        told = json_object(data)
    except ValueError as error:
        raise InvalidRecipe.because("recipe", f"This {error}") from None
    kept = told.get("recipe")
    return dict(kept) if isinstance(kept, Mapping) else told


def _named(option: str, name: str, among: Sequence[T], names: Callable[[T], tuple[str, ...]]) -> T:
    def unknown(listed: str) -> SettingsError:
        return SettingsError(f"{option} {name} is none of: {listed}.")

    return named(name, among, names, unknown)


def _field(given: str) -> tuple[str, Any]:
    name, equals, value = given.partition("=")
    if not equals:
        raise SettingsError(f"--set {given} must look like FIELD=VALUE, as in --set fps=30.")
    field = name.strip().replace("-", "_")
    if not value.startswith(("[", "{")):
        return field, _with_files(field, value)
    try:
        return field, _with_files(field, json.loads(value))
    except ValueError:
        raise SettingsError(f"--set {given}: what begins with [ or {{ must be JSON.") from None


def _with_files(field: str, value: Any) -> Any:
    """The value with the files that are named by ``@`` and a path where a field takes a file."""
    if isinstance(value, list):
        return [_with_files(field, each) for each in value]
    if isinstance(value, dict):
        return {name: _with_files(name, each) for name, each in value.items()}
    if field in _FILES and isinstance(value, str) and value.startswith("@"):
        return _file(Path(value[1:]))
    return value


def _file(file: Path) -> str:
    try:
        return base64.b64encode(file.read_bytes()).decode()
    except OSError as error:
        raise SettingsError(f"{file} can't be read: {error.strerror}.") from None
