"""``ltx-ui check``: whether the library is in order, and with ``--mend`` what can be put right."""

from __future__ import annotations

from collections.abc import Sequence

from ltx_ui.commands import COMMANDS
from ltx_ui.commands.folder import alone
from ltx_ui.errors import SettingsError
from ltx_ui.flags import Parser, parse
from ltx_ui.studio.check import Check, Finding, NotMended


def run(argv: Sequence[str], program: str) -> int:
    """Say what is wrong with the library; returns 1 if something is, and was not put right.

    Raises:
        SettingsError: the folder can't be used.
    """
    parser = Parser(f"{program} {argv[0]}", description=COMMANDS[argv[0]].does)
    parser.add_argument("--mend", action="store_true", help="put right what can be")
    asked, given = parse(parser, argv[1:])
    settings = given.settings
    if not settings.data_dir.is_dir():
        raise SettingsError(f"There is no folder {settings.data_dir}. Choose one with --data-dir.")
    with alone(settings, entirely=True), Check(settings) as check:
        wrong = [_put_right(finding, asked.mend) for finding in check.findings()].count(False)
        takes = check.count()
    counted = f"{takes} take." if takes == 1 else f"{takes} takes."
    print(counted if wrong else f"{counted} Everything is in order.")
    if wrong and not asked.mend:
        print(f"{program} {argv[0]} --mend puts right what can be.")
    return int(wrong > 0)


def _put_right(finding: Finding, mend: bool) -> bool:
    """Tell of something, and mend it if that is wanted; returns whether it is put right."""
    print(finding.said)
    if not mend or finding.mend is None:
        return False
    try:
        print(f"  {finding.mend()}")
    except NotMended as error:
        print(f"  {error}")
        return False
    return True
