"""The encodings that a client takes an answer in, by its ``Accept-Encoding`` headers."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.datastructures import Headers

NAME = "Accept-Encoding"
_MOST = 20
"""Encodings of a request that are looked at."""


def encoding(headers: Headers, offered: Sequence[str]) -> str | None:
    """The encoding to answer in: the one that the client likes best, of equals the first one; None
    for the plain text, which it gets where it takes none of them.

    Args:
        offered: names in lower case.
    """
    weights = dict(_weighed(part) for part in ",".join(headers.getlist(NAME)).split(",")[:_MOST])
    best = max(offered, key=lambda name: _weight(name, weights))
    return best if _weight(best, weights) > 0 else None


def _weight(name: str, weights: dict[str, float]) -> float:
    return weights.get(name, weights.get("*", 0.0))


def _weighed(part: str) -> tuple[str, float]:
    name, _, weight = part.partition(";")
    key, _, number = weight.partition("=")
    try:
        asked = float(number) if key.strip().lower() == "q" else 1.0
    except ValueError:
        asked = 0.0
    return name.strip().lower(), asked if 0 < asked <= 1 else 0.0
