"""The weather as a worker sees it; and what an outage costs many of them."""

import pytest

from feedback.qualifier.storm import Counts, Weather
from tests.bench.storm import DEAD, SITE, Outage, lost
from worker.weather import Weathers

NOW = 1_000_000.0
FAIR = Weather(Counts(100, 1), Counts(500, 5), Counts(5000, 50), NOW)
STORM = Weather(Counts(100, 80), Counts(500, 200), Counts(5000, 50), NOW, NOW - 60)


@pytest.mark.parametrize(("workers", "most"), [(1, 60), (4, 100), (32, 200)])
def test_an_outage_costs_a_few_dozen_good_addresses_however_many_workers_there_are(workers: int, most: int) -> None:
    assert lost(Outage(workers=workers, rate=10.0), attempts=3000) <= most


def test_workers_that_know_of_each_other_lose_far_less_than_each_alone() -> None:
    alone = lost(Outage(workers=32, rate=10.0, shared=False), attempts=3000)
    assert lost(Outage(workers=32, rate=10.0), attempts=3000) * 5 < alone


def test_counts_go_out_once() -> None:
    weathers = Weathers()
    weathers.observe(SITE, None, NOW)
    weathers.observe(SITE, DEAD, NOW)
    assert weathers.take(NOW) == {SITE: Counts(2, 1)}
    assert weathers.take(NOW) == {}


def test_what_is_delivered_counts_before_the_next_refusal_as_if_it_had_been_looked_at_each_time() -> None:
    lazy, eager = Weathers(), Weathers()
    for number in range(400):
        if number % 7:
            lazy.delivered(SITE, NOW)
            eager.observe(SITE, None, NOW)
        else:
            one, other = (weathers.observe(SITE, DEAD, NOW) for weathers in (lazy, eager))
            assert (one.stormy_since, one.latest.share) == (other.stormy_since, pytest.approx(other.latest.share))
    lazy.delivered(SITE, NOW)
    eager.observe(SITE, None, NOW)
    assert lazy.take(NOW) == eager.take(NOW)


def test_a_storm_is_over_with_deliveries_alone() -> None:
    weathers = Weathers()
    weathers.learn({SITE: STORM}, NOW)
    for _ in range(3000):
        weathers.delivered(SITE, NOW)
    assert weathers.observe(SITE, DEAD, NOW).stormy_since is None


def test_counts_put_back_go_out_with_what_has_come_since() -> None:
    weathers = Weathers()
    weathers.observe(SITE, DEAD, NOW)
    taken = weathers.take(NOW)
    weathers.observe(SITE, None, NOW)
    weathers.put_back(taken)
    assert weathers.take(NOW) == {SITE: Counts(2, 1)}


def test_what_is_learnt_holds_and_what_was_counted_since_is_added() -> None:
    weathers = Weathers()
    weathers.observe(SITE, DEAD, NOW)
    weathers.take(NOW)
    weathers.observe(SITE, DEAD, NOW)
    weathers.learn({SITE: FAIR}, NOW)
    assert weathers.observe(SITE, None, NOW).usual == FAIR.usual + Counts(2, 1)


def test_a_storm_that_others_found_is_one_here_until_they_say_it_is_over() -> None:
    weathers = Weathers()
    weathers.learn({SITE: STORM}, NOW)
    assert weathers.observe(SITE, DEAD, NOW).stormy_since == STORM.stormy_since
    weathers.learn({SITE: FAIR}, NOW)
    assert weathers.observe(SITE, DEAD, NOW).stormy_since is None


def test_hard_replies_that_are_most_of_what_comes_make_a_worker_restless_until_it_has_told() -> None:
    weathers = Weathers()
    weathers.learn({SITE: FAIR}, NOW)
    for _ in range(2):
        weathers.observe(SITE, DEAD, NOW)
    assert not weathers.restless
    weathers.observe(SITE, DEAD, NOW)
    assert weathers.restless
    weathers.take(NOW)
    assert not weathers.restless


def test_in_a_storm_there_is_nothing_more_to_tell() -> None:
    weathers = Weathers()
    weathers.learn({SITE: STORM}, NOW)
    for _ in range(5):
        weathers.observe(SITE, DEAD, NOW)
    assert not weathers.restless
