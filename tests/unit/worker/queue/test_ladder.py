import heapq
import math
import random

from hypothesis import given
from hypothesis import strategies as st

from worker.queue.rabbit.ladder import LONGEST, RUNGS, rungs


def held(delay: float) -> int:
    return sum(1 << rung for rung in rungs(delay))


def test_no_delay_stays_nowhere() -> None:
    assert rungs(0) == ()
    assert rungs(-5) == ()


def test_a_delay_is_the_sum_of_its_rungs() -> None:
    assert rungs(5) == (2, 0)
    assert rungs(0.2) == (0,)


@given(st.floats(min_value=0, max_value=LONGEST))
def test_a_ticket_is_never_early_and_late_by_a_second_and_a_thirty_second_part_at_most(delay: float) -> None:
    assert delay <= held(delay) <= math.ceil(delay) * (1 + 1 / 32)


@given(st.floats(min_value=0, max_value=1e9))
def test_six_rungs_are_enough_and_each_lies_below_the_one_before(delay: float) -> None:
    stays = rungs(delay)
    assert len(stays) <= 6
    assert list(stays) == sorted(set(stays), reverse=True)
    assert all(0 <= rung < RUNGS for rung in stays)


def test_a_delay_beyond_the_ladder_is_held_as_long_as_it_can() -> None:
    assert held(LONGEST + 1) == LONGEST
    assert held(30 * 86400) == LONGEST


HOP = 0.3
"""Seconds that a broker with much to do may take from one rung to the next."""


def way(delay: float) -> list[int]:
    """The stays of a ticket, one after the other, put on the ladder again for what it could not hold."""
    stays: list[int] = []
    while delay > 0:
        stays += [1 << rung for rung in rungs(delay)]
        delay = math.ceil(delay - LONGEST)
    return stays


@given(st.floats(min_value=0.001, max_value=30 * 86400))
def test_any_delay_is_exact_to_a_twentieth_or_five_seconds_with_the_time_between_the_rungs(delay: float) -> None:
    stays = way(delay)
    assert delay <= sum(stays)
    assert sum(stays) + HOP * len(stays) <= delay + max(5.0, delay / 20)


def test_every_whole_second_of_a_day_is_as_exact() -> None:
    late = [sum(way(delay)) - delay for delay in range(1, 86401)]
    assert all(0 <= over <= max(1, delay / 32) for delay, over in enumerate(late, 1))


def test_the_longest_validity_takes_a_ticket_over_the_ladder_twice() -> None:
    assert len(way(84 * 3600)) <= 12


def test_tickets_of_all_delays_together_keep_each_other_from_nothing() -> None:
    """The queues of the ladder with a clock of their own: each gives up its first message only, when that one's time is over."""
    rng = random.Random(1)
    parked = [(rng.uniform(0, 3600), 10 ** rng.uniform(0, 5.3)) for _ in range(5000)]
    coming = [(at, number, [2**rung for rung in rungs(delay)]) for number, (at, delay) in enumerate(parked)]
    heapq.heapify(coming)
    free: dict[int, float] = {}
    while coming:
        now, number, stays = heapq.heappop(coming)
        if stays:
            free[stays[0]] = max(now + stays[0], free.get(stays[0], 0.0))
            heapq.heappush(coming, (free[stays[0]], number, stays[1:]))
        else:
            at, delay = parked[number]
            assert delay - 1e-6 <= now - at <= delay + max(1.0, delay / 20)
