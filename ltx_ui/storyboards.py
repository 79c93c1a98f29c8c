"""Storyboards: shots in their order, each with its own prompt and length, made one after the other.

All shots have one size and one number of frames a second, which the storyboard's settings say: only
so can they be joined into one film. A shot cuts to something new, starts from the last frame of the
shot before it, or goes on from that one with its motion and its sound.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from ltx_ui.errors import InvalidRecipe
from ltx_ui.extending import OVERLAP, SentFilm
from ltx_ui.geometry import whole_frames
from ltx_ui.given_films import MOST_SECONDS
from ltx_ui.inputs import EXTEND, FILMS
from ltx_ui.loras import read_sent
from ltx_ui.recipe import MAX_FRAMES, Recipe

MOST_SHOTS = 12
MAX_NAME = 80
SHARED = (
    "negative_prompt",
    "width",
    "height",
    "fps",
    "num_inference_steps",
    "guidance_scale",
    "seed",
    "include_audio",
    "mode",
    "two_stage",
    "motion_speed",
    "model",
    "noise",
    "loras",
)
"""The fields of a recipe that all shots share. A seed is that of the shots without one of their
own; without any, each take has a new one."""
_NOT_YET = "sha256:" + "0" * 64
"""The digest of a file that is still to be made."""
Join = Literal["cut", "last_frame", "go_on"]
"""How a shot joins the one before it."""


class Shot(BaseModel):
    """A shot of a storyboard.

    Attributes:
        id: 8 hexadecimal digits.
        seed: None for the one of the settings, or any.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    prompt: str
    num_frames: int
    seed: int | None = None
    join: Join = "cut"


def check_joins(shots: Sequence[Shot], fps: int) -> None:
    """Refuse shots that can't be joined in this order.

    Raises:
        InvalidRecipe: a shot has none before it, or what goes on becomes too long.
    """
    frames = 0
    for number, shot in enumerate(shots):
        field = f"shots.{number}"
        if not number and shot.join != "cut":
            _wrong(f"{field}.join", "the first shot has none before it. Let it be a cut.")
        if shot.join == "go_on":
            frames += shot.num_frames - 1
            most = MAX_FRAMES - OVERLAP + 1
            if shot.num_frames > most:
                _wrong(
                    f"{field}.num_frames",
                    f"is {shot.num_frames}; a shot that goes on has at most {most}.",
                )
        else:
            frames = shot.num_frames
        if frames > MOST_SECONDS * fps:
            _wrong(
                f"{field}.join",
                f"with it, what goes on without a cut would be {frames / fps:.1f} s long; at most "
                f"{MOST_SECONDS} s are allowed. Let it be a cut, or start from the last frame.",
            )


@dataclass(frozen=True)
class ShotAsked:
    """A recipe for a take of a shot, as a studio is asked for it.

    Attributes:
        settings: what all shots of the storyboard share.
        seed: the take's.
        before: the take of the shot before, and how many frames it has, where the shot goes on
            from it.
        picture: the digest of that one's last frame, where the shot starts from it.
    """

    shot: Shot
    settings: Mapping[str, Any]
    seed: int
    before: tuple[str, int] | None = None
    picture: str | None = None

    @property
    def files(self) -> Mapping[str, bytes]:
        """No files come along."""
        return {}

    @property
    def takes(self) -> Mapping[str, str]:
        """The take that it goes on from."""
        return {EXTEND: self.before[0]} if self.before else {}

    @property
    def inherited(self) -> frozenset[str]:
        """Nothing: its size is that of all shots."""
        return frozenset()

    @property
    def fits(self) -> None:
        """It is as long as the shot says."""
        return None

    def recipe(self, stored: Mapping[str, str]) -> Recipe:
        """The recipe.

        Args:
            stored: the digest of that take's film.
        """
        frames = self.shot.num_frames
        inputs: dict[str, Any] = {"loras": read_sent(self.settings.get("loras", []))}
        if self.picture is not None:
            inputs["images"] = [{"digest": self.picture}]
        if self.before is not None:
            overlap = min(OVERLAP, whole_frames(self.before[1]))
            film = SentFilm(overlap=overlap).input(stored[EXTEND])
            inputs[FILMS[EXTEND]] = film.model_dump()
            frames += overlap - 1
        own = {"prompt": self.shot.prompt, "num_frames": frames, "seed": self.seed}
        shared = {name: value for name, value in self.settings.items() if name != "loras"}
        return Recipe.model_validate({**shared, **own, "inputs": inputs})


def planned(shots: Sequence[Shot], settings: Mapping[str, Any]) -> Iterator[Recipe]:
    """A recipe for each shot, with a stand-in for the film or the picture that is not made yet."""
    before = 0
    for shot in shots:
        goes_on, starts = shot.join == "go_on", shot.join == "last_frame"
        film = ("", before) if goes_on else None
        picture = _NOT_YET if starts else None
        yield ShotAsked(shot, settings, 0, film, picture).recipe({EXTEND: _NOT_YET})
        before = shot.num_frames + (before - 1 if goes_on else 0)


def _wrong(field: str, sentence: str) -> None:
    raise InvalidRecipe.because(field, f"{field}: {sentence}")
