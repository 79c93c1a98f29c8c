"""Which clip of several is being made, noted before it is, so that no kill has it made twice."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ltx_ui.media.files import remove, whole


@dataclass(frozen=True)
class _File:
    """A take's file, and when it was last written before; None if it was not there."""

    path: Path
    before: int | None

    @property
    def is_made(self) -> bool:
        return (now := _written(self.path)) is not None and now != self.before


class Begun:
    """A note of the clip that is being made. Files come before what is noted of them elsewhere;
    where a process is killed in between, the next one finds them by this note.

    Args:
        path: of the note.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._source, self._seed, self._files = _read(path)

    def made(self, source: str) -> list[Path] | None:
        """The files of a clip that is made, but was not noted to be; None if this one is not.

        Args:
            source: what the clip is made of, and which time; another text for each clip.
        """
        if source != self._source or not all(file.is_made for file in self._files):
            return None
        return [file.path for file in self._files]

    def again(self, source: str) -> dict[str, Any]:
        """What the fields of a clip have to be besides to make one that was begun the same once
        more; empty for others. Those of its files that are there are removed."""
        if source != self._source:
            return {}
        for file in self._files:
            if file.before is None:
                remove(file.path)
        return {"seed": self._seed}

    def begin(self, source: str, seed: int, files: Sequence[Path]) -> None:
        """Note what is made from now on.

        Raises:
            StudioError: that can't be written.
        """
        known = [(str(file), _written(file)) for file in files]
        note = {"source": source, "seed": seed, "files": known}
        with whole(self._path) as target:
            target.write_text(json.dumps(note), "utf-8")
        self._source, self._seed, self._files = source, seed, [_File(Path(p), b) for p, b in known]

    def end(self) -> None:
        """What was begun is noted to be made, or can't be."""
        self._source = ""
        remove(self._path)


def source_of(*parts: object) -> str:
    """A text that stands for what a clip is made of."""
    return hashlib.sha256(repr(parts).encode("utf-8", "surrogatepass")).hexdigest()


def _read(path: Path) -> tuple[str, int, list[_File]]:
    """The note; one that tells nothing if there is none or it can't be read."""
    try:
        told = json.loads(path.read_text("utf-8"))
        files = [_File(Path(name), before) for name, before in told["files"]]
        return str(told["source"]), int(told["seed"]), files
    except (OSError, ValueError, KeyError, TypeError):
        return "", 0, []


def _written(path: Path) -> int | None:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return None
