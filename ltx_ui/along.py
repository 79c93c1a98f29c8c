"""``ltx-ui export FILE.zip`` and ``ltx-ui import FILE.zip``: takes out and in, on the terminal."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path

from ltx_ui.media.files import whole
from ltx_ui.settings import Settings
from ltx_ui.studio.studio import Studio

COMMANDS = {
    "export": "Write a zip of all clips, with posters, recipes, names, tags and notes.",
    "import": "Add the clips of such a zip. Those that are here already stay as they are.",
}
"""What each of the commands does."""


def take_along(
    argv: Sequence[str],
    program: str,
    read_settings: Callable[[Sequence[str], str], Settings],
    alone: Callable[[Settings], AbstractContextManager[None]],
) -> int:
    """Export or import; returns the exit code: 1 where a clip could not be taken.

    Args:
        argv: the command, the zip, ``--owner``, and the studio's own flags.
        program: what the program was started as.
        read_settings: reads those flags.
        alone: holds the data folder.

    Raises:
        StudioError: nothing was exported or imported; says why.
    """
    command = argv[0]
    parser = ArgumentParser(
        f"{program} {command}",
        description=COMMANDS[command],
        epilog="Besides, the studio's own flags, such as --data-dir.",
        allow_abbrev=False,
    )
    parser.add_argument("file", type=Path, metavar="FILE.zip")
    parser.add_argument(
        "--owner", default="local", help="whose clips: the name they sign in with (default: local)"
    )
    asked, flags = parser.parse_known_args(argv[1:])
    settings = read_settings(flags, program)
    with alone(settings):
        studio = Studio(settings)
        try:
            does = _export if command == "export" else _import
            return does(studio, asked.file, asked.owner)
        finally:
            studio.close()


def _export(studio: Studio, file: Path, owner: str) -> int:
    pieces = studio.exporting.stream(owner)
    with whole(file) as target, target.open("wb") as written:
        for piece in pieces:
            written.write(piece)
    print(f"{file}: {file.stat().st_size / 1e6:.1f} MB")
    return 0


def _import(studio: Studio, file: Path, owner: str) -> int:
    brought = studio.importing.bring(file, owner)
    print(
        f"{brought.came} came, {brought.here} were here already, "
        f"{len(brought.unreadable)} could not be read."
    )
    for sentence in brought.unreadable:
        print(sentence.encode(errors="backslashreplace").decode(), file=sys.stderr)
    return 1 if brought.unreadable else 0
