"""When a message is tried again."""

import random

import pytest

from mta.attempt import Attempt, Broken, Ending, Path, Phase, Refused, Trouble
from mta.reply import Reply
from worker.schedule import Backoff, asked_delay, retry_delay

STEADY = Backoff(first=300, factor=2, longest=14400, jitter=0)


def after(ending: Ending) -> Attempt:
    return Attempt(phase=Phase.RCPT, ending=ending, path=Path(site="s"), began_at=0.0, duration=0.1)


def delays(backoff: Backoff, count: int) -> list[float]:
    return [retry_delay(n, None, backoff, random.Random(1)) for n in range(1, count + 1)]


def test_delays_grow_by_the_factor_up_to_the_longest() -> None:
    assert delays(STEADY, 8) == [300, 600, 1200, 2400, 4800, 9600, 14400, 14400]


def test_a_thousandth_attempt_waits_no_longer_than_the_longest() -> None:
    assert retry_delay(1000, None, STEADY, random.Random(1)) == 14400


def test_jitter_spreads_around_the_delay_and_not_beyond_its_share() -> None:
    rng = random.Random(7)
    drawn = [retry_delay(1, None, Backoff(jitter=0.2), rng) for _ in range(500)]
    assert 240 <= min(drawn) < 260
    assert 340 < max(drawn) <= 360


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("4.7.1 Greylisted, please try again in 300 seconds", 300),
        ("4.2.0 Greylisted, see http://example.org/; retry in 5 minutes", 300),
        ("4.7.0 Try again after 2 hours", 7200),
        ("4.7.1 please wait 30s and come again", 30),
        ("4.3.2 try again in 1 min", 60),
        ("4.7.1 Temporarily deferred, try again later", None),
        ("4.2.2 mailbox of 5 messages is full", None),
    ],
)
def test_a_receivers_own_delay_is_read_from_its_reply(text: str, seconds: float | None) -> None:
    assert asked_delay(after(Refused(Reply(451, text)))) == seconds


def test_a_receivers_own_delay_holds_even_when_shorter_but_not_under_a_second() -> None:
    assert retry_delay(9, after(Refused(Reply(451, "try again in 20 seconds"))), STEADY, random.Random(1)) == 20
    assert retry_delay(9, after(Refused(Reply(451, "try again in 0 seconds"))), STEADY, random.Random(1)) == 1


def test_a_permanent_reply_asks_for_no_delay() -> None:
    assert asked_delay(after(Refused(Reply(550, "try again in 20 seconds")))) is None


def test_without_a_reply_nobody_asked_for_a_delay() -> None:
    assert asked_delay(after(Broken(Trouble.TIMEOUT, "again in 5 minutes"))) is None
