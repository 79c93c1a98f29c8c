"""Sound made as loud as others, by ffmpeg's meter and limiter."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

SAMPLE_RATE = 48_000
PEAK = -1.0
"""The highest true peak in dB, unless another one is asked for."""
_MOST_GAIN = 20
"""dB by which quiet sound is raised at most: beyond that it would be hiss."""
_OVERSHOOT = 0.7
"""dB by which AAC may overshoot the peak that it is given."""
_SILENCE = -69
"""LUFS below which there is nothing to measure, also for want of 0.4 seconds."""

Run = Callable[[Sequence[str]], str]
"""Lets ffmpeg do its work with these arguments; returns what it wrote to its log."""


@dataclass(frozen=True)
class Level:
    """How a sound gets as loud as asked for.

    What would be too high after that is turned down by a limiter at four times the rate, which
    scales the moments around a peak and clips none.

    Attributes:
        gain: dB by which it is raised.
        silent: whether there is nothing to measure, so that it stays as it is.
    """

    gain: float
    highest: float
    silent: bool = False

    @classmethod
    def of(cls, source: Sequence[str], run: Run, lufs: float, peak: float = PEAK) -> Level:
        """What a sound needs.

        Args:
            source: the arguments by which ffmpeg reads it.
            lufs: how loud it is to be.
            peak: the highest true peak in dB.
        """
        level = cls(0.0, peak - _OVERSHOOT)
        # The meter runs behind the filters, so that what the limiter takes away is made up for.
        for _ in range(2):
            metered = f"{level.filters},ebur128=framelog=quiet"
            loud = _measured([*source, "-af", metered], run)
            if loud < _SILENCE:
                return cls(level.gain, level.highest, silent=True)
            level = cls(min(_MOST_GAIN, level.gain + lufs - loud), level.highest)
        return level

    @property
    def most(self) -> bool:
        """Whether it is raised as far as may be, and not as loud as asked for."""
        return self.gain >= _MOST_GAIN

    @property
    def filters(self) -> str:
        """ffmpeg's filters that do it."""
        limit = 10 ** (self.highest / 20)
        return (
            f"aresample={4 * SAMPLE_RATE},volume={self.gain:.2f}dB,"
            f"alimiter=limit={limit:.4f}:level=false:attack=5:release=80:latency=true,"
            f"aresample={SAMPLE_RATE}"
        )


def _measured(arguments: Sequence[str], run: Run) -> float:
    """The integrated loudness that ffmpeg's meter tells, in LUFS."""
    told = run(["-loglevel", "info", *arguments, "-f", "null", "-"])
    found = re.findall(r"\bI:\s+(-?[\d.]+|-inf|nan) LUFS", told)
    return float(found[-1]) if found and found[-1] != "nan" else -math.inf
