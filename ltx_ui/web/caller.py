"""Who is asking: what the routes are told of it."""

from __future__ import annotations

from dataclasses import dataclass

from ltx_ui.studio.people import Role, role_of
from ltx_ui.studio.tokens import Scope


@dataclass(frozen=True)
class Asking:
    """Who is asking.

    Attributes:
        owner: whose jobs and takes the request finds and makes.
        scopes: what their token is for; None without a token, for everything.
    """

    owner: str
    scopes: frozenset[Scope] | None = None

    @property
    def role(self) -> Role:
        """In which part they are here."""
        return role_of(self.owner)

    def may(self, scope: Scope) -> bool:
        """Whether they may do what needs a scope."""
        return self.scopes is None or scope in self.scopes
