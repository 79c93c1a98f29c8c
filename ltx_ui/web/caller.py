"""Who is asking: what the routes are told of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from ltx_ui.errors import NotAllowed
from ltx_ui.settings import VISITOR
from ltx_ui.studio.people import Role, role_of
from ltx_ui.studio.sign_ins import SignedIn
from ltx_ui.studio.tokens import Scope


@dataclass(frozen=True)
class ByToken:
    """They came with a token, whose id this is."""

    id: str


@dataclass(frozen=True)
class BySignIn:
    """They have signed in, and came with this cookie."""

    cookie: str


@dataclass(frozen=True)
class ByPassword:
    """They came with a name and a password."""

    who: SignedIn


@dataclass(frozen=True)
class Asking:
    """Who is asking.

    Attributes:
        owner: whose jobs and takes the request finds and makes.
        scopes: what their token is for; None without a token, for everything.
        by: what they came in by, and what can be taken from them; None where that is nothing.
    """

    owner: str
    scopes: frozenset[Scope] | None = None
    by: ByToken | BySignIn | ByPassword | None = None

    @property
    def role(self) -> Role:
        """In which part they are here."""
        return role_of(self.owner)

    def may(self, scope: Scope) -> bool:
        """Whether they may do what needs a scope."""
        return self.scopes is None or scope in self.scopes


def owners_only(caller: Asking) -> None:
    """Refuse everybody but the studio's owner.

    Raises:
        NotAllowed: somebody else is asking.
    """
    if caller.role != "owner":
        raise NotAllowed("Only the owner of this studio decides about that.")


_asking: ContextVar[str] = ContextVar("asking", default=VISITOR)
"""Nobody asks: a visitor who has nothing."""


def asking() -> str:
    """The owner whose request is being answered. Like the language it belongs to the request, so
    that what fills the fields need not pass it on."""
    return _asking.get()


@contextmanager
def asked_by(owner: str) -> Iterator[None]:
    """Inside the block an owner's request is answered."""
    before = _asking.set(owner)
    try:
        yield
    finally:
        _asking.reset(before)
