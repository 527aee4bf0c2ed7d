"""What a lane is said to be doing, and why."""

from dataclasses import replace

from mta.traffic.accounts import Changed
from mta.traffic.dial import Dial
from mta.traffic.pace import Change, Pace
from mta.traffic.rule import Rule
from mta.traffic.shares import Account, Lease
from worker.shares.story import lines, told

NOW = 1_700_000_000.0
RULE = Rule(name="test", connections=20)
LEARNT = Pace(rate=Dial(value=9.7, wall=10.0), window=Dial(value=7.0, wall=8.0))
CUT = Change(what="rate", was=20.0, becomes=9.7, why="421 slow down", at=NOW - 60)


def said(account: Account, *changes: Change) -> str:
    return "\n".join(
        lines(told("default/any>big", account, RULE, [Changed("default/any>big", c) for c in changes], NOW))
    )


def test_the_limits_in_force_the_walls_and_the_holders_are_named() -> None:
    account = Account(LEARNT, leases={"one": Lease(4, 5.0, NOW + 9, 50), "dead": Lease(3, 4.0, NOW - 1, 50)})
    story = said(account)
    assert "now 7 connections, 100 messages on each, 9.7/s" in story
    assert "takes about 10/s messages and 8 connections" in story
    assert "one holds 4 connections, 5/s" in story
    assert "dead" not in story


def test_a_change_is_told_with_the_reply_that_caused_it() -> None:
    story = said(Account(LEARNT), CUT)
    assert "rate 20 -> 9.7" in story
    assert "because: 421 slow down" in story


def test_a_closed_lane_says_until_when_and_a_lane_on_trial_how_it_opens() -> None:
    closed = replace(LEARNT, closed_until=NOW + 600, closed_by="blocked", trial=True)
    assert "closed until 2023-11-14T22:23:20.000Z, for the site was blocked" in said(Account(closed))
    trial = replace(closed, closed_until=NOW - 1)
    assert "on trial after it was blocked, 1 connections" in said(Account(trial))


def test_where_nothing_was_met_no_limit_is_claimed() -> None:
    assert "no limit was met so far" in said(Account(Pace()))


def test_numbers_without_end_are_null_in_json() -> None:
    change = Change(what="messages_per_connection", was=float("inf"), becomes=10.0, why="421 enough", at=NOW)
    [entry] = told("a", Account(), RULE, [Changed("a", change)], NOW)["changes"]
    assert (entry["from"], entry["to"]) == (None, 10.0)
