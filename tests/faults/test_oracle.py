"""The oracle sees each way in which a promise can be broken."""

from dataclasses import replace
from typing import Any

import pytest

from tests.faults.failing import Plan
from tests.faults.oracle import Copy, Evidence, gist, judge


def told(seq: int, event: str, job_id: str = "a", **fields: Any) -> dict[str, Any]:
    known = {"job_id": job_id, "event_id": f"{job_id}/{seq}", "seq": seq, "event": event, "worker": "w"}
    return known | {"final": event in ("sent", "failed"), "in_doubt": False} | fields


ACCEPTED, SENT = told(0, "accepted"), told(1, "sent")
COPY = Copy(rcpt="a@x.example", job_id="a")
GOOD = Evidence(jobs={"a": "a@x.example"}, copies=[COPY], events=[ACCEPTED, SENT])


def breaches(**changes: Any) -> list[str]:
    return list(judge(replace(GOOD, **changes)).breaches)


def test_a_job_sent_once_and_reported_once_is_as_promised() -> None:
    verdict = judge(GOOD)
    assert (verdict.jobs, verdict.delivered, verdict.lost, verdict.duplicates, verdict.final_events) == (1, 1, 0, 0, 1)
    assert not verdict.breaches


def test_an_event_may_be_repeated_by_another_worker() -> None:
    assert not breaches(events=[ACCEPTED, SENT, SENT, ACCEPTED | {"worker": "v"}])


def test_the_gist_of_an_event_says_as_much_as_the_event() -> None:
    events = [ACCEPTED, SENT | {"timing": {"queued_ms": 1}}, SENT | {"timing": {"queued_ms": 1}, "worker": "v"}]
    assert not breaches(events=[gist(event) for event in events])
    changed = [*events, SENT | {"timing": {"queued_ms": 2}}]
    assert breaches(events=[gist(event) for event in changed]) == breaches(events=changed) != []


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"events": []}, "a: lost"),
        ({"events": [ACCEPTED]}, "a: lost"),
        ({"copies": []}, "a: lost"),
        ({"copies": [COPY] * 2}, "a: 2 copies, and no word of doubt"),
        ({"copies": [Copy(rcpt="b@x.example", job_id="a")]}, "a: arrived at b@x.example, meant for a@x.example"),
        ({"copies": [COPY, Copy(rcpt="a@x.example", job_id="")]}, ": arrived at a@x.example, meant for None"),
        ({"events": [ACCEPTED, SENT, told(2, "failed", cause="expired")]}, "a: 2 final events"),
        ({"events": [ACCEPTED, SENT, told(2, "delayed")]}, "a: something happened after its final event"),
        ({"events": [SENT]}, "a: event numbers [1]"),
        ({"events": [ACCEPTED, told(2, "sent")]}, "a: event numbers [0, 2]"),
        ({"events": [ACCEPTED, SENT, SENT | {"attempt": 2}]}, "a/1: two events under one id"),
        ({"events": [ACCEPTED, told(1, "failed", cause="bounced")]}, "a: ended as failed/bounced, not sent"),
        ({"events": [ACCEPTED, told(1, "failed", cause="bounced")]}, "a: arrived, and was reported failed"),
        ({"expected": {"a": "failed/expired"}}, "a: ended as sent/None, not failed/expired"),
        (
            {"events": [ACCEPTED, told(1, "sent", in_doubt=True)]},
            "a: in doubt, though nothing could be doubtful about it",
        ),
        (
            {
                "events": [ACCEPTED, told(1, "sent", in_doubt=True)],
                "copies": [COPY] * 3,
                "may_doubt": frozenset("a"),
            },
            "a: 3 copies, in doubt",
        ),
    ],
)
def test_what_is_not_as_promised_is_named(changes: dict[str, Any], said: str) -> None:
    assert said in breaches(**changes)


def test_one_copy_too_many_of_a_job_in_doubt_is_counted_and_allowed() -> None:
    doubtful = [ACCEPTED, told(1, "sent", in_doubt=True)]
    verdict = judge(replace(GOOD, events=doubtful, copies=[COPY] * 2, may_doubt=frozenset("a")))
    assert (verdict.duplicates, verdict.doubt_window, verdict.breaches) == (1, 1, ())


def test_a_plan_is_read_as_it_is_written() -> None:
    text = "feedback.log.postgres:PostgresLog.record/after/3/kill"
    assert str(Plan.read(text)) == text
    with pytest.raises(ValueError, match="before or after"):
        Plan.read(text.replace("after", "during"))
