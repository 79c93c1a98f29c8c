"""Flags and ``LTX_UI_…`` → settings, or a line that says what is wrong."""

from __future__ import annotations

import re
import textwrap
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import ValidationError
from pydantic_settings import CliSettingsSource
from pydantic_settings.exceptions import SettingsError as FlagError

from ltx_ui.errors import SettingsError
from ltx_ui.settings import Settings
from ltx_ui.values import mistake

PLACEHOLDERS = {
    "str": "TEXT",
    "int": "NUMBER",
    "float": "NUMBER",
    "Path": "PATH",
    "SecretStr": "NAME:PASSWORD",
    "DatabaseUrl": "URL",
    "tuple[str,...]": "NAME,NAME,…",
}
"""What stands for a flag's value in the help, by its type."""
_NO_DEFAULT = re.compile(r" \(default: (None|False|\(\))\)$")


def read_settings(argv: Sequence[str], program: str, commands: Mapping[str, str] = {}) -> Settings:
    """Settings from flags, then ``LTX_UI_…``, then defaults.

    Args:
        program: what the process was started as.
        commands: what else it does, by command, for its help.

    Raises:
        SettingsError: one line that names the flag and what is allowed.
        SystemExit: after ``--help``.
    """
    source: CliSettingsSource[ArgumentParser] = CliSettingsSource(
        Settings,
        cli_prog_name=program,
        cli_exit_on_error=False,
        add_argument_method=_add_argument,
        formatter_class=RawDescriptionHelpFormatter,
    )
    parser = source.root_parser
    parser.description = textwrap.fill(" ".join((Settings.__doc__ or "").split()), 80)
    if commands:
        width = max(map(len, commands)) + 2
        lines = [f"  {program} {command:<{width}}{does}" for command, does in commands.items()]
        told = f"Instead of serving the studio ({program} COMMAND --help tells more):"
        parser.epilog = "\n".join([told, *lines])
    try:
        return Settings(_cli_settings_source=source(args=list(argv)))
    except ValidationError as error:
        raise SettingsError(" ".join(map(_flag_problem, error.errors()))) from None
    except FlagError as error:
        reason = str(error).removeprefix("error parsing CLI: ")
        raise SettingsError(f"{reason}. See {program} --help.") from None


def _add_argument(parser: ArgumentParser, *flags: str, **options: Any) -> None:
    """Add a flag whose help says in words what it takes, and no default that says nothing."""
    if (kind := options.get("metavar")) in PLACEHOLDERS:
        options["metavar"] = PLACEHOLDERS[kind]
    options["help"] = _NO_DEFAULT.sub("", options["help"])
    parser.add_argument(*flags, **options)


def _flag_problem(error: Mapping[str, Any]) -> str:
    field = str(error["loc"][0])
    flag = f"--{field.replace('_', '-')} (LTX_UI_{field.upper()})"
    secret = field in ("auth", "database")  # a password is never echoed
    given = "" if secret else f" is {error['input']!r}; it"
    return f"{flag}{given} {mistake(error)}."
