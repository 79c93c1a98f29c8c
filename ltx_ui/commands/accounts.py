"""``ltx-ui user`` and ``ltx-ui token``: who has a name here, and which programs ask for whom."""

from __future__ import annotations

import getpass
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta

from ltx_ui.commands.folder import alone
from ltx_ui.commands.verbs import carry_out, parser_for
from ltx_ui.errors import SettingsError
from ltx_ui.settings import LOCAL, Settings
from ltx_ui.studio.database import Database
from ltx_ui.studio.people import named
from ltx_ui.studio.tokens import SCOPES, Tokens
from ltx_ui.studio.users import Users


def run(argv: Sequence[str], program: str) -> int:
    """Carry out the command with :func:`~ltx_ui.commands.verbs.carry_out`.

    Args:
        argv: the command, what it is to do, and the studio's own flags.
    """
    parser = _user_parser if argv[0] == "user" else _token_parser
    return carry_out(parser(program), argv[1:], program)


def _user_parser(program: str) -> ArgumentParser:
    parser = parser_for("user", program)
    verbs = parser.add_subparsers(required=True, metavar="add | list | remove | password")
    for verb, does, says in (
        ("add", _add_user, "give somebody a name and a password"),
        ("password", _set_password, "change a password; sessions and tokens end"),
        ("remove", _remove_user, "let somebody sign in no more; their clips stay"),
    ):
        each = verbs.add_parser(verb, help=says, description=says, allow_abbrev=False)
        each.add_argument("name", metavar="NAME")
        each.set_defaults(does=does)
        if verb != "remove":
            each.add_argument(
                "--password-stdin", action="store_true", help="read the password from stdin"
            )
    verbs.add_parser("list", help="who has a name").set_defaults(does=_list_users)
    return parser


def _token_parser(program: str) -> ArgumentParser:
    parser = parser_for("token", program)
    verbs = parser.add_subparsers(required=True, metavar="add | list | revoke")
    add = verbs.add_parser("add", help="make a token and print it", allow_abbrev=False)
    add.add_argument("label", metavar="LABEL", help="what it is called")
    add.add_argument(
        "--scope",
        required=True,
        metavar="SCOPE,…",
        help=f"what it is for: {', '.join(SCOPES)}, separated by commas",
    )
    add.add_argument("--days", type=int, help="days until it expires; none: it does not")
    add.add_argument("--owner", default=LOCAL, help=f"for whom it asks (default: {LOCAL})")
    add.set_defaults(does=_add_token)
    listed = verbs.add_parser("list", help="all tokens, without themselves", allow_abbrev=False)
    listed.add_argument("--owner", help="only those that ask for this one")
    listed.set_defaults(does=_list_tokens)
    revoke = verbs.add_parser("revoke", help="end a token", allow_abbrev=False)
    revoke.add_argument("id", metavar="ID", help="as the list tells it")
    revoke.set_defaults(does=_revoke_token)
    return parser


@contextmanager
def _library(settings: Settings) -> Iterator[Database]:
    """The library's database, which a running studio may be using; only where none does it is made,
    or brought up to date."""
    database = Database(settings.library)
    with ExitStack() as stack:
        try:
            stack.enter_context(alone(settings))
            database.open()
        except SettingsError:
            database.open(migrate=False)
        stack.callback(database.close)
        yield database


def _add_user(asked: Namespace, settings: Settings) -> None:
    password = _password(asked)
    with _library(settings) as database:
        user = Users(database).add(asked.name, password)
    print(f"{user.name} can sign in now.")


def _set_password(asked: Namespace, settings: Settings) -> None:
    password = _password(asked)
    with _library(settings) as database:
        Users(database).set_password(asked.name, password)
    print(f"{asked.name} has a new password. Where they were signed in they have to do so again.")


def _remove_user(asked: Namespace, settings: Settings) -> None:
    with _library(settings) as database:
        Users(database).remove(asked.name)
    print(f"{asked.name} can sign in no more. Their clips are still in the library.")


def _list_users(asked: Namespace, settings: Settings) -> None:
    with _library(settings) as database:
        users = Users(database).all()
    for user in users:
        print(f"{user.name}\tsince {_day(user.created_at)}")
    if not users:
        print("Nobody has a name here. ltx-ui user add NAME gives somebody one.", file=sys.stderr)


def _add_token(asked: Namespace, settings: Settings) -> None:
    expires = None
    if asked.days is not None:
        expires = datetime.now(UTC) + timedelta(days=max(0, min(asked.days, 36_600)))
    scopes = [each.strip() for each in asked.scope.split(",")]
    with _library(settings) as database:
        if asked.owner not in named(database, settings):
            raise SettingsError(
                f"there is no user {asked.owner}. Tokens ask for {LOCAL}, for users, or for the "
                "name in LTX_UI_AUTH."
            )
        secret, token = Tokens(database).make(asked.owner, asked.label, scopes, expires)
    print(secret)
    told = "It is told this once. Send it as Authorization: Bearer …; its id is"
    print(f"{told} {token.id}.", file=sys.stderr)


def _list_tokens(asked: Namespace, settings: Settings) -> None:
    with _library(settings) as database:
        tokens = Tokens(database).all(asked.owner)
    for token in tokens:
        used = f"used {_day(token.used_at)}" if token.used_at else "never used"
        ends = f"until {_day(token.expires_at)}" if token.expires_at else "for ever"
        scopes = ",".join(sorted(token.scopes))
        print("\t".join((token.id, token.owner, scopes, used, ends, token.label)))


def _revoke_token(asked: Namespace, settings: Settings) -> None:
    with _library(settings) as database:
        Tokens(database).revoke(asked.id)
    print("The token is refused from now on.")


def _day(moment: datetime) -> str:
    """The day of a moment, where this machine is."""
    return f"{moment.astimezone():%Y-%m-%d}"


def _password(asked: Namespace) -> str:
    """The new password: from standard input, or typed twice.

    Raises:
        SettingsError: there is nobody to ask, or it was typed in two ways.
    """
    if asked.password_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    if not sys.stdin.isatty():
        raise SettingsError("there is no terminal to ask for the password: use --password-stdin.")
    password = getpass.getpass(f"Password for {asked.name}: ")
    if getpass.getpass("Again: ") != password:
        raise SettingsError("that was another password. Nothing was changed; try again.")
    return password
