"""What is in films and pictures that move.

Films are compared by their streams, and not by their files, which hold a time of day.
"""

from __future__ import annotations

import io
from pathlib import Path

import av
from PIL import Image


def packets(film: Path | str) -> list[tuple[int, int | None, bytes]]:
    """The encoded pictures and sound of a film, by its file or address: stream, time stamp and
    bytes of each packet."""
    with av.open(str(film)) as container:
        return [
            (packet.stream_index, packet.pts, bytes(packet))
            for packet in container.demux()
            if packet.size
        ]


def frame_count(picture: bytes) -> int:
    """The frames of a picture that moves; 1 for one that does not."""
    with Image.open(io.BytesIO(picture)) as opened:
        return int(getattr(opened, "n_frames", 1))
