"""Where tickets come from and feedback events go: RabbitMQ, or the embedded queue.

`JobQueue` and its companions are the seam; `rabbit` and `sqlite` are the adapters, held to one conformance suite.
A *ticket* is one queued copy of a send job. It is either finished (`done`), copied to the rejected queue and finished
(`reject`), or left unfinished, in which case it comes back when the queue is closed or its connection lost.
"""

from collections.abc import Hashable, Mapping, Sequence
from typing import Any, Protocol

from msgspec import Struct

from mta.lane import Lane


class Ticket(Struct, frozen=True, kw_only=True):
    """One queued copy of a job, as it came off the queue.

    `generation` is 0 on what the campaign published; on a retry ticket, the `seq` of the event that parked it.
    `transactional`: published with a routing key `transactional.*`, or parked from such a ticket.
    `receipt` belongs to the adapter.
    """

    body: bytes
    content_type: str | None = None
    headers: Mapping[str, Any] = {}
    generation: int = 0
    transactional: bool = False
    receipt: Any = None


class Job(Struct, frozen=True, kw_only=True):
    """A send job to be published by `send`: a body as the contract's section 1.1 has it, and its routing key."""

    body: bytes
    routing_key: str
    content_type: str = "application/json"


class JobQueue(Protocol):
    """A worker's side. Every method may raise `QueueAway`: then nothing is known to have happened."""

    async def open(self) -> None:
        """Connect and declare the topology."""

    async def close(self) -> None:
        """Take nothing more; unfinished tickets go back at once, to this or any other worker."""

    async def take(self, *, transactional: bool, limit: int) -> list[Ticket]:
        """Up to `limit` tickets of one class; waits until there is at least one."""

    async def park(self, ticket: Ticket, *, delay: float, generation: int, transactional: bool) -> None:
        """Queue a copy that comes up after `delay` seconds (within 5 % or 5 s, never noticeably early); returns when it
        is confirmed. The ticket itself is still to be finished."""

    def admit(self, ticket: Ticket, site: str, domain: str) -> bool:
        """Whether a ticket for this site (and recipient's domain) may go to the gate. If not, enough of the site's tickets
        are on their way already, or it takes none now: the ticket is to be held."""

    def told(self, ticket: Ticket, lane: Lane, *, waited: float, until: float | None) -> None:
        """What the gate said of a ticket: leave after `waited` seconds, or none before `until` (POSIX seconds)."""

    def wake(self) -> None:
        """Sites that took nothing may take something again: an order has changed."""

    async def hold(self, ticket: Ticket, *, site: str, delay: float, generation: int) -> None:
        """Queue a copy that comes up when its site takes more, where the adapter can tell, else after `delay` seconds;
        returns when it is confirmed. The ticket itself is still to be finished."""

    async def done(self, ticket: Ticket) -> None:
        """Finish a ticket."""

    async def reject(self, ticket: Ticket, reason: str) -> None:
        """Copy the ticket, unchanged but for header `x-reason`, to the rejected queue, confirmed; then finish it."""

    async def publish_events(self, body: bytes, traceparent: str | None = None) -> None:
        """Publish one feedback message, with the trace context that all its events have; returns when it is confirmed."""


class JobPublisher(Protocol):
    """The campaign service's side, as `send` and the demo play it."""

    async def open(self) -> None: ...

    async def close(self) -> None: ...

    async def publish(self, jobs: Sequence[Job]) -> None:
        """Publish a batch of jobs; returns when all are confirmed."""


class Watch(Protocol):
    """Who wants to hear of connections, whether anybody uses them at the moment or not."""

    def lost(self, who: Hashable, fault: "QueueAway") -> None:
        """A connection is lost, and is opened again as soon as that can be done."""

    def found(self, who: Hashable) -> None:
        """It is open again, or not wanted any more."""


class QueueAway(Exception):
    """The queue cannot be reached, or broke off: nothing is known to have happened. Try again later."""


class QueueTaken(Exception):
    """The queue serves one worker process, and has one."""
