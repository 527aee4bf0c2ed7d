"""The reference campaign tracker: it reads feedback events and keeps a delivery's figures.

`Tracker` is the seam; `postgres` and `sqlite` are its adapters, held to one conformance suite. What they share, how events
add up to a message, messages to figures and errors to a quarantine, is in the pure rooms beside them.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import msgspec
import structlog

from feedback.event import Event, decode
from feedback.store import StoreAway
from feedback.stream import FeedbackMessage, FeedbackStream
from feedback.tracker.figures import Figures
from feedback.tracker.message import bounce, message
from feedback.tracker.quarantine import Quarantine

_log = structlog.get_logger("feedback.tracker")

_MESSAGES = 10
_PATIENCE = 1.0


@dataclass(frozen=True, slots=True)
class Fate:
    """How a job ended by the events so far: None while in flight. `contradicted`: more than one final event came."""

    job_id: str
    final: str | None
    contradicted: bool


class Tracker(Protocol):
    """The tracker's store. Every method may raise `StoreAway`; then nothing is known to have happened."""

    async def open(self) -> None:
        """Bring the schema up to date."""

    async def close(self) -> None: ...

    async def apply(self, events: Sequence[Event]) -> None:
        """Take events in, in one transaction. Repeats change nothing, and the order makes no difference.

        Raises:
            ValueError: a number or time in them is not such as a worker writes.
        """

    async def report(self, delivery_id: str | None) -> list[Figures]:
        """The figures of one delivery, or of all; an unknown delivery has none."""

    async def recount(self) -> None:
        """Make the counters anew from the messages."""

    async def deliveries(self) -> list[str]:
        """The names of all deliveries, in order."""

    async def finals(self, delivery_id: str, after: str, limit: int) -> list[Fate]:
        """How a delivery's jobs with job_id > `after` stand, in order: one page for `reconcile`."""

    async def find(self, job_id: str) -> Event | None:
        """A job's newest event."""

    async def quarantine(self, address: str) -> Quarantine | None:
        """The quarantine of an address, whether or not it is still in force."""

    async def quarantined(self, after: str, limit: int) -> list[Quarantine]:
        """Quarantines of addresses > `after`, in order."""


async def consume(stream: FeedbackStream, tracker: Tracker) -> None:
    """Take the feedback that is there. A message that cannot be read is logged and finished, lest it block the rest.

    Waits out a store that is away. Raises what `stream` raises when it is away; what it had given comes back then.
    """
    messages = await stream.take(_MESSAGES)
    await _apply(tracker, [event for one in messages for event in _events(one)])
    await stream.done(messages)


async def _apply(tracker: Tracker, events: Sequence[Event]) -> None:
    while True:
        try:
            return await tracker.apply(events)
        except ValueError:
            events = [event for event in events if _makes_sense(event)]
        except StoreAway as fault:
            _log.warning("store_away", fault=str(fault), events=len(events))
            await asyncio.sleep(_PATIENCE)


def _events(one: FeedbackMessage) -> Sequence[Event]:
    try:
        return decode(one.body)
    except (msgspec.MsgspecError, RecursionError) as fault:
        _log.error("unreadable_feedback", fault=str(fault), start=one.body[:200].decode(errors="replace"))
        return []


def _makes_sense(event: Event) -> bool:
    try:
        message(event)
        bounce(event)
    except ValueError as fault:
        _log.error("unreadable_event", fault=str(fault), event_id=event.event_id)
        return False
    return True
