"""The controller, step by step."""

from dataclasses import replace

from msgspec import structs

from mta.traffic.dial import Dial
from mta.traffic.pace import LONGEST_AWAY, Pace, Standing, advance
from mta.traffic.rule import Rule
from mta.traffic.tally import Tally

RULE = Rule(name="test", connections=100)
OPEN = Pace(rate=Dial(value=97.0, wall=100.0), window=Dial(value=10.0))


def test_nothing_heard_is_nothing_decided() -> None:
    assert advance(Pace(), Tally(), RULE, 5.0) is None


def test_a_clean_round_that_was_bound_by_the_rate_doubles_a_search() -> None:
    step = advance(Pace(), Tally(taken=10, by_rate=10, kept=1.0), RULE, 2.0)
    assert step is not None
    pace, changes = step
    assert pace.rate.value == 2 * Pace().rate.value
    assert pace.revision == 1
    assert changes[0].what == "rate"


def test_a_round_that_was_bound_by_nothing_raises_nothing() -> None:
    step = advance(Pace(), Tally(taken=100, by_want=100, kept=1.0), RULE, 20.0)
    assert step is not None
    assert step[0].rate.value == Pace().rate.value
    assert step[1] == []


def test_one_refusal_in_ten_thousand_is_noise_and_one_in_fifty_is_not() -> None:
    noise = advance(OPEN, Tally(taken=9_999, too_fast=1, by_rate=1), RULE, 5.0)
    signal = advance(OPEN, Tally(taken=49, too_fast=1, by_rate=1), RULE, 5.0)
    assert noise is None
    assert signal is not None
    assert signal[0].rate.value < OPEN.rate.value


def test_one_reply_that_names_no_limit_slows_no_lane_however_little_it_sends_and_a_second_does() -> None:
    assert advance(OPEN, Tally(taken=2, vague=1, by_rate=1), RULE, 5.0) is None
    step = advance(OPEN, Tally(taken=2, vague=2, by_rate=1), RULE, 5.0)
    assert step is not None
    assert step[0].rate.value < OPEN.rate.value


def test_a_cut_says_what_from_to_and_which_reply_caused_it() -> None:
    step = advance(OPEN, Tally(taken=20, too_fast=3, why="421 too fast"), RULE, 5.0)
    assert step is not None
    (change,) = step[1]
    assert (change.what, change.was, change.why, change.at) == ("rate", 97.0, "421 too fast", 5.0)
    assert change.becomes == step[0].rate.value


def test_refused_connections_leave_the_rate_alone() -> None:
    step = advance(OPEN, Tally(taken=20, crowded=3, crowded_at=4.0, excess=3), RULE, 5.0)
    assert step is not None
    assert step[0].window.value == 7.0
    assert step[0].rate == OPEN.rate


def test_refused_connections_wait_until_every_worker_has_told_its_excess() -> None:
    tally = Tally(taken=20, crowded=1, crowded_at=4.9, excess=1)
    assert advance(OPEN, tally, RULE, 5.0, spread=0.25) is None
    assert advance(OPEN, tally, RULE, 5.2, spread=0.25) is not None


def test_messages_per_connection_are_what_a_connection_had_carried() -> None:
    step = advance(OPEN, Tally(taken=20, ended=1, used_up=17), RULE, 5.0)
    assert step is not None
    assert step[0].limits(RULE)[2] == 17


def test_a_block_closes_the_lane_and_a_second_one_for_twice_as_long() -> None:
    step = advance(OPEN, Tally(taken=2, blocked=2, why="554 blocked"), RULE, 5.0)
    assert step is not None
    closed = step[0]
    assert closed.closed_until == 5.0 + 1800
    assert advance(closed, Tally(blocked=5), RULE, 100.0) is None
    again = advance(closed, Tally(blocked=1, why="554 blocked"), RULE, 2000.0)
    assert again is not None
    assert again[0].closed_until == 2000.0 + 3600


def test_one_message_called_spam_among_thousands_closes_nothing() -> None:
    step = advance(OPEN, Tally(taken=3000, blocked=1, by_rate=10), RULE, 15.0)
    assert step is None or step[0].closed_until == 0.0


def test_a_reopened_lane_tries_canaries_then_a_share_of_the_old_rate() -> None:
    closed = replace(OPEN, trial=True, closed_by="blocked", closed_for=1800.0, closed_until=1805.0)
    assert closed.limits(RULE)[:2] == (1, 1.0)
    assert advance(closed, Tally(taken=2), RULE, 1900.0) is None
    step = advance(closed, Tally(taken=3), RULE, 1900.0)
    assert step is not None
    assert not step[0].trial
    assert 10 < step[0].rate.value < 50
    assert step[0].rate.wall == 100.0


def test_a_site_that_is_down_is_probed_at_least_once_a_minute() -> None:
    pace, now = OPEN, 10.0
    for _ in range(20):
        step = advance(pace, Tally(away=5, why="no connection"), RULE, now)
        assert step is not None
        pace, now = step[0], step[0].closed_until + 1
    assert pace.closed_for == LONGEST_AWAY


def test_greylisting_and_strange_recipients_do_not_count_against_a_site() -> None:
    step = advance(Pace(), Tally(taken=50, by_rate=50, kept=5.0), RULE, 2.0)
    assert step is not None
    assert step[0].rate.value > Pace().rate.value


def test_where_patience_is_worn_nothing_is_raised_and_cuts_go_deeper() -> None:
    worn = replace(OPEN, rate=Dial(value=85.0, wall=100.0), standing=Standing(80, 20, 0.0))
    step = advance(worn, Tally(taken=50, by_rate=50), RULE, 12.0)
    assert step is not None
    assert step[0].rate.value == 85.0
    fresh = advance(replace(worn, standing=Standing()), Tally(taken=20, too_fast=2), RULE, 5.0)
    deeper = advance(worn, Tally(taken=20, too_fast=2), RULE, 5.0)
    assert fresh is not None
    assert deeper is not None
    assert deeper[0].rate.value < fresh[0].rate.value


def test_slow_replies_are_a_warning_that_stops_growth() -> None:
    step = advance(Pace(), Tally(taken=50, by_rate=50, kept=5.0, slow=30), RULE, 2.0)
    assert step is not None
    assert step[0].rate.value == Pace().rate.value


FIXED = structs.replace(RULE, connections=3, rate=0.5, messages_per_connection=7, fixed=True)


def test_limits_that_an_operator_fixed_are_in_force_whatever_was_learnt() -> None:
    assert OPEN.limits(FIXED) == (3, 0.5, 7)
    assert replace(OPEN, trial=True, per_connection=2.0).limits(FIXED) == (3, 0.5, 7)
    assert OPEN.limits(structs.replace(FIXED, rate=None))[1] == float("inf")


def test_under_fixed_limits_neither_refusals_nor_clean_rounds_move_the_pace() -> None:
    for tally in (Tally(taken=20, too_fast=20), Tally(taken=500, by_rate=500), Tally(taken=20, crowded=9, excess=9)):
        step = advance(OPEN, tally, FIXED, 30.0)
        assert step is not None
        pace, changes = step
        assert (pace.rate, pace.window, changes) == (OPEN.rate, OPEN.window, [])


def test_a_block_closes_a_lane_under_fixed_limits_too() -> None:
    step = advance(OPEN, Tally(taken=2, blocked=2, why="554 blocked"), FIXED, 5.0)
    assert step is not None
    assert step[0].closed_until == 5.0 + 1800
