"""Flags, ``LTX_UI_…`` and a TOML file → settings, or a line that says what is wrong."""

from __future__ import annotations

import re
import textwrap
import tomllib
from argparse import SUPPRESS, ArgumentParser, Namespace, RawDescriptionHelpFormatter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any, NoReturn

from pydantic import ValidationError
from pydantic_settings import (
    CliSettingsSource,
    EnvSettingsSource,
    PydanticBaseSettingsSource,
    TomlConfigSettingsSource,
)

from ltx_ui import home
from ltx_ui.errors import SettingsError
from ltx_ui.settings import SECRETS, Settings
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
FILE_NAME = "config.toml"
_NOT_IN_A_FILE = frozenset({"config"})


class Parser(ArgumentParser):
    """A parser whose mistakes are errors like all others."""

    def error(self, message: str) -> NoReturn:
        """Refuse the command line; part of the parser's interface."""
        raise SettingsError(f"{message}. See {self.prog} --help.")


@dataclass(frozen=True)
class Given:
    """Settings, and where each comes from.

    Attributes:
        origins: by name, of those that were given: the flag, the variable or the file.
    """

    settings: Settings
    origins: Mapping[str, str]


def read_settings(argv: Sequence[str], program: str, commands: Mapping[str, str] = {}) -> Settings:
    """Settings from flags, then ``LTX_UI_…``, then a file, then defaults.

    Args:
        program: what the process was started as.
        commands: what else it does, by command, for its help.

    Raises:
        SettingsError: one line that names the setting and what is allowed.
        SystemExit: after ``--help``.
    """
    parser = Parser(program, formatter_class=RawDescriptionHelpFormatter, allow_abbrev=False)
    parser.description = textwrap.fill(" ".join((Settings.__doc__ or "").split()), 80)
    if commands:
        width = max(map(len, commands)) + 2
        lines = [f"  {program} {command:<{width}}{does}" for command, does in commands.items()]
        told = f"Instead of serving the studio ({program} COMMAND --help tells more):"
        parser.epilog = "\n".join([told, *lines])
    return _read(parser, argv, hidden=False)[1].settings


def parse(parser: Parser, argv: Sequence[str]) -> tuple[Namespace, Given]:
    """A command's own options, and the settings from the studio's flags among them.

    Args:
        parser: has the command's options; gets the studio's, which its help only mentions.

    Raises:
        SettingsError, SystemExit: as :func:`read_settings`.
    """
    parser.epilog = "Besides, the studio's own flags, such as --data-dir."
    return _read(parser, argv, hidden=True)


def _read(parser: Parser, argv: Sequence[str], *, hidden: bool) -> tuple[Namespace, Given]:
    def add(parser: ArgumentParser, *flags: str, **options: Any) -> None:
        parser.add_argument(*flags, **_in_words(options, hidden=hidden))

    flags: CliSettingsSource[ArgumentParser] = CliSettingsSource(
        Settings, root_parser=parser, add_argument_method=add
    )
    asked = parser.parse_args(list(argv))
    given = {name: value for name, value in vars(asked).items() if name in Settings.model_fields}
    variables = EnvSettingsSource(Settings)
    sources: list[tuple[PydanticBaseSettingsSource, Callable[[str], str]]]
    sources = [(flags(parsed_args=given), _flag), (variables, _variable)]
    named = {**_without_none(variables()), **_without_none(flags())}
    file = _file(named)
    if file is not None:
        sources.append((_toml(file), lambda name: f"{name} in {file}"))
    told = [(_without_none(source()), origin) for source, origin in sources]
    origins = {name: origin(name) for found, origin in reversed(told) for name in found}
    try:
        settings = Settings(_build_sources=(tuple(source for source, _ in sources), {}))
    except ValidationError as error:
        problems = (_problem(each, origins) for each in error.errors())
        raise SettingsError(" ".join(problems)) from None
    return asked, Given(settings, origins)


def _without_none(found: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in found.items() if value is not None}


def _flag(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def _variable(name: str) -> str:
    return f"LTX_UI_{name.upper()}"


def _file(named: Mapping[str, Any]) -> Path | None:
    """The file that is named or, if there is one, the data folder's or the user's.

    Raises:
        SettingsError: the file that is named is not there.
    """
    if "config" in named:
        file = Path(named["config"])
        if not file.is_file():
            raise SettingsError(f"--config (LTX_UI_CONFIG) {file} is no file.")
        return file
    usual = (Path(named.get("data_dir", home.data_dir())), home.config_dir())
    return next((each / FILE_NAME for each in usual if (each / FILE_NAME).is_file()), None)


def _toml(file: Path) -> TomlConfigSettingsSource:
    try:
        source = TomlConfigSettingsSource(Settings, file)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingsError(f"{file} can't be read: {error}.") from None
    known = Settings.model_fields.keys() - _NOT_IN_A_FILE
    for name in source().keys() - known:
        near = get_close_matches(name.replace("-", "_"), known, 1)
        meant = f"Did you mean {near[0]}?" if near else "ltx-ui config lists all of them."
        raise SettingsError(f"{file}: there is no setting {name[:60]!r}. {meant}")
    return source


def _in_words(options: dict[str, Any], *, hidden: bool) -> dict[str, Any]:
    """A flag's options with a help that says in words what it takes, and no default that says
    nothing."""
    if (kind := options.get("metavar")) in PLACEHOLDERS:
        options["metavar"] = PLACEHOLDERS[kind]
    options["help"] = SUPPRESS if hidden else _NO_DEFAULT.sub("", options["help"])
    return options


def _problem(error: Mapping[str, Any], origins: Mapping[str, str]) -> str:
    field = str(error["loc"][0])
    origin = origins.get(field, _flag(field))
    where = origin if " in " in origin else f"{_flag(field)} ({_variable(field)})"
    given = "" if field in SECRETS else f" is {error['input']!r}; it"
    return f"{where}{given} {mistake(error)}."
