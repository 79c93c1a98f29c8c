"""Finds out who is asking: by token, cookie, name and password, a proxy's word, or the machine."""

from __future__ import annotations

import asyncio
import base64
import binascii
import secrets
import unicodedata
from collections.abc import Mapping
from typing import TypeVar

from pydantic import SecretStr
from starlette.requests import Request

from ltx_ui.errors import InvalidRecipe, NotAllowed, TooMuch
from ltx_ui.settings import GUEST, LOCAL, Settings
from ltx_ui.studio.bans import BANNED, is_banned
from ltx_ui.studio.guard import is_visitor
from ltx_ui.studio.kept import Kept
from ltx_ui.studio.lately import Lately
from ltx_ui.studio.sign_ins import SignedIn
from ltx_ui.studio.tokens import Token
from ltx_ui.studio.users import checked_name
from ltx_ui.web.caller import Asking, ByPassword, BySignIn, ByToken
from ltx_ui.web.identity import Identities, OwnerLink, is_at_the_machine
from ltx_ui.web.origins import is_proven_own
from ltx_ui.web.proxies import came_through_proxy
from ltx_ui.web.public import PublicLink
from ltx_ui.web.throttle import Throttle

MOST_NAMED = 200
"""Characters of a name that a proxy gives; there it may be an address."""
_AT_ONCE = 2
"""Passwords that are hashed at the same time, each in 19 MiB."""

T = TypeVar("T")


def with_credentials(settings: Settings) -> Settings:
    """The settings, with a password made up if a public link would otherwise stand open."""
    closed = settings.credentials is not None or settings.visitors == "off"
    if not settings.share or closed:
        return settings
    auth = SecretStr(f"{GUEST}:{secrets.token_urlsafe(12)}")
    return settings.model_copy(update={"auth": auth})


class WrongPassword(Exception):
    """A request comes with a name and a password of which one is wrong."""


class Authenticator:
    """Checks names, passwords and who is signed in, and counts the failed attempts.

    Attributes:
        identities: names in signed cookies.
        link: makes whoever opens it the owner.
        public: the public link, if there is one.
        sign_ins: who is signed in.
        cookie: the name of the cookie with a sign-in's token.
    """

    def __init__(
        self, settings: Settings, identities: Identities, link: OwnerLink, studio: Kept
    ) -> None:
        self._credentials = settings.credentials
        self._stamp = identities.stamp(self._credentials) if self._credentials else ""
        self._visitors = settings.visitors == "on"
        self._user_header = settings.user_header
        # Behind a tunnel or a proxy, strangers' requests come from this machine too.
        self._direct = not settings.share and not settings.allowed_host
        self._studio, self.sign_ins = studio, studio.sign_ins
        self.identities = identities
        self.link = link
        self.public = PublicLink()
        self._throttle = Throttle()
        self._hashing = asyncio.Semaphore(_AT_ONCE)
        # Cookies are shared by all ports of a host, and two studios may run on one.
        self.cookie = f"ltx2-studio-{settings.port}"

    @property
    def required(self) -> bool:
        """Whether nobody comes in without signing in, but the owner."""
        return self._credentials is not None or not self._visitors

    async def has_names(self) -> bool:
        """Whether there is a name to sign in with.

        Raises:
            MediaError: the library can't be read.
        """
        return self.required or bool(await self._stamps())

    async def token(self, secret: str) -> Token | None:
        """What is known of a token that came with a request; None if nothing is.

        Raises:
            MediaError: the library can't be read.
        """
        return await asyncio.to_thread(self._studio.tokens.known, secret)

    async def named(self, request: Request) -> Asking | None:
        """Who comes by a cookie, a proxy's word, or name and password; None without any of them.
        Who signed in as a guest has the visitor's name, or an empty one if there is none yet.

        Raises:
            WrongPassword: name or password is wrong.
            NotAllowed: a proxy gives a name that nobody can have.
            TooMuch: too many wrong ones came.
            MediaError: the library can't be read.
        """
        own = is_safe_or_own(request)
        if self.identities.of(request) == LOCAL and (own or not self.required):
            return Asking(LOCAL)
        if name := self._named_by_proxy(request):
            return Asking(name)
        cookie = request.cookies.get(self.cookie, "")
        if own and (who := await self._signed_in(cookie)):
            return Asking(self._owner(who.name, request), by=BySignIn(cookie))
        basic = _basic(request)
        if basic is None or not await self.has_names():
            return None
        verified = await self.verify(*basic, address_of(request))
        if verified is None:
            raise WrongPassword
        return Asking(self._owner(basic[0], request), by=ByPassword(verified))

    def unnamed(self, request: Request) -> str | None:
        """The owner of a request of which :meth:`named` knows none: the person at the machine, a
        known visitor, or empty for a new one. None for who has to sign in."""
        at_the_machine = is_at_the_machine(request) and not came_through_proxy(request)
        if self._credentials is None and self._direct and at_the_machine:
            return LOCAL
        return None if self.required else self.visitor(request)

    async def admit(self, owner: str) -> None:
        """Let somebody in, and note that they are here.

        Raises:
            NotAllowed: they are banned.
            MediaError: the library can't be read.
        """
        if await self._banned(owner):
            raise NotAllowed(BANNED)
        self._studio.presence.seen(owner)

    async def lets_in(self, caller: Asking) -> bool:
        """Whether who came in would be let in again: their token was not revoked, their user not
        removed, and so on.

        Raises:
            MediaError: the library can't be read.
        """
        if await self._banned(caller.owner):
            return False
        match caller.by:
            case ByToken(token):
                return token in await _lately(self._studio.tokens.ids)
            case BySignIn(cookie):
                return await self._signed_in(cookie) is not None
            case ByPassword(who):
                return await self._is_known(who)
        return True

    async def keeps(self, request: Request) -> bool:
        """Whether the browser keeps something by which it is somebody, and could sign out.

        Raises:
            MediaError: the library can't be read.
        """
        cookie = request.cookies.get(self.cookie, "")
        return self.identities.of(request) == LOCAL or await self._signed_in(cookie) is not None

    def visitor(self, request: Request) -> str:
        """The visitor's name in a request's cookie; empty if there is none."""
        known = self.identities.of(request)
        return "" if known is None or known == LOCAL else known

    async def verify(self, name: str, password: str, address: str) -> SignedIn | None:
        """Who has this name and this password; None if either is wrong.

        Args:
            address: the client's, whose failed attempts are counted.

        Raises:
            TooMuch: it has to wait.
            MediaError: the library can't be read.
        """
        async with self._hashing:
            if wait := self._throttle.seconds_left(address):
                seconds = int(wait) + 1
                raise TooMuch(
                    "Too many wrong passwords came from your address. Try again in "
                    f"{seconds} seconds.",
                    seconds,
                )
            who = await self._verified(name, password)
            (self._throttle.failed if who is None else self._throttle.succeeded)(address)
            return who

    async def _verified(self, name: str, password: str) -> SignedIn | None:
        given, expected = f"{name}:{password}", ":".join(self._credentials or ())
        if secrets.compare_digest(given.encode(), expected.encode()):
            return SignedIn(name, self._stamp)
        users = self._studio.users
        # Somebody who was just given a name, in another process, signs in at once.
        users.stamps.changed()
        if not await self._stamps():
            return None
        if not await asyncio.to_thread(users.verify, name, password):
            return None
        stamp = (await self._stamps()).get(name)
        return SignedIn(name, stamp) if stamp else None

    async def _signed_in(self, cookie: str) -> SignedIn | None:
        if not cookie:
            return None
        who = self.sign_ins.lately(cookie) or await asyncio.to_thread(self.sign_ins.who, cookie)
        return who if who is not None and await self._is_known(who) else None

    async def _is_known(self, who: SignedIn) -> bool:
        """Whether there is somebody of this name, and they have the same password as before."""
        if self._credentials and who == SignedIn(self._credentials[0], self._stamp):
            return True
        return (await self._stamps()).get(who.name) == who.stamp

    async def _banned(self, owner: str) -> bool:
        if not is_visitor(owner):
            return False
        banned = await _lately(self._studio.bans.names)
        return is_banned(owner, banned)

    async def _stamps(self) -> Mapping[str, str]:
        return await _lately(self._studio.users.stamps)

    def _owner(self, name: str, request: Request) -> str:
        guests = self._visitors and self._credentials and self._credentials[0] == GUEST
        return self.visitor(request) if guests and name == GUEST else name

    def _named_by_proxy(self, request: Request) -> str | None:
        if self._user_header is None or not came_through_proxy(request):
            return None
        given = [each.strip() for each in request.headers.getlist(self._user_header)]
        if not any(given):
            return None
        try:
            (only,) = given
            return checked_name(only.encode("latin-1").decode(), MOST_NAMED)
        except (ValueError, InvalidRecipe):
            raise NotAllowed(
                f"The proxy gives you a name in {self._user_header} that nobody can have here, or "
                "more than one."
            ) from None


async def _lately(value: Lately[T]) -> T:
    known = value.known
    return await asyncio.to_thread(value.get) if known is None else known


def is_safe_or_own(request: Request) -> bool:
    """Whether a request changes nothing, or was sent by the studio's own page."""
    return request.method in ("GET", "HEAD") or is_proven_own(request)


def address_of(request: Request) -> str:
    """The client's address; through a trusted proxy the one that the proxy names."""
    return request.client.host if request.client else ""


def bearer(request: Request) -> str | None:
    """The token in the request's header; None without one."""
    scheme, _, secret = request.headers.get("authorization", "").partition(" ")
    return secret.strip() if scheme.lower() == "bearer" else None


def _basic(request: Request) -> tuple[str, str] | None:
    """Name and password from the request's header: None without one, empty if it is malformed."""
    scheme, _, payload = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        name, _, password = base64.b64decode(payload, validate=True).decode().partition(":")
    except (binascii.Error, ValueError):
        return "", ""
    return unicodedata.normalize("NFC", name), password
