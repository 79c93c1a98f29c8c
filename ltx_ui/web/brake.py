"""A brake on guessing passwords: who is wrong too often has to wait, longer each time."""

from __future__ import annotations

import ipaddress
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass

FREE_TRIES = 5
"""Wrong passwords that cost nothing: people mistype."""
LONGEST = 900.0
"""Seconds to wait at most. At this pace an address tries 96 passwords a day."""
FORGIVEN_AFTER = 24 * 3600.0
CROWD, CROWD_SECONDS = 20, 60.0
"""So many wrong passwords from all addresses together in so long a time are an attack from many
addresses, or from one behind a proxy that hands on what a client claims. Addresses that were right
before are let try on."""
MOST_ADDRESSES = 10_000
"""Remembered at once, some 2 MB; the ones that were wrong longest ago are forgotten first."""


@dataclass
class _Record:
    failures: int
    last: float
    closed_until: float


class Brake:
    """Counts wrong passwords by address. Not safe for several threads: the event loop asks it."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._records: OrderedDict[str, _Record] = OrderedDict()
        self._known: OrderedDict[str, None] = OrderedDict()
        self._latest: deque[float] = deque(maxlen=CROWD)

    def seconds_left(self, address: str) -> float:
        """How long this address has to wait before its next try; 0 if it may try now."""
        key, now = _network(address), self._clock()
        record = self._records.get(key)
        until = record.closed_until if record else now
        if key not in self._known and len(self._latest) == CROWD:
            until = max(until, self._latest[0] + CROWD_SECONDS)
        return max(0.0, until - now)

    def failed(self, address: str) -> None:
        """Note a wrong password."""
        now, key = self._clock(), _network(address)
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
        """Forget what was wrong before."""
        key = _network(address)
        self._records.pop(key, None)
        self._known[key] = None
        self._known.move_to_end(key)
        while len(self._known) > MOST_ADDRESSES:
            self._known.popitem(last=False)

    def __len__(self) -> int:
        return len(self._records)


def _network(address: str) -> str:
    """The address; of IPv6 its /64, which one household or server has for itself."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address[:64]
    if isinstance(parsed, ipaddress.IPv4Address):
        return str(parsed)
    if parsed.ipv4_mapped:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.ip_network((parsed, 64), strict=False))
