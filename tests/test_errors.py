"""Errors arrive in another process as they left."""

import pickle
from pathlib import Path

import pytest

from ltx_ui import errors
from ltx_ui.errors import (
    Cancelled,
    ChangedMeanwhile,
    DiskFull,
    FieldProblem,
    InvalidRecipe,
    LicenceToAccept,
    QueueFull,
    StudioError,
    TooMuch,
)

OF_THEIR_OWN = {
    InvalidRecipe: InvalidRecipe([FieldProblem("seed", "seed: is odd.")] * 12),
    LicenceToAccept: LicenceToAccept("A licence", "https://example.org/licence"),
    QueueFull: QueueFull(5, 12.3),
    TooMuch: TooMuch("Enough for today.", 3600),
    DiskFull: DiskFull(Path("/data")),
    Cancelled: Cancelled(),
    ChangedMeanwhile: ChangedMeanwhile({"name": "Mine"}),
}
KINDS = [each for each in vars(errors).values() if isinstance(each, type)]
PLAIN = [each for each in KINDS if issubclass(each, StudioError) and "__init__" not in vars(each)]


@pytest.mark.parametrize(
    "error",
    [
        *OF_THEIR_OWN.values(),
        *(each("What was wrong.") for each in PLAIN if each.__init__ is StudioError.__init__),
    ],
    ids=lambda error: type(error).__name__,
)
def test_an_error_is_pickled_with_all_that_it_tells(error: StudioError) -> None:
    arrived = pickle.loads(pickle.dumps(error))
    assert type(arrived) is type(error)
    assert (str(arrived), vars(arrived)) == (str(error), vars(error))


def test_every_error_with_a_call_of_its_own_is_among_them() -> None:
    own = {each for each in KINDS if issubclass(each, StudioError) and "__init__" in vars(each)}
    assert own == set(OF_THEIR_OWN)
