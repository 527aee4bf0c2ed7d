"""Counts by domain and day, in bounded memory."""

from datetime import UTC, date, datetime

import pytest
from msgspec.structs import replace

from mta.attempt import Attempt, Broken, Delivered, Path, Phase, Tls, Trouble
from mta.reply import Reply
from mta.tlsrpt import ledger as room
from mta.tlsrpt.applied import NOTHING, Applied, Kind, Result
from mta.tlsrpt.ledger import Count, Detail, Ledger

MIDNIGHT = datetime(2026, 3, 2, tzinfo=UTC).timestamp()
STS = Applied(Kind.STS, ("mode: enforce",))
PATH = Path(site="s", mx_host="mx.b.example", tls=Tls("TLSv1.3", "x", "mta-sts"))
GOOD = Attempt(
    phase=Phase.BODY,
    ending=Delivered(Reply(250, "ok")),
    path=PATH,
    began_at=0.0,
    duration=1.0,
    banner_time=0.1,
)
BAD = replace(
    GOOD,
    phase=Phase.STARTTLS,
    ending=Broken(Trouble.TLS_FAILED, "certificate has expired"),
    path=Path(site="s", mx_host="mx.b.example", source_ip="192.0.2.1", remote_ip="198.51.100.1"),
    banner_time=None,
)


def noted(*domains: str) -> Ledger:
    made = Ledger()
    for domain in domains or ("b.example",):
        made.note(domain, "mx.b.example", STS)
    return made


def test_sessions_are_counted_under_the_day_on_which_they_ended() -> None:
    ledger = noted()
    ledger.count(GOOD, "b.example", MIDNIGHT - 0.001)
    ledger.count(GOOD, "b.example", MIDNIGHT)
    [first] = ledger.finished(MIDNIGHT)
    assert (first.day, first.domain, first.policies) == (date(2026, 3, 1), "b.example", {STS: Count(successes=1)})
    assert ledger.finished(MIDNIGHT + 86_399) == []
    [second] = ledger.finished(MIDNIGHT + 86_400)
    assert second.day == date(2026, 3, 2)


def test_failures_that_are_alike_are_one_detail() -> None:
    ledger = noted()
    for attempt in (BAD, BAD, GOOD):
        ledger.count(attempt, "b.example", MIDNIGHT)
    [tally] = ledger.finished(MIDNIGHT + 86_400)
    detail = Detail(
        result=Result.CERTIFICATE_EXPIRED,
        source_ip="192.0.2.1",
        mx_host="mx.b.example",
        remote_ip="198.51.100.1",
        text="certificate has expired",
    )
    assert tally.policies == {STS: Count(successes=1, failures={detail: 2})}


def test_what_was_asked_of_a_host_for_another_domain_does_not_count() -> None:
    ledger = noted("other.example")
    ledger.count(GOOD, "b.example", MIDNIGHT)
    assert ledger.finished(MIDNIGHT + 86_400) == []


def test_a_policy_that_changes_in_a_day_is_told_beside_the_old_one() -> None:
    ledger = noted()
    ledger.count(GOOD, "b.example", MIDNIGHT)
    ledger.note("b.example", "mx.b.example", NOTHING)
    ledger.count(GOOD, "b.example", MIDNIGHT)
    [tally] = ledger.finished(MIDNIGHT + 86_400)
    assert tally.policies == {STS: Count(successes=1), NOTHING: Count(successes=1)}


def test_failures_beyond_the_bound_are_told_by_their_type_and_none_is_left_out() -> None:
    ledger = noted()
    for number in range(room.MAX_DETAILS + 20):
        failed = replace(BAD, ending=Broken(Trouble.TLS_FAILED, f"certificate has expired, {number}"))
        ledger.count(failed, "b.example", MIDNIGHT)
    [tally] = ledger.finished(MIDNIGHT + 86_400)
    failures = tally.policies[STS].failures
    assert len(failures) == room.MAX_DETAILS + 1
    assert failures[Detail(result=Result.CERTIFICATE_EXPIRED)] == 20


def test_domains_policies_and_notes_have_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("MAX_DOMAINS", "MAX_POLICIES", "MAX_NOTES"):
        monkeypatch.setattr(room, name, 3)
    ledger = noted("a.example", "b.example", "c.example", "d.example")
    ledger.count(GOOD, "a.example", MIDNIGHT)  # its note made room for the fourth
    for domain in ("b.example", "c.example", "d.example"):
        for number in range(5):
            ledger.note(domain, "mx.b.example", Applied(Kind.STS, (str(number),)))
            ledger.count(GOOD, domain, MIDNIGHT)
    ledger.note("e.example", "mx.b.example", STS)
    ledger.count(GOOD, "e.example", MIDNIGHT)
    tallies = ledger.finished(MIDNIGHT + 86_400)
    assert [(tally.domain, len(tally.policies)) for tally in tallies] == [
        ("b.example", 3),
        ("c.example", 3),
        ("d.example", 3),
    ]
