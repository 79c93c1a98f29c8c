"""JSON from outside, read with a bound on what it may cost."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

MOST_COMMAS = 50_000
"""Commas that JSON may have: a recipe has some twenty fields, and two prompts of 4000 characters at
most. Python needs some 20 ms to read that many values, and no other thread runs meanwhile."""

MOST_ESCAPES = 3_000_000
"""Backslashes in JSON, which cost a second to read: some programs put one before each slash of
base64."""

_MOST_DIGITS = 400
_BEYOND: int = 10**_MOST_DIGITS
"""Stands for whole numbers of more digits."""


def json_object(data: bytes | bytearray, most_commas: int = MOST_COMMAS) -> dict[str, Any]:
    """The JSON object in untrusted bytes. NaN and infinities, which JSON doesn't have, become
    what is neither a number nor a text, so that every field refuses them by its own rules. A name
    that stands twice in an object is a mistake: another program in between may have read the other
    value.

    Args:
        most_commas: that it may have; more than a recipe's hold up all other threads.

    Raises:
        ValueError: it is no JSON object, or has more values than any recipe; says which, as the end
            of a sentence that begins with its name.
    """
    if data.count(b",") > most_commas or data.count(b"\\") > MOST_ESCAPES:
        raise ValueError("has far more values or escapes than anything here needs.")
    try:
        found = json.loads(
            data, parse_constant=_Constant, parse_int=_whole, object_pairs_hook=_once
        )
    except RecursionError:
        raise ValueError("is not valid JSON (nested too deep).") from None
    except UnicodeDecodeError:
        raise ValueError("is not valid JSON (it is no text in UTF-8).") from None
    except ValueError as error:
        raise ValueError(f"is not valid JSON ({error}).") from None
    if not isinstance(found, dict):
        raise ValueError("must be a JSON object, { … }.")
    return found


@dataclass(frozen=True)
class _Constant:
    """NaN, Infinity or -Infinity."""

    name: str

    def __repr__(self) -> str:
        return repr(self.name)


def _whole(digits: str) -> int:
    # Python refuses longer ones in words of its own. All of them are beyond every field, whose own
    # sentence says what it takes.
    if len(digits) > _MOST_DIGITS:
        return -_BEYOND if digits.startswith("-") else _BEYOND
    return int(digits)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise ValueError(f"{name[:60]!a} stands in it twice")
        found[name] = value
    return found
