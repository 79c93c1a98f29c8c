"""``ltx-ui`` and ``app.py``: which command is meant, and how the process ends."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from ltx_ui import commands
from ltx_ui.errors import SettingsError, StudioError

USAGE_ERROR = 2
"""Exit code for a wrong flag, value or presets.json, as the shell's own tools use it."""


def main(argv: Sequence[str] | None = None, program: str = "ltx-ui") -> int:
    """Carry out a command of :mod:`ltx_ui.commands`, or run the studio until SIGINT or SIGTERM;
    returns the exit code.

    Args:
        argv: the flags, with the command and what it takes before them; None: those that the
            process was started with.
        program: what it was started as, for its messages.
    """
    try:
        return commands.run(sys.argv[1:] if argv is None else argv, program)
    except StudioError as error:
        print(f"{program}: {error}", file=sys.stderr)
        return USAGE_ERROR if isinstance(error, SettingsError) else 1


if __name__ == "__main__":
    raise SystemExit(main())
