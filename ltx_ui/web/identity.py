"""Who is asking: the owner at the machine or by the owner link, and visitors told apart by cookies.

A cookie holds a name and is signed with a key in the data folder, so that nobody can make one for
another, and a restart signs nobody out. The owner is the person at the machine where nothing stands
in between; where a tunnel or a proxy may, their requests look like everybody's, and the printed
owner link takes their place.
"""

from __future__ import annotations

import hashlib
import ipaddress
import os
import secrets
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

from argon2.low_level import Type, hash_secret_raw
from itsdangerous import BadSignature, TimestampSigner
from starlette.requests import Request
from starlette.responses import Response

from ltx_ui.errors import writing_failed
from ltx_ui.settings import VISITOR
from ltx_ui.web.prefix import cookie_path
from ltx_ui.web.throttle import network_of

COOKIE_SECONDS = 365 * 24 * 3600
_KEY_BYTES = 32
_FORWARDED = ("forwarded", "x-forwarded", "x-real-ip", "via", "cf-", "true-client-ip")
"""How headers begin by which a proxy shows."""


class Identities:
    """Names in signed cookies.

    Args:
        key: see :func:`signing_key`.
        port: the studio's. Cookies are shared by all ports of a host, and two studios may run on
            one.
    """

    def __init__(self, key: bytes, port: int) -> None:
        self._key = key
        self._signer = TimestampSigner(key, salt="ltx-ui-who")
        self._cookie = f"ltx2-who-{port}"

    def new_visitor(self, request: Request) -> str:
        """A name for somebody who has none yet. Those from one address share its middle, by which
        they are bounded together: see :class:`~ltx_ui.studio.guard.Guard`."""
        network = network_of(request.client.host if request.client else "")
        crowd = hashlib.sha256(self._key + network.encode()).hexdigest()[:12]
        return f"{VISITOR}{crowd}-{secrets.token_hex(12)}"

    def of(self, request: Request) -> str | None:
        """The name in a request's cookie; None without a valid one."""
        try:
            name = self._signer.unsign(request.cookies.get(self._cookie, ""), COOKIE_SECONDS)
        except BadSignature:
            return None
        return name.decode()

    def keep(self, name: str, answer: Response, request: Request) -> None:
        """Have the browser keep a name."""
        answer.set_cookie(
            self._cookie,
            self._signer.sign(name).decode(),
            max_age=COOKIE_SECONDS,
            path=cookie_path(request.scope),
            httponly=True,
            samesite="lax",
            secure=request.url.scheme == "https",
        )

    def forget(self, answer: Response, request: Request) -> None:
        """Have the browser keep no name any more."""
        path = cookie_path(request.scope)
        answer.delete_cookie(self._cookie, path=path, httponly=True, samesite="lax")

    def stamp(self, credentials: tuple[str, str]) -> str:
        """What tells whether a name and a password are still those that somebody signed in with.
        As hard to guess the password from as a stored hash of it."""
        name, password = credentials
        salt = hashlib.sha256(self._key + name.encode()).digest()
        raw = hash_secret_raw(password.encode(), salt, 2, 19 * 1024, 1, 32, Type.ID)
        return raw.hex()

    def set_cookie(self, name: str, request: Request) -> str:
        """The header ``Set-Cookie`` that has the browser keep a name."""
        answer = Response()
        self.keep(name, answer, request)
        return answer.headers["set-cookie"]


class OwnerLink:
    """The token in the owner link. It works once; then there is another one.

    Args:
        changed: is told the link's path and query, at first and whenever there is a new one.
    """

    def __init__(self, changed: Callable[[str], None] = lambda path: None) -> None:
        self._changed = changed
        self._token = secrets.token_urlsafe(32)

    @property
    def path(self) -> str:
        """The link, without scheme and host."""
        return f"owner?token={self._token}"

    def tell(self, changed: Callable[[str], None]) -> None:
        """Tell the link to somebody now, and whenever there is a new one."""
        self._changed = changed
        changed(self.path)

    def is_right(self, token: str) -> bool:
        """Whether a token is the present one."""
        return secrets.compare_digest(token.encode(), self._token.encode())

    def take(self, token: str) -> bool:
        """Use a token up; returns whether it was the right one."""
        if not self.is_right(token):
            return False
        self._token = secrets.token_urlsafe(32)
        self._changed(self.path)
        return True


def is_at_the_machine(request: Request) -> bool:
    """Whether a request comes from this machine, to an address of this machine's own, with no sign
    of a proxy."""
    if any(name.startswith(_FORWARDED) for name in request.headers):
        return False
    asked = urlsplit(f"//{request.headers.get('host', '')}").hostname
    return is_loopback(asked) and is_loopback(request.client and request.client.host)


def signing_key(folder: Path) -> bytes:
    """The key in a data folder; made if there is none. Only the program's user can read it.

    Raises:
        MediaError: it can't be read or written.
    """
    path = folder / "signing-key"
    try:
        if path.is_file() and len(key := path.read_bytes()) == _KEY_BYTES:
            return key
        key = secrets.token_bytes(_KEY_BYTES)
        path.unlink(missing_ok=True)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(key)
    except OSError as error:
        raise writing_failed(path, error) from error
    return key


def is_loopback(host: str | None) -> bool:
    """Whether a host is this machine as it calls itself."""
    if host == "localhost":
        return True
    try:
        return host is not None and ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
