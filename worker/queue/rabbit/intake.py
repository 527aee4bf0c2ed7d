"""The messages of one queue, kept coming over connection after connection."""

import asyncio
import itertools
from collections import deque
from collections.abc import Callable
from functools import partial

import structlog
from aiormq.abc import DeliveredMessage

from worker.queue import QueueAway
from worker.queue.rabbit.frames import Deliveries
from worker.queue.rabbit.link import Wire, away
from worker.queue.rabbit.tap import Delivery, Tap

_log = structlog.get_logger("worker.queue.rabbit")
_WATCH = 20.0  # seconds between two looks at whether a queue that has messages still sends them
_numbers = itertools.count(1)
_PATIENCE = 10.0  # seconds for one word of the broker

Wanted = Callable[[Delivery], bool]


class Intake:
    """Takes from one queue, at most `prefetch` unfinished messages at a time.

    `wanted` looks at each delivery first and says whether to show it; what it does not want, it sees to itself. `bell` rings
    when there is something to take. The loss of a `vital` intake's channel is the loss of its connection.
    """

    def __init__(
        self, queue: str, prefetch: int, wanted: Wanted = lambda _: True, *, bell: asyncio.Event | None = None
    ) -> None:
        self.queue = queue
        self.prefetch = prefetch
        self.resting = False
        self._wanted = wanted
        self._ready: deque[Delivery] = deque()
        self._bell = bell or asyncio.Event()
        self._tap: Tap | None = None
        self._consumer = ""
        self._tasks: list[asyncio.Task[None]] = []
        self._returning: set[asyncio.Task[None]] = set()

    async def attach(self, wire: Wire, *, vital: bool = True) -> None:
        """Consume over a new connection."""
        self._forget()
        channel = await wire.channel(prefetch=self.prefetch, vital=vital)
        tap = self._tap = Tap(wire, channel, self.prefetch)
        Deliveries(channel, partial(self._arrived, tap))
        self._tasks = [asyncio.create_task(tap.acknowledge()), asyncio.create_task(self._watch(tap))]
        self.resting = False
        await self._consume(tap, timeout=None)

    @property
    def lost(self) -> bool:
        """It takes nothing before it is attached again: connection, channel or queue are gone."""
        return (
            self._tap is None or self._tap.lost or not (self.resting or self._consumer in self._tap.channel.consumers)
        )

    @property
    def unfinished(self) -> int:
        return self._tap.unfinished if self._tap is not None else 0

    @property
    def starved(self) -> bool:
        """There is nothing to take, and the broker sends nothing before more is acknowledged."""
        return self._tap is not None and not self._ready and not self.resting and self._tap.owed >= self.prefetch

    @property
    def arrived(self) -> int:
        return self._tap.arrived if self._tap is not None else 0

    def pop(self) -> Delivery | None:
        """The next message, if there is one."""
        if self._tap is not None and self._tap.lost:
            self._ready.clear()  # the broker sends these again
        return self._ready.popleft() if self._ready else None

    async def take(self, limit: int) -> list[Delivery]:
        """Up to `limit` messages, waiting for at least one, through an outage if need be."""
        while True:
            taken: list[Delivery] = []
            while len(taken) < limit and (delivery := self.pop()):
                taken.append(delivery)
            if taken:
                return taken
            self._bell.clear()
            await self._bell.wait()

    async def rest(self) -> None:
        """Consume no more for now, and give back what nobody has taken.

        Raises:
            QueueAway: the connection is lost.
        """
        tap = self._tap
        if tap is None or self.resting:
            return
        self.resting = True
        with away():
            await tap.channel.basic_cancel(self._consumer, timeout=_PATIENCE)
        unseen = [delivery.tag for delivery in self._ready]
        self._ready.clear()
        await tap.give_back(unseen)

    async def resume(self, prefetch: int) -> None:
        """Consume again, at most `prefetch` unfinished messages at a time.

        Raises:
            QueueAway: the connection is lost.
        """
        tap = self._tap
        if tap is None or not self.resting:
            return
        self.prefetch = prefetch
        tap.many = max(prefetch // 4, 1)
        self.resting = False
        with away():
            await tap.channel.basic_qos(prefetch_count=prefetch, timeout=_PATIENCE)
            await self._consume(tap, timeout=_PATIENCE)

    async def close(self) -> None:
        """Consume no more, and acknowledge what is finished; the rest goes back when the connection is closed."""
        tap, resting = self._tap, self.resting
        self._forget()
        if tap is None or tap.lost:
            return
        try:
            if not resting:
                with away():
                    await tap.channel.basic_cancel(self._consumer, timeout=5)
            await tap.flush()
            with away():  # its answer tells that the acknowledgements before it have left
                await tap.channel.basic_qos(prefetch_count=self.prefetch, timeout=5)
        except QueueAway:
            return

    async def _consume(self, tap: Tap, timeout: float | None) -> None:
        """Under a name never used before: RabbitMQ 3.10's channel crashes over one that a quorum queue remembers from a
        cancelled consumer with messages still unfinished, and its report of that takes gigabytes."""
        self._consumer = f"{self.queue}#{next(_numbers)}"
        await tap.channel.basic_consume(self.queue, _never, consumer_tag=self._consumer, timeout=timeout)

    def _forget(self) -> None:
        for task in self._tasks:
            task.cancel()
        self._tasks = []
        self._ready.clear()
        self._tap = None

    def _arrived(self, tap: Tap, message: DeliveredMessage) -> None:
        tap.arrived = message.delivery_tag or 0
        delivery = Delivery(message, tap)
        if tap is not self._tap:
            return
        if self.resting:
            self._returning.add(task := asyncio.create_task(self._return(delivery)))
            task.add_done_callback(self._returning.discard)
        elif self._wanted(delivery):
            self._ready.append(delivery)
            self._bell.set()

    async def _return(self, delivery: Delivery) -> None:
        """It was on its way when the consumer was cancelled; given back after the broker has said that it is."""
        while not delivery.tap.lost and delivery.message.consumer_tag in delivery.tap.channel.consumers:  # noqa: ASYNC110 - the client library tells of it in no other way
            await asyncio.sleep(0.01)
        try:
            await delivery.tap.give_back([delivery.tag])
        except QueueAway:
            return

    async def _watch(self, tap: Tap) -> None:
        """Drop a connection over which a queue that has messages sends none, though nothing is unfinished."""
        suspect = -1
        while not tap.lost:
            await asyncio.sleep(_WATCH)
            if self.resting:
                suspect = -1
                continue
            try:
                with away():
                    declared = await tap.channel.queue_declare(self.queue, passive=True, timeout=_WATCH)
            except QueueAway:
                tap.wire.drop()
                return
            if not declared.message_count or not tap.idle:
                suspect = -1
            elif suspect == tap.arrived:
                _log.warning("consumer_stalled", queue=self.queue, waiting=declared.message_count)
                tap.wire.drop()
            else:
                suspect = tap.arrived


async def _never(_: DeliveredMessage) -> None:
    """`Deliveries` gives what comes to `_arrived`."""


def queue_of(consumer: str) -> str:
    """The queue behind a consumer's name."""
    return consumer.rpartition("#")[0]
