"""Turns by connections and by rate, and where the jobs that cannot wait are sent to."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from mta.traffic.turns import Places, Turns
from tests.unit.mta.traffic.site import RULE

RATED = replace(RULE, rate=10.0, connections=1000)


def test_no_more_permits_than_connections() -> None:
    turns = Turns()
    turns.take(RULE, 0.0)
    assert turns.due(RULE, 0.0) == 0.0
    turns.take(RULE, 0.0)
    assert turns.due(RULE, 0.0) is None
    turns.give_back(0.0, 0.1, used=True)
    assert turns.due(RULE, 0.1) == 0.1


def test_a_slow_rate_is_evenly_spaced() -> None:
    turns, now, sent = Turns(), 0.0, []
    for _ in range(4):
        due = turns.due(RATED, now)
        assert due is not None
        now = due
        sent.append(now)
        turns.take(RATED, now)
    assert [round(at, 6) for at in sent] == [0.0, 0.05, 0.15, 0.25]


@given(st.floats(0.01, 5000.0), st.lists(st.floats(0.0, 2.0), min_size=1, max_size=200))
def test_the_rate_is_never_exceeded_however_the_asking_comes(rate: float, gaps: list[float]) -> None:
    rule, turns, now, sent = replace(RULE, rate=rate, connections=10**6), Turns(), 0.0, []
    for gap in gaps:
        now += gap
        if turns.due(rule, now) == now:
            turns.take(rule, now)
            sent.append(now)
    for first in range(0, len(sent), 7):
        for last in range(first, len(sent), 5):
            assert last - first + 1 <= rate * (sent[last] - sent[first] + 0.05) + 1 + 1e-6


def test_a_fast_lane_has_room_for_hundreds_before_anything_is_known() -> None:
    assert Turns().room(replace(RULE, connections=10), 2.0) >= 1000


def test_a_slow_server_leaves_room_for_what_it_takes_in_time() -> None:
    turns, rule = Turns(), replace(RULE, connections=10)
    for number in range(200):
        turns.take(rule, 5.0 * number)
        turns.give_back(5.0 * number, 5.0 * number + 5.0, used=True)
    assert rule.connections <= turns.room(rule, 2.0) <= 16


def test_one_stall_does_not_close_a_fast_lane() -> None:
    turns, rule, now = Turns(), replace(RULE, connections=10), 0.0
    for kept in [0.02] * 100 + [10.0] + [0.02] * 50:
        turns.take(rule, now)
        turns.give_back(now, now + kept, used=True)
        now += kept
    assert turns.speed(rule) > 250


def test_a_server_that_never_answers_leaves_the_less_room_the_longer_it_is_silent() -> None:
    turns, rule = Turns(beside=2), replace(RULE, connections=10)
    for _ in range(20):
        turns.take(rule, 100.0)
    rooms = []
    for now in (100.0, 101.0, 110.0, 200.0):
        assert turns.due(rule, now) is None
        rooms.append(turns.room(rule, 2.0))
    assert rooms[0] >= 1000
    assert rooms[1:] == [50, 14, 11]


def test_one_permit_that_stays_out_says_little_of_a_lane_that_has_many() -> None:
    turns, rule = Turns(), replace(RULE, connections=100)
    turns.take(rule, 0.0)
    turns.due(rule, 10.0)
    assert turns.speed(rule) == 1000.0


def test_a_rate_bounds_the_room() -> None:
    assert Turns().room(replace(RULE, rate=1.0), 2.0) == 2 + RULE.connections


def test_held_jobs_come_back_one_after_the_other() -> None:
    turns = Turns()
    due = [turns.place(RATED, 100.0) for _ in range(1000)]
    assert due == sorted(due)
    assert due[0] > 100.0
    assert abs(due[-1] - 200.0) < 1e-6


def test_held_jobs_come_back_within_a_bound_however_many_there_are() -> None:
    places = Places()
    due = [places.take(0.0, 10.0, 300.0) for _ in range(30_000)]
    assert max(due) <= 300.0
    busiest = max(sum(1 for at in due if second <= at < second + 1) for second in range(0, 300, 7))
    assert busiest <= 110, "ten rounds of ten a second"


def test_a_refusal_does_not_put_back_those_that_never_went() -> None:
    turns = Turns()
    turns.place_refused(RATED, 60.0)
    assert turns.place(RATED, 0.0) < 1.0


def test_two_permits_beside_each_connection_keep_the_next_mail_ready() -> None:
    turns, rule = Turns(beside=2), replace(RULE, connections=3)
    for _ in range(6):
        assert turns.due(rule, 0.0) == 0.0
        turns.take(rule, 0.0)
    assert turns.due(rule, 0.0) is None


def test_a_turn_taken_at_a_small_part_of_the_rate_does_not_outlast_it() -> None:
    turns, part = Turns(), replace(RULE, rate=0.001)
    turns.take(part, 100.0)
    assert turns.due(part, 100.0) == pytest.approx(1100.0, abs=0.1)
    assert turns.due(replace(RULE, rate=2.0), 200.0) == pytest.approx(205.0)
    assert turns.due(replace(RULE, rate=2.0), 205.1) == 205.1


@pytest.mark.parametrize("rate", [1.0, 0.001, 1e-6])
def test_nobody_is_sent_away_for_longer_than_the_limits_are_believed(rate: float) -> None:
    turns = Turns()
    due = [turns.place(replace(RULE, rate=rate), 100.0, horizon=30.0) for _ in range(100)]
    assert 100.0 < min(due) <= max(due) <= 130.0
