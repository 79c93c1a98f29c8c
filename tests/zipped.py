"""Zips of takes: made, changed, and studios to bring them to."""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
from kept import fill
from PIL import Image
from told import ODD

from ltx_ui.settings import Settings
from ltx_ui.studio.studio import Studio
from ltx_ui.studio.takes import Take

PROMPTS = [ODD, 'CON: a/b\\c?*"<>|.', "水" * 200, "CON: A/b\\c?*"]


def opened(folder: Path, **settings: Any) -> Studio:
    """A studio that makes nothing."""
    return Studio(Settings(data_dir=folder, model="demo", **settings))


def exported(studio: Studio, target: Path, owner: str = "local", **asked: Any) -> Path:
    target.write_bytes(b"".join(studio.exporting.stream(owner, **asked)))
    return target


def fill_oddly(folder: Path) -> None:
    """Takes of odd prompts, each with a film of its own."""
    folder.mkdir()
    library = fill(folder, PROMPTS)
    for number, take in enumerate(library.takes("local")):
        with take.video.open("ab") as film:
            film.write(b"\0\0\0\x09free" + bytes([number]))
    library.set_note("take0", "local", f"  {ODD}")
    library.set_name("take0", "local", "The sea, again")
    library.set_tags(["take0", "take1"], "local", add=["sea", "größer 🦊"])
    library.set_favourite("take2", "local", True)


def whole(studio: Studio, owner: str) -> bool:
    """Whether every take of an owner's has its files, and the folder has no others."""
    takes = studio.library.takes(owner)
    assert all(_size(take) == (take.recipe.width, take.recipe.height) for take in takes)
    return True


def _size(take: Take) -> tuple[int, int]:
    with av.open(str(take.video)) as film, Image.open(take.poster) as poster:
        assert poster.size == (film.streams.video[0].width, film.streams.video[0].height)
        return poster.size


Change = Callable[[dict[str, Any]], None]


def rewritten(
    source: Path,
    target: Path,
    change: Change = lambda told: None,
    files: Callable[[str, bytes], bytes] = lambda name, data: data,
    around: str = "",
) -> Path:
    """A zip with its list, or files in it, changed; their digests fit."""
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as new:
        told = json.loads(old.read("library.json"))
        for take in told["takes"]:
            for kind in ("video", "poster"):
                data = files(kind, old.read(take[kind]["file"]))
                new.writestr(around + take[kind]["file"], data)
                take[kind] |= {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
        change(told)
        new.writestr(f"{around}library.json", json.dumps(told))
    return target
