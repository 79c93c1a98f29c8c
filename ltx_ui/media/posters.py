"""Small posters, for a page that shows many at once."""

from __future__ import annotations

import io
from functools import lru_cache
from pathlib import Path

from PIL import Image

from ltx_ui.errors import MediaError

WIDTHS = (320, 640)
"""Pixels that a small poster may be wide."""
QUALITY = 82
KEPT = 1000
"""Small posters that are kept in memory: some 15 kB each, none on the disk, where they would
outlive their takes."""


def small_poster(poster: Path, width: int) -> bytes:
    """A poster as a JPEG of one of :data:`WIDTHS`, the first that is not below ``width``, or the
    largest; a poster that is smaller keeps its size. It tells nothing of how its clip was made.

    Raises:
        MediaError: the file can't be read.
    """
    fitting = next((each for each in WIDTHS if width <= each), WIDTHS[-1])
    try:
        return _small(poster, poster.stat().st_mtime_ns, fitting)
    except OSError as error:
        raise MediaError("The poster of this clip can't be read.") from error


@lru_cache(KEPT)
def _small(poster: Path, changed: int, width: int) -> bytes:
    target = io.BytesIO()
    with Image.open(poster, formats=("JPEG",)) as picture:
        picture.draft("RGB", (width, 1))
        picture.thumbnail((width, picture.height), Image.Resampling.BICUBIC)
        picture.save(target, "JPEG", quality=QUALITY)
    return target.getvalue()
