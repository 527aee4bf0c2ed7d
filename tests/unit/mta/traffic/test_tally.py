"""Evidence is weighed by its volume."""

from math import inf

import pytest

from mta.traffic.tally import Tally, at_least


def test_two_refusals_in_fifty_prove_more_than_two_in_a_million() -> None:
    assert at_least(2, 50) > 0.01
    assert at_least(2, 1_000_000) < 0.00001


@pytest.mark.parametrize(("part", "whole"), [(1, 1), (1, 10), (5, 10), (10, 10), (300, 1000)])
def test_a_proved_share_is_less_than_the_seen_one_and_more_than_nothing(part: int, whole: int) -> None:
    assert 0 < at_least(part, whole) < part / whole


def test_nothing_seen_proves_nothing() -> None:
    assert at_least(0, 0) == at_least(0, 100) == 0


def test_tallies_of_several_workers_add_up() -> None:
    lane = Tally(taken=10, used_up=20, asked=5, why="first")
    lane.add(Tally(taken=5, too_fast=2, used_up=7, asked=60, why="second"))
    assert (lane.taken, lane.too_fast, lane.used_up, lane.asked, lane.why) == (15, 2, 7, 60, "second")


def test_what_is_taken_after_a_refusal_was_reported_counts_as_after_it() -> None:
    lane = Tally(taken=100)
    lane.add(Tally(too_fast=1))
    lane.add(Tally(taken=30))
    assert lane.after == 30


def test_a_lane_that_nobody_stopped_was_bound_by_nothing() -> None:
    assert not Tally(taken=100).bound_by_rate
    assert not Tally(taken=100).bound_by_window


def test_a_lane_without_work_was_bound_by_nothing() -> None:
    assert not Tally(by_want=100, by_rate=5, by_window=5).bound_by_rate
    assert Tally().used_up == inf


def test_attempts_that_did_not_reach_the_site_count_in_a_row() -> None:
    lane = Tally(taken=10, away=4)
    lane.add(Tally(away=1))
    assert lane.away == 5
    lane.add(Tally(taken=1, away=1))
    assert lane.away == 1
