"""``ltx-ui config``: every setting with its value, and where that comes from."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from ltx_ui.commands import COMMANDS
from ltx_ui.flags import Given, Parser, parse
from ltx_ui.settings import SECRETS, Settings

MASK = "********"


def run(argv: Sequence[str], program: str) -> int:
    """Print the settings; returns 0.

    Raises:
        SettingsError: one of them can't be used.
    """
    parser = Parser(f"{program} {argv[0]}", description=COMMANDS[argv[0]].does)
    parser.add_argument("--toml", action="store_true", help="as a file that --config reads")
    parser.add_argument(
        "--secrets", action="store_true", help="print passwords, which are masked otherwise"
    )
    asked, given = parse(parser, argv[1:])
    lines = _file(given, asked.secrets) if asked.toml else _table(given, asked.secrets)
    print("\n".join(lines))
    return 0


def _table(given: Given, secrets: bool) -> Iterator[str]:
    rows = [
        (name, _shown(name, value, secrets), given.origins.get(name, "default"))
        for name, value in _values(given.settings)
    ]
    widths = [max(len(row[column]) for row in rows) for column in (0, 1)]
    for name, value, origin in rows:
        yield f"{name:<{widths[0]}}  {value:<{widths[1]}}  {origin}"


def _shown(name: str, value: Any, secrets: bool) -> str:
    if value is None:
        return "-"
    if name in SECRETS and not secrets:
        return MASK
    return ",".join(value) if isinstance(value, tuple) else str(value)


def _file(given: Given, secrets: bool) -> Iterator[str]:
    """The lines of a TOML file: what is a default, or may not be told, is commented out."""
    yield "# Settings of LTX-2 Studio. Flags and the environment (LTX_UI_…) stand above them."
    for name, value in _values(given.settings):
        if name == "config":  # Which file it is stands in no file.
            continue
        told = Settings.model_fields[name].description or ""
        yield ""
        yield from textwrap.wrap(told, 98, initial_indent="# ", subsequent_indent="# ")
        if value is None:
            yield f"# {name} ="
        elif name in SECRETS and not secrets:
            yield f'# {name} = "{MASK}"  # Set by {given.origins[name]}.'
        else:
            commented = "" if name in given.origins else "# "
            yield f"{commented}{name} = {_toml(value)}"


def _values(settings: Settings) -> Iterator[tuple[str, Any]]:
    for name in Settings.model_fields:
        value = getattr(settings, name)
        yield name, value.get_secret_value() if isinstance(value, SecretStr) else value


def _toml(value: Any) -> str:
    match value:
        case bool():
            return str(value).lower()
        case int() | float():
            return repr(value)
        case tuple():
            return f"[{', '.join(map(_toml, value))}]"
        case Path():
            return _toml(str(value))
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
