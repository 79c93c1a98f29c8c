"""Lossy speed: ways to make clips faster that change what they show, each with its own name.

None is on unless the operator names it, and each take that is made with one says so in its notes:
its seed gives another clip without it.
"""

from __future__ import annotations

from dataclasses import dataclass

SHARE = 0.6
"""``skip-guidance`` without a number."""
THRESHOLD = 0.1
"""``step-cache`` without a number."""
ALLOWED = (
    "a list, separated by commas, of fp8-matmul, skip-guidance or skip-guidance=SHARE, and "
    "step-cache or step-cache=THRESHOLD, with numbers between 0 and 1"
)
_NUMBERS = {"skip-guidance": SHARE, "step-cache": THRESHOLD}


@dataclass(frozen=True)
class Lossy:
    """Which kinds of lossy speed are switched on.

    Attributes:
        fp8_matmul: multiply the blocks' large matrices in 8 bits.
        skip_guidance: the share of a clip's steps after which guidance is left out, 0…1; None to
            guide every step.
        step_cache: how much the first block's result, relative to its size, may differ from that of
            an earlier step for the other blocks' results of that step to be used again, 0…1; None
            to compute every block in every step.
    """

    fp8_matmul: bool = False
    skip_guidance: float | None = None
    step_cache: float | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """As :func:`parse_lossy` takes them."""
        numbers = {"skip-guidance": self.skip_guidance, "step-cache": self.step_cache}
        chosen = tuple(f"{name}={n:g}" for name, n in numbers.items() if n is not None)
        return ("fp8-matmul", *chosen) if self.fp8_matmul else chosen


EXACT = Lossy()
"""No lossy speed."""


def parse_lossy(text: str) -> Lossy:
    """``fp8-matmul,skip-guidance=0.5``, or an empty text, as :class:`Lossy`.

    Raises:
        ValueError: it is something else; says what is allowed.
    """
    found: dict[str, float | bool] = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        name, equals, number = part.partition("=")
        field = name.replace("-", "_")
        if field in found:
            raise ValueError(f"must name {name} once")
        if part == "fp8-matmul":
            found[field] = True
        elif name in _NUMBERS:
            found[field] = _number(number) if equals else _NUMBERS[name]
        else:
            raise ValueError(f"must be {ALLOWED}")
    return Lossy(**found)  # type: ignore[arg-type]  # the names are its fields


def _number(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if not 0 <= number <= 1:  # Also where it is no number at all.
        raise ValueError(f"must be {ALLOWED}")
    return number
