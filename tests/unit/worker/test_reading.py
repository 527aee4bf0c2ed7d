"""Attempts read in turn: storms, unknown replies, rules replaced at work."""

import pytest
import structlog
from msgspec.structs import replace

from feedback.qualification import Reason, Type, Verdict
from feedback.qualifier import Qualifier, parse
from feedback.qualifier.unknown import Decision, key_of
from feedback.rules import built_in
from mta.attempt import Attempt, Broken, Delivered, Ending, Path, Phase, Refused, Trouble
from mta.reply import Reply
from tests.samples import NOW
from worker.reading import Reading
from worker.weather import Weathers

STOCK = Qualifier.stock()
TAKEN = Delivered(Reply(250, "2.0.0 Ok"))
UNKNOWN_USER = Refused(Reply(550, "5.1.1 User unknown"))
ODD = Refused(Reply(550, "Frobnicated at 12:34:56"))
OPERATORS = """
[[rule]]
id = "our-partner"
means = "mailbox_full"
evidence = "agreed with the partner"
words = ["frobnicated"]
samples = ["550 Frobnicated"]
"""


def attempt(ending: Ending, site: str = "big.example", phase: Phase = Phase.RCPT) -> Attempt:
    return Attempt(phase=phase, ending=ending, path=Path(site=site, mx_host=f"mx.{site}"), began_at=NOW, duration=0.1)


def read(reading: Reading, ending: Ending, times: int = 1, *, site: str = "big.example", at: float = NOW) -> Verdict:
    """The last verdict of several such attempts."""
    verdict = None
    for _ in range(times):
        verdict = reading.verdict(attempt(ending, site), site, at)
    if verdict is None:
        raise AssertionError("a delivered message has no verdict")
    return verdict


def deliver(reading: Reading, times: int, *, site: str = "big.example", at: float = NOW) -> None:
    for _ in range(times):
        assert reading.verdict(attempt(TAKEN, site), site, at) is None


def test_a_dead_address_is_hard_in_fair_weather() -> None:
    reading = Reading(STOCK)
    deliver(reading, 1000)
    assert read(reading, UNKNOWN_USER).qualification.type is Type.HARD


def test_in_a_storm_hard_becomes_soft_and_to_be_qualified_and_the_message_is_tried_again() -> None:
    reading = Reading(STOCK)
    deliver(reading, 1000)
    verdict = read(reading, UNKNOWN_USER, 300, at=NOW + 3600)
    found = verdict.qualification
    assert (found.type, found.to_qualify, found.reason) == (Type.SOFT, True, Reason.USER_UNKNOWN)
    assert verdict.retry


def test_a_storm_at_one_site_softens_nothing_at_another() -> None:
    reading = Reading(STOCK)
    deliver(reading, 1000)
    read(reading, UNKNOWN_USER, 300, at=NOW + 3600)
    assert read(reading, UNKNOWN_USER, site="other.example", at=NOW + 3600).qualification.type is Type.HARD


def test_a_storm_is_told_once_when_it_begins_and_once_when_it_is_over() -> None:
    reading = Reading(STOCK)
    with structlog.testing.capture_logs() as told:
        deliver(reading, 1000)
        read(reading, UNKNOWN_USER, 300, at=NOW + 3600)
        deliver(reading, 3000, at=NOW + 7200)
    assert [line["event"] for line in told] == ["storm", "storm_over"]
    begun = told[0]
    assert (begun["site"], begun["log_level"]) == ("big.example", "error")
    assert begun["hard_share"] > 0.5 > 0.05 > begun["usual_share"]


def test_what_broke_off_is_no_part_of_the_weather() -> None:
    """Else an outage of the network would hide one of the site's directory."""
    reading = Reading(STOCK)
    deliver(reading, 1000)
    read(reading, Broken(Trouble.LOST, "connection lost"), 3000, at=NOW + 3600)
    assert read(reading, UNKNOWN_USER, 60, at=NOW + 3600).qualification.type is Type.SOFT


def test_the_weather_of_a_bounded_number_of_sites_is_remembered() -> None:
    reading = Reading(STOCK, Weathers(sites=2))
    for site in ("one.example", "two.example"):
        deliver(reading, 1000, site=site)
        read(reading, UNKNOWN_USER, 300, site=site, at=NOW + 3600)
    deliver(reading, 1, site="three.example", at=NOW + 3600)
    assert read(reading, UNKNOWN_USER, site="two.example", at=NOW + 3600).qualification.type is Type.SOFT
    assert read(reading, UNKNOWN_USER, site="one.example", at=NOW + 3600).qualification.type is Type.HARD


def test_an_unknown_reply_is_counted_once_for_each_time_it_came_by_its_kind() -> None:
    reading = Reading(STOCK)
    read(reading, ODD, 2)
    read(reading, Refused(Reply(550, "Frobnicated at 23:45:01")))
    read(reading, UNKNOWN_USER)
    deliver(reading, 1)
    [(key, unknown)] = reading.take_unknown().items()
    assert (key.code, key.phase, unknown.count, unknown.site) == (550, "rcpt", 3, "big.example")
    assert reading.take_unknown() == {}


def test_what_a_storm_softened_is_not_unknown() -> None:
    reading = Reading(STOCK)
    deliver(reading, 1000)
    read(reading, UNKNOWN_USER, 300, at=NOW + 3600)
    assert reading.take_unknown() == {}


@pytest.mark.parametrize(("decision", "counted"), [(Decision.KEEP, [1]), (Decision.IGNORE, [])])
def test_what_an_operator_has_decided_is_no_longer_to_be_qualified(decision: Decision, counted: list[int]) -> None:
    reading = Reading(STOCK)
    before = read(reading, ODD)
    reading.take_unknown()
    reading.decisions = {key_of(ODD.reply, Phase.RCPT): decision}
    after = read(reading, Refused(Reply(550, "Frobnicated at 07:08:09")))
    assert after == replace(before, qualification=replace(before.qualification, to_qualify=False))
    assert [unknown.count for unknown in reading.take_unknown().values()] == counted


def test_a_decision_about_one_kind_settles_no_other() -> None:
    reading = Reading(STOCK)
    reading.decisions = {key_of(ODD.reply, Phase.BODY): Decision.IGNORE}
    assert read(reading, ODD).qualification.to_qualify
    assert len(reading.take_unknown()) == 1


def test_counts_put_back_are_added_to_what_has_come_since() -> None:
    reading = Reading(STOCK)
    read(reading, ODD, 2)
    taken = reading.take_unknown()
    read(reading, ODD, 3)
    reading.put_back(taken)
    assert [unknown.count for unknown in reading.take_unknown().values()] == [5]


def test_replaced_rules_hold_from_the_next_attempt_on() -> None:
    reading = Reading(STOCK)
    assert read(reading, ODD).qualification.to_qualify
    reading.qualifier = Qualifier(parse({"ours.toml": OPERATORS} | built_in()))
    found = read(reading, ODD).qualification
    assert (found.reason, found.rule.partition("@")[0]) == (Reason.MAILBOX_FULL, "our-partner")


@pytest.mark.parametrize("trouble", [Trouble.UNREACHABLE, Trouble.NO_DOMAIN])
def test_without_a_reply_the_trouble_is_what_counts(trouble: Trouble) -> None:
    reading = Reading(STOCK)
    assert read(reading, Broken(trouble, "x")) == STOCK.qualify(Phase.RCPT, Broken(trouble, "x"), None, None)
