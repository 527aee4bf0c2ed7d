"""Leases never add up to more than the lane may have."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mta.traffic.dial import Dial
from mta.traffic.pace import Pace, first_pace
from mta.traffic.rule import Rule, Start
from mta.traffic.shares import LEASE, Account, Lease, Report, due
from mta.traffic.tally import Tally

RULE = Rule(name="test", connections=1000)


def account(window: float = 10.0, rate: float = 100.0) -> Account:
    return Account(Pace(rate=Dial(value=rate, wall=rate / 0.97), window=Dial(value=window, wall=window)))


def report(worker: str, wants: int, heard: Tally | None = None, revision: int = 0) -> Report:
    return Report(worker, wants, revision, heard or Tally())


def held(lane: Account, now: float) -> tuple[int, float]:
    live = [lease for lease in lane.leases.values() if lease.until > now]
    return sum(lease.window for lease in live), sum(lease.rate for lease in live)


asking = st.lists(
    st.tuples(st.integers(0, 7), st.integers(0, 50), st.floats(0.0, 8.0)),
    min_size=1,
    max_size=80,
)


@given(asking, st.integers(1, 40), st.floats(0.05, 500.0))
@settings(max_examples=150, deadline=None)
def test_the_sum_of_grants_never_exceeds_the_limit(
    calls: list[tuple[int, int, float]], window: int, rate: float
) -> None:
    lane, now = account(window, rate), 0.0
    for worker, wants, later in calls:
        now += later
        lane.refresh(report(f"w{worker}", wants), RULE, now)
        connections, messages = held(lane, now)
        assert connections <= window
        assert messages <= rate * 1.000001


def test_what_a_worker_loses_is_nobody_elses_before_it_has_heard_so() -> None:
    lane = account()
    all_of_it = lane.refresh(report("one", 50), RULE, 0.0).lease
    assert lane.refresh(report("two", 50), RULE, 1.0).lease.window == 0
    half = lane.refresh(replace(report("one", 50), holds=all_of_it), RULE, 2.0).lease
    assert half.window == 5
    assert lane.refresh(report("two", 50), RULE, 2.01).lease.window == 0  # the first may still open what it had
    lane.refresh(replace(report("one", 50), holds=half), RULE, 2.02)
    assert lane.refresh(report("two", 50), RULE, 2.03).lease.window == 5


def test_one_worker_alone_has_it_all() -> None:
    lease = account().refresh(report("one", 50), RULE, 0.0).lease
    assert (lease.window, lease.rate) == (10, 100.0)


def test_what_another_holds_is_not_given_away_before_it_gives_it_back() -> None:
    lane = account()
    lane.refresh(report("one", 50), RULE, 0.0)
    assert lane.refresh(report("two", 50), RULE, 1.0).lease.window == 0
    assert lane.refresh(report("one", 50), RULE, 2.0).lease.window == 5
    assert lane.refresh(report("two", 50), RULE, 3.0).lease.window == 5


def test_a_dead_workers_part_comes_free_when_its_lease_runs_out() -> None:
    lane = account()
    lane.refresh(report("dead", 50), RULE, 0.0)
    assert lane.refresh(report("alive", 50), RULE, LEASE - 0.1).lease.window == 0
    assert lane.refresh(report("alive", 50), RULE, LEASE + 0.1).lease.window == 10


def test_whoever_wants_little_has_it_and_the_others_share_the_rest() -> None:
    lane = account(window=12, rate=60.0)
    for now in range(4):
        big = lane.refresh(report("big", 10_000), RULE, float(now)).lease
        large = lane.refresh(report("large", 300), RULE, now + 0.3).lease
        small = lane.refresh(report("small", 2), RULE, now + 0.6).lease
    assert (big.window, large.window, small.window) == (5, 5, 2)
    assert (big.rate, large.rate, small.rate) == (29.0, 29.0, 2.0)


@pytest.mark.parametrize(
    ("limit", "wants", "parts"),
    [
        (12, (30, 30), (6, 6)),
        (12, (30, 10), (6, 6)),
        (12, (30, 4), (8, 4)),
        (0.3, (10_000, 2), (0.15, 0.15)),
        (9, (1, 1, 1), (3, 3, 3)),
        (60, (4, 2, 0), (40, 20, 0)),
    ],
)
def test_parts_add_up_to_the_limit(limit: float, wants: tuple[int, ...], parts: tuple[float, ...]) -> None:
    got = [due(limit, mine, [*wants[:nth], *wants[nth + 1 :]]) for nth, mine in enumerate(wants)]
    assert got == pytest.approx(parts)
    assert sum(got) == pytest.approx(limit)


def test_a_rate_too_low_to_be_divided_goes_to_one_worker_whole() -> None:
    lane = account(window=5, rate=0.1)
    leases = [lane.refresh(report(f"w{worker}", 5), RULE, 0.0).lease for worker in range(4)]
    assert [lease.rate for lease in leases] == [0.1, 0.0, 0.0, 0.0]


def test_after_the_store_has_lost_its_memory_only_what_is_held_is_granted() -> None:
    lane = account()
    lane.learning_until = 10.0
    lease = account().refresh(report("one", 50), RULE, 0.0).lease
    holding = Report("one", 50, 0, Tally(), lease)
    assert lane.refresh(holding, RULE, 1.0).lease.window == lease.window
    assert lane.refresh(report("new", 50), RULE, 2.0).lease.window == 0


def test_evidence_changes_the_pace_once_whoever_brings_it() -> None:
    lane = account()
    for worker in ("one", "two"):
        lane.refresh(report(worker, 50), RULE, 0.0)
    bad = Tally(taken=5, too_fast=2, why="421")
    first = lane.refresh(report("one", 50, bad), RULE, 1.0)
    second = lane.refresh(report("two", 50, bad), RULE, 1.1)
    assert len(first.changes) == 1
    assert second.changes == ()
    assert second.pace == first.pace


def test_who_finds_most_of_its_part_with_others_is_short_until_they_give_it_back() -> None:
    lane = account()
    assert not lane.refresh(report("one", 50), RULE, 0.0).short
    assert lane.refresh(report("two", 50), RULE, 0.1).short
    lane.refresh(report("one", 2), RULE, 0.2)
    lane.refresh(report("two", 50), RULE, 0.3)
    lane.refresh(report("one", 2), RULE, 0.4)
    assert not lane.refresh(report("two", 50), RULE, 0.5).short


def test_a_sliver_of_the_rate_that_is_due_is_kept_back_until_there_is_more() -> None:
    lane = account(rate=104.0)
    lane.leases = {"one": Lease(5, 100.0, 10.0, 50), "two": Lease(5, 0.0, 10.0, 50)}
    lease = lane.refresh(report("two", 50), RULE, 0.3).lease
    assert (lease.window, lease.rate) == (5, 0.0)
    lane.refresh(report("one", 50), RULE, 0.4)
    assert lane.refresh(report("two", 50), RULE, 0.5).lease.rate == 52.0


def test_who_gives_connections_back_to_one_that_has_none_gives_it_a_part_of_the_rate_with_them() -> None:
    lane = account(rate=100.0)
    lane.refresh(report("one", 50), RULE, 0.0)
    lane.refresh(report("two", 50), RULE, 0.1)
    lease = lane.refresh(report("one", 50), RULE, 0.2).lease
    assert (lease.window, lease.rate) == (5, 50.0)
    lease = lane.refresh(report("two", 50), RULE, 0.3).lease
    assert (lease.window, lease.rate) == (5, 50.0)


def test_nothing_of_the_rate_is_kept_for_one_for_whom_there_is_no_connection() -> None:
    lane = account(window=1, rate=100.0)
    lane.refresh(report("one", 50), RULE, 0.0)
    lane.refresh(report("two", 50), RULE, 0.1)
    assert lane.refresh(report("one", 50), RULE, 0.2).lease.rate == 100.0


@pytest.mark.parametrize(("window", "workers"), [(5, 4), (7, 7), (10, 3), (20, 32), (200, 32)])
def test_workers_that_all_want_more_have_the_whole_limit_between_them_though_some_get_no_connection(
    window: int, workers: int
) -> None:
    lane = account(window=window, rate=100.0)
    for round in range(4):
        for worker in range(workers):
            lane.refresh(report(f"w{worker}", 1000), RULE, round + worker / 1000)
    assert sum(lease.window for lease in lane.leases.values()) == window
    assert sum(lease.rate for lease in lane.leases.values()) == pytest.approx(100.0)


@pytest.mark.parametrize("workers", [1, 2, 4])
def test_a_brisk_search_is_as_brisk_with_several_workers_that_use_all_they_have(workers: int) -> None:
    """A round is over before more than one of them has told of it."""
    rule = Rule(name="brisk", connections=1000, start=Start.BRISK)
    lane = Account(first_pace(rule, 0.0))
    known = {f"w{number}": lane.refresh(report(f"w{number}", 100), rule, 0.0) for number in range(workers)}
    for step in range(8 * workers):
        worker, now = f"w{step % workers}", 0.3 * (1 + step / workers)
        lease, revision = known[worker].lease, known[worker].pace.revision
        heard = Tally(taken=0.3 * lease.rate, by_rate=50, kept=1.0)
        known[worker] = lane.refresh(report(worker, 100, heard, revision), rule, now)
    assert lane.pace.rate.value > 0.25 * first_pace(rule, 0.0).rate.value * 2**8


def test_what_a_worker_does_not_use_is_not_thought_to_be_sent() -> None:
    lane = account(rate=100.0)
    lane.leases = {
        "one": Lease(5, 50.0, 10.0, 100),
        "two": Lease(5, 50.0, 10.0, 100),
        "dead": Lease(5, 900.0, 1.0, 100),
    }
    lane.hear(report("one", 100, Tally(taken=10)))
    assert lane.told_share(5.0) == 0.5
    lane.hear(report("two", 100))  # nothing, and that is known
    assert lane.told_share(5.0) == 1.0
