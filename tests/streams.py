"""What two films are compared by: their streams, and not their files, which hold a time of day."""

from __future__ import annotations

from pathlib import Path

import av


def packets(film: Path | str) -> list[tuple[int, int | None, bytes]]:
    """The encoded pictures and sound of a film, by its file or address: stream, time stamp and
    bytes of each packet."""
    with av.open(str(film)) as container:
        return [
            (packet.stream_index, packet.pts, bytes(packet))
            for packet in container.demux()
            if packet.size
        ]
