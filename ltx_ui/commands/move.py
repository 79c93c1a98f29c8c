"""``ltx-ui move``: the library from the folder's file into PostgreSQL, and back."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from ltx_ui.commands import COMMANDS
from ltx_ui.commands.folder import alone
from ltx_ui.errors import SettingsError
from ltx_ui.flags import Parser, parse
from ltx_ui.settings import Settings
from ltx_ui.studio.database import Database
from ltx_ui.studio.moving import NotMoved, move
from ltx_ui.studio.sqlite import moved_to


def run(argv: Sequence[str], program: str) -> int:
    """Move the library; returns the exit code.

    Args:
        argv: the command, ``--back``, and the studio's own flags.
        program: what the program was started as.

    Raises:
        StudioError: it stays where it is; says why.
    """
    parser = Parser(f"{program} {argv[0]}", description=COMMANDS[argv[0]].does)
    parser.add_argument(
        "--back", action="store_true", help="from the database into a new file in the data folder"
    )
    asked, given = parse(parser, argv[1:])
    settings = given.settings
    if settings.database is None:
        raise SettingsError(
            "say which database with LTX_UI_DATABASE or --database: the one that the library goes "
            "to, or with --back comes from."
        )
    if not asked.back and not settings.library_file.is_file():
        raise SettingsError(f"there is no library {settings.library_file}. See --data-dir.")
    with alone(settings, entirely=True):
        print(_back(settings) if asked.back else _there(settings))
    return 0


def _there(settings: Settings) -> str:
    file = settings.library_file
    with _opened(file) as source, _opened(settings.library) as target:
        told = f"The library is in PostgreSQL at {target.name} now. {_told(move(source, target))}"
        source.forget()
    kept = _set_aside(file)
    return (
        f"{told}\nStart the studio with that database from now on. The file is kept as {kept}; the "
        "clips themselves stay where they are."
    )


def _back(settings: Settings) -> str:
    file = settings.library_file
    if file.exists():
        raise NotMoved(f"there is a library {file} already. Move it elsewhere first.")
    file.touch()
    try:
        with _opened(settings.library) as source, _opened(file) as target:
            told = f"The library is in {file} now. {_told(move(source, target))}"
            name = source.name
    except BaseException:
        for left in file.parent.glob(f"{file.name}*"):
            left.unlink()
        raise
    return f"{told}\nStart the studio without a database from now on. {name} is as it was."


@contextmanager
def _opened(place: Path | str) -> Iterator[Database]:
    database = Database(place)
    try:
        yield database
    finally:
        database.close()


def _set_aside(file: Path) -> Path:
    """Rename a library's file, so that no studio that was meant to use the database goes on with
    it; returns its new name.

    Raises:
        NotMoved: some other program has it open, and its latest changes are beside it.
    """
    if any(file.parent.glob(f"{file.name}-*")):
        raise NotMoved(
            f"All of it is in the database now, but another program is using {file}. Rename it when"
            " that has ended."
        )
    return file.replace(moved_to(file, f"{datetime.now():%Y%m%d-%H%M%S}"))


def _told(rows: Counter[str]) -> str:
    some = {"takes": "Clips", "jobs": "jobs", "characters": "characters", "users": "users"}
    counted = ", ".join(f"{called}: {rows[table]}" for table, called in some.items())
    return f"{counted}; with all else {rows.total()} rows, counted in both."
