"""Opens the sockets that the studio listens on, with a helpful error if it can't."""

from __future__ import annotations

import errno
import socket

from ltx_ui.errors import SettingsError

BACKLOG = 128
"""Connections that may wait to be accepted."""


def listen(host: str, port: int) -> list[socket.socket]:
    """Bound sockets for a host: one for each address of a name. ``::`` accepts IPv4 as well.

    Raises:
        SettingsError: the address can't be used; says why and which option helps.
    """
    name = host.strip("[]")
    try:
        found = socket.getaddrinfo(
            name, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE | socket.AI_NUMERICSERV
        )
    except (OSError, UnicodeError):
        raise SettingsError(
            f"--host {host} is no address or name of this machine. Choose another, for example "
            "--host 127.0.0.1."
        ) from None
    sockets: list[socket.socket] = []
    problem = OSError(errno.EADDRNOTAVAIL, "no address")
    for family, *_, address in dict.fromkeys(found):
        try:
            sockets.append(_bound(family, address, both=name == "::"))
        except OSError as error:
            problem = error
            # A name like localhost often has an IPv6 address on a machine that has no IPv6.
            if error.errno not in (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT):
                for each in sockets:
                    each.close()
                sockets.clear()
                break
    if not sockets:
        raise SettingsError(_sentence(problem, host, port)) from None
    return sockets


def url_of(host: str, port: int) -> str:
    """The studio's URL for a browser on this machine."""
    name = host.strip("[]")
    reachable = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(name, name)  # said  # nosec B104
    return f"http://[{reachable}]:{port}" if ":" in reachable else f"http://{reachable}:{port}"


def _bound(family: int, address: tuple[object, ...], *, both: bool) -> socket.socket:
    dualstack = both and socket.has_dualstack_ipv6()
    bound = socket.create_server(
        address[:2], family=family, backlog=BACKLOG, dualstack_ipv6=dualstack
    )
    # asyncio sends at once only what is known to be TCP; else each answer waits for 40 ms.
    return socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP, bound.detach())


def _sentence(error: OSError, host: str, port: int) -> str:
    where = f"[{host.strip('[]')}]:{port}" if ":" in host else f"{host}:{port}"
    other = f"Choose another port with --port, for example --port {port % 65535 + 1}"
    if error.errno == errno.EADDRINUSE:
        return f"{where} is taken by another program. {other}."
    if error.errno in (errno.EACCES, errno.EPERM):
        return f"{where} may not be used by this account. {other}."
    if error.errno == errno.EADDRNOTAVAIL:
        return f"{host} is no address of this machine. Choose another with --host."
    return f"{where} can't be used ({error.strerror}). {other}, or another address with --host."
