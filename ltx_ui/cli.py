"""Flags → settings → studio → page, and a clean end."""

from __future__ import annotations

import logging
import os
import re
import signal
import socket
import sys
import threading
from argparse import ArgumentParser, HelpFormatter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NoReturn

from pydantic import ValidationError
from pydantic_settings import CliSettingsSource
from pydantic_settings.exceptions import SettingsError as FlagError

from ltx_ui import runtime
from ltx_ui.errors import SettingsError, StudioError
from ltx_ui.presets import load_presets
from ltx_ui.settings import Settings
from ltx_ui.values import mistake
from ltx_ui.web.listening import listen

logger = logging.getLogger("ltx_ui")

PLACEHOLDERS = {
    "str": "TEXT",
    "int": "NUMBER",
    "float": "NUMBER",
    "Path": "PATH",
    "SecretStr": "NAME:PASSWORD",
    "tuple[str,...]": "NAME,NAME,…",
}
"""What stands for a flag's value in the help, by its type."""
_NO_DEFAULT = re.compile(r" \(default: (None|False|\(\))\)$")

USAGE_ERROR = 2
"""Exit code for a wrong flag, value or presets.json, as the shell's own tools use it."""


def main(argv: Sequence[str] | None = None, program: str = "ltx-ui") -> int:
    """Run the studio until SIGINT or SIGTERM; returns the exit code.

    Args:
        argv: the flags; None: those that the process was started with.
        program: what it was started as, for its messages.
    """
    try:
        settings = read_settings(sys.argv[1:] if argv is None else argv, program)
        _log(settings.log_level)
        with _alone(settings):
            return _run(settings, listen(settings.host, settings.port))
    except SettingsError as error:
        print(f"{program}: {error}", file=sys.stderr)
        return USAGE_ERROR
    except StudioError as error:
        print(f"{program}: {error}", file=sys.stderr)
        return 1


def read_settings(argv: Sequence[str], program: str) -> Settings:
    """Settings from flags, then ``LTX_UI_…``, then defaults.

    Raises:
        SettingsError: one line that names the flag and what is allowed.
        SystemExit: after ``--help``.
    """
    source: CliSettingsSource[Settings] = CliSettingsSource(
        Settings,
        cli_prog_name=program,
        cli_exit_on_error=False,
        add_argument_method=_add_argument,
        formatter_class=HelpFormatter,
    )
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
    given = "" if field == "auth" else f" is {error['input']!r}; it"  # a password is never echoed
    return f"{flag}{given} {mistake(error)}."


def _log(level: str) -> None:
    logging.basicConfig(
        level=level.upper(), format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    if level != "debug":
        # That a server starts is nobody's news; its address is printed.
        logging.getLogger("uvicorn.error").setLevel(logging.WARNING)


@contextmanager
def _alone(settings: Settings) -> Iterator[None]:
    """Hold the data folder: two studios on one folder would take each other's jobs."""
    from filelock import FileLock, Timeout

    try:
        settings.data_dir.mkdir(parents=True, exist_ok=True)
        lock = FileLock(settings.data_dir / "studio.lock", timeout=0)
        lock.acquire()
    except Timeout:
        raise SettingsError(
            f"another studio is using {settings.data_dir}. Close it, or choose another folder with "
            "--data-dir."
        ) from None
    except OSError as error:
        raise SettingsError(
            f"{settings.data_dir} can't be written ({error.strerror}). Choose another folder with "
            "--data-dir."
        ) from None
    try:
        yield
    finally:
        lock.release()


def _run(settings: Settings, sockets: Sequence[socket.socket]) -> int:
    runtime.set_up(settings.cache_dir)
    presets = load_presets(settings.presets)

    # They import libraries that read their environment, which is set up above.
    from ltx_ui.studio.studio import Studio
    from ltx_ui.web.access import with_credentials
    from ltx_ui.web.server import serve

    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())

    chosen, settings = settings, with_credentials(settings)
    studio = Studio(settings)
    page = serve(studio, settings, presets, sockets)
    studio.start(presets.sampled_sizes)
    print(f"LTX-2 Studio: {page.url} (data in {settings.data_dir.resolve()})", flush=True)
    if page.share_url:
        print(f"Public link: {page.share_url}", flush=True)
    if settings.credentials and not chosen.credentials:
        name, password = settings.credentials
        print(f"Sign in as {name} with the password {password}", flush=True)
    stop.wait()
    logger.info("Stopping.")
    page.close()
    studio.close()
    _leave()


def _leave() -> NoReturn:
    """End now: a step that is still being computed in a thread can't be interrupted, and the job
    behind it is on disk and starts again next time."""
    logging.shutdown()
    sys.stdout.flush()
    os._exit(0)
