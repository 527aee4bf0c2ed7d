"""The storm breaker: an outage is called one, a bad list is not."""

import random
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feedback.qualification import Code, Qualification, Reason, Type, Verdict
from feedback.qualifier.storm import Breaker, Counts, Weather, gathered, observed, softened, stormy

BREAKER = Breaker()
HARD = Verdict(
    Qualification(code=Code.INVALID_RECIPIENT, type=Type.HARD, reason=Reason.USER_UNKNOWN, rule="user-unknown@1"), False
)
SOFT = Verdict(Qualification(code=Code.MAILBOX_FULL, type=Type.SOFT, reason=Reason.MAILBOX_FULL, rule="full@1"), True)


def sent(weather: Weather, count: int, share: float, begin: float, every: float = 1.0) -> tuple[Weather, int]:
    """The weather after `count` attempts of which `share` are hard, evenly mixed; and how many were reported hard."""
    rng, reported = random.Random(count), 0
    for step in range(count):
        verdict = HARD if rng.random() < share else None
        weather = observed(weather, verdict, begin + step * every, BREAKER)
        if verdict:
            reported += softened(verdict, weather).qualification.type is Type.HARD
    return weather, reported


def known_site(share: float = 0.01) -> Weather:
    return sent(Weather(), 5000, share, 0.0)[0]


def test_an_ordinary_share_of_bad_addresses_stays_hard() -> None:
    weather, reported = sent(known_site(), 5000, 0.02, 5000.0)
    assert weather.stormy_since is None
    assert reported > 60


def test_an_outage_that_calls_everything_dead_stops_being_hard_within_a_minute_of_it() -> None:
    weather, reported = sent(known_site(), 3600, 1.0, 5000.0)
    assert weather.stormy_since is not None
    assert reported < 60


@pytest.mark.parametrize("every", [0.001, 0.01, 0.1, 10.0, 60.0])
def test_how_many_good_addresses_an_outage_takes_does_not_depend_on_how_much_is_sent(every: float) -> None:
    usual = sent(Weather(), 5000, 0.01, 0.0, every)[0]
    weather, reported = sent(usual, 300, 1.0, 5000 * every, every)
    assert weather.stormy_since is not None
    assert reported < 60


def test_an_outage_that_calls_half_of_them_dead_is_seen_too() -> None:
    weather, reported = sent(known_site(), 1000, 0.5, 5000.0)
    assert weather.stormy_since is not None
    assert reported < 120


def test_counts_of_several_workers_are_a_storm_where_each_alone_is_none() -> None:
    weather = known_site()
    for second in range(3):
        assert weather.stormy_since is None
        weather = gathered(weather, Counts(20, 20), 5000.0 + second, BREAKER)
    assert weather.stormy_since is not None


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(1, 40), st.floats(0, 1)), min_size=1, max_size=8))
def test_several_attempts_at_once_weigh_as_much_as_one_by_one(batches: list[tuple[int, float]]) -> None:
    at_once = one_by_one = Weather(Counts(100, 1), Counts(450, 5), Counts(5000, 50), 5000.0)
    for number, share in batches:
        hard = round(number * share)
        at_once = gathered(at_once, Counts(number, hard), 5000.0, replace(BREAKER, least=1e9))
        for place in range(number):
            one_by_one = gathered(one_by_one, Counts(1, place < hard), 5000.0, replace(BREAKER, least=1e9))
    assert at_once.recent == one_by_one.recent
    assert at_once.usual == one_by_one.usual
    assert at_once.latest.attempts == pytest.approx(one_by_one.latest.attempts)
    assert at_once.latest.hard == pytest.approx(one_by_one.latest.hard, abs=10)


def test_an_outage_at_a_slow_site_is_seen_too() -> None:
    slow = sent(Weather(), 5000, 0.01, 0.0, every=10.0)[0]
    weather, reported = sent(slow, 360, 1.0, 50000.0, every=10.0)
    assert weather.stormy_since is not None
    assert reported < 80


def test_a_handful_of_replies_is_no_storm() -> None:
    weather, reported = sent(known_site(), 20, 1.0, 500000.0)
    assert weather.stormy_since is None
    assert reported == 20


def test_a_dirty_list_at_a_site_nobody_knows_is_no_storm() -> None:
    weather, reported = sent(Weather(), 2000, 0.3, 0.0)
    assert weather.stormy_since is None
    assert reported > 500


def test_a_site_that_always_had_many_bad_addresses_does_not_storm_at_somewhat_more() -> None:
    weather, _ = sent(known_site(0.3), 3000, 0.45, 5000.0)
    assert weather.stormy_since is None


def test_the_storm_ends_when_the_share_comes_down_and_hard_is_hard_again() -> None:
    storm, _ = sent(known_site(), 1200, 1.0, 5000.0)
    calm, _ = sent(storm, 4000, 0.01, 6200.0)
    assert calm.stormy_since is None
    _, reported = sent(calm, 2000, 0.01, 10200.0)
    assert reported > 0


def test_a_storm_teaches_nothing_about_what_is_usual() -> None:
    storm, _ = sent(known_site(), 3600, 1.0, 5000.0)
    calm, _ = sent(storm, 5000, 0.01, 8600.0)
    again, reported = sent(calm, 1200, 1.0, 13600.0)
    assert again.stormy_since is not None
    assert reported < 200


def test_what_lasts_longer_than_a_day_was_no_outage() -> None:
    weather, _ = sent(known_site(), 4000, 1.0, 5000.0, every=30.0)
    assert weather.stormy_since is None


def test_a_softened_verdict_keeps_code_and_reason_and_asks_for_an_operator() -> None:
    storm, _ = sent(known_site(), 1200, 1.0, 5000.0)
    soft = softened(HARD, storm)
    assert soft.qualification == Qualification(
        code=Code.INVALID_RECIPIENT,
        type=Type.SOFT,
        reason=Reason.USER_UNKNOWN,
        rule="storm/user-unknown@1",
        to_qualify=True,
    )
    assert soft.retry


def test_what_is_soft_anyway_is_left_alone_in_a_storm() -> None:
    storm, _ = sent(known_site(), 1200, 1.0, 5000.0)
    assert softened(SOFT, storm) is SOFT


def test_where_it_storms_can_be_told_until_nothing_was_heard_for_long() -> None:
    storm, _ = sent(known_site(), 1200, 1.0, 5000.0)
    weathers = {"big": storm, "small": known_site()}
    assert stormy(weathers, 6200.0) == {"big": storm.stormy_since}
    assert stormy(weathers, 6200.0 + 7 * 3600) == {}


def test_a_clock_that_goes_back_does_no_harm() -> None:
    weather = observed(known_site(), None, 10.0, BREAKER)
    assert weather.at >= 10.0
    assert observed(weather, HARD, 9000.0, BREAKER).recent.attempts > 0
