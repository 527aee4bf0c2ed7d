import math

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
