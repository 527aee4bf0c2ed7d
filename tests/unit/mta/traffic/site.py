"""Attempts, lanes and rules as the tests of traffic want them."""

from mta.attempt import Attempt, Broken, Delivered, Ending, Path, Phase, Refused, Trouble
from mta.lane import Lane, Source
from mta.reply import Reply
from mta.traffic.rule import Rule

LANE = Lane(Source(pool="default", helo="mta1.example.com"), "example.net")
RULE = Rule(name="test", connections=2)


def attempt(ending: Ending, phase: Phase = Phase.BODY) -> Attempt:
    return Attempt(phase=phase, ending=ending, path=Path(site="example.net"), began_at=0.0, duration=0.1)


def delivered() -> Attempt:
    return attempt(Delivered(Reply(250, "2.0.0 OK")))


def refused(code: int, text: str, phase: Phase = Phase.RCPT) -> Attempt:
    return attempt(Refused(Reply(code, text)), phase)


def broken(trouble: Trouble, phase: Phase) -> Attempt:
    return attempt(Broken(trouble, str(trouble)), phase)
