"""A worker's side of the embedded queue."""

import fcntl
import json
import time
from pathlib import Path
from typing import IO

from mta.lane import Lane
from worker.queue import QueueTaken, Ticket
from worker.queue.sqlite.messages import Change, Messages, Row
from worker.queue.sqlite.names import Names
from worker.queue.sqlite.shelf import Held, Shelf


class SqliteQueue:
    """`JobQueue` on a SQLite file, of which there can be one worker at a time."""

    def __init__(self, path: str | Path, prefix: str = "mta") -> None:
        self._names = Names(prefix)
        self._messages = Messages(Path(path))
        self._bulk = Shelf(self._messages, self._names.bulk)
        self._transactional = Shelf(self._messages, self._names.transactional)
        self._lock_path = Path(f"{path}.{prefix}.taker")
        self._lock: IO[bytes] | None = None

    async def open(self) -> None:
        await self._messages.open()
        try:
            self._be_the_worker()
        except QueueTaken:
            await self._messages.close()
            raise

    async def close(self) -> None:
        self._bulk.forget()
        self._transactional.forget()
        await self._messages.close()
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    async def take(self, *, transactional: bool, limit: int) -> list[Ticket]:
        return [_ticket(held, transactional) for held in await self._shelf(transactional).take(limit)]

    async def park(self, ticket: Ticket, *, delay: float, generation: int, transactional: bool) -> None:
        given: Row = ticket.receipt.message.row
        copy = given._replace(
            queue=self._names.of(transactional=transactional),
            due=time.time() + delay,
            parked=True,
            generation=generation,
        )
        await self._messages.change(Change(add=[copy]))

    def admit(self, ticket: Ticket, site: str, domain: str) -> bool:
        # Tickets that wait are passed over by an index on the time they are due, so that they are in nobody's way.
        return True

    def told(self, ticket: Ticket, lane: Lane, *, waited: float, until: float | None) -> None: ...

    def wake(self) -> None: ...

    async def hold(self, ticket: Ticket, *, site: str, delay: float, generation: int) -> None:
        await self.park(ticket, delay=delay, generation=generation, transactional=ticket.transactional)

    async def done(self, ticket: Ticket) -> None:
        await self._shelf(ticket.transactional).finish([ticket.receipt])

    async def reject(self, ticket: Ticket, reason: str) -> None:
        given: Row = ticket.receipt.message.row
        headers = json.dumps({**ticket.headers, "x-reason": reason})
        copy = given._replace(queue=self._names.rejected, parked=False, headers=headers)
        await self._shelf(ticket.transactional).finish([ticket.receipt], add=[copy])

    async def publish_events(self, body: bytes, traceparent: str | None = None) -> None:
        headers = json.dumps({"traceparent": traceparent} if traceparent else {})
        # Feedback is read in the order of its numbers, whatever the clock says.
        row = Row(self._names.feedback, 0.0, False, 0, "application/json", headers, body)
        await self._messages.change(Change(add=[row]))

    def _shelf(self, transactional: bool) -> Shelf:
        return self._transactional if transactional else self._bulk

    def _be_the_worker(self) -> None:
        """Hold the file's worker lock, which the system takes from a process that ends."""
        lock = self._lock_path.open("ab")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            lock.close()
            raise QueueTaken(
                f"{self._lock_path} is held: an embedded queue serves one worker process; for more, use RabbitMQ"
            ) from None
        self._lock = lock


def _ticket(held: Held, transactional: bool) -> Ticket:
    row = held.message.row
    return Ticket(
        body=row.body,
        content_type=row.content_type,
        headers=json.loads(row.headers),
        generation=row.generation,
        transactional=transactional,
        receipt=held,
    )
