"""The broker as a model: queues, unfinished tickets that come back with a lost connection, a ladder for those who wait."""

import asyncio
import random
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import msgspec

from feedback.event import Event, decode
from mta.lane import Lane
from tests.world.loop import PROCESS, WorldLoop
from tests.world.wire import Wire
from worker.queue import QueueAway, Ticket


@dataclass(slots=True, eq=False)
class Connection:
    """One worker's, until it is lost."""

    owner: str
    unfinished: dict[int, Ticket] = field(default_factory=dict)
    alive: bool = True


class Broker:
    """What is queued and what was reported. A job's ticket is bulk or transactional, unfinished, or waits on the ladder."""

    def __init__(self, loop: WorldLoop, rng: random.Random, wire: Wire) -> None:
        self.loop = loop
        self.wire = wire
        self.rng = rng
        self.queues: dict[bool, deque[Ticket]] = {False: deque(), True: deque()}
        self.ladder = 0
        self.welcome = 1.0
        """Share of the tickets for which their site has room."""
        self.events: list[tuple[float, Event]] = []
        self.rejected: list[Ticket] = []
        self.connections: list[Connection] = []
        self.bells: list[asyncio.Event] = []
        self.told: Callable[[str, str, Any], None] = lambda what, job_id, about: None

    @property
    def tickets(self) -> int:
        """All that are not finished."""
        unfinished = sum(len(connection.unfinished) for connection in self.connections)
        return sum(map(len, self.queues.values())) + self.ladder + unfinished

    def add(self, ticket: Ticket) -> None:
        self.queues[ticket.transactional].append(ticket)
        self.ring()

    def ring(self) -> None:
        """Whoever waits may look; who comes first is a matter of luck, as no ticket may always come to the same worker."""
        for bell in self.rng.sample(self.bells, len(self.bells)):
            bell.set()

    def park(self, ticket: Ticket, delay: float) -> None:
        self.ladder += 1
        self.told("parked", decode_id(ticket.body), ticket.generation)
        late = self.rng.uniform(0.0, max(1.0, delay * 0.05))
        token = PROCESS.set(None)
        self.loop.call_later(delay + late, self._climb, ticket)
        PROCESS.reset(token)

    def _climb(self, ticket: Ticket) -> None:
        self.ladder -= 1
        self.add(ticket)

    def take(self, connection: Connection, transactional: bool, limit: int) -> list[Ticket]:
        queue = self.queues[transactional]
        tickets = []
        for _ in range(min(len(queue), self.rng.randint(1, limit))):
            found = queue.popleft()
            number = len(connection.unfinished) + 1_000 * self.rng.randrange(1_000_000)
            while number in connection.unfinished:
                number += 1
            connection.unfinished[number] = found
            tickets.append(_handed(found, (connection, number)))
        return tickets

    def finish(self, connection: Connection, number: int) -> None:
        if connection.alive:
            connection.unfinished.pop(number, None)

    def drop(self, connection: Connection) -> None:
        """A connection is lost or closed: what was unfinished is queued again, in front or behind."""
        if not connection.alive:
            return
        connection.alive = False
        self.connections.remove(connection)
        for ticket in connection.unfinished.values():
            queue = self.queues[ticket.transactional]
            queue.appendleft(ticket) if self.rng.random() < 0.5 else queue.append(ticket)
        connection.unfinished.clear()
        self.ring()

    def break_off(self) -> None:
        """All connections at once."""
        for connection in list(self.connections):
            self.drop(connection)

    def connect(self, owner: str) -> Connection:
        connection = Connection(owner)
        self.connections.append(connection)
        return connection


def decode_id(body: bytes) -> str:
    """Whose ticket it is."""
    return str(msgspec.json.decode(body)["job_id"])


def _handed(ticket: Ticket, receipt: Any) -> Ticket:
    return Ticket(
        body=ticket.body,
        content_type=ticket.content_type,
        headers=ticket.headers,
        generation=ticket.generation,
        transactional=ticket.transactional,
        receipt=receipt,
    )


class BrokerQueue:
    """`JobQueue` of one worker process on the model."""

    def __init__(self, broker: Broker, me: str) -> None:
        self._broker = broker
        self._me = me
        self._connection: Connection | None = None
        self._bell = asyncio.Event()
        self._closed = False
        self._keeper: asyncio.Task[None] | None = None

    async def open(self) -> None:
        await self._connect()
        self._broker.bells.append(self._bell)
        self._keeper = asyncio.get_running_loop().create_task(self._keep())

    async def close(self) -> None:
        self._closed = True
        if self._keeper is not None:
            self._keeper.cancel()
        if self._connection is not None:
            await asyncio.sleep(0.01)  # the last acknowledgements
            self._broker.drop(self._connection)

    async def take(self, *, transactional: bool, limit: int) -> list[Ticket]:
        while True:
            connection = self._connection
            usable = connection is not None and connection.alive and self._broker.wire.reaches(PROCESS.get())
            if connection and usable and (tickets := self._broker.take(connection, transactional, limit)):
                return tickets
            bell = self._bell
            await bell.wait()
            if bell is self._bell:
                self._ring_anew()

    def _ring_anew(self) -> None:
        self._broker.bells.remove(self._bell)
        self._bell = asyncio.Event()
        self._broker.bells.append(self._bell)

    async def park(self, ticket: Ticket, *, delay: float, generation: int, transactional: bool) -> None:
        copy = Ticket(
            body=ticket.body,
            content_type=ticket.content_type,
            headers=ticket.headers,
            generation=generation,
            transactional=transactional,
        )
        await self._publish("park", lambda: self._broker.park(copy, delay))

    async def hold(self, ticket: Ticket, *, site: str, delay: float, generation: int) -> None:
        """Like parking, but it may come up as soon as its site takes more."""
        early = delay * self._broker.rng.random()
        await self.park(ticket, delay=early, generation=generation, transactional=ticket.transactional)

    def admit(self, ticket: Ticket, site: str, domain: str) -> bool:
        return self._broker.rng.random() < self._broker.welcome

    def told(self, ticket: Ticket, lane: Lane, *, waited: float, until: float | None) -> None: ...

    def wake(self) -> None: ...

    async def done(self, ticket: Ticket) -> None:
        """Returns at once; the acknowledgement follows, and is lost with the connection."""
        wire = self._broker.wire
        if wire.unlucky():
            raise QueueAway("done")
        wire.later(PROCESS.get(), self._broker.finish, *ticket.receipt)

    async def reject(self, ticket: Ticket, reason: str) -> None:
        await self._publish("reject", lambda: self._broker.rejected.append(ticket))
        await self.done(ticket)

    async def publish_events(self, body: bytes, traceparent: str | None = None) -> None:
        events = decode(body)
        await self._publish("publish", lambda: self._take_in(events))

    def _take_in(self, events: list[Event]) -> None:
        broker = self._broker
        for event in events:
            broker.events.append((broker.loop.time(), event))
            broker.told("published", event.job_id, event)

    async def _publish(self, what: str, act: Callable[[], None]) -> None:
        if self._connection is None or not self._connection.alive:
            raise QueueAway(what)
        await self._broker.wire.call(what, act)

    async def _connect(self) -> None:
        self._connection = await self._broker.wire.call("connect", lambda: self._broker.connect(self._me))

    async def _keep(self) -> None:
        """Look after the connection."""
        while True:
            await asyncio.sleep(0.5)
            if self._connection is not None and not self._connection.alive:
                try:
                    await self._connect()
                except QueueAway:
                    continue
                self._bell.set()
