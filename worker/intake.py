"""Tickets taken off the queue: read, claimed in batches, driven side by side, never more at once than there is room for."""

import asyncio
from collections import Counter
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass

import structlog
from msgspec.structs import replace

from feedback.event import encode
from feedback.log import Another, Candidate, DeliveryLog, Elsewhere, Face, Fresh, InDoubt, Settled, Taken, Waiting
from feedback.writer import Writer
from worker.delivery import Delivery
from worker.job import SendJob, Unreadable, read
from worker.outage import Outage
from worker.queue import JobQueue, Ticket

_log = structlog.get_logger("worker.intake")

_BATCH = 100
"""Tickets claimed by one statement at most."""

_AFTER_FAULT = 60.0
"""Seconds until a job is looked at again that met a fault of our own."""

_CLAIMS = {
    Fresh: "fresh",
    Taken: "taken",
    InDoubt: "in_doubt",
    Elsewhere: "elsewhere",
    Another: "another",
    Waiting: "waiting",
    Settled: "settled",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """`room`: jobs in the worker at once; `max_octets`: of a job's body."""

    room: int
    max_octets: int


class Intake:
    """One class of tickets, transactional or bulk, from the queue to the end of each delivery. `taken` counts them by what the
    log knew of their jobs."""

    def __init__(
        self, queue: JobQueue, log: DeliveryLog, delivery: Delivery, writer: Writer, outage: Outage, limits: Limits
    ) -> None:
        self._queue = queue
        self._log = log
        self._delivery = delivery
        self._writer = writer
        self._outage = outage
        self._limits = limits
        self._in_hand: set[asyncio.Task[None]] = set()
        self._freed = asyncio.Event()
        self.taken: Counter[str] = Counter()

    @property
    def in_hand(self) -> int:
        """Tickets being worked on."""
        return len(self._in_hand)

    @property
    def room(self) -> int:
        """How many there may be."""
        return self._limits.room

    async def run(self, *, transactional: bool) -> None:
        """Take and drive, until cancelled; what is in hand then goes on until `drained` or `abandon`."""
        while True:
            await self._outage.over.wait()
            limit = min(_BATCH, await self._free_places())
            await self._begin(await self._queue.take(transactional=transactional, limit=limit))

    async def _free_places(self) -> int:
        """How many more jobs there is room for. A full worker waits for a few at once, lest each claim be a statement."""
        enough = min(_BATCH // 2, (self._limits.room + 3) // 4)
        while (free := self._limits.room - len(self._in_hand)) < enough:
            self._freed.clear()
            await self._freed.wait()
        return free

    async def drained(self) -> None:
        """Wait for everything in hand to come to its end."""
        while self._in_hand:
            await asyncio.wait(self._in_hand)

    async def abandon(self) -> None:
        """Stop everything in hand where it stands; the tickets come up again elsewhere."""
        for driven in self._in_hand:
            driven.cancel()
        await self.drained()

    async def _begin(self, tickets: Sequence[Ticket]) -> None:
        readable: list[tuple[Ticket, SendJob]] = []
        for ticket in tickets:
            match read(ticket, max_octets=self._limits.max_octets):
                case SendJob() as job:
                    readable.append((replace(ticket, transactional=job.transactional), job))
                case Unreadable() as unreadable:
                    self.taken["unreadable"] += 1
                    self._spawn(ticket, self._refuse(ticket, unreadable))
        candidates = [Candidate(_face(job), ticket.generation) for ticket, job in readable]
        if candidates:
            claims = await self._outage.outlast(lambda: self._log.claim(candidates, self._delivery.clock()))
            for (ticket, job), claim in zip(readable, claims, strict=True):
                self.taken[_CLAIMS[type(claim)]] += 1
                ours = job.job_id if isinstance(claim, Fresh | Taken | InDoubt) else None
                self._spawn(ticket, self._delivery.deliver(ticket, job, claim), ours)

    def _spawn(self, ticket: Ticket, work: Coroutine[None, None, None], ours: str | None = None) -> None:
        driven = asyncio.create_task(self._guard(ticket, work, ours))
        self._in_hand.add(driven)
        driven.add_done_callback(self._ended)

    def _ended(self, driven: asyncio.Task[None]) -> None:
        self._in_hand.discard(driven)
        self._freed.set()

    async def _guard(self, ticket: Ticket, work: Coroutine[None, None, None], ours: str | None) -> None:
        """Nothing that goes wrong with one job may stop the others. A fault of our own puts the ticket aside; the job, if
        it is in our hands, is let go as it stands, so that an intent without outcome stays in doubt."""
        try:
            await work
        except Exception:  # noqa: BLE001 - the per-job guard, one of two broad handlers in all
            _log.exception("fault")
            settlement = self._delivery.settlement
            if ours is None:
                await settlement.look_again(ticket, _AFTER_FAULT)
            else:
                await settlement.forsake(ticket, ours, _AFTER_FAULT)

    async def _refuse(self, ticket: Ticket, unreadable: Unreadable) -> None:
        _log.warning("rejected", reason=unreadable.reason, job=unreadable.glimpse.get("job_id"))
        event = self._writer.rejected(unreadable.glimpse, self._delivery.clock(), unreadable.reason)
        if event is not None:
            await self._delivery.settlement.publish(encode(event))
        await self._outage.outlast(lambda: self._queue.reject(ticket, unreadable.reason))


def _face(job: SendJob) -> Face:
    return Face(
        job_id=job.job_id,
        delivery_id=job.delivery_id,
        wave=job.wave,
        tenant=job.tenant,
        rcpt_to=job.rcpt_to,
        context=job.context,
        test=job.test,
        expires_at=job.expires_at,
        digest=job.digest,
        traceparent=job.traceparent,
        on_doubt=job.on_doubt,
    )
