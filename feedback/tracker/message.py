"""One message as the tracker knows it, and how events add up to it in whatever order and however often they come. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
from datetime import datetime
from operator import attrgetter
from typing import TypeVar, cast

from feedback.event import Event, encode
from feedback.store.text import storable

_LARGEST = 2**31 - 1

N = TypeVar("N", int, float)


@dataclass(frozen=True, slots=True)
class Message:
    """A row of the campaign's delivery log, in the order of `COLUMNS`. Times are POSIX seconds.

    `standing` is the kind of the newest event; reason and type are those of its qualification. `first_final` and
    `last_final` are the least and greatest `seq` of a final event: they differ when there was more than one.
    """

    job_id: str
    delivery_id: str
    address: str  # of the recipient, lower-cased as a whole: what quarantine compares
    domain: str
    test: bool
    seq: int
    standing: str
    reason: int | None
    type: str | None
    in_doubt: bool
    at: float
    accepted_at: float | None
    queued_ms: int | None
    first_final: int | None
    last_final: int | None
    event: bytes

    @property
    def final(self) -> str | None:
        return self.standing if self.standing in ("sent", "failed", "cancelled") else None


COLUMNS = tuple(field.name for field in fields(Message))
"""What an adapter selects to make a `Message` of it."""


@dataclass(frozen=True, slots=True)
class Bounce:
    """A hard or soft error of an address, as quarantine counts it."""

    address: str
    event_id: str
    at: float
    type: str
    reason: int
    delivery_id: str


def rejected(event: Event) -> bool:
    """About a job that was never accepted: it stays out of every sum, even when an accepted job has the same name."""
    return event.event_id == f"{event.job_id}/rejected"


def message(event: Event) -> Message:
    """What one event alone says.

    Raises:
        ValueError: its numbers or times are not such as a worker writes.
    """
    address = storable(event.rcpt_to or "").lower()
    at = posix(event.at)
    qualification = event.qualification
    final = _number(event.seq) if event.final else None
    return Message(
        job_id=storable(event.job_id),
        delivery_id=storable(event.delivery_id),
        address=address,
        domain=address.rpartition("@")[2],
        test=event.test,
        seq=_number(event.seq),
        standing=event.event,
        reason=_number(qualification.reason) if qualification else None,
        type=storable(qualification.type) if qualification else None,
        in_doubt=event.in_doubt,
        at=at,
        accepted_at=at if event.event == "accepted" else None,
        queued_ms=_number(event.timing.queued_ms) if event.timing else None,
        first_final=final,
        last_final=final,
        event=encode(event),
    )


def merge(one: Message, other: Message) -> Message:
    """What two views of a job say together: the greatest `seq` holds. Order and repeats make no difference."""
    newest, older = (one, other) if (one.seq, one.event) >= (other.seq, other.event) else (other, one)
    if older.accepted_at is None and older.last_final is None:
        return newest  # it adds nothing; most repeats are like that, and a copy costs more than all else here
    return replace(
        newest,
        accepted_at=_least(one.accepted_at, other.accepted_at),
        first_final=_least(one.first_final, other.first_final),
        last_final=_greatest(one.last_final, other.last_final),
    )


def fold(views: Iterable[Message]) -> dict[str, Message]:
    """One view of each job."""
    folded: dict[str, Message] = {}
    for view in views:
        known = folded.get(view.job_id)
        folded[view.job_id] = view if known is None else merge(known, view)
    return folded


def bounce(event: Event) -> Bounce | None:
    """The error that quarantine is to count, if the event reports one."""
    qualification = event.qualification
    if qualification is None or qualification.type not in ("hard", "soft") or event.test or not event.rcpt_to:
        return None
    return Bounce(
        address=storable(event.rcpt_to).lower(),
        event_id=storable(event.event_id),
        at=posix(event.at),
        type=qualification.type,
        reason=_number(qualification.reason),
        delivery_id=storable(event.delivery_id),
    )


def posix(timestamp: str) -> float:
    """An RFC 3339 time as POSIX seconds.

    Raises:
        ValueError: it is none, or names no zone.
    """
    at = datetime.fromisoformat(timestamp)
    if at.tzinfo is None:
        raise ValueError(f"a time without a zone: {timestamp}")
    return at.timestamp()


def _number(number: int) -> int:
    if not 0 <= number <= _LARGEST:
        raise ValueError(f"a number out of range: {number}")
    return number


def _least(one: N | None, other: N | None) -> N | None:
    return min((n for n in (one, other) if n is not None), default=None)


def _greatest(one: int | None, other: int | None) -> int | None:
    return max((n for n in (one, other) if n is not None), default=None)


_values = attrgetter(*COLUMNS)
_bounce = attrgetter(*(field.name for field in fields(Bounce)))


def facts(bounce: Bounce) -> tuple[object, ...]:
    """An error as the values of its fields, in their order."""
    return cast(tuple[object, ...], _bounce(bounce))


def values(message: Message) -> tuple[object, ...]:
    """A message as the values of `COLUMNS`."""
    return cast(tuple[object, ...], _values(message))
