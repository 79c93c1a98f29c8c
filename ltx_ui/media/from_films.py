"""What clips have of the films that they become a part of, by what is made of each."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ltx_ui.clip import Joint
from ltx_ui.inputs import FilmInput, NamedFilm, RetakeInput, Sound
from ltx_ui.media import joining
from ltx_ui.media.films import shared_frames
from ltx_ui.media.remaking import Remade, sampled_part
from ltx_ui.recipe import Recipe


def seen_of(
    path: Path, named: NamedFilm, recipe: Recipe
) -> tuple[NDArray[np.uint8] | None, Sound | None]:
    """The frames that a clip has of a film, uint8, F×H×W×3, and the sound.

    Raises:
        MediaError: the file can't be read.
    """
    match named:
        case FilmInput():
            return shared_frames(path, named), None
        case RetakeInput():
            return sampled_part(path, recipe, named)
    return None, None


def joint_of(path: Path, named: NamedFilm, recipe: Recipe) -> Joint | None:
    """What joins a clip and its film."""
    match named:
        case FilmInput():
            return joining.Joint(path, named)
        case RetakeInput():
            return Remade(path, named, recipe.num_frames)
    return None
