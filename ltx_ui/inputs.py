"""What a clip is made from besides words: files that the studio keeps, named by their digests.

An :class:`Inputs` is part of a recipe and names files; an :class:`InputData` is what one clip's
files hold, as the engine takes it. A further kind of input (sound, a film) is one more
field of each, a reader in ``studio/input_store.py``, and in ``request.py`` the names that it has
for people.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from ltx_ui.loras import Loras

Picture = NDArray[np.uint8]
"""Pixels, H×W×3, RGB."""

Place = int
"""The frame that a picture stands at: 0 is the first one, -1 the last."""

MOST_PICTURES = 8
"""Pictures that one clip may start from, pass and end in: each takes room among its latents."""

FIELDS: Mapping[Place, str] = {0: "image_start", -1: "image_end"}
"""What the API, the page and errors call the picture at an end of the clip."""

FOCUSES: Mapping[Place, str] = {place: f"{name}_focus" for place, name in FIELDS.items()}
"""What the API calls the focus of the picture at a place."""


def name_at(place: Place) -> str:
    """What the API and errors call the picture at a frame."""
    return FIELDS.get(place) or f"keyframes[frame={place}]"


FORMATS = "PNG, JPEG, WebP, HEIC or AVIF"
"""What is taken as a picture, in words."""

ACCEPTED = ("image/png", "image/jpeg", "image/webp", ".heic", ".heif", ".avif")
"""What a browser's file dialogue offers; it knows some kinds by their endings only."""

SOUND_FORMATS = "WAV, MP3, FLAC, M4A or OGG"
"""What is taken as a sound, in words."""

SOUND_RATE = 48_000
"""Samples a second that a given sound is used at: AAC's usual rate, and a multiple of those that
the models hear at."""

MOST_START = 600.0
"""Seconds into a sound where a clip may begin at most."""

AUDIO = "audio"
"""What the API and errors call the sound that a clip is made to."""

EXTEND = "extend"
"""What the API and errors call the film that a clip goes on from."""

RETAKE = "retake"
"""What the API and errors call the film of which a part is made again."""

MASK = f"{RETAKE}.mask"
"""What errors call the picture that says where it is made again."""

PICTURE_OF = "picture_of"
"""What the API and errors call the film whose picture a clip keeps."""

CONTROL = "control"
"""What the API and errors call the film that a clip follows."""

UPSCALE = "upscale"
"""What the API and errors call the film that a clip makes larger."""

FILMS: Mapping[str, str] = {
    EXTEND: "film",
    RETAKE: "retake",
    PICTURE_OF: "picture",
    UPSCALE: "upscale",
    CONTROL: "control",
}
"""The fields of a request that name a film, each with that of :class:`Inputs` which it becomes."""

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


def is_digest(text: str) -> bool:
    """Whether a text has the form of a stored file's name (``sha256:…``)."""
    return _DIGEST.fullmatch(text) is not None


def digests_in(text: str) -> list[str]:
    """All digests that stand in a text, such as JSON."""
    return _DIGEST.findall(text)


def digest_of(data: bytes) -> str:
    """The name of a file with these bytes."""
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def _check_digest(text: str) -> str:
    if not is_digest(text):
        raise ValueError("is not a digest (sha256:…)")
    return text


Digest = Annotated[str, AfterValidator(_check_digest)]
"""``sha256:`` and 64 hexadecimal digits, of a stored file's bytes."""


Share = Annotated[float, Field(ge=0.0, le=1.0)]

CENTRE = (0.5, 0.5)
"""The focus of a picture whose middle is kept."""


class ImageInput(BaseModel):
    """A picture that a frame of the clip is to look like.

    Attributes:
        strength: how closely it is kept, 0…1.
        focus: which part of it stays where the clip's shape is another one: 0, 0 is the left and
            the top, 1, 1 the right and the bottom, as in CSS's ``object-position``.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    digest: Digest
    at: Annotated[Place, Field(ge=-1)] = 0
    strength: Share = 1.0
    focus: tuple[Share, Share] = CENTRE


class SoundInput(BaseModel):
    """A sound that the clip is made to.

    Attributes:
        strength: how closely it is kept, 0…1. At 1 the clip has it as it is.
        start: seconds into the file where the clip begins.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    digest: Digest
    strength: Share = 1.0
    start: Annotated[float, Field(ge=0.0, le=MOST_START)] = 0.0


Direction = Literal["after", "before"]
"""Where a film is gone on from: its end, or its beginning."""


class NamedFilm(BaseModel):
    """A film that a clip is made from.

    Attributes:
        frames: how many the film has; 0 until the studio that keeps it has looked.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    digest: Digest
    frames: int = Field(0, ge=0, le=100_000)


SoundOn = Literal["new", "continue"]
"""What is heard where a clip goes on from a film: sound of its own, or the film's, going on."""


class FilmInput(NamedFilm):
    """A film that the clip goes on from.

    Attributes:
        overlap: how many of the clip's frames are the film's: its last ones, or its first ones; 0
            until it is known.
        direction: after the film, or before it.
        sound: whether the film's sound goes on. It is "new" where it is not told: what was stored
            before there was a choice was made so.
    """

    overlap: int = Field(0, ge=0, le=1000)
    direction: Direction = "after"
    sound: SoundOn = Field("new", exclude_if=lambda sound: sound == "new")


OfSound = Literal["new", "keep"]
"""What becomes of a film's sound where a part of it is made again."""


class RetakeInput(NamedFilm):
    """A film of which a part is made again.

    Attributes:
        start, end: the first frame that is made again, and the first one after it that is the
            film's; an end of 0 is the film's, until it is known.
        first: the film's frame with which what is sampled begins.
        sound: whether the part gets new sound as well.
        region: what of the picture is made again: its left and its top edge, its width and its
            height, in shares of the picture's; None for all of it.
        mask: likewise, a picture that is white there; None for all of it, or the region.
    """

    start: int = Field(0, ge=0, le=100_000)
    end: int = Field(0, ge=0, le=100_000)
    first: int = Field(0, ge=0, le=100_000)
    sound: OfSound = "new"
    region: tuple[Share, Share, Share, Share] | None = None
    mask: Digest | None = Field(None, exclude_if=lambda mask: mask is None)


class PictureInput(NamedFilm):
    """A film that gets another sound, or none: the clip keeps its picture."""


ControlKind = Literal["given", "canny"]
"""What of a film is followed: all of it, as depth or pose maps are, or the edges that are found in
it."""

MOST_FACTOR = 8
"""How many times as wide as the film that it follows a clip may be."""


class ControlInput(NamedFilm):
    """A film that the clip follows, by an IC-LoRA.

    Attributes:
        strength: how closely it is followed, 0…1; at 0 neither the film nor the IC-LoRA does
            anything.
        start: seconds into the film where the clip begins.
        factor: how many times as wide as the film the clip is, as the IC-LoRA has learnt it.
    """

    model_config = ConfigDict(allow_inf_nan=False)

    kind: ControlKind = "given"
    strength: Share = 1.0
    start: Annotated[float, Field(ge=0.0, le=MOST_START)] = 0.0
    factor: int = Field(1, ge=1, le=MOST_FACTOR)


def _check_places(images: tuple[ImageInput, ...]) -> tuple[ImageInput, ...]:
    if len({image.at for image in images}) < len(images):
        raise ValueError("names two pictures for one frame")
    return images


class Inputs(BaseModel):
    """Every file that a recipe names.

    Attributes:
        loras: files in a folder of the operator's, which are not kept with the clips.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    images: Annotated[
        tuple[ImageInput, ...],
        Field(max_length=MOST_PICTURES),
        AfterValidator(_check_places),
    ] = ()
    audio: SoundInput | None = Field(None, exclude_if=lambda audio: audio is None)
    loras: Loras = Field((), exclude_if=lambda loras: not loras)
    film: FilmInput | None = Field(None, exclude_if=lambda film: film is None)
    retake: RetakeInput | None = Field(None, exclude_if=lambda film: film is None)
    picture: PictureInput | None = Field(None, exclude_if=lambda film: film is None)
    upscale: NamedFilm | None = Field(None, exclude_if=lambda film: film is None)
    control: ControlInput | None = Field(None, exclude_if=lambda film: film is None)

    @property
    def seen(self) -> bool:
        """Whether some of what is sampled is given, at whatever strength."""
        films = (self.film, self.retake, self.picture)
        given = bool(self.images) or any(film is not None for film in films)
        return given or self.follows > 0

    @property
    def follows(self) -> int:
        """How many times as wide as the film that it follows the clip is; 0 where it follows
        none."""
        return self.control.factor if self.control is not None and self.control.strength else 0

    def image_at(self, place: Place) -> ImageInput | None:
        """The picture at a frame, if there is one."""
        return next((image for image in self.images if image.at == place), None)

    @property
    def ends(self) -> tuple[ImageInput, ...]:
        """The first and the last frame's picture, those of them that there are; the first one alone
        where their strengths differ, which a request has one for."""
        found = [image for place in FIELDS if (image := self.image_at(place)) is not None]
        return tuple(image for image in found if image.strength == found[0].strength)

    def named(self) -> Iterator[tuple[str, str]]:
        """The digest of every file that is kept with the clips, each after the name that people
        know it by."""
        for image in self.images:
            yield name_at(image.at), image.digest
        if self.audio is not None:
            yield AUDIO, self.audio.digest
        for name, film in self.films():
            yield name, film.digest
        if self.retake is not None and self.retake.mask is not None:
            yield MASK, self.retake.mask

    def films(self) -> Iterator[tuple[str, NamedFilm]]:
        """The films, each after the name that people know it by."""
        for name, own in FILMS.items():
            film: NamedFilm | None = getattr(self, own)
            if film is not None:
                yield name, film

    @property
    def between(self) -> int:
        """How many of the pictures stand at neither end of the clip."""
        return sum(image.at not in FIELDS for image in self.images)


@dataclass(frozen=True)
class LoraData:
    """A LoRA's file, as it was checked.

    Attributes:
        sha256: of its bytes, in hexadecimal digits.
        strength: how much of it is added; never 0.
        numbers: how many its layers have.
        leads: whether it is an IC-LoRA, by which the clip follows a film.
    """

    name: str
    path: Path
    sha256: str
    strength: float
    numbers: int
    leads: bool = False


@dataclass(frozen=True, eq=False)
class Sound:
    """A part of a given sound: no longer than the clip, but shorter where the file ends.

    Attributes:
        waveform: float32, 2×T, at :data:`SOUND_RATE`.
        beyond: seconds by which the file goes on after it, as far as that was looked at.
    """

    waveform: NDArray[np.float32]
    beyond: float = 0.0


@dataclass(frozen=True, eq=False)
class InputData:
    """What the files of one clip hold.

    Attributes:
        pictures: by the frame that each stands at, uint8, H×W×3, RGB, of exactly the recipe's size.
        loras: those that change the clip.
        sound: what the clip is made to; None for a sound of the model's own. Where a part of a film
            is made again, what is heard of it in the frames that are sampled.
        film: the frames that the clip shares with the film that it goes on from, or those of a film
            of which a part is made again or whose picture it keeps, F×H×W×3; None without one.
        mask: where in the picture a part is made again, bool, H×W; None for all of it, or the
            recipe's region.
        small: the frames of the film that the clip makes larger, F×H×W×3, with half of its sides;
            None without one.
        control: what the clip follows, F×H×W×3: as many frames as it has, of exactly the recipe's
            size; None for nothing.
    """

    pictures: Mapping[Place, Picture] = field(default_factory=dict)
    loras: tuple[LoraData, ...] = ()
    sound: Sound | None = None
    film: NDArray[np.uint8] | None = None
    mask: NDArray[np.bool_] | None = None
    small: NDArray[np.uint8] | None = None
    control: NDArray[np.uint8] | None = None


NO_INPUTS = InputData()
"""What the files of a clip hold that is made from words alone: nothing."""
