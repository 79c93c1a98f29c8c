"""``ltx-ui export FILE.zip`` and ``ltx-ui import FILE.zip``: takes out and in, on the terminal."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from ltx_ui.commands import COMMANDS
from ltx_ui.commands.folder import add_owner, alone, check_owner
from ltx_ui.errors import SettingsError
from ltx_ui.flags import Parser, parse
from ltx_ui.media.files import whole
from ltx_ui.studio.studio import Studio


def run(argv: Sequence[str], program: str) -> int:
    """Export or import; returns the exit code: 1 where a clip could not be taken.

    Args:
        argv: the command, the zip, ``--owner``, and the studio's own flags.
        program: what the program was started as.

    Raises:
        StudioError: nothing was exported or imported; says why.
    """
    command = argv[0]
    parser = Parser(f"{program} {command}", description=COMMANDS[command].does)
    parser.add_argument("file", type=Path, metavar="FILE.zip")
    add_owner(parser)
    if command == "export":
        parser.add_argument(
            "--overwrite", "--force", action="store_true", help="replace a file that is there"
        )
    asked, given = parse(parser, argv[1:])
    if command == "export" and asked.file.exists() and not asked.overwrite:
        raise SettingsError(
            f"{asked.file} is there already. Choose another name, or give --overwrite."
        )
    with alone(given.settings):
        check_owner(given.settings, asked.owner)
        studio = Studio(given.settings)
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
        f"{len(brought.unreadable)} could not be read. Storyboards: {brought.boards} came, "
        f"{brought.boards_here} were here already."
    )
    for sentence in brought.unreadable:
        print(sentence.encode(errors="backslashreplace").decode(), file=sys.stderr)
    return 1 if brought.unreadable else 0
