"""``ltx-ui generate``: clips without a server, one, as many as a file has, or as they come."""

from __future__ import annotations

import logging
import os
import signal
import sys
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from ltx_ui.commands import COMMANDS
from ltx_ui.commands.folder import add_owner
from ltx_ui.commands.many import Batch
from ltx_ui.commands.progress import display
from ltx_ui.commands.stopping import listen_and_log
from ltx_ui.commands.wanted import base_of
from ltx_ui.errors import SettingsError
from ltx_ui.flags import Parser, parse
from ltx_ui.presets import load_presets
from ltx_ui.settings import Settings

INTERRUPTED = 128 + signal.SIGINT
"""Exit code after Ctrl-C or SIGTERM, as shells have it."""


def run(argv: Sequence[str], program: str) -> int:
    """Make clips; returns the exit code: 1 where one of several could not be made, 130 after
    Ctrl-C.

    Raises:
        SettingsError: an option can't be used.
        StudioError: the clip could not be made.
    """
    name = f"{program} {argv[0]}"
    asked, given = parse(_parser(name, COMMANDS[argv[0]].does), argv[1:])
    settings = given.settings
    listen_and_log(settings)
    try:
        return _make(asked, settings)
    except KeyboardInterrupt:
        print(f"{name}: stopped.", file=sys.stderr)
        _leave()


def _parser(name: str, does: str) -> Parser:
    parser = Parser(
        name,
        usage=f"{name} [PROMPT | --queue FILE | --watch FOLDER] [options]",
        description=does,
        allow_abbrev=False,
    )
    many = parser.add_mutually_exclusive_group()
    many.add_argument("prompt", nargs="?", metavar="PROMPT", help="what to make; - reads it")
    many.add_argument(
        "--queue",
        type=Path,
        metavar="FILE.jsonl",
        help="a recipe a line, as the API takes it; a second run goes on where one ended",
    )
    many.add_argument(
        "--watch",
        type=Path,
        metavar="FOLDER",
        help="make a clip of each .txt (a prompt) and .json (a recipe) that comes there",
    )
    add = parser.add_argument
    add("--preset", metavar="NAME", help="one of presets.json, such as best (default: its own)")
    add("--format", metavar="NAME", help="one of presets.json, such as instagram or 288x512")
    add("--seconds", type=float, metavar="NUMBER", help="length; the nearest that can be made")
    add("--seed", type=int, metavar="NUMBER", help="the same seed repeats the clip")
    add("--image", type=Path, metavar="FILE", help="picture of the first frame")
    add("--image-end", type=Path, metavar="FILE", help="picture of the last frame")
    add(
        "--set",
        action="append",
        default=[],
        metavar="FIELD=VALUE",
        help="any other field of a recipe, such as fps=30, or a file by its path, as in "
        "audio=@song.mp3; may be given again",
    )
    add("-o", "--output", metavar="FILE.mp4", help="may hold {name}, {number}, {seed}, {take}")
    add("--overwrite", action="store_true", help="replace files that are there")
    add("--no-keep", action="store_true", help="keep the clips out of the library")
    add_owner(parser)
    return parser


def _make(asked: Namespace, settings: Settings) -> int:
    base = base_of(asked, load_presets(settings.presets), settings.max_volume)
    batch = Batch(base, settings.max_volume, asked.output, overwrite=asked.overwrite)
    if asked.queue is not None:
        work = batch.file(asked.queue)
    elif asked.watch is not None:
        work = batch.folder(asked.watch)
    else:
        work = batch.one(_prompt(asked.prompt))
    from ltx_ui.commands.makers import maker_for  # Its libraries read the environment.

    with maker_for(settings, asked.owner, keep=not asked.no_keep) as maker, display() as shown:
        return work(maker, shown)


def _prompt(given: str | None) -> str:
    if given is None:
        raise SettingsError("say what to make, as in: ltx-ui generate 'A fox in the rain'.")
    return sys.stdin.read() if given == "-" else given


def _leave() -> NoReturn:
    """End now: a step that is still being computed in a thread can't be interrupted."""
    logging.shutdown()
    sys.stderr.flush()
    os._exit(INTERRUPTED)
