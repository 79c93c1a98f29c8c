"""Commands that have verbs of their own, as in ``ltx-ui user add``."""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Sequence

from ltx_ui.commands import COMMANDS
from ltx_ui.flags import read_settings


def parser_for(command: str, program: str) -> ArgumentParser:
    """A command's parser, whose verbs say by ``does`` what carries them out."""
    return ArgumentParser(
        f"{program} {command}",
        description=COMMANDS[command].does,
        epilog="Besides, the studio's own flags, such as --data-dir.",
        allow_abbrev=False,
    )


def carry_out(parser: ArgumentParser, argv: Sequence[str], program: str) -> int:
    """Do what a verb says; returns the exit code.

    Args:
        argv: the verb, what belongs to it, and the studio's own flags.
        program: what the program was started as.

    Raises:
        StudioError: it was not done; says why.
    """
    asked, flags = parser.parse_known_args(argv)
    asked.does(asked, read_settings(flags, program))
    return 0
