"""Feedback events carry exactly the fields that their readers were promised."""

import json
from typing import Any

import pytest
from msgspec.structs import replace

from feedback.event import decode, encode, join, timestamp
from feedback.qualification import Code, Qualification, Reason, Type
from feedback.qualifier.trouble import rejected
from feedback.writer import Failure, Writer
from mta.attempt import Attempt, Broken, Delivered, Doubtful, Ending, Path, Phase, Refused, Tls, Trouble
from mta.reply import Reply
from tests.samples import FACE, NOW, STATE

ALWAYS = {
    "event_id", "seq", "event", "log_status", "final", "in_doubt", "at", "job_id", "delivery_id", "wave", "tenant",
    "rcpt_to", "context", "attempt", "retry_count", "worker",
}  # fmt: skip
TRIED = {"smtp", "path", "timing"}
HARD = Qualification(code=Code.INVALID_RECIPIENT, type=Type.HARD, reason=Reason.USER_UNKNOWN, rule="stock/user")
PATH = Path(
    site="b.example",
    mx_host="mx.b.example",
    remote_ip="192.0.2.1",
    source_ip="192.0.2.9",
    helo="mta.example",
    tls=Tls(version="TLSv1.3", cipher="AES", auth="none"),
)
WRITER = Writer("w1", lambda text: text.replace("a@b.example", "*"))


def attempt(ending: Ending, phase: Phase = Phase.RCPT, path: Path = PATH) -> Attempt:
    return Attempt(phase=phase, ending=ending, path=path, began_at=NOW, duration=0.0421)


def wire(event: Any) -> dict[str, Any]:
    return dict(json.loads(encode(event)))


def test_accepted_says_who_and_nothing_of_what_came_later() -> None:
    event = wire(WRITER.accepted(replace(STATE, seq=4, attempt=3, doubtful=True)))
    assert event.keys() == ALWAYS
    assert (event["event_id"], event["seq"], event["event"], event["log_status"]) == (
        "j/0",
        0,
        "accepted",
        "taken_into_account",
    )
    assert (event["final"], event["in_doubt"], event["attempt"], event["at"]) == (False, False, 0, timestamp(NOW - 10))


def test_sent_has_the_reply_the_way_and_the_times() -> None:
    event = wire(WRITER.sent(STATE, NOW, attempt(Delivered(Reply(250, "2.0.0 Ok")), Phase.BODY)))
    assert event.keys() == ALWAYS | TRIED
    assert (event["event"], event["log_status"], event["final"]) == ("sent", "sent", True)
    assert event["smtp"] == {
        "phase": "body", "code": 250, "enhanced": "2.0.0", "text": "2.0.0 Ok", "canonical": "2.0.0 Ok",
    }  # fmt: skip
    assert event["path"] == {
        "site": "b.example",
        "mx_host": "mx.b.example",
        "remote_ip": "192.0.2.1",
        "source_ip": "192.0.2.9",
        "helo": "mta.example",
        "tls": {"version": "TLSv1.3", "cipher": "AES", "auth": "none"},
    }
    assert event["timing"] == {"queued_ms": 10_000, "smtp_ms": 42}


def test_a_hard_bounce_has_its_qualification_and_its_canonical_text() -> None:
    failure = Failure(
        cause="bounced", qualification=HARD, attempt=attempt(Refused(Reply(550, "5.1.1 a@b.example unknown")))
    )
    event = wire(WRITER.failed(STATE, NOW, failure))
    assert event.keys() == ALWAYS | TRIED | {"cause", "qualification"}
    assert event["qualification"] == {
        "code": 10,
        "name": "invalid_recipient",
        "type": "hard",
        "reason": 1,
        "reason_name": "user_unknown",
        "rule": "stock/user",
        "to_qualify": False,
    }
    assert event["smtp"]["canonical"] == "5.1.1 * unknown"


def test_without_a_reply_the_code_is_null_and_the_text_says_what_happened() -> None:
    tried = attempt(Broken(Trouble.UNREACHABLE, "connection refused"), Phase.CONNECT, Path(site="b.example"))
    event = wire(WRITER.delayed(STATE, NOW, tried, HARD, NOW + 60))
    assert (event["smtp"]["code"], event["smtp"]["enhanced"], event["smtp"]["text"]) == (
        None,
        None,
        "connection refused",
    )
    assert event["path"] == {
        "site": "b.example", "mx_host": None, "remote_ip": None, "source_ip": None, "helo": None, "tls": None,
    }  # fmt: skip
    assert event["next_attempt_at"] == timestamp(NOW + 60)


def test_doubt_shows_on_every_event_from_then_on() -> None:
    event = wire(WRITER.delayed(replace(STATE, doubtful=True), NOW, attempt(Doubtful("lost")), HARD, NOW + 1))
    assert event["in_doubt"] is True


def test_retry_count_is_one_less_than_the_attempts() -> None:
    counts = [WRITER.sent(replace(STATE, attempt=n), NOW, None).retry_count for n in (0, 1, 2, 5)]
    assert counts == [0, 0, 1, 4]


def test_a_test_job_says_so_and_others_do_not() -> None:
    tested = wire(WRITER.accepted(replace(STATE, face=replace(FACE, test=True))))
    assert tested["test"] is True
    assert "test" not in wire(WRITER.accepted(STATE))


def test_what_we_refuse_ourselves_has_no_wire_to_tell_of() -> None:
    failure = Failure(cause="rejected", qualification=rejected(), detail="pool: unknown")
    event = wire(WRITER.failed(STATE, NOW, failure))
    assert event.keys() == ALWAYS | {"cause", "qualification", "timing", "detail"}
    assert (event["qualification"]["code"], event["timing"]["smtp_ms"], event["detail"]) == (25, None, "pool: unknown")


def test_a_rejected_ticket_is_reported_with_what_could_be_read() -> None:
    event = WRITER.rejected({"job_id": "x", "delivery_id": "d", "wave": 3}, NOW, "rcpt_to is empty")
    assert event is not None
    told = wire(event)
    assert (told["event_id"], told["seq"], told["cause"], told["attempt"]) == ("x/rejected", 0, "rejected", 0)
    assert (told["wave"], told["tenant"], told["rcpt_to"], told["context"]) == (3, None, None, {})


@pytest.mark.parametrize("glimpse", [{}, {"job_id": "x"}, {"delivery_id": "d"}])
def test_a_ticket_without_ids_cannot_be_reported(glimpse: dict[str, str]) -> None:
    assert WRITER.rejected(glimpse, NOW, "body: not JSON") is None


def test_events_joined_into_a_message_are_read_back_as_they_were() -> None:
    events = [WRITER.accepted(STATE), WRITER.sent(STATE, NOW, attempt(Delivered(Reply(250, "Ok"))))]
    assert decode(join([encode(event) for event in events])) == events
