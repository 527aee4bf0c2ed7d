"""Send jobs as they come off the queue: decoded, checked, or refused with a reason that names the field.

The contract's section 1.1 is the table behind `Fields`. Everything here is pure: a ticket in, a value out.
"""

import binascii
import re
import zlib
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from feedback.event import TRACEPARENT, Scalar
from feedback.log import OnDoubt
from mta.envelope import Envelope, Mailbox, parse_mailbox
from worker.queue import Ticket

MAX_CONTEXT = 4096
"""Octets of a job's `context` as JSON."""
MAX_SIGNATURES = 100
"""Names in a job's `dkim`: far more than anybody signs with."""

_Name = Annotated[str, Meta(min_length=1, max_length=128, pattern=r"\A[^\x00-\x1f\x7f]*\Z")]
_Instant = Annotated[datetime, Meta(tz=True)]


class Fields(msgspec.Struct, kw_only=True):
    """What a publication says beside the message."""

    job_id: Annotated[str, Meta(pattern=r"\A[A-Za-z0-9._:-]{1,128}\Z")]
    delivery_id: _Name
    mail_from: str
    rcpt_to: str
    wave: Annotated[int, Meta(ge=0, le=2**31 - 1)] = 0
    tenant: _Name = "default"
    priority: Literal["bulk", "transactional"] = "bulk"
    pool: _Name = "default"
    dkim: Annotated[list[_Name], Meta(max_length=MAX_SIGNATURES)] | UnsetType = UNSET
    not_before: _Instant | UnsetType = UNSET
    expires_at: _Instant | UnsetType = UNSET
    on_doubt: OnDoubt = "retry"
    test: bool = False
    context: dict[str, Scalar] = {}


class JsonJob(Fields, kw_only=True):
    """A publication in JSON."""

    message: str | UnsetType = UNSET
    message_b64: str | UnsetType = UNSET


_decode = msgspec.json.Decoder(JsonJob).decode
_FIELDS = tuple(Fields.__struct_fields__)


class SendJob(Struct, frozen=True, kw_only=True):
    """A readable send job. Times are POSIX seconds; `rcpt_to` is the recipient as events name it, domain in lower case."""

    job_id: str
    delivery_id: str
    wave: int
    tenant: str
    envelope: Envelope
    rcpt_to: str
    message: bytes
    transactional: bool
    pool: str
    dkim: tuple[str, ...] | None
    not_before: float | None
    expires_at: float | None
    on_doubt: OnDoubt
    test: bool
    context: dict[str, Scalar]
    digest: str  # of everything the publication says
    traceparent: str | None = None  # the trace context of its headers


class Unreadable(Struct, frozen=True, kw_only=True):
    """A ticket that is no send job. `glimpse` holds the fields that could be read all the same."""

    reason: str
    glimpse: Mapping[str, Any]


class _Fault(Exception):
    """One field's fault, on its way to `read`."""


def read(ticket: Ticket, *, max_octets: int) -> SendJob | Unreadable:
    """The job on a ticket; a body of more than `max_octets` is not looked at."""
    if len(ticket.body) > max_octets:
        return Unreadable(
            reason=f"body: {len(ticket.body)} octets, the limit is {max_octets}", glimpse=_glimpse(ticket, False)
        )
    try:
        digest = zlib.crc32(ticket.body)
        if _is_rfc822(ticket):
            fields, message = _from_headers(ticket)
            digest = zlib.crc32(msgspec.json.encode(fields), digest)
        else:
            fields, message = _from_json(ticket.body)
        return _job(fields, message, f"{digest:08x}", ticket)
    except msgspec.ValidationError as fault:
        return Unreadable(reason=_named(str(fault)), glimpse=_glimpse(ticket, True))
    except _Fault as fault:
        return Unreadable(reason=str(fault), glimpse=_glimpse(ticket, True))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as fault:
        return Unreadable(reason=f"body: not JSON: {fault}", glimpse={})


def _is_rfc822(ticket: Ticket) -> bool:
    return (ticket.content_type or "").partition(";")[0].strip().lower() == "message/rfc822"


def _from_json(body: bytes) -> tuple[Fields, bytes]:
    wire = _decode(body)
    if (wire.message is UNSET) == (wire.message_b64 is UNSET):
        raise _Fault("message: exactly one of message and message_b64 is needed")
    if not isinstance(wire.message, UnsetType):
        return wire, wire.message.encode()
    assert not isinstance(wire.message_b64, UnsetType)
    try:
        return wire, binascii.a2b_base64(wire.message_b64, strict_mode=True)
    except ValueError as fault:  # binascii.Error, or characters beyond ASCII
        raise _Fault(f"message_b64: not base64: {fault}") from None


def _from_headers(ticket: Ticket) -> tuple[Fields, bytes]:
    headers = {name: _header(name, ticket.headers[name]) for name in _FIELDS if name in ticket.headers}
    return msgspec.convert(headers, Fields), ticket.body


def _header(name: str, value: Any) -> Any:
    """An AMQP header as the JSON field of the same name would be; what does not fit is left for the check to name."""
    if isinstance(value, datetime):
        return value if value.tzinfo else value.replace(tzinfo=UTC)
    if isinstance(value, bytes):
        value = value.decode("utf-8", "backslashreplace")
    if not isinstance(value, str):
        return value
    match name:
        case "wave" if re.fullmatch(r"[0-9]{1,10}", value):
            return int(value)
        case "test" if value in ("true", "false"):
            return value == "true"
        case "dkim":
            return [part.strip() for part in value.split(",")]
        case "context":
            try:
                return msgspec.json.decode(value)
            except (msgspec.DecodeError, RecursionError) as fault:
                raise _Fault(f"context: not JSON: {fault}") from None
        case _:
            return value


def _job(fields: Fields, message: bytes, digest: str, ticket: Ticket) -> SendJob:
    rcpt_to = _mailbox("rcpt_to", fields.rcpt_to)
    mail_from = _reverse_path(fields.mail_from)
    if len(msgspec.json.encode(fields.context)) > MAX_CONTEXT:
        raise _Fault(f"context: over {MAX_CONTEXT} octets as JSON")
    return SendJob(
        job_id=fields.job_id,
        delivery_id=fields.delivery_id,
        wave=fields.wave,
        tenant=fields.tenant,
        envelope=Envelope(mail_from, str(rcpt_to)),
        rcpt_to=_shown(fields.rcpt_to),
        message=message,
        transactional=fields.priority == "transactional" or ticket.transactional,
        pool=fields.pool,
        dkim=None if isinstance(fields.dkim, UnsetType) else tuple(fields.dkim),
        not_before=_posix(fields.not_before),
        expires_at=_posix(fields.expires_at),
        on_doubt=fields.on_doubt,
        test=fields.test,
        context=fields.context,
        digest=digest,
        traceparent=_trace(ticket),
    )


def _trace(ticket: Ticket) -> str | None:
    """The trace context (W3C) that the publisher gave; one that is none is not passed on."""
    given = ticket.headers.get("traceparent")
    text = given.decode("ascii", "replace") if isinstance(given, bytes) else given
    return text if isinstance(text, str) and TRACEPARENT.fullmatch(text) else None


@lru_cache(maxsize=1024)
def _reverse_path(mail_from: str) -> str:
    """It is the same for a whole delivery, as a rule."""
    return str(_mailbox("mail_from", mail_from)) if mail_from else ""


def _mailbox(field: str, text: str) -> Mailbox:
    mailbox = parse_mailbox(text)
    if isinstance(mailbox, str):
        raise _Fault(f"{field} {mailbox}")
    return mailbox


def _shown(rcpt_to: str) -> str:
    local, _, domain = rcpt_to.rpartition("@")
    return f"{local}@{domain.lower()}"


def _posix(instant: datetime | UnsetType) -> float | None:
    return None if isinstance(instant, UnsetType) else instant.timestamp()


_WHERE = re.compile(r"^(?P<fault>.*) - at `(?P<key>key in )?\$\.(?P<field>\w+)(?P<rest>.*)`$", re.DOTALL)
_MISSING = re.compile(r"^Object missing required field `(?P<field>\w+)`$")


def _named(fault: str) -> str:
    """msgspec's message with the field in front."""
    if found := _MISSING.match(fault):
        return f"{found['field']}: missing"
    if found := _WHERE.match(fault):
        return f"{found['field']}: {found['fault']}" + (f" at {found['field']}{found['rest']}" if found["rest"] else "")
    return f"body: {fault}"


def _glimpse(ticket: Ticket, body_too: bool) -> dict[str, Any]:
    """The fields that can be read in a ticket that is no job, each only when it is what the table asks for."""
    if _is_rfc822(ticket):
        seen: Any = ticket.headers
    elif body_too:
        seen = _any_json(ticket.body)
    else:
        return {}
    if not isinstance(seen, Mapping):
        return {}
    return {name: seen[name] for name in _FIELDS if name in seen and _readable(name, seen[name])}


def _any_json(body: bytes) -> Any:
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


_TYPES = {field.name: field.type for field in msgspec.structs.fields(Fields)}


def _readable(name: str, value: Any) -> bool:
    try:
        msgspec.convert(value, _TYPES[name])
    except msgspec.ValidationError:
        return False
    return name != "rcpt_to" or isinstance(parse_mailbox(value), Mailbox)
