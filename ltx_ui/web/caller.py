"""Who is asking: what the routes are told of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ltx_ui.settings import LOCAL
from ltx_ui.studio.guard import is_visitor
from ltx_ui.studio.tokens import Scope

Role = Literal["owner", "user", "visitor"]
"""``owner``: the person at the machine, or whoever opened the owner link; ``user``: somebody with a
name; ``visitor``: everybody else who was let in."""


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
        if self.owner == LOCAL:
            return "owner"
        return "visitor" if is_visitor(self.owner) else "user"

    def may(self, scope: Scope) -> bool:
        """Whether they may do what needs a scope."""
        return self.scopes is None or scope in self.scopes
