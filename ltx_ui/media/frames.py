"""Pictures out of a clip's file."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path

import av
import numpy as np
from av import VideoFrame
from av.error import FFmpegError
from av.video.reformatter import Colorspace
from numpy.typing import NDArray
from PIL.Image import Image

from ltx_ui.errors import MediaError


def first_frame(path: Path) -> NDArray[np.uint8]:
    """The first frame of such an mp4: uint8, H×W×3, RGB.

    Raises:
        MediaError: the file can't be read.
    """
    return np.asarray(_frame(path, lambda frames: next(iter(frames))))


def last_frame(path: Path) -> bytes:
    """The last frame of an mp4 that :func:`~ltx_ui.media.mp4.write_mp4` wrote, as PNG.

    Raises:
        MediaError: the file can't be read.
    """
    # One frame at a time: all of a clip's would take hundreds of megabytes.
    picture = _frame(path, lambda frames: deque(frames, maxlen=1).pop())
    data = BytesIO()
    picture.save(data, "PNG")
    return data.getvalue()


def _frame(path: Path, choose: Callable[[Iterator[VideoFrame]], VideoFrame]) -> Image:
    try:
        with av.open(path) as container:
            chosen = choose(container.decode(video=0))
        picture: Image = chosen.reformat(
            format="rgb24", src_colorspace=Colorspace.ITU709
        ).to_image()
    except (FFmpegError, ValueError, IndexError, StopIteration) as error:
        raise MediaError(f"The clip {path.name} can't be read: {error}") from error
    return picture
