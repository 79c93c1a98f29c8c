"""Who is next: turns, short jobs before long ones, and what a runner has at hand."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ltx_ui.studio.scheduling import PASSES, Line, Ready, Waiter, Wants
from ltx_ui.studio.waiting import begin_times

Asked = tuple[str, float, str]
"""An owner, what their job costs, and its text."""

owners = st.sampled_from("abcde")
costs = st.sampled_from([1.0, 1.5, 4.0, 30.0, 500.0])
texts = st.sampled_from(["rain", "snow", "sun"])
asked = st.lists(st.tuples(owners, costs, texts), min_size=1, max_size=40)


def line_of(jobs: Sequence[Asked], names: Sequence[str] = ()) -> Line:
    line = Line()
    for number, (owner, cost, text) in enumerate(jobs):
        name = names[number] if names else str(number)
        line.add(Waiter(name, owner, cost, Wants(frozenset({text}), text, text)))
    return line


def drained(line: Line, ready: Ready | None = None) -> list[Waiter]:
    begun = []
    while (waiter := line.next(ready)) is not None:
        begun.append(waiter)
        if ready is not None:
            ready.begins(waiter.wants)
    return begun


def begun_in(*jobs: tuple[str, float]) -> str:
    """The names of jobs, each of an owner whose name is its first letter, as they are begun."""
    line = Line()
    for name, cost in jobs:
        line.add(Waiter(name, name[0], cost))
    return " ".join(waiter.id for waiter in drained(line))


def test_a_short_job_does_not_wait_behind_long_ones_but_behind_its_owners_own() -> None:
    assert begun_in(("a1", 100), ("a2", 100), ("b1", 100), ("c1", 5)) == "c1 a1 b1 a2"
    assert begun_in(("a1", 100), ("a2", 5), ("b1", 100)) == "a1 a2 b1"
    assert begun_in(("a1", 100), ("b1", 60)) == "a1 b1"


@pytest.mark.parametrize(("short", "most"), [(20, 7), (30, 4)])
def test_short_jobs_take_no_longer_before_a_long_one_than_it_takes_itself(
    short: float, most: int
) -> None:
    line = Line()
    line.add(Waiter("long", "a", 140))
    begun = []
    for number in range(20):
        line.add(Waiter(str(number), f"b{number}", short))
        begun.append(line.next())
    names = [waiter.id for waiter in begun if waiter]
    assert names[: most + 1] == [*map(str, range(most)), "long"]


def test_a_short_job_lets_still_shorter_ones_pass() -> None:
    assert begun_in(("a", 1000), ("b", 100), ("c", 10), ("d", 1)) == "d c b a"
    assert begun_in(("a", 100), ("b", 100), ("c", 100), ("d", 100), ("e", 10)) == "e a b c d"


def test_of_one_owners_short_jobs_two_pass_a_long_one() -> None:
    short = [(f"g{number}", 1.0) for number in range(5)]
    assert begun_in(("a", 100.0), ("b", 100.0), *short) == "g0 g1 a g2 g3 b g4"


def test_a_runner_begins_what_it_has_at_hand_among_equals_only_and_not_for_ever() -> None:
    ready = Ready()
    ready.begins(Wants(frozenset({"rain"}), "rain", "rain"))
    jobs = [("a", 1.0, "snow"), *((owner, 1.0, "rain") for owner in "bcdef")]
    begun = [waiter.owner for waiter in drained(line_of(jobs), ready)]
    assert begun == ["b", "c", "a", "d", "e", "f"] and PASSES == 2
    later = [("a", 1.0, "snow"), ("b", 1.0, "snow"), ("b", 1.0, "rain")]
    ready.begins(Wants(frozenset({"rain"}), "rain", "rain"))
    assert [waiter.owner for waiter in drained(line_of(later), ready)] == ["a", "b", "b"]
    dear = [("a", 1.0, "snow"), ("b", 2.0, "rain")]
    assert [waiter.owner for waiter in drained(line_of(dear), ready)] == ["a", "b"]


def test_a_runner_prefers_the_loras_it_has_to_the_text_and_that_to_the_shape() -> None:
    ready = Ready()
    ready.begins(Wants(frozenset({"rain"}), "style", "wide"))
    kinds = [Wants(frozenset({"rain"}), "style", "wide")]
    kinds += [Wants(frozenset({"snow"}), "style", "tall"), Wants(frozenset({"rain"}), "", "wide")]
    kinds += [Wants(frozenset({"rain"}), "", "tall"), Wants(frozenset({"snow"}), "", "wide")]
    assert all(ready.suits(more) > ready.suits(less) for more, less in pairwise(kinds))
    for number in range(100):
        ready.begins(Wants(frozenset({str(number)}), "style", number))
    assert ready.suits(kinds[0]) == ready.suits(kinds[1])


def test_what_is_put_back_is_begun_before_all_others() -> None:
    line = Line()
    line.add(Waiter("long", "a", 100))
    line.add(Waiter("short", "b", 1))
    line.add(Waiter("again", "a", 100), first=True)
    line.add(Waiter("the first", "c", 100), first=True)
    assert [waiter.id for waiter in drained(line)] == ["the first", "again", "short", "long"]


@settings(deadline=None, max_examples=50)
@given(asked, st.randoms())
def test_names_decide_nothing(jobs: list[Asked], draw: Random) -> None:
    names = [str(number) for number in range(len(jobs))]
    draw.shuffle(names)
    one, other = (drained(line_of(jobs, given), Ready()) for given in ((), names))
    assert [names[int(waiter.id)] for waiter in one] == [waiter.id for waiter in other]


@settings(deadline=None, max_examples=50)
@given(asked, st.booleans())
def test_all_are_begun_each_owners_in_the_order_in_which_they_came(
    jobs: list[Asked], affine: bool
) -> None:
    begun = drained(line_of(jobs), Ready() if affine else None)
    assert len(begun) == len(jobs)
    for owner in {owner for owner, *_ in jobs}:
        own = [int(waiter.id) for waiter in begun if waiter.owner == owner]
        assert own == sorted(own)


@settings(deadline=None, max_examples=50)
@given(asked)
def test_the_order_that_is_told_is_the_one_in_which_they_are_begun(jobs: list[Asked]) -> None:
    line = line_of(jobs)
    told = [waiter.id for waiter in line.in_order()]
    assert told == [waiter.id for waiter in drained(line)]


small = st.sampled_from([1.0, 1.5, 4.0, 30.0])


@settings(deadline=None, max_examples=50)
@given(
    st.lists(st.tuples(owners, small, texts), max_size=15),
    st.lists(st.tuples(owners, small, texts), min_size=1, max_size=20),
)
def test_nobody_starves_however_many_come(jobs: list[Asked], others: list[Asked]) -> None:
    """For each job that is begun somebody new comes, for whom everything may be at hand. One that
    was there before is begun once those before it were, and before each what costs no more."""
    line, ready = line_of(jobs), Ready()
    line.add(Waiter("long", "z", 60.0))
    most = sum(1 + cost + PASSES for cost in (60.0, *(cost for _, cost, _ in jobs)))
    begun = None
    for number in range(int(most)):
        owner, cost, text = others[number % len(others)]
        line.add(Waiter(f"x{number}", f"{owner}{number}", cost, Wants(frozenset({text}), text)))
        begun = line.next(ready)
        assert begun is not None
        ready.begins(begun.wants)
        if begun.id == "long":
            break
    assert begun is not None and begun.id == "long"


@settings(deadline=None, max_examples=50)
@given(asked, st.integers(0, 39), st.integers(0, 40))
def test_a_new_order_is_kept_and_turns_are_taken_away_and_given_back(
    jobs: list[Asked], place: int, held: int
) -> None:
    line = line_of(jobs)
    order = [waiter.id for waiter in line]
    order = [*order[place:], *order[:place]]
    line.set_order(order)
    assert [waiter.id for waiter in line] == order
    before = [waiter.id for waiter in line.in_order()]
    line.have_turns({job_id: int(job_id) >= held for job_id in order})
    assert len(line) == len(list(line.in_order())) == max(0, len(jobs) - held)
    line.have_turns(dict.fromkeys(order, True))
    assert [waiter.id for waiter in line.in_order()] == before
    assert line.remove(order[0]) and not line.remove(order[0])
    assert len(line) == len(jobs) - 1


def test_each_job_begins_when_the_first_runner_has_nothing_to_do() -> None:
    assert begin_times([10.0], [5.0, 5.0, 5.0]) == [10, 15, 20]
    assert begin_times([10.0, 2.0, 0.0], [5.0, 9.0, 1.0, 1.0]) == [0, 2, 5, 6]
    assert begin_times([3.0, 4.0], [None, 1.0, 1.0]) == [3, 4, 5], "one of them is not known"
    assert begin_times([3.0], [None, 1.0]) == [3, None]
    assert begin_times([], [1.0]) == [None]
