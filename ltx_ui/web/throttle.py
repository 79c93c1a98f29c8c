"""Slows down the guessing of passwords: after a few wrong ones an address has to wait, longer each
time."""

from __future__ import annotations

import ipaddress
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass

FREE_TRIES = 5
"""Wrong passwords without a wait: people mistype."""
LONGEST = 900.0
"""The longest wait, in seconds. With it an address can try 96 passwords a day."""
FORGIVEN_AFTER = 24 * 3600.0
"""Seconds since the last wrong password after which earlier ones no longer count."""
CROWD, CROWD_SECONDS = 20, 60.0
"""This many wrong passwords in this many seconds, from all addresses together, are an attack from
many addresses, or from one behind a proxy that passes on what clients claim. Then only addresses
that were right before may go on trying."""
MOST_ADDRESSES = 10_000
"""How many are remembered (some 2 MB); those whose last failure is oldest are forgotten first."""


@dataclass
class _Record:
    failures: int
    last: float
    closed_until: float


class Throttle:
    """Counts wrong passwords by address. For one thread only, the event loop's."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._records: OrderedDict[str, _Record] = OrderedDict()
        self._known: OrderedDict[str, None] = OrderedDict()
        self._latest: deque[float] = deque(maxlen=CROWD)

    def seconds_left(self, address: str) -> float:
        """How long this address has to wait before its next try; 0 if it may try now."""
        key, now = network_of(address), self._clock()
        record = self._records.get(key)
        until = record.closed_until if record else now
        if key not in self._known and len(self._latest) == CROWD:
            until = max(until, self._latest[0] + CROWD_SECONDS)
        return max(0.0, until - now)

    def failed(self, address: str) -> None:
        """Count a wrong password."""
        now, key = self._clock(), network_of(address)
        self._latest.append(now)
        record = self._records.pop(key, None)
        if record is None or now - record.last > FORGIVEN_AFTER:
            record = _Record(0, now, now)
        record.failures += 1
        record.last = now
        over = record.failures - FREE_TRIES
        if over >= 0:
            record.closed_until = now + min(2.0 ** min(over, 30), LONGEST)
        self._records[key] = record
        while len(self._records) > MOST_ADDRESSES:
            self._records.popitem(last=False)

    def succeeded(self, address: str) -> None:
        """Forget an address's wrong passwords, after a right one."""
        key = network_of(address)
        self._records.pop(key, None)
        self._known[key] = None
        self._known.move_to_end(key)
        while len(self._known) > MOST_ADDRESSES:
            self._known.popitem(last=False)

    def __len__(self) -> int:
        return len(self._records)


def network_of(address: str) -> str:
    """What an address is counted under: itself, or for IPv6 its /64 network, which one household or
    server usually has for itself."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address[:64]
    if isinstance(parsed, ipaddress.IPv4Address):
        return str(parsed)
    if parsed.ipv4_mapped:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.ip_network((parsed, 64), strict=False))
