"""Every promise of the `Shares` seam, against both adapters and the fake."""

import asyncio
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mta.traffic.accounts import Shares, SharesAway
from mta.traffic.dial import Dial
from mta.traffic.memory import decode, encode
from mta.traffic.pace import Pace
from mta.traffic.rule import Rule, Start
from mta.traffic.shares import LEASE, Account, Ask, Lease, Report
from mta.traffic.tally import Tally
from tests.integration.shares.conftest import Desk

RULE = Rule(name="test", connections=10, rate=100.0, start=Start.CEILING)
LANE = "default/any>example.net"


def ask(worker: str, wants: int = 50, lane: str = LANE, **more: object) -> Ask:
    report = Report(worker, wants, 0, Tally())
    return Ask(lane, replace(report, **more), RULE)  # type: ignore[arg-type]


async def test_one_worker_gets_all_that_the_rule_allows(shares: Shares) -> None:
    answers = await shares.refresh([ask("one")])
    [grant] = answers.grants
    assert (grant.lease.window, grant.lease.rate) == (10, 100.0)
    assert grant.lease.until == answers.at + LEASE


async def test_many_lanes_are_answered_in_their_order(shares: Shares) -> None:
    lanes = [f"default/any>{letter}.example" for letter in "zebra"]
    first, second = await shares.refresh([ask("one", number + 1, lane) for number, lane in enumerate(lanes)]), None
    assert [grant.lease.window for grant in first.grants] == [1, 2, 3, 4, 5]
    second = await shares.refresh([ask("one", 9, lane) for lane in reversed(lanes)])
    assert [grant.lease.window for grant in second.grants] == [9] * 5


steps = st.lists(st.tuples(st.sampled_from("abcd"), st.integers(0, 30), st.sampled_from([LANE, "x", "y"])), max_size=20)


@given(steps)
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_grants_never_add_up_to_more_than_the_limit(
    shares: Shares, others: Shares, calls: list[tuple[str, int, str]]
) -> None:
    for worker, wants, lane in calls:
        where = shares if worker in "ab" else others
        await where.refresh([ask(worker, wants, lane)])
        known = await others.known([lane])
        leases = known[lane].leases.values()
        assert sum(lease.window for lease in leases) <= 10
        assert sum(lease.rate for lease in leases) <= 100.0001


async def test_workers_that_ask_at_once_share(desk: Desk) -> None:
    hands = [desk.reach() for _ in range(4)]
    for hand in hands:
        await hand.open()
    for _ in range(5):
        answers = await asyncio.gather(*(hand.refresh([ask(f"w{number}")]) for number, hand in enumerate(hands)))
        windows = [answer.grants[0].lease.window for answer in answers]
    assert sum(windows) <= 10
    assert min(windows) >= 1
    for hand in hands:
        await hand.close()


async def test_a_dead_workers_part_comes_free_when_its_lease_runs_out_and_not_before(
    desk: Desk, shares: Shares, others: Shares
) -> None:
    await shares.refresh([ask("dead")])
    assert (await others.refresh([ask("living")])).grants[0].lease.window == 0
    account = decode(await desk.read(LANE), 0.0)
    assert account is not None
    over = replace(account.leases["dead"], until=account.leases["dead"].until - LEASE)
    await desk.write(LANE, encode(replace(account, leases={"dead": over})))
    assert (await others.refresh([ask("living")])).grants[0].lease.window == 10


async def test_who_leaves_gives_its_part_back_at_once(shares: Shares, others: Shares) -> None:
    await shares.refresh([ask("one")])
    await shares.refresh([ask("one", 0)])
    assert (await others.refresh([ask("two")])).grants[0].lease.window == 10


async def test_connections_that_cannot_be_closed_at_once_count_until_they_are(shares: Shares, others: Shares) -> None:
    await shares.refresh([ask("one")])
    await others.refresh([ask("two")])
    assert (await shares.refresh([ask("one", open=10)])).grants[0].lease.window == 5
    assert (await others.refresh([ask("two")])).grants[0].lease.window == 0
    await shares.refresh([ask("one", open=5)])
    assert (await others.refresh([ask("two")])).grants[0].lease.window == 5


async def test_after_the_store_has_lost_its_rows_only_what_workers_hold_is_granted(
    desk: Desk, shares: Shares, others: Shares
) -> None:
    held = (await shares.refresh([ask("one", 3)])).grants[0].lease
    await desk.lose()
    again = (await shares.refresh([ask("one", 50, holds=held)])).grants[0].lease
    assert (again.window, again.rate) == (held.window, held.rate)
    assert (await others.refresh([ask("two")])).grants[0].lease.window == 0


@pytest.mark.parametrize("text", ["{", "[]", '{"version":999,"account":{}}', '{"version":1,"account":{"pace":7}}'])
async def test_an_account_that_is_not_understood_begins_again_carefully(desk: Desk, shares: Shares, text: str) -> None:
    await shares.refresh([ask("one")])
    await desk.write(LANE, text)
    assert (await shares.refresh([ask("two")])).grants[0].lease.window == 0
    account = decode(await desk.read(LANE), 0.0)
    assert account is not None
    assert account.learning_until > 0


async def test_what_was_learnt_is_there_for_the_next_worker(desk: Desk, shares: Shares, others: Shares) -> None:
    await shares.refresh([ask("one")])
    learnt = Pace(rate=Dial(value=7.0, wall=8.0), window=Dial(value=3.0, wall=3.0))
    await desk.write(LANE, encode(Account(learnt, leases={"one": Lease(1, 1.0, 4e9, 1)})))
    [grant] = (await others.refresh([ask("two")])).grants
    assert grant.pace.rate.wall == 8.0
    assert grant.lease.window == 2


async def test_changes_are_recorded_with_what_caused_them(shares: Shares, others: Shares) -> None:
    await shares.refresh([ask("one")])
    heard = Tally(blocked=3, ordered=1, why="554 your address is listed", asked=7200.0)
    answers = await shares.refresh([ask("one", heard=heard)])
    [told] = answers.grants[0].changes
    [kept] = await others.changes([LANE, "another"], 10)
    assert (kept.lane, kept.change) == (LANE, told)
    assert (kept.change.what, kept.change.becomes, kept.change.until) == ("open", 0, answers.at + 7200.0)
    assert "554 your address is listed" in kept.change.why


async def test_the_newest_changes_come_first_and_old_ones_are_forgotten_in_the_end(shares: Shares) -> None:
    heard = Tally(blocked=3, ordered=1, why="554 \0 listed")
    for lane in ("a", "b", "c"):
        await shares.refresh([ask("one", lane=lane, heard=heard)])
    assert [each.lane for each in await shares.changes(["a", "b", "c"], 2)] == ["c", "b"]
    await shares.tidy()
    assert len(await shares.changes(["a", "b", "c"], 10)) == 3


async def test_a_closed_store_is_away(shares: Shares) -> None:
    await shares.close()
    with pytest.raises(SharesAway):
        await shares.refresh([ask("one")])
    with pytest.raises(SharesAway):
        await shares.known([LANE])
    await shares.open()
    await shares.refresh([ask("one")])
