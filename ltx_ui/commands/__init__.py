"""The commands of ``ltx-ui``, one module each, imported when its command is given.

A command's module has ``run(argv, program)``: ``argv`` begins with the command, ``program`` is what
the process was started as, for messages; the exit code is returned, and a
:class:`~ltx_ui.errors.StudioError` that is raised becomes a line on the error stream.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from difflib import get_close_matches
from importlib import import_module
from typing import NamedTuple

from ltx_ui.errors import SettingsError


class Command(NamedTuple):
    """A command: the module of this package that carries it out, and what it does."""

    module: str
    does: str


COMMANDS: Mapping[str, Command] = {
    "generate": Command("generate", "Make clips without a server: one, or as many as a file has."),
    "storyboard": Command(
        "board", "Make a film of several shots without a server, from a storyboard's file."
    ),
    "config": Command("config", "Print every setting with its value, and where that comes from."),
    "show": Command("show", "Print what clips, posters and recipes tell of how they were made."),
    "check": Command(
        "check", "Tell whether the library is in order; --mend puts right what it can."
    ),
    "export": Command(
        "along", "Write a zip of all clips, with posters, recipes, names, tags and notes."
    ),
    "import": Command(
        "along", "Add the clips of such a zip. Those that are here already stay as they are."
    ),
    "move": Command(
        "move", "Move the library from the folder's file into a PostgreSQL database, or back."
    ),
    "lora": Command("loras", "Download a LoRA into the studio's folder, or list what is there."),
    "user": Command(
        "accounts", "Give people names and passwords of their own, also while the studio runs."
    ),
    "token": Command(
        "accounts", "Make tokens for programs, and revoke them, also while the studio runs."
    ),
}
"""All commands, in the order of the help. Without one the studio is served."""


def run(argv: Sequence[str], program: str) -> int:
    """Carry out the command that ``argv`` begins with, or serve the studio; returns the exit code.

    Raises:
        SettingsError: there is no such command, or its flags can't be used.
        StudioError: it could not be done.
    """
    name = argv[0] if argv and not argv[0].startswith("-") else None
    if name is not None and name not in COMMANDS:
        raise SettingsError(_unknown(name, program))
    command = COMMANDS[name] if name is not None else None
    module = import_module(f"{__name__}.{command.module if command else 'serve'}")
    does: Callable[[Sequence[str], str], int] = module.run
    return does(argv, program)


def _unknown(name: str, program: str) -> str:
    near = get_close_matches(name, COMMANDS, 1)
    meant = f"Did you mean {near[0]}?" if near else f"There are {', '.join(COMMANDS)}."
    return f"There is no command {name[:60]!r}. {meant} See {program} --help."
