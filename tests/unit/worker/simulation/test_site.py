"""The modelled site keeps its own limits."""

import pytest

from worker.simulation.scenario import SiteEntry
from worker.simulation.site import (
    BLOCKED,
    CROWDED,
    DOWN,
    GREYLISTED,
    TAKEN,
    TOO_FAST,
    TRANSIENT,
    UNKNOWN,
    USED_UP,
    Entrance,
    Fate,
)


def entrance(**keys: object) -> Entrance:
    return Entrance(SiteEntry.model_validate({"name": "site", **keys}))


def good() -> Fate:
    return Fate(unknown=False)


def test_one_connection_more_than_allowed_is_refused() -> None:
    site = entrance(max_connections=2)
    assert [site.connect(0.0) for _ in range(3)] == [None, None, CROWDED]
    assert site.open == site.peak == 2


@pytest.mark.parametrize("pace", [1.0, 5.0, 50.0])
def test_in_the_long_run_no_more_than_the_rate_gets_through(pace: float) -> None:
    site = entrance(max_rate="60/min")
    taken = sum(site.mail(n / pace, 1, good()) is TAKEN for n in range(int(1000 * pace)))
    assert 999 <= taken <= 1000 + 11


def test_who_keeps_to_the_rate_is_never_refused() -> None:
    site = entrance(max_rate="60/min")
    assert all(site.mail(float(n), 1, good()) is TAKEN for n in range(500))


def test_who_waits_until_it_is_due_is_never_refused_whatever_was_before() -> None:
    site, now = entrance(max_rate="120/min"), 0.0
    for _ in range(300):
        now = site.due(now)
        assert site.mail(now, 1, good()) is TAKEN
    assert now == pytest.approx(300 / 2 - 10, abs=1.0)


def test_a_message_too_many_on_a_connection_closes_it() -> None:
    site = entrance(max_per_connection=3)
    assert site.mail(0.0, 3, good()) is TAKEN
    assert site.mail(0.0, 4, good()) is USED_UP
    assert USED_UP.closes


def test_the_greylist_opens_after_its_time_for_each_recipient_by_itself() -> None:
    site, one, other = entrance(greylist="5m"), good(), good()
    assert site.mail(0.0, 1, one) is GREYLISTED
    assert site.mail(299.0, 1, one) is GREYLISTED
    assert site.mail(301.0, 1, other) is GREYLISTED
    assert site.mail(301.0, 1, one) is TAKEN


def test_recipients_have_the_luck_they_were_given() -> None:
    site = entrance()
    assert site.mail(0.0, 1, Fate(unknown=True)) is UNKNOWN
    unlucky = Fate(unknown=False, transient=2)
    assert [site.mail(0.0, 1, unlucky) for _ in range(3)] == [TRANSIENT, TRANSIENT, TAKEN]


def test_a_site_is_down_when_it_is_down() -> None:
    site = entrance(down=[{"at": "1m", "for": "1m"}])
    assert site.connect(59.0) is None
    assert site.connect(60.0) is DOWN
    assert site.connect(120.0) is None


def test_changes_come_at_their_time() -> None:
    site = entrance(max_connections=1, change=[{"at": "10s", "max_connections": 2}])
    site.connect(0.0)
    assert site.connect(9.0) is CROWDED
    assert site.connect(10.0) is None


def test_too_large_a_share_of_refused_attempts_is_a_block() -> None:
    site = entrance(max_rate="1/s", block={"throttled_share": 0.2, "over": "5m", "for": "1h"})
    answers = [site.mail(0.01 * n, 1, good()) for n in range(40)]
    assert answers.count(TOO_FAST) > 3
    assert site.blocks == 1
    assert site.connect(1.0) is BLOCKED
    assert site.connect(3700.0) is None


def test_a_few_refusals_are_forgiven() -> None:
    site = entrance(max_rate="1/s", block={"throttled_share": 0.2, "over": "5m", "for": "1h"})
    for n in range(200):
        site.mail(n / 1.05, 1, good())
    assert site.blocks == 0
