"""A sound passes over into another recording of it, and nothing is heard of the joint."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from ltx_ui.media.passing import passed

RATE, MIDDLE = 24_000, 12_000
LATE = 70
"""Samples, 3 ms."""


def noise(seed: int) -> NDArray[np.float32]:
    return np.random.default_rng(seed).normal(size=(2, 2 * MIDDLE)).astype(np.float32)


@pytest.mark.parametrize("moves", [0, 1])
@pytest.mark.parametrize("late", [LATE, -LATE, 0])
def test_the_same_sound_a_little_later_or_earlier_goes_on(moves: int, late: int) -> None:
    one = noise(1)
    other = np.roll(one, late, axis=1)
    joined = passed(one, other, MIDDLE, RATE, moves=moves)
    kept = one if moves else other
    assert np.allclose(joined[:, 100:-100], kept[:, 100:-100], atol=1e-4)


def test_another_sound_comes_as_the_first_one_goes() -> None:
    one, other = noise(1), noise(2)
    joined = passed(one, other, MIDDLE, RATE, moves=0)
    start, stop = MIDDLE - RATE // 20, MIDDLE + RATE // 20
    assert np.allclose(joined[:, stop - 20 :], other[:, stop - 20 :], atol=0.1)
    first = passed(one, other, MIDDLE, RATE, moves=1)
    assert np.allclose(first[:, : start + 20], one[:, : start + 20], atol=0.1)
    # As loud on the way as before and after it.
    assert joined[:, start:stop].std() == pytest.approx(1, abs=0.1)
