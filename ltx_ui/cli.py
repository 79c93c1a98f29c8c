"""Flags → settings → studio → page, and a clean end."""

from __future__ import annotations

import logging
import os
import re
import signal
import socket
import sqlite3
import sys
import threading
from argparse import ArgumentParser, HelpFormatter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NoReturn

from pydantic import ValidationError
from pydantic_settings import CliSettingsSource
from pydantic_settings.exceptions import SettingsError as FlagError

from ltx_ui import runtime
from ltx_ui.errors import SettingsError, StudioError
from ltx_ui.presets import load_presets
from ltx_ui.settings import Settings
from ltx_ui.show import COMMAND, show
from ltx_ui.show import DESCRIPTION as SHOWS
from ltx_ui.values import mistake
from ltx_ui.web.listening import listen

if TYPE_CHECKING:
    from ltx_ui.studio.check import Finding

logger = logging.getLogger("ltx_ui")

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

ALONG = ("export", "import")
"""The commands of :mod:`ltx_ui.along`."""
ACCOUNTS = ("user", "token")
"""The commands of :mod:`ltx_ui.accounts`."""
CHECK = "check"
CHECKS = "Tell whether the library is in order, and with --mend put right what can be."

USAGE_ERROR = 2
"""Exit code for a wrong flag, value or presets.json, as the shell's own tools use it."""


def main(argv: Sequence[str] | None = None, program: str = "ltx-ui") -> int:
    """Run the studio until SIGINT or SIGTERM, ``show`` what files tell, ``check`` the library,
    ``export`` or ``import`` takes, or manage users and tokens; returns the exit code.

    Args:
        argv: the flags, with the command and what it takes before them; None: those that the
            process was started with.
        program: what it was started as, for its messages.
    """
    argv = sys.argv[1:] if argv is None else argv
    if argv[:1] == [COMMAND]:
        return show(argv[1:], program)
    try:
        if argv[:1] and argv[0] in ALONG:
            from ltx_ui.along import take_along  # Imports the studio.

            return take_along(argv, program, read_settings, _alone)
        if argv[:1] and argv[0] in ACCOUNTS:
            from ltx_ui.accounts import manage  # Imports the studio's database.

            return manage(argv, program, read_settings, _alone)
        if argv[:1] == [CHECK]:
            return _check(argv[1:], program)
        settings = read_settings(argv, program)
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
    source: CliSettingsSource[ArgumentParser] = CliSettingsSource(
        Settings,
        cli_prog_name=program,
        cli_exit_on_error=False,
        add_argument_method=_add_argument,
        formatter_class=HelpFormatter,
    )
    source.root_parser.epilog = (
        f"{program} {COMMAND} [--json] FILE…: {SHOWS} {program} {CHECK} [--mend]: {CHECKS} "
        f"{program} export|import FILE.zip: takes a library's clips along. {program} user|token: "
        "who has a name here, and which programs ask for whom."
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
    secret = field in ("auth", "database")  # a password is never echoed
    given = "" if secret else f" is {error['input']!r}; it"
    return f"{flag}{given} {mistake(error)}."


def _log(level: str) -> None:
    logging.basicConfig(
        level=level.upper(), format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    if level != "debug":
        # That a server starts is nobody's news; its address is printed.
        logging.getLogger("uvicorn.error").setLevel(logging.WARNING)


@contextmanager
def _alone(settings: Settings, *, entirely: bool = False) -> Iterator[None]:
    """Hold the data folder: two studios on one folder would take each other's jobs, unless both
    have them in one PostgreSQL database.

    Args:
        entirely: whether no studio at all may use it at the same time.
    """
    from filelock import ReadWriteLock, Timeout

    try:
        settings.data_dir.mkdir(parents=True, exist_ok=True)
        lock = ReadWriteLock(settings.data_dir / "studio.lock", timeout=0)
        shared = settings.database and not entirely
        (lock.acquire_read if shared else lock.acquire_write)()
    except Timeout:
        raise SettingsError(
            f"another studio is using {settings.data_dir}. Close it, or choose another folder with "
            "--data-dir."
        ) from None
    except (OSError, sqlite3.Error) as error:  # The lock is one of SQLite's.
        reason = getattr(error, "strerror", error)
        raise SettingsError(
            f"{settings.data_dir} can't be written ({reason}). Choose another folder with "
            "--data-dir."
        ) from None
    try:
        yield
    finally:
        lock.release()


def _check(argv: Sequence[str], program: str) -> int:
    """Say what is wrong with the library; returns 1 if something is, and was not put right."""
    parser = ArgumentParser(
        f"{program} {CHECK}", description=CHECKS, epilog=f"Other flags are those of {program}."
    )
    parser.add_argument("--mend", action="store_true", help="put right what can be")
    asked, flags = parser.parse_known_args(argv)
    settings = read_settings(flags, program)
    if not settings.data_dir.is_dir():
        raise SettingsError(f"There is no folder {settings.data_dir}. Choose one with --data-dir.")
    with _alone(settings, entirely=True):
        from ltx_ui.studio.check import Check

        with Check(settings) as check:
            wrong = [_put_right(finding, asked.mend) for finding in check.findings()].count(False)
            takes = check.count()
    counted = f"{takes} take." if takes == 1 else f"{takes} takes."
    print(counted if wrong else f"{counted} Everything is in order.")
    if wrong and not asked.mend:
        print(f"{program} {CHECK} --mend puts right what can be.")
    return int(wrong > 0)


def _put_right(finding: Finding, mend: bool) -> bool:
    """Tell of something, and mend it if that is wanted; returns whether it is put right."""
    from ltx_ui.studio.check import NotMended

    print(finding.said)
    if not mend or finding.mend is None:
        return False
    try:
        print(f"  {finding.mend()}")
    except NotMended as error:
        print(f"  {error}")
        return False
    return True


_AT_THE_MACHINE = ("127.0.0.1", "localhost", "::1")


def _run(settings: Settings, sockets: Sequence[socket.socket]) -> int:
    runtime.set_up(settings.cache_dir)
    presets = load_presets(settings.presets)

    # They import libraries that read their environment, which is set up above.
    from ltx_ui.studio.studio import Studio
    from ltx_ui.web.authenticator import with_credentials
    from ltx_ui.web.server import serve

    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())

    chosen, settings = settings, with_credentials(settings)
    studio = Studio(settings)
    page = serve(studio, settings, presets, sockets)
    studio.start(presets.sampled_sizes)
    print(f"LTX-2 Studio: {page.url} (data in {settings.data_dir.resolve()})", flush=True)
    if settings.database:
        print(f"The library is in PostgreSQL at {studio.library_name}", flush=True)
    if page.share_url:
        print(f"Public link: {page.share_url}", flush=True)
    if settings.credentials and not chosen.credentials:
        name, password = settings.credentials
        print(f"Sign in as {name} with the password {password}", flush=True)
    between = settings.share or settings.allowed_host or settings.trusted_proxy
    if between or settings.host not in _AT_THE_MACHINE:
        page.owner_link.tell(lambda path: print(f"Owner link: {page.url}/{path}", flush=True))
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
