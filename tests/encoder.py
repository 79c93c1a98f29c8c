"""An encoder that can be held, so that a clip is being saved for as long as a test likes."""

from __future__ import annotations

from pathlib import Path

import imageio_ffmpeg


class Encoder:
    """The real ffmpeg, which waits while it is held."""

    def __init__(self, folder: Path) -> None:
        self._held, self._pass = folder / "held", folder / "pass"
        self._reached = folder / "reached"
        self.path = folder / "ffmpeg"
        real = imageio_ffmpeg.get_ffmpeg_exe()
        held = f'[ -e "{self._held}" ] && ! rm "{self._pass}" 2>/dev/null'
        wait = f"while {held}; do sleep 0.02; done"
        self.path.write_text(f'#!/bin/sh\ntouch "{self._reached}"\n{wait}\nexec "{real}" "$@"\n')
        self.path.chmod(0o755)

    def hold(self) -> None:
        self._reached.unlink(missing_ok=True)
        self._held.touch()

    def is_reached(self) -> bool:
        """Whether it was started since it is held: what is written before it is written."""
        return self._reached.exists()

    def let_one_go(self) -> None:
        """Let it write one clip, and hold it from the next on."""
        self._pass.touch()

    def let_go(self) -> None:
        self._held.unlink(missing_ok=True)
