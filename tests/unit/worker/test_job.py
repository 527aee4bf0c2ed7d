"""Send jobs: what is read, and the exact words for what is not."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from msgspec.structs import replace

from worker.job import SendJob, Unreadable, read
from worker.queue import Ticket

MAX = 1_000_000
GOOD = {
    "job_id": "d1.0.a",
    "delivery_id": "d1",
    "mail_from": "bounce@news.example.com",
    "rcpt_to": "anna@example.net",
    "message": "From: a@news.example.com\r\n\r\nhi\r\n",
}


def ticket(changes: dict[str, Any] | None = None, *, without: str = "", raw: bytes | None = None) -> Ticket:
    fields = {name: value for name, value in (GOOD | (changes or {})).items() if name != without}
    return Ticket(body=json.dumps(fields).encode() if raw is None else raw, content_type="application/json")


def job(changes: dict[str, Any] | None = None) -> SendJob:
    found = read(ticket(changes), max_octets=MAX)
    assert isinstance(found, SendJob), found
    return found


def reason(given: Ticket) -> str:
    found = read(given, max_octets=MAX)
    assert isinstance(found, Unreadable), found
    return found.reason


def test_a_job_with_the_required_fields_has_the_defaults_of_the_table() -> None:
    found = job()
    assert (found.wave, found.tenant, found.transactional, found.pool) == (0, "default", False, "default")
    assert (found.dkim, found.not_before, found.expires_at) == (None, None, None)
    assert (found.on_doubt, found.test, found.context) == ("retry", False, {})
    assert found.message == GOOD["message"].encode()


def test_the_recipient_is_shown_as_written_but_for_the_case_of_its_domain() -> None:
    found = job({"rcpt_to": "Anna@EXAMPLE.net"})
    assert (found.rcpt_to, found.envelope.rcpt_to) == ("Anna@example.net", "Anna@example.net")


def test_an_international_domain_is_shown_as_written_and_routed_in_a_form() -> None:
    found = job({"rcpt_to": "anna@bücher.example"})
    assert (found.rcpt_to, found.envelope.rcpt_to) == ("anna@bücher.example", "anna@xn--bcher-kva.example")


def test_an_empty_mail_from_is_the_null_reverse_path() -> None:
    assert job({"mail_from": ""}).envelope.mail_from == ""


def test_times_are_rfc_3339_with_any_offset() -> None:
    assert job({"not_before": "2026-01-01T02:00:00+02:00"}).not_before == datetime(2026, 1, 1, tzinfo=UTC).timestamp()


def test_priority_or_routing_key_each_make_a_job_transactional() -> None:
    assert job({"priority": "transactional"}).transactional
    keyed = Ticket(body=ticket().body, transactional=True)
    found = read(keyed, max_octets=MAX)
    assert isinstance(found, SendJob)
    assert found.transactional


def test_unknown_fields_and_content_types_do_not_matter() -> None:
    body = json.dumps(GOOD | {"colour": {"deep": [1, 2]}}).encode()
    for content_type in (None, "text/plain", "application/json; charset=utf-8"):
        assert isinstance(read(Ticket(body=body, content_type=content_type), max_octets=MAX), SendJob)


def test_base64_gives_exact_octets() -> None:
    fields = {name: value for name, value in GOOD.items() if name != "message"}
    raw = json.dumps(fields | {"message_b64": "/wBB"}).encode()
    found = read(ticket(raw=raw), max_octets=MAX)
    assert isinstance(found, SendJob)
    assert found.message == b"\xff\x00A"


HEADERS = {name: value for name, value in GOOD.items() if name != "message"}


def rfc822(changes: dict[str, Any] | None = None) -> Ticket:
    return Ticket(
        body=b"From: x@example.com\r\n\r\n\xff", content_type="message/rfc822", headers=HEADERS | (changes or {})
    )


def test_a_message_may_be_the_body_with_the_fields_as_headers() -> None:
    given = rfc822(
        {
            "wave": "7",
            "test": "true",
            "context": '{"k": 1}',
            "dkim": "a.example, b.example/s2",
            "expires_at": datetime(2027, 1, 1),
            "not_before": "2026-12-01T00:00:00Z",
            "x-other": "ignored",
        }
    )
    found = read(given, max_octets=MAX)
    assert isinstance(found, SendJob)
    assert (found.wave, found.test, found.context, found.dkim) == (7, True, {"k": 1}, ("a.example", "b.example/s2"))
    assert found.expires_at == datetime(2027, 1, 1, tzinfo=UTC).timestamp()
    assert found.message == given.body


@pytest.mark.parametrize(
    ("headers", "words"),
    [
        ({"wave": "-1"}, "wave: Expected `int`, got `str`"),
        ({"wave": True}, "wave: Expected `int`, got `bool`"),
        ({"test": "yes"}, "test: Expected `bool`, got `str`"),
        ({"context": "{"}, "context: not JSON: Input data was truncated"),
        ({"context": '{"a": []}'}, "context: Expected `bool | int | float | str`, got `array` at context[...]"),
    ],
)
def test_headers_that_are_wrong_are_named(headers: dict[str, Any], words: str) -> None:
    assert reason(rfc822(headers)) == words


FAULTS = [
    ("no_json", ticket(raw=b"hello"), "body: not JSON: JSON is malformed: invalid character (byte 0)"),
    ("empty", ticket(raw=b""), "body: not JSON: Input data was truncated"),
    ("a_list", ticket(raw=b"[]"), "body: Expected `object`, got `array`"),
    ("nan", ticket(raw=b'{"wave": NaN}'), "body: not JSON: JSON is malformed: invalid character (byte 9)"),
    (
        "bad_utf8",
        ticket(raw=b'{"job_id": "\xff"}'),
        "body: not JSON: 'utf-8' codec can't decode byte 0xff in position 0: invalid start byte",
    ),
    ("over_the_limit", ticket(raw=b" " * (MAX + 1)), "body: 1000001 octets, the limit is 1000000"),
    ("no_job_id", ticket(without="job_id"), "job_id: missing"),
    ("no_delivery_id", ticket(without="delivery_id"), "delivery_id: missing"),
    ("no_mail_from", ticket(without="mail_from"), "mail_from: missing"),
    ("no_rcpt_to", ticket(without="rcpt_to"), "rcpt_to: missing"),
    ("no_message", ticket(without="message"), "message: exactly one of message and message_b64 is needed"),
    ("both_messages", ticket({"message_b64": "QQ=="}), "message: exactly one of message and message_b64 is needed"),
    (
        "odd_job_id",
        ticket({"job_id": "a b"}),
        r"job_id: Expected `str` matching regex '\\A[A-Za-z0-9._:-]{1,128}\\Z'",
    ),
    ("job_id_is_a_number", ticket({"job_id": 7}), "job_id: Expected `str`, got `int`"),
    ("empty_delivery_id", ticket({"delivery_id": ""}), "delivery_id: Expected `str` of length >= 1"),
    ("long_delivery_id", ticket({"delivery_id": "d" * 129}), "delivery_id: Expected `str` of length <= 128"),
    ("negative_wave", ticket({"wave": -1}), "wave: Expected `int` >= 0"),
    ("wave_is_text", ticket({"wave": "1"}), "wave: Expected `int`, got `str`"),
    ("unknown_priority", ticket({"priority": "urgent"}), "priority: Invalid enum value 'urgent'"),
    ("unknown_on_doubt", ticket({"on_doubt": "ask"}), "on_doubt: Invalid enum value 'ask'"),
    ("test_is_text", ticket({"test": "true"}), "test: Expected `bool`, got `str`"),
    (
        "nested_context",
        ticket({"context": {"a": {}}}),
        "context: Expected `bool | int | float | str`, got `object` at context[...]",
    ),
    ("large_context", ticket({"context": {"a": "x" * 4096}}), "context: over 4096 octets as JSON"),
    ("many_signatures", ticket({"dkim": ["a.example"] * 101}), "dkim: Expected `array` of length <= 100"),
    ("dkim_is_text", ticket({"dkim": "a.example"}), "dkim: Expected `array`, got `str`"),
    (
        "no_offset",
        ticket({"not_before": "2026-01-01T00:00:00"}),
        "not_before: Expected `datetime` with a timezone component",
    ),
    ("no_time", ticket({"expires_at": "soon"}), "expires_at: Invalid RFC3339 encoded datetime"),
    ("empty_recipient", ticket({"rcpt_to": ""}), "rcpt_to is empty"),
    ("no_domain", ticket({"rcpt_to": "anna"}), "rcpt_to has no domain"),
    (
        "crlf_in_recipient",
        ticket({"rcpt_to": "a@b.example>\r\nRCPT TO:<v@x.example"}),
        "rcpt_to has a control character (U+000D)",
    ),
    ("nul_in_sender", ticket({"mail_from": "a\0@b.example"}), "mail_from has a control character (U+0000)"),
    ("two_recipients", ticket({"rcpt_to": "a@b.example,c@d.example"}), None),
    ("no_idn", ticket({"rcpt_to": "a@xn--a.example"}), None),
    (
        "long_local_part",
        ticket({"rcpt_to": "a" * 65 + "@b.example"}),
        "rcpt_to is too long: a local part of over 64 octets",
    ),
    ("bad_base64", ticket(raw=json.dumps({**HEADERS, "message_b64": "a*b="}).encode()), None),
    (
        "lone_surrogate",
        ticket(raw=json.dumps(GOOD | {"message": "\ud800 "}).encode()),
        None,
    ),
    ("deep_nesting", ticket(raw=b'{"x":' + b"[" * 100_000), None),
]


@pytest.mark.parametrize(("given", "words"), [fault[1:] for fault in FAULTS], ids=[fault[0] for fault in FAULTS])
def test_what_is_no_job_is_refused_with_field_and_fault(given: Ticket, words: str | None) -> None:
    found = reason(given)
    assert found.partition(" ")[0].rstrip(":") in {
        "body",
        *GOOD,
        "message_b64",
        *["wave", "priority", "on_doubt", "test", "context", "dkim"],
        "not_before",
        "expires_at",
    }
    if words is not None:
        assert found == words


def test_what_can_be_read_of_a_refused_job_is_kept_field_by_field() -> None:
    found = read(ticket({"wave": -1, "rcpt_to": "nobody", "tenant": "t1"}), max_octets=MAX)
    assert isinstance(found, Unreadable)
    assert found.glimpse == {"job_id": "d1.0.a", "delivery_id": "d1", "mail_from": GOOD["mail_from"], "tenant": "t1"}


def test_nothing_can_be_read_of_what_is_not_json() -> None:
    found = read(ticket(raw=b'{"job_id": "a", "delivery_id": "d"'), max_octets=MAX)
    assert isinstance(found, Unreadable)
    assert found.glimpse == {}


def test_every_field_makes_another_publication() -> None:
    same, other = job(), job({"on_doubt": "fail"})
    assert job().digest == same.digest != other.digest
    letter = Ticket(body=b"From: a@b.example\r\n\r\nhi\r\n", content_type="message/rfc822", headers=_headers("d1.0.a"))
    renamed = replace(letter, headers=_headers("d1.0.b"))
    found = [read(given, max_octets=MAX) for given in (letter, letter, renamed)]
    first, again, second = (each.digest for each in found if isinstance(each, SendJob))
    assert first == again != second


def _headers(job_id: str) -> dict[str, Any]:
    return {"job_id": job_id, "delivery_id": "d1", "mail_from": "", "rcpt_to": "anna@example.net"}


TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.mark.parametrize(
    ("given", "found"),
    [
        (TRACE, TRACE),
        (TRACE.encode(), TRACE),
        (None, None),
        ("00-nonsense", None),
        (TRACE.upper(), None),
        (f"{TRACE}\r\n", None),
        (7, None),
        (b"\xff" * 55, None),
    ],
)
def test_a_trace_context_is_taken_from_the_headers_and_nonsense_left_out(given: Any, found: str | None) -> None:
    traced = replace(ticket(), headers={} if given is None else {"traceparent": given})
    read_job = read(traced, max_octets=MAX)
    assert isinstance(read_job, SendJob)
    assert read_job.traceparent == found
    assert read_job.digest == job().digest
