"""What is kept of a job's way: holds that stay few, attempts that are worth a row."""

import pytest

from feedback.log.story import MAX_HOLDS, Hold, is_kept, read_holds, with_hold
from mta.attempt import Attempt, Broken, Delivered, Ending, Path, Phase, Refused, Trouble
from mta.reply import Reply

LIMITED = Hold(since=10.0, until=40.0, why="rule big: 3 connections", rule="big", site="big.example")


def test_a_job_held_again_by_the_same_rule_waits_on() -> None:
    later = Hold(since=45.0, until=80.0, why="rule big: 2 connections", rule="big", site="big.example")
    [hold] = read_holds(with_hold(with_hold(None, LIMITED), later))
    assert (hold.since, hold.until, hold.times, hold.why) == (10.0, 80.0, 2, "rule big: 2 connections")


def test_replies_that_differ_in_their_numbers_are_the_same_reply() -> None:
    first, second = (
        Hold(since=at, until=at + 30, why="limits", rule="big", reply=f"421 4.7.0 Try again later, id {number}.gsmtp")
        for at, number in ((10.0, "4811516234281516"), (45.0, "4811516234299999"))
    )
    [hold] = read_holds(with_hold(with_hold(None, first), second))
    assert (hold.times, hold.reply) == (2, second.reply)


@pytest.mark.parametrize(
    "other",
    [
        Hold(since=45.0, until=80.0, why="rule big", rule="big", site="big.example", attempts=1),
        Hold(since=45.0, until=80.0, why="rule big", rule="big", site="big.example", reply="421 too many"),
        Hold(since=45.0, until=80.0, why="big.example is suspended by anna"),
    ],
    ids=["after an attempt", "after a reply", "for another reason"],
)
def test_what_waits_anew_is_told_anew(other: Hold) -> None:
    assert read_holds(with_hold(with_hold(None, LIMITED), other)) == [LIMITED, other]


def test_of_many_waits_the_first_and_the_latest_are_kept() -> None:
    kept = None
    for number in range(100):
        kept = with_hold(kept, Hold(since=float(number), until=number + 1.0, why=f"reason {number}"))
    holds = read_holds(kept)
    assert len(holds) == MAX_HOLDS
    assert [holds[0].why, holds[1].why, holds[-1].why] == ["reason 0", f"reason {101 - MAX_HOLDS}", "reason 99"]


def attempt(ending: Ending) -> Attempt:
    return Attempt(phase=Phase.BODY, ending=ending, path=Path(site="s"), began_at=0.0, duration=0.1)


SENT = attempt(Delivered(Reply(250, "2.0.0 Ok")))


@pytest.mark.parametrize("ending", [Refused(Reply(550, "no")), Broken(Trouble.LOST, "gone")])
def test_an_attempt_that_failed_is_always_kept(ending: Ending) -> None:
    assert is_kept("j", attempt(ending), 1, 0.0)


def test_a_success_after_a_failure_is_kept_and_of_others_a_sample() -> None:
    assert is_kept("j", SENT, 2, 0.0)
    assert sum(is_kept(f"j{number}", SENT, 1, 0.1) for number in range(1000)) in range(60, 140)
    assert not any(is_kept(f"j{number}", SENT, 1, 0.0) for number in range(1000))
    assert all(is_kept(f"j{number}", SENT, 1, 1.0) for number in range(1000))
