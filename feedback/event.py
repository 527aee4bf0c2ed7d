"""Feedback events: the wire form of what became of a message (the contract's section 1.2)."""

import re
from datetime import UTC, datetime
from functools import lru_cache
from typing import Literal

import msgspec

Kind = Literal["accepted", "sent", "delayed", "failed", "cancelled"]
Cause = Literal["bounced", "expired", "rejected", "in_doubt"]
LogStatus = Literal["taken_into_account", "sent", "failed", "cancelled"]
Scalar = str | int | float | bool

LOG_STATUS: dict[Kind, LogStatus] = {
    "accepted": "taken_into_account",
    "delayed": "taken_into_account",
    "sent": "sent",
    "failed": "failed",
    "cancelled": "cancelled",
}


class QualificationPart(msgspec.Struct, frozen=True):
    """`qualification`: on every `delayed` and `failed`."""

    code: int
    name: str
    type: str
    reason: int
    reason_name: str
    rule: str
    to_qualify: bool


class SmtpPart(msgspec.Struct, frozen=True):
    """`smtp`: the phase an attempt ended in and the reply that ended it."""

    phase: str
    code: int | None
    enhanced: str | None
    text: str
    canonical: str


class TlsPart(msgspec.Struct, frozen=True):
    version: str
    cipher: str
    auth: str


class PathPart(msgspec.Struct, frozen=True):
    """`path`: the way the attempt took."""

    site: str | None
    mx_host: str | None
    remote_ip: str | None
    source_ip: str | None
    helo: str | None
    tls: TlsPart | None


class TimingPart(msgspec.Struct, frozen=True):
    """Milliseconds since acceptance, and of the attempt."""

    queued_ms: int
    smtp_ms: int | None


class Event(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One feedback event. `log_status`, `final` and `in_doubt` have no default, so that they are always written."""

    event_id: str
    seq: int
    event: Kind
    log_status: LogStatus
    final: bool
    in_doubt: bool
    at: str
    job_id: str
    delivery_id: str
    wave: int | None
    tenant: str | None
    rcpt_to: str | None
    context: dict[str, Scalar]
    attempt: int
    retry_count: int
    worker: str
    cause: Cause | None = None
    detail: str | None = None  # in words, where no server said what is wrong
    next_attempt_at: str | None = None
    qualification: QualificationPart | None = None
    smtp: SmtpPart | None = None
    path: PathPart | None = None
    timing: TimingPart | None = None
    test: bool = False
    traceparent: str | None = None  # the job's trace context (W3C); the last field, see `trace_of`


class Batch(msgspec.Struct, frozen=True):
    """The body of a feedback message: 1 to 500 events."""

    events: list[Event]


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Batch)


def encode(event: Event) -> bytes:
    """One event as JSON."""
    return _encoder.encode(event)


TRACEPARENT = re.compile(r"00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")
"""A trace context as W3C Trace Context writes it, version 00."""

_TRACED = re.compile(rb',"traceparent":"(%b)"}\Z' % TRACEPARENT.pattern.encode())


def trace_of(encoded: bytes) -> str | None:
    """The trace context of an encoded event, without decoding it. Quotes within a text are escaped, so none looks like it."""
    found = _TRACED.search(encoded, max(0, len(encoded) - 80)) if encoded.endswith(b'"}') else None
    return found[1].decode() if found else None


def join(encoded: list[bytes]) -> bytes:
    """A feedback message's body from events already encoded."""
    return b'{"events":[' + b",".join(encoded) + b"]}"


def decode(body: bytes) -> list[Event]:
    """The events of a feedback message.

    Raises:
        msgspec.MsgspecError: the body is not such a message.
    """
    return _decoder.decode(body).events


def timestamp(at: float) -> str:
    """A POSIX time as RFC 3339 in UTC with milliseconds."""
    whole, millisecond = divmod(round(at * 1e6) // 1000, 1000)
    return f"{rfc3339_second(whole)}.{millisecond:03}Z"


@lru_cache(maxsize=64)
def rfc3339_second(at: int) -> str:
    """A whole POSIX second as RFC 3339 in UTC without its Z: what many events begin with, and many log lines."""
    return datetime.fromtimestamp(at, UTC).isoformat().removesuffix("+00:00")
