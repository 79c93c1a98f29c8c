"""What clips have of the films that they become a part of, by what is made of each."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ltx_ui.clip import Joint
from ltx_ui.inputs import (
    ControlInput,
    FilmInput,
    InputData,
    NamedFilm,
    PictureInput,
    RetakeInput,
)
from ltx_ui.media import joining
from ltx_ui.media.films import frames_in, shared_frames
from ltx_ui.media.remaking import Remade, sampled_part
from ltx_ui.media.revoicing import Revoiced, picture_of
from ltx_ui.recipe import Recipe


def with_film(data: InputData, path: Path, named: NamedFilm, recipe: Recipe) -> InputData:
    """What a clip's files hold, with what it has of a film.

    Raises:
        MediaError: the file can't be read.
    """
    match named:
        case FilmInput():
            frames = shared_frames(path, named)
            heard = data.sound or joining.shared_sound(path, recipe, named)
            return replace(data, film=frames, sound=heard)
        case RetakeInput():
            frames, sound = sampled_part(path, recipe, named)
            return replace(data, film=frames, sound=sound)
        case PictureInput():
            return replace(data, film=picture_of(path, recipe.num_frames))
        case ControlInput():
            return data  # It becomes no part of it.
    return replace(data, small=frames_in(path, recipe.num_frames))


def joint_of(
    path: Path, named: NamedFilm, recipe: Recipe, mask: NDArray[np.bool_] | None
) -> Joint | None:
    """What joins a clip and its film.

    Args:
        mask: where in the picture a part is made again; None without one.
    """
    match named:
        case FilmInput():
            return joining.Joint(path, named)
        case RetakeInput():
            return Remade(path, named, recipe.num_frames, mask)
        case PictureInput():
            return Revoiced(path, named, recipe.num_frames)
    return None
