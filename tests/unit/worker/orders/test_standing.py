"""Which orders concern a lane, and when a job that one keeps back is looked at again."""

from math import inf

import pytest
from msgspec.structs import replace

from mta.lane import Lane, Source
from mta.traffic.rule import Rule
from worker.orders.order import Cancellation, Limits, Override, Suspension, overridden
from worker.orders.standing import Standing, look_again

NOW = 1_000_000.0
LANE = Lane(Source(pool="news", helo="mta", address="192.0.2.1"), "Big.example")
STOPPED = Suspension(target="big.example", pool=None, since=NOW, until=None, by="ann@ops")
SLOWED = Override(
    target="big.example", pool=None, limits=Limits(rate=0.5), since=NOW, until=NOW + 60, by="ann@ops", why=""
)


@pytest.mark.parametrize(
    "target",
    ["big.example", "BIG.example", "big.example.", "big.*", "*", "hosted.example", "*.example", "news/192.0.2.1>big.*"],
)
def test_a_target_is_a_site_a_domain_a_lane_or_a_glob_for_one(target: str) -> None:
    order = replace(STOPPED, target=target)
    assert Standing.of([order]).suspension(LANE, "hosted.example", NOW) is order


@pytest.mark.parametrize("target", ["big", "example", "other.example", "?.example"])
def test_a_target_is_nothing_else(target: str) -> None:
    assert Standing.of([replace(STOPPED, target=target)]).suspension(LANE, "hosted.example", NOW) is None


def test_a_name_with_brackets_is_itself_before_it_is_a_glob() -> None:
    lane = Lane(LANE.source, "[2001:db8::1]:2525")
    order = replace(STOPPED, target="[2001:db8::1]:2525")
    assert Standing.of([order]).suspension(lane, "d.example", NOW) is order


@pytest.mark.parametrize(("pool", "holds"), [(None, True), ("news", True), ("alerts", False)])
def test_a_pool_of_its_own_leaves_the_others_alone(pool: str | None, holds: bool) -> None:
    standing = Standing.of([replace(STOPPED, pool=pool), replace(SLOWED, pool=pool)])
    assert (standing.suspension(LANE, "d.example", NOW) is not None) == holds
    assert (standing.override(LANE, NOW) is not None) == holds


def test_an_order_ends_on_time_without_being_read_again() -> None:
    standing = Standing.of([replace(STOPPED, until=NOW + 5), SLOWED])
    assert standing.suspension(LANE, "d.example", NOW + 4.9) is not None
    assert standing.suspension(LANE, "d.example", NOW + 5) is None
    assert standing.override(LANE, NOW + 59.9) is SLOWED
    assert standing.override(LANE, NOW + 60) is None
    assert [type(order) for order in standing.bounded(NOW)] == [Suspension, Override]
    assert standing.bounded(NOW + 60) == ()


def test_of_two_suspensions_the_longer_one_counts_and_of_two_overrides_the_newer_one() -> None:
    short, newer = replace(STOPPED, target="*", until=NOW + 5), replace(SLOWED, target="*", limits=Limits(rate=9.0))
    standing = Standing.of([STOPPED, SLOWED, short, newer])
    assert standing.suspension(LANE, "d.example", NOW) is STOPPED
    assert standing.override(LANE, NOW) is newer


def test_an_override_is_for_lanes_so_a_domain_is_no_target_of_it() -> None:
    assert Standing.of([replace(SLOWED, target="hosted.example")]).override(LANE, NOW) is None


def test_a_cancelled_delivery_is_known_by_its_exact_id() -> None:
    order = Cancellation(delivery_id="Spring", since=NOW, by="ann@ops")
    cancelled = Standing.of([order]).cancelled
    assert cancelled == {"Spring": order}


def test_limits_that_are_not_ordered_stay_the_rules_and_all_are_fixed() -> None:
    rule = Rule(name="r", connections=7, messages_per_connection=20, rate=3.0)
    assert overridden(rule, Limits(rate=0.5)) == replace(rule, rate=0.5, fixed=True)
    assert overridden(rule, Limits(connections=2, messages_per_connection=1)) == replace(
        rule, connections=2, messages_per_connection=1, fixed=True
    )


@pytest.mark.parametrize(("gone", "step"), [(0, 10), (19, 10), (60, 30), (600, 300), (86_400, 300)])
def test_a_suspended_job_is_looked_at_after_half_the_time_the_site_has_been_suspended(gone: float, step: float) -> None:
    now = NOW + gone
    assert look_again(STOPPED, now, 0.5) == pytest.approx(now + step)
    assert look_again(STOPPED, now, 0.0) == pytest.approx(now + 0.8 * step)
    assert look_again(STOPPED, now, 1.0) == pytest.approx(now + 1.2 * step)


def test_no_suspended_job_waits_beyond_the_end_of_the_suspension() -> None:
    assert look_again(replace(STOPPED, until=NOW + 3), NOW, 0.5) == NOW + 3
    assert look_again(replace(STOPPED, until=inf), NOW, 0.5) == NOW + 10
