"""Malformed and impossible jobs get their exact reason, and the good one behind them is delivered."""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any, TypeVar

import aio_pika
from aio_pika.abc import AbstractChannel, AbstractConnection

from tests.acceptance.installation import Installation

T = TypeVar("T")

GOOD: dict[str, Any] = {
    "delivery_id": "bad",
    "mail_from": "bounce@riverside.example",
    "rcpt_to": "anna@x.example.net",
    "message": "From: a@riverside.example\r\nSubject: hello\r\n\r\nhello\r\n",
}
WITHOUT_MESSAGE = {name: value for name, value in GOOD.items() if name != "message"}
NESTED = b'{"job_id": "b09", "delivery_id": "bad", "x": ' + b"[" * 20_000

# Bodies that cannot be read at all, with the reason in `x-reason`; True where the ids can be read, so that an event tells.
UNREADABLE: list[tuple[bytes | dict[str, Any], str, bool]] = [
    (b"", "body: not JSON: Input data was truncated", False),
    (b"\x00\x01", "body: not JSON: JSON is malformed: invalid character (byte 0)", False),
    (b'"text"', "body: Expected `object`, got `str`", False),
    (b'{"job_id": "b03", "delivery_id": "bad", "wave": NaN}', "body: not JSON: JSON is malformed: invalid character (byte 48)", False),
    (GOOD, "job_id: missing", False),
    (GOOD | {"job_id": "spaces are out"}, r"job_id: Expected `str` matching regex '\\A[A-Za-z0-9._:-]{1,128}\\Z'", False),
    (GOOD | {"job_id": "b06", "delivery_id": ""}, "delivery_id: Expected `str` of length >= 1", False),
    (GOOD | {"job_id": "b07", "mail_from": 7}, "mail_from: Expected `str`, got `int`", True),
    (GOOD | {"job_id": "b08", "mail_from": "no-domain"}, "mail_from has no domain", True),
    (NESTED, "body: not JSON: maximum recursion depth exceeded while deserializing an object", False),
    (WITHOUT_MESSAGE | {"job_id": "b10"}, "message: exactly one of message and message_b64 is needed", True),
    (GOOD | {"job_id": "b11", "message_b64": "QQ=="}, "message: exactly one of message and message_b64 is needed", True),
    (WITHOUT_MESSAGE | {"job_id": "b12", "message_b64": "QQ="}, "message_b64: not base64: Incorrect padding", True),
    (WITHOUT_MESSAGE | {"job_id": "b13", "message": ["a"]}, "message: Expected `str`, got `array`", True),
    (GOOD | {"job_id": "b14", "rcpt_to": ""}, "rcpt_to is empty", True),
    (GOOD | {"job_id": "b15", "rcpt_to": "a@b.example\r\nDATA"}, "rcpt_to has a control character (U+000D)", True),
    (GOOD | {"job_id": "b16", "rcpt_to": "a\x00@b.example"}, "rcpt_to has a control character (U+0000)", True),
    (GOOD | {"job_id": "b17", "rcpt_to": "x" * 65 + "@b.example"}, "rcpt_to is too long: a local part of over 64 octets", True),
    (GOOD | {"job_id": "b18", "rcpt_to": "a@[127.0.0.1]"}, "rcpt_to has an address literal where a domain is wanted", True),
    (GOOD | {"job_id": "b19", "wave": -1}, "wave: Expected `int` >= 0", True),
    (GOOD | {"job_id": "b20", "wave": 1.5}, "wave: Expected `int`, got `float`", True),
    (GOOD | {"job_id": "b21", "priority": "high"}, "priority: Invalid enum value 'high'", True),
    (GOOD | {"job_id": "b22", "context": {"a": {"b": 1}}}, "context: Expected `bool | int | float | str`, got `object` at context[...]", True),
    (GOOD | {"job_id": "b23", "context": {"a": "x" * 5000}}, "context: over 4096 octets as JSON", True),
    (GOOD | {"job_id": "b24", "expires_at": "tomorrow"}, "expires_at: Invalid RFC3339 encoded datetime", True),
    (GOOD | {"job_id": "b25", "on_doubt": "perhaps"}, "on_doubt: Invalid enum value 'perhaps'", True),
]  # fmt: skip

IMPOSSIBLE: list[tuple[dict[str, Any], str, str]] = [
    ({"job_id": "i0", "pool": "none"}, "rejected", "pool: there is no egress pool 'none'"),
    ({"job_id": "i1", "dkim": ["other.example"]}, "rejected", "dkim: no DKIM key other.example is configured"),
    (
        {"job_id": "i2", "message": "From: a@stranger.example\r\n\r\nx"},
        "rejected",
        "dkim: no DKIM key is configured for stranger.example or a parent of it",
    ),
    ({"job_id": "i3", "message": "Subject: nobody\r\n\r\nx"}, "rejected", "message: the message has no From header"),
    (
        {"job_id": "i4", "message": f"From: a@riverside.example\r\nX: {'y' * 70}\r\n" + "Z: z\r\n" * 350_000 + "\r\nx"},
        "rejected",
        "message: the header is over 256 KiB",
    ),
    (
        {"job_id": "i5", "message": "From: a@riverside.example\r\nSubject: a\x00b\r\n\r\nx"},
        "rejected",
        "message: the header has a control character (0x00) in line 2",
    ),
    ({"job_id": "i6", "expires_at": "2020-01-01T00:00:00Z"}, "expired", None),
]  # type: ignore[list-item]


def test_bad_jobs_are_set_aside_with_their_reasons_and_the_good_one_behind_them_is_delivered(
    installation: Installation, amqp_url: str, sink_port: int
) -> None:
    installation.route("*.example.net", sink_port)
    with installation.running("worker"):
        rejected, events = asyncio.run(_exchange(amqp_url, installation.prefix))

    assert len(UNREADABLE) + len(IMPOSSIBLE) >= 30
    wanted = [(_octets(given), reason) for given, reason, _ in UNREADABLE]
    assert sorted(rejected) == sorted(wanted)

    told = {event["job_id"]: event for event in events if event["event_id"].endswith("/rejected")}
    assert told.keys() == {given["job_id"] for given, _, readable in UNREADABLE if readable and isinstance(given, dict)}
    for given, reason, readable in UNREADABLE:
        if readable and isinstance(given, dict):
            event = told[given["job_id"]]
            assert (event["seq"], event["event"], event["cause"], event["attempt"]) == (0, "failed", "rejected", 0)
            assert (event["qualification"]["code"], event["detail"]) == (25, reason)
    assert told["b14"]["rcpt_to"] is None
    assert told["b19"]["wave"] is None

    for changes, cause, detail in IMPOSSIBLE:
        first, last = [event for event in events if event["job_id"] == changes["job_id"]]
        assert (first["event"], first["seq"], last["event"], last["seq"]) == ("accepted", 0, "failed", 1)
        assert (last["cause"], last.get("detail"), last["final"]) == (cause, detail, True)
        assert last["qualification"]["code"] == (24 if cause == "expired" else 25)

    good = [event["event"] for event in events if event["job_id"] == "good"]
    assert good == ["accepted", "sent"]
    assert [entry["rcpt"] for entry in installation.index()] == ["anna@x.example.net"]


def test_a_job_held_for_its_contact_date_is_sent_as_first_published(
    installation: Installation, amqp_url: str, sink_port: int
) -> None:
    installation.route("*.example.net", sink_port)
    with installation.running("worker"):
        events = asyncio.run(_publish_again(amqp_url, installation.prefix))
    assert [event["event"] for event in events] == ["accepted", "sent"]


async def _publish_again(url: str, prefix: str) -> list[dict[str, Any]]:
    """Publish a job that must wait, then, once it was accepted, one that cannot be sent under the same id."""
    contact = datetime.fromtimestamp(time.time() + 5, UTC).isoformat()
    held, bad = (
        {"job_id": "held", "not_before": contact} | more for more in ({}, {"message": "Subject: nobody\r\n\r\nx"})
    )
    connection = await aio_pika.connect(url)
    async with connection, asyncio.timeout(60):
        exchange = await declared(connection, lambda channel: channel.get_exchange(f"{prefix}.jobs"))
        feedback = await declared(connection, lambda channel: channel.get_queue(f"{prefix}.feedback"))
        events: list[dict[str, Any]] = []
        for job, known in ((held, "accepted"), (bad, "final")):
            await exchange.publish(aio_pika.Message(_octets(GOOD | job)), "bulk.x.example.net")
            while not any(event["event"] == known or event["final"] for event in events):
                if (message := await feedback.get(fail=False)) is not None:
                    events += json.loads(message.body)["events"]
                    await message.ack()
    return events


def _octets(given: bytes | dict[str, Any]) -> bytes:
    return given if isinstance(given, bytes) else json.dumps(given).encode()


async def _exchange(url: str, prefix: str) -> tuple[list[tuple[bytes, str]], list[dict[str, Any]]]:
    """Publish all of it as a campaign service would, and gather what comes back."""
    connection = await aio_pika.connect(url)
    async with connection:
        exchange = await declared(connection, lambda channel: channel.get_exchange(f"{prefix}.jobs"))
        feedback = await declared(connection, lambda channel: channel.get_queue(f"{prefix}.feedback"))
        aside = await declared(connection, lambda channel: channel.get_queue(f"{prefix}.rejected"))
        bodies = [_octets(given) for given, _, _ in UNREADABLE]
        bodies += [_octets(GOOD | changes) for changes, _, _ in IMPOSSIBLE]
        bodies.append(_octets(GOOD | {"job_id": "good", "context": {"sent_at": datetime.now(UTC).isoformat()}}))
        for body in bodies:
            await exchange.publish(aio_pika.Message(body, content_type="application/json"), "bulk.x.example.net")
        rejected: list[tuple[bytes, str]] = []
        events: list[dict[str, Any]] = []
        deadline = time.monotonic() + 60
        while (missing := _missing(events)) or len(rejected) < len(UNREADABLE):
            assert time.monotonic() < deadline, f"{len(rejected)} rejected, no final event of {missing}"
            if (message := await aside.get(fail=False)) is not None:
                rejected.append((message.body, str(message.headers["x-reason"])))
                await message.ack()
            if (message := await feedback.get(fail=False)) is not None:
                events += json.loads(message.body)["events"]
                await message.ack()
    return rejected, sorted(events, key=lambda event: (event["job_id"], event["seq"]))


def _missing(events: list[dict[str, Any]]) -> set[str]:
    """The jobs whose final event has not come yet."""
    readable = {given["job_id"] for given, _, ok in UNREADABLE if ok and isinstance(given, dict)}
    expected = readable | {changes["job_id"] for changes, _, _ in IMPOSSIBLE} | {"good"}
    return expected - {event["job_id"] for event in events if event["final"]}


async def declared(connection: AbstractConnection, get: Callable[[AbstractChannel], Awaitable[T]]) -> T:
    """A queue or exchange once the worker has declared it."""
    async with asyncio.timeout(30):
        while True:
            channel = await connection.channel()
            try:
                return await get(channel)
            except aio_pika.exceptions.ChannelNotFoundEntity:
                await asyncio.sleep(0.2)
