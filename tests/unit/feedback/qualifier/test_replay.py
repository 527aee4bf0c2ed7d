"""Yesterday's replies against changed rules."""

import json

from feedback.event import Event, PathPart, SmtpPart, encode
from feedback.qualifier import Qualifier, parse
from feedback.qualifier.replay import replay
from feedback.qualifier.storm import Breaker
from feedback.rules import built_in

STOCK = Qualifier.stock()
OPERATORS = """
[[rule]]
id = "our-partner"
means = "mailbox_full"
evidence = "agreed with the partner"
words = ["frobnicated"]
samples = ["550 Frobnicated"]
not_samples = ["550 User unknown"]
"""
CHANGED = Qualifier(parse(built_in() | {"ours.toml": OPERATORS}))


def test_the_difference_is_told_per_reason_and_per_receiver() -> None:
    lines = [
        json.dumps({"code": 550, "text": "Frobnicated today", "mx": "mx.partner.example", "site": "partner"}),
        json.dumps({"code": 550, "text": "Frobnicated again", "site": "partner"}),
        json.dumps({"code": 550, "text": "5.1.1 User unknown", "site": "other"}),
    ]
    found = replay(lines, STOCK, CHANGED)
    assert (found.replies, found.changed) == (3, 2)
    assert found.before == {"not_defined": 2, "user_unknown": 1}
    assert found.after == {"mailbox_full": 2, "user_unknown": 1}
    assert found.receivers == {("partner", "not_defined", "mailbox_full"): 2}
    [change] = found.changes
    assert (change.count, change.example) == (2, "550 Frobnicated today")


def test_the_same_rules_change_nothing() -> None:
    found = replay([json.dumps({"code": 550, "text": "5.1.1 User unknown"})], STOCK, STOCK)
    assert (found.replies, found.changed, found.changes) == (1, 0, [])


def test_lines_that_cannot_be_read_are_named_and_the_rest_is_compared() -> None:
    found = replay(["{", json.dumps({"code": 550, "text": "x"}), json.dumps({"phase": "nowhere"}), ""], STOCK, CHANGED)
    assert [fault.partition(":")[0] for fault in found.faults] == ["line 1", "line 3"]
    assert found.replies == 1


def test_attempts_without_a_reply_are_left_out() -> None:
    found = replay(
        [json.dumps({"delivered": True, "at": 1.0}), json.dumps({"text": "connection refused"})], STOCK, CHANGED
    )
    assert found.replies == 0


def storm_log() -> list[str]:
    """A site's usual day with a few dead addresses, an outage of 1,000 s, and fair weather again; another site beside it."""
    lines = []
    for second in range(4000):
        outage = 1500 <= second < 2500
        dead = outage or second % 100 == 7
        big = {"site": "big", "at": float(second), "rcpt_to": f"u{second}@big.example", "domain": "big.example"}
        lines.append(
            json.dumps(big | ({"code": 550, "text": "5.1.1 no record found"} if dead else {"delivered": True}))
        )
        if second % 5 == 0:
            small = {"site": "small", "at": float(second)}
            said = {"delivered": True} if second % 50 else {"code": 550, "text": "5.1.1 User unknown"}
            lines.append(json.dumps(small | said))
    return lines


def test_a_storm_breaker_requalifies_an_outage_and_nothing_else() -> None:
    found = replay(storm_log(), STOCK, STOCK, Breaker())
    assert found.hard_before == 1000 + 30 + 80
    assert found.receivers.keys() == {("big", "user_unknown", "user_unknown")}
    assert found.before == found.after == {"user_unknown": 1110}
    [change] = found.changes
    assert (change.before.type, change.after.type, change.after.to_qualify) == ("hard", "soft", True)


def test_with_hindsight_the_replies_that_an_outage_was_found_by_are_requalified_too() -> None:
    released = {int(address[1:].partition("@")[0]) for address in replay(storm_log(), STOCK, STOCK, Breaker()).released}
    assert released >= set(range(1500, 2500))
    assert len(released) < 1000 + 40  # dead ones from shortly before and after, which nobody can tell from them


def test_without_a_breaker_an_outage_is_what_its_replies_say() -> None:
    found = replay(storm_log(), STOCK, STOCK)
    assert (found.changed, found.released) == (0, [])


def test_changed_rules_and_an_outage_are_told_apart_per_reason_and_receiver() -> None:
    lines = [*storm_log(), json.dumps({"code": 550, "text": "Frobnicated", "site": "partner", "at": 9000.0})]
    found = replay(lines, STOCK, CHANGED, Breaker())
    assert found.receivers.keys() == {
        ("big", "user_unknown", "user_unknown"),
        ("partner", "not_defined", "mailbox_full"),
    }
    assert found.before - found.after == {"not_defined": 1}
    assert found.after - found.before == {"mailbox_full": 1}


def event(kind: str, cause: str | None = None) -> bytes:
    return encode(
        Event(
            event_id="j/1",
            seq=1,
            event=kind,  # type: ignore[arg-type]
            log_status="failed",
            final=True,
            in_doubt=False,
            at="2026-01-01T00:00:00.000Z",
            job_id="j",
            delivery_id="d",
            wave=0,
            tenant="default",
            rcpt_to="a@example.net",
            context={},
            attempt=1,
            retry_count=0,
            worker="w",
            cause=cause,  # type: ignore[arg-type]
            smtp=SmtpPart(phase="rcpt", code=550, enhanced=None, text="Frobnicated", canonical="Frobnicated"),
            path=PathPart("partner", "mx.partner.example", None, None, None, None),
        )
    )


def test_feedback_events_can_be_replayed_as_they_are() -> None:
    found = replay([event("failed", "bounced")], STOCK, CHANGED)
    assert found.receivers == {("partner", "not_defined", "mailbox_full"): 1}


def test_the_reply_that_an_expired_event_repeats_is_not_counted_twice() -> None:
    assert replay([event("failed", "expired")], STOCK, CHANGED).replies == 0
