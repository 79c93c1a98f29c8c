"""What a clip follows: the frames of a film at the clip's own times and in its own size, or the
edges in them."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ltx_ui.errors import MediaError
from ltx_ui.given_films import Film
from ltx_ui.inputs import ControlInput, ControlKind, Picture
from ltx_ui.media.films import frames_of
from ltx_ui.media.images import fit
from ltx_ui.recipe import Recipe

_FAINT, _STRONG = 100, 200
"""How steep an edge has to be, and one that none beside it supports: as in what the authors'
IC-LoRAs learn from (``compute_reference.py`` in Lightricks/LTX-2, ``packages/ltx-trainer``)."""

_SMALL = 320
"""Pixels of the longer side of a preview."""


def followed_frames(path: Path, film: Film, recipe: Recipe, control: ControlInput) -> Picture:
    """The frames that a recipe's clip follows: uint8, F×H×W×3, of exactly its size and as many as
    it has. Each is the one that the film shows at that time; after its end, its last one.

    Args:
        film: what is known of the file.

    Raises:
        MediaError: the file can't be read.
    """
    size = recipe.width, recipe.height
    wanted = _shown_at(film, recipe, control.start)
    found: list[Picture] = []
    for number, frame in enumerate(frames_of(path)):
        if number > wanted[-1]:
            break
        if number in wanted:
            seen = as_followed(frame, size, control.kind)
            found += [seen] * wanted.count(number)
    if len(found) != len(wanted):
        raise MediaError(f"The film {path.name} has fewer frames than it had.")
    return np.stack(found)


def small_frame(path: Path, film: Film, kind: ControlKind, start: float) -> bytes:
    """What is followed of a film at a time, or of its last frame, as a small WebP.

    Raises:
        MediaError: as :func:`followed_frames`.
    """
    last = min(film.frames - 1, int(start * film.fps + 1e-6))
    frame = next((each for number, each in enumerate(frames_of(path)) if number == last), None)
    if frame is None:
        raise MediaError(f"The film {path.name} has fewer frames than it had.")
    share = min(1.0, _SMALL / max(film.width, film.height))
    size = max(1, round(film.width * share)), max(1, round(film.height * share))
    target = BytesIO()
    picture = Image.fromarray(as_followed(frame, size, kind))
    picture.save(target, "WEBP", quality=80, method=2)
    return target.getvalue()


def as_followed(frame: Picture, size: tuple[int, int], kind: ControlKind) -> Picture:
    """A frame cut to a size, in pixels, or the edges in it: white on black."""
    fitted = fit(Image.fromarray(frame), *size)
    return edges(fitted) if kind == "canny" else fitted


def edges(picture: Picture) -> Picture:
    """The edges in a picture, by Canny: white on black, uint8, H×W×3."""
    import cv2  # 0.2 s, for few clips.

    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
    lines: NDArray[np.uint8] = np.asarray(cv2.Canny(grey, _FAINT, _STRONG), np.uint8)
    return np.repeat(lines[:, :, None], 3, axis=2)


def _shown_at(film: Film, recipe: Recipe, start: float) -> list[int]:
    """The film's frame at the time of each of the clip's."""
    times = (start + number / recipe.fps for number in range(recipe.num_frames))
    return [min(film.frames - 1, int(time * film.fps + 1e-6)) for time in times]
