"""What people ask for, under the API's names, and how it becomes a Recipe.

Whatever makes a Recipe anew (the page, the API, a preset) goes through :func:`parse_request`, so
that the rules stand here once:

- a value may also stand in quotes, and whole numbers come in any form (9, 9.0, "9");
- ``null`` is a field that was not given, and so are a seed of -1 and an empty text where a model, a
  file or a take is named, also within another field;
- prompts lose superfluous space and control characters, and keep their lines, which models read;
- a picture or a sound is the digest of one that is stored, or its file as base64 or a data URI;
- what keyframes are, ``keyframes.py`` says.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from itertools import islice
from typing import Any, Literal

from pydantic import (
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)
from pydantic_core import PydanticCustomError

from ltx_ui import controlling
from ltx_ui.errors import FieldProblem, InvalidRecipe
from ltx_ui.extending import SentExtend
from ltx_ui.film_kinds import sent_films
from ltx_ui.given_films import GivenFilm, check_alone
from ltx_ui.inputs import (
    AUDIO,
    CENTRE,
    FIELDS,
    FILMS,
    FOCUSES,
    FORMATS,
    MOST_PICTURES,
    SOUND_FORMATS,
    Inputs,
)
from ltx_ui.keyframes import (
    FIELD,
    Focus,
    Keyframe,
    SentPicture,
    check_keyframes,
    images_of,
    keyframes_of,
    name_of,
    read_keyframes,
)
from ltx_ui.looping import check_loop
from ltx_ui.loras import SentLoras
from ltx_ui.new_sound import SentPictureOf, SentSound, SoundOfTake
from ltx_ui.recipe import MAX_FRAMES, ClipFields, Recipe, check_volume, images_from, sound_from
from ltx_ui.retaking import SentPart
from ltx_ui.sent_files import SentFile
from ltx_ui.sound_length import AudioStart, AudioStrength, FitAudio, check_fit
from ltx_ui.upscaling import SentUpscale, given_sound
from ltx_ui.values import Real, is_blank, shown, taken_in_quotes, whole
from ltx_ui.words import tidy_lines

_UNSET_WHEN_EMPTY = ("model", *FIELDS.values(), AUDIO, *FILMS)

_FOCUS = (
    "Which part of the {} frame's picture stays where the format has another shape: how far right "
    "and how far down, from [0, 0] to [1, 1]."
)


class Request(ClipFields):
    """A recipe as it is asked for: its files are digests, or what is not stored yet."""

    model_config = ConfigDict(json_schema_extra=taken_in_quotes)

    noise: Literal["frame", "clip"] = Field(
        "frame", description=ClipFields.model_fields["noise"].description
    )
    image_start: SentPicture = Field(
        None, description=f"First frame: {FORMATS} as base64 or data URI."
    )
    image_end: SentPicture = Field(
        None, description=f"Last frame: {FORMATS} as base64 or data URI."
    )
    image_start_focus: Focus = Field(CENTRE, description=_FOCUS.format("first"))
    image_end_focus: Focus = Field(CENTRE, description=_FOCUS.format("last"))
    image_strength: Real = Field(
        1.0, ge=0.0, le=1.0, description="How closely the first and the last frame are kept."
    )
    loras: SentLoras = Field(
        (), description="LoRAs that change the model for this clip, by name, with their strengths."
    )
    keyframes: tuple[Keyframe, ...] = Field(
        (),
        max_length=MOST_PICTURES,
        description="Pictures at any frames of the clip, each with its strength; at most "
        f"{MOST_PICTURES} with the first and the last one.",
    )
    audio: SentSound = Field(
        None,
        description=f"A sound to make the clip to: {SOUND_FORMATS} as base64 or data URI, or that "
        "of a take, by its id.",
    )
    audio_strength: AudioStrength = 1.0
    audio_start: AudioStart = 0.0
    fit_audio: FitAudio = False

    extend: SentExtend = Field(
        None,
        description="A film to go on from, by the id of a take, or as video: MP4 as base64, data "
        "URI or digest. The take is the whole film: its frames and the new ones, of which the "
        "first (before: the last) overlap frames are the film's. Its size and fps are the film's.",
    )
    retake: SentPart = Field(
        None,
        description="A film of which a part is made again, by the id of a take or as video: from "
        "start_frame to the one before end_frame. The rest stays. Size, fps and num_frames are "
        "the film's.",
    )
    picture_of: SentPictureOf = Field(
        None,
        description="A film that gets another sound, by the id of a take or as video; its picture "
        "stays. audio is that sound; without it the model makes one from the prompt, and with "
        "include_audio false there is none.",
    )
    upscale: SentUpscale = Field(
        None,
        description="A film to make larger, twice as wide and as high, as extend names one. It is "
        "refined as the second stage of two_stage does, and keeps its sound, length and fps.",
    )
    control: controlling.SentFollowed = Field(None, description=controlling.WHAT)

    @model_validator(mode="before")
    @classmethod
    def _unset_means_default(cls, data: Any) -> Any:
        return _given(data) if isinstance(data, Mapping) else data

    @property
    def files(self) -> dict[str, bytes]:
        """What came as files, by field; the pictures of keyframes by the entry's name."""
        sent = {name: getattr(self, name) for name in (*FIELDS.values(), AUDIO)}
        sent |= {name_of(number): each.image for number, each in enumerate(self.keyframes)}
        for name, film in self.films.items():
            sent |= film.sent(name)
        return {name: value for name, value in sent.items() if isinstance(value, bytes)}

    @property
    def films(self) -> dict[str, GivenFilm]:
        """The films that it names, by field."""
        given = {name: getattr(self, name) for name in FILMS}
        return {name: film for name, film in given.items() if film is not None}

    @property
    def takes(self) -> dict[str, str]:
        """The ids of the takes whose films or sound it names, by field."""
        named = {name: film.take for name, film in self.films.items() if film.take}
        return named | ({AUDIO: self.audio.take} if isinstance(self.audio, SoundOfTake) else {})

    @property
    def inherited(self) -> frozenset[str]:
        """The fields that the recipe has of a film."""
        of_films = {name for film in self.films.values() for name in film.inherits}
        return frozenset(of_films - self.model_fields_set)

    def picture_at(self, place: int) -> SentFile | None:
        """What was sent for the first frame (0) or the last one (-1); None where nothing was."""
        last = place == -1
        frames = (-1, self.num_frames - 1) if last else (0,)
        given: SentFile | None = self.image_end if last else self.image_start
        return given or next((each.image for each in self.keyframes if each.frame in frames), None)

    @property
    def most_frames(self) -> int:
        """How many frames its clip may have: as a film that it has them of, or as was asked for."""
        return self.fits or (MAX_FRAMES if "num_frames" in self.inherited else self.num_frames)

    @property
    def fits(self) -> int | None:
        """How many frames its clip may have at most; None where it is not as long as its sound."""
        most = self.num_frames if "num_frames" in self.model_fields_set else MAX_FRAMES
        return most if self.fit_audio else None

    def recipe(self, stored: Mapping[str, str] | None = None) -> Recipe:
        """The recipe.

        Args:
            stored: the digests that the studio gave to :attr:`files` and to the films of
                :attr:`takes`, by field; all of them.

        Raises:
            InvalidRecipe: it names a take, and there is no digest of its film.
        """
        names = (*FIELDS.values(), *FOCUSES.values(), "image_strength")
        names += (AUDIO, "audio_strength", "audio_start")
        own = {name: getattr(self, name) for name in names}
        digests = {name: (stored or {})[name] for name in self.files}
        own |= {name: digests[name] for name in names if name in digests}
        if isinstance(self.audio, SoundOfTake):
            own[AUDIO] = _digest(AUDIO, (stored or {}).get(AUDIO))
        images = images_from(own) + images_of(self.keyframes, digests, self.most_frames)
        inputs = Inputs.model_validate(
            {"images": images, "loras": self.loras, "audio": sound_from(own)}
        )
        for name, film in self.films.items():
            digest = _digest(name, (stored or {}).get(name, film.video))
            named = film.stored(digests).input(digest)
            inputs = inputs.model_copy(update={FILMS[name]: named})
        shared = {name: getattr(self, name) for name in ClipFields.model_fields}
        return Recipe.model_construct(**shared, inputs=inputs)


def _digest(name: str, found: Any) -> str:
    if isinstance(found, str):
        return found
    raise InvalidRecipe.because(
        name, f"{name}: names a take, which only the studio knows that made it."
    )


def parse_request(data: Mapping[str, Any], *, max_volume: int | None = None) -> Request:
    """A request from untrusted data.

    Args:
        data: the fields, as in the API's JSON.
        max_volume: the most width × height × frames allowed, in pixels.

    Raises:
        InvalidRecipe: with a sentence for every field that has to change.
    """
    known = {name: data[name] for name in Request.model_fields if name in data}
    for words in ("prompt", "negative_prompt"):
        if isinstance(known.get(words), str):
            known[words] = tidy_lines(known[words])
    problems: list[FieldProblem] = []
    try:
        known[FIELD] = read_keyframes(known.get(FIELD))
    except InvalidRecipe as error:
        problems += error.problems
        known[FIELD] = ()
    try:
        request = Request.model_validate(known)
    except ValidationError as error:
        problems = _problems(error) + problems
    unknown = sum(name not in Request.model_fields for name in data)
    # Only those that are shown are looked at: a body may hold a million of them.
    strange = islice((name for name in data if name not in known), InvalidRecipe.LIMIT)
    problems += [_unknown(str(name)) for name in strange]
    if problems:
        raise InvalidRecipe(problems, more=max(0, unknown - InvalidRecipe.LIMIT))
    ends = [place for place, name in FIELDS.items() if getattr(request, name) is not None]
    check_alone(request.films)
    if request.loop:
        check_loop(request.picture_at(0), request.picture_at(-1), request.films)
    check_keyframes(request.keyframes, ends, request.most_frames)
    if request.fit_audio:
        check_fit([name for name in (AUDIO, *FILMS) if getattr(request, name) is not None])
    else:
        check_volume(request, max_volume)
    return request


def parse_recipe(data: Mapping[str, Any], *, max_volume: int | None = None) -> Recipe:
    """The recipe of a request whose pictures are all stored.

    Args, errors: as :func:`parse_request`.
    """
    return parse_request(data, max_volume=max_volume).recipe()


def request_data(recipe: Recipe) -> dict[str, Any]:
    """A recipe under the API's names, plain data: asking for it gives the same clip again."""
    ends, loras, sound = recipe.inputs.ends, recipe.inputs.loras, given_sound(recipe.inputs)
    heard = {}
    if sound is not None:
        heard = {AUDIO: sound.digest, "audio_strength": sound.strength, "audio_start": sound.start}
    return recipe.model_dump(mode="json", exclude={"inputs", "typed"}) | {
        **dict.fromkeys(FIELDS.values()),
        **{FIELDS[image.at]: image.digest for image in ends},
        **{name: list(CENTRE) for name in FOCUSES.values()},
        **{FOCUSES[image.at]: list(image.focus) for image in ends},
        "image_strength": ends[0].strength if ends else 1.0,
        "keyframes": keyframes_of(each for each in recipe.inputs.images if each not in ends),
        **sent_films(recipe.inputs),
        **({"loras": [lora.asked for lora in loras]} if loras else {}),
        **heard,
    }


def _given(data: Mapping[str, Any]) -> dict[str, Any]:
    """The fields that were given a value."""
    return {name: value for name, value in data.items() if not _is_unset(name, value)}


def _is_unset(name: str, value: Any) -> bool:
    if value is None:
        return name in Request.model_fields
    if name in _UNSET_WHEN_EMPTY:
        return is_blank(value)
    return name == "seed" and _is_minus_one(value)


def _is_minus_one(value: Any) -> bool:
    try:
        return whole(value) == -1
    except PydanticCustomError:
        return False


def _unknown(name: str) -> FieldProblem:
    known = ", ".join(Request.model_fields)
    return FieldProblem(
        name[:60].encode(errors="replace").decode(),
        f"{shown(name)} is not a field of a recipe. Known fields: {known}.",
    )


def _problems(error: ValidationError) -> list[FieldProblem]:
    """A sentence for each field, by the first of its mistakes: one of several parts may have a few
    of them."""
    first: dict[str, FieldProblem] = {}
    for each in error.errors(include_url=False):
        problem = _problem(dict(each))
        first.setdefault(problem.field, problem)
    return list(first.values())


def _problem(error: dict[str, Any]) -> FieldProblem:
    """One pydantic error as a sentence that names the field, the value and what is allowed."""
    field = str(error["loc"][0]) if error["loc"] else "recipe"
    return FieldProblem(field, f"{field}: {_sentence(field, error)}")


def _sentence(field: str, error: dict[str, Any]) -> str:
    kind, context, value = error["type"], error.get("ctx", {}), error["input"]
    match kind:
        case "missing" if len(error["loc"]) == 1:
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
def _schema(field: str) -> dict[str, Any]:
    """A field's JSON schema, without the forms that its value may also come in."""
    schema: dict[str, Any] = Request.model_json_schema()["properties"][field]
    return schema | schema["anyOf"][0] if "anyOf" in schema else schema


def bounds(field: str) -> tuple[Any, Any]:
    """The least and the greatest number that a field takes."""
    schema = _schema(field)
    return schema["minimum"], schema["maximum"]


def choices(field: str) -> tuple[Any, ...]:
    """The values that a field takes, where it takes only a few."""
    return tuple(_schema(field)["enum"])


def _allowed(field: str) -> str:
    """What a field takes, in words."""
    schema = _schema(field)
    if "enum" in schema:
        return f"are {', '.join(map(str, choices(field)))}"
    if schema["type"] == "boolean":
        return "is true or false"
    if schema["type"] == "array":
        return "are two numbers from 0 to 1, as in [0.5, 0.5]"
    if "minimum" not in schema:
        if field == AUDIO:
            return f"is a {SOUND_FORMATS} sound as base64 or as a data URI"
        picture = field in FIELDS.values()
        return f"is a {FORMATS} picture as base64 or as a data URI" if picture else "is a text"
    low = 0 if field == "seed" else schema["minimum"]
    noun = "a whole number" if schema["type"] == "integer" else "a number"
    steps = {"num_frames": " in steps of 8 (8k+1)", "width": ", even", "height": ", even"}
    return f"is {noun} from {low} to {schema['maximum']}{steps.get(field, '')}"


def _way_out(field: str) -> str:
    """What to do where no value is wanted."""
    info = Request.model_fields[field]
    if field == "seed":
        return " Leave it out, or send null or -1, to draw one."
    if info.is_required():
        return " Describe what should be seen and heard."
    if not isinstance(info.default, int | float) and field not in ("mode", "noise"):
        return " Leave it out for the default."
    return f" Leave it out for {str(info.default).lower()}."
