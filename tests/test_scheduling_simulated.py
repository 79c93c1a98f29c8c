"""The studio's turns on many simulated runners, beside simpler ways to choose."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from benchmarks.scheduling import WAYS, Outcome, asked_for, fair_shares, row, simulate


@cache
def outcome(way: str) -> Outcome:
    return simulate(WAYS[way], asked_for(2000, 20, seed=1), 20, told=False)


def test_everybody_is_served_and_more_evenly_than_first_come_first_served() -> None:
    ours, first_come = outcome("the studio's"), outcome("first come")
    assert all(job.ended > job.begun >= job.at for job in ours.jobs)
    assert ours.jain > 2 * first_come.jain
    drafts, theirs = ours.waits("draft"), first_come.waits("draft")
    assert np.percentile(drafts, 50) < np.percentile(theirs, 50) / 4
    assert np.percentile(drafts, 99) < np.percentile(theirs, 99)
    assert ours.busy == pytest.approx(first_come.busy, abs=0.005)


def test_long_clips_do_not_pay_for_it_as_with_shortest_first() -> None:
    ours, shortest = outcome("the studio's"), outcome("shortest first")
    assert ours.waits("long").max() < shortest.waits("long").max() / 2
    assert ours.hits[1] >= outcome("first come").hits[1]


def test_the_same_seed_is_the_same_table_and_another_one_is_not() -> None:
    again = simulate(WAYS["the studio's"], asked_for(2000, 20, seed=1), 20, told=False)
    told = [row("", each).rsplit("|", 2)[0] for each in (outcome("the studio's"), again)]
    assert told[0] == told[1]
    assert [job.at for job in asked_for(50, 2, seed=2)] != [job.at for job in asked_for(50, 2, 3)]


def test_fair_shares_are_equal_parts_but_no_more_than_is_wanted() -> None:
    assert fair_shares(np.array([1.0, 10.0, 10.0]), 9.0).tolist() == [1.0, 4.0, 4.0]
    assert fair_shares(np.array([1.0, 2.0]), 9.0).tolist() == [1.0, 2.0]
    assert fair_shares(np.array([5.0, 5.0, 0.0]), 4.0).tolist() == [2.0, 2.0, 0.0]
    assert 0 < outcome("the studio's").jain < 1
