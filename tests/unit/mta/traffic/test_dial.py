"""A dial remembers its wall."""

from itertools import pairwise
from math import inf

import pytest

from mta.traffic.dial import DOUBT, NEAR, Dial, Refusals, cut_rate, cut_window, raise_rate, raise_window

KNOWN = Dial(value=97.0, wall=100.0, trust=0)


def calm(dial: Dial, now: float) -> Dial:
    """The dial after a long quiet time."""
    return raise_rate(dial, 10_000, dial.value, inf, now)


def test_without_a_wall_the_rate_doubles() -> None:
    assert raise_rate(Dial(value=5.0), 10, 5.0, inf, 1.0).value == 10.0


def test_what_bursts_left_unused_lets_a_search_go_on_by_inches_only() -> None:
    assert raise_rate(Dial(value=20.0), 10, 7.0, inf, 1.0).value == pytest.approx(21.0)
    assert raise_rate(Dial(value=20.0), 10, 10.0, inf, 1.0).value == pytest.approx(25.0)
    assert raise_rate(Dial(value=20.0), 10, 16.0, inf, 1.0).value == pytest.approx(40.0)


def test_a_ceiling_is_never_passed() -> None:
    assert raise_rate(Dial(value=5.0), 10, 5.0, 7.0, 1.0).value == 7.0
    assert raise_window(Dial(value=8.0), 10, 10, 1.0).value == 10


def test_after_a_cut_the_rate_comes_back_to_just_under_the_wall_at_once() -> None:
    assert raise_rate(Dial(value=85.0, wall=100.0), 100, 85.0, inf, 1.0).value == pytest.approx(NEAR * 100)


def test_under_the_wall_it_stays_until_it_has_been_calm_for_messages_and_seconds() -> None:
    assert raise_rate(KNOWN, 10_000, 97.0, inf, 10.0).value == 97.0
    assert raise_rate(KNOWN, 10, 97.0, inf, 1000.0).value == 97.0
    quiet = KNOWN.stay(10_000)
    assert raise_rate(quiet, 10, 97.0, inf, 1000.0).value == pytest.approx(102.0)


def test_a_trial_goes_up_in_small_steps_then_in_strides_that_take_the_wall_along() -> None:
    dial = KNOWN.stay(10_000)
    values = []
    for second in range(12):
        dial = raise_rate(dial, 100, dial.value, inf, 1000.0 + 10 * second)
        values.append(dial.value)
    steps = [later / earlier for earlier, later in pairwise(values)]
    assert max(steps[:5]) < 1.03
    assert steps[-1] == pytest.approx(1.15)
    assert dial.wall > 110


def test_a_wall_met_again_is_trusted_more_and_tried_less_often() -> None:
    met = cut_rate(Dial(value=104.0, wall=100.0, tries=2), inf, Refusals(1, 0, 50), 10.0)
    assert met.trust == 1
    assert 98 < met.wall < 104
    assert met.value < 0.9 * met.wall


def test_a_refusal_in_a_trial_never_costs_the_wall_that_was_sure() -> None:
    first = cut_rate(Dial(value=130.0, wall=100.0, sure=100.0, tries=9), inf, Refusals(1, 0, 5), 10.0)
    second = cut_rate(first, inf, Refusals(1, 0, 0), 11.0)
    third = cut_rate(second, inf, Refusals(1, 0, 0), 12.0)
    assert first.wall > second.wall >= 100
    assert third.wall < 100  # under the sure wall: the limit has fallen


def test_much_evidence_outweighs_what_was_known() -> None:
    halved = cut_rate(KNOWN, inf, Refusals(50, 50, 1000), 10.0)
    assert halved.wall == pytest.approx(97 / 2, rel=0.1)
    assert halved.trust == DOUBT


def test_where_nothing_gets_through_a_search_falls_fast() -> None:
    once = cut_rate(Dial(value=16.0), inf, Refusals(1, 0, 10), 1.0)
    assert cut_rate(once, inf, Refusals(1, 0, 0), 2.0).value == pytest.approx(0.5 * once.value)
    twice = cut_rate(once, inf, Refusals(4, 0, 0), 2.0)
    assert twice.value < 0.31 * once.value
    assert twice.searching


def test_a_search_finds_no_wall_in_a_handful_of_answers_from_a_site_without_credit() -> None:
    once = cut_rate(Dial(value=16.0), inf, Refusals(1, 0, 10), 1.0)
    scarce = cut_rate(once, inf, Refusals(1, 1, 3), 2.0)
    assert scarce.searching
    assert scarce.value == pytest.approx(0.7 * once.value)
    assert raise_rate(scarce, 10, scarce.value, inf, 3.0).value > scarce.value
    enough = cut_rate(once, inf, Refusals(1, 1, 4), 2.0)
    assert not enough.searching
    assert enough.wall == pytest.approx(0.8 * once.value)


def test_a_window_is_cut_to_what_the_site_let_us_have() -> None:
    assert cut_window(Dial(value=32.0), 12, 1.0).value == 20.0
    assert cut_window(Dial(value=1.0), 5, 1.0).value == 1.0


def test_a_window_that_has_to_be_cut_twice_goes_back_to_where_all_was_well() -> None:
    once = cut_window(raise_window(Dial(value=10.0), 10, 1000, 1.0), 1, 2.0)
    twice = cut_window(once, 1, 3.0)
    assert (once.value, twice.value) == (14.0, 10.0)
    assert cut_window(twice, 1, 4.0).value == 9.0


def test_one_connection_more_is_tried_when_the_wall_has_been_quiet() -> None:
    quiet = Dial(value=20.0, wall=20.0, calm=10_000.0)
    assert raise_window(quiet, 10, 1000, 1000.0).value == 21.0
    assert raise_window(Dial(value=20.0, wall=20.0), 10, 1000, 1000.0).value == 20.0
