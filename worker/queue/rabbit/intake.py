"""The messages of one queue, kept coming over connection after connection."""

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import structlog
from aiormq.abc import DeliveredMessage
from aiormq.channel import Channel

from worker.queue import QueueAway
from worker.queue.rabbit.acks import Acks
from worker.queue.rabbit.link import Wire, away

_log = structlog.get_logger("worker.queue.rabbit")
_LINGER = 0.01  # seconds between two acknowledgements
_STRAY_ROUNDS = 20  # so many of them before deliveries finished out of turn are acknowledged one by one
_WATCH = 20.0  # seconds between two looks at whether a queue that has messages still sends them


class Tap:
    """One channel's deliveries and their acknowledgements.

    Deliveries of a lost channel come back on the next one, so finishing them here does nothing, and cannot finish another's.
    """

    def __init__(self, wire: Wire, channel: Channel, prefetch: int) -> None:
        self.wire = wire
        self.channel = channel
        self.arrived = 0  # the tag of the latest delivery
        self._many = max(prefetch // 4, 1)
        self._acks = Acks()
        self._some = asyncio.Event()

    @property
    def idle(self) -> bool:
        """Whether everything that arrived is finished and acknowledged."""
        return self._acks.floor == self.arrived

    def done(self, tag: int) -> None:
        self._acks.done(tag)
        self._some.set()

    async def acknowledge(self) -> None:
        """Send acknowledgements in groups for as long as the channel lives."""
        rounds = 0
        while not self.wire.lost.is_set():
            await self._some.wait()
            await asyncio.sleep(_LINGER)
            rounds += 1
            strays = len(self._acks) >= self._many or rounds >= _STRAY_ROUNDS
            if strays:
                rounds = 0
            try:
                await self.flush(strays=strays)
            except QueueAway:
                return
            if not self._acks:
                self._some.clear()

    async def flush(self, *, strays: bool = True) -> None:
        """Acknowledge what is finished.

        Raises:
            QueueAway: the channel is lost.
        """
        with away():
            for tag, multiple in self._acks.take(strays=strays):
                await self.channel.basic_ack(tag, multiple=multiple, wait=False)


@dataclass(frozen=True, slots=True, eq=False)
class Delivery:
    """One message as it came over one channel."""

    message: DeliveredMessage
    tap: Tap

    def done(self) -> None:
        self.tap.done(self.message.delivery_tag or 0)


class Intake:
    """Takes from one queue, at most `prefetch` unfinished messages at a time.

    `wanted` looks at each delivery first and says whether to show it; what it does not want, it sees to itself.
    """

    def __init__(self, queue: str, prefetch: int, wanted: Callable[[Delivery], bool] = lambda _: True) -> None:
        self._queue = queue
        self._prefetch = prefetch
        self._wanted = wanted
        self._ready: deque[Delivery] = deque()
        self._some = asyncio.Event()
        self._tap: Tap | None = None
        self._tasks: list[asyncio.Task[None]] = []

    async def attach(self, wire: Wire) -> None:
        """Consume over a new connection."""
        self._forget()
        channel = await wire.channel(prefetch=self._prefetch, vital=True)
        tap = self._tap = Tap(wire, channel, self._prefetch)
        self._tasks = [asyncio.create_task(tap.acknowledge()), asyncio.create_task(self._watch(tap))]
        await channel.basic_consume(self._queue, partial(self._arrived, tap), consumer_tag=self._queue)

    async def take(self, limit: int) -> list[Delivery]:
        """Up to `limit` messages, waiting for at least one, through an outage if need be."""
        while True:
            if self._tap is not None and self._tap.wire.lost.is_set():
                self._ready.clear()  # the broker sends these again
            if self._ready:
                return [self._ready.popleft() for _ in range(min(limit, len(self._ready)))]
            self._some.clear()
            await self._some.wait()

    async def close(self) -> None:
        """Consume no more, and acknowledge what is finished; the rest goes back when the connection is closed."""
        tap = self._tap
        self._forget()
        if tap is None or tap.wire.lost.is_set():
            return
        try:
            with away():
                await tap.channel.basic_cancel(self._queue, timeout=5)
            await tap.flush()
        except QueueAway:
            return

    def _forget(self) -> None:
        for task in self._tasks:
            task.cancel()
        self._tasks = []
        self._ready.clear()
        self._tap = None

    async def _arrived(self, tap: Tap, message: DeliveredMessage) -> None:
        tap.arrived = message.delivery_tag or 0
        delivery = Delivery(message, tap)
        if tap is self._tap and self._wanted(delivery):
            self._ready.append(delivery)
            self._some.set()

    async def _watch(self, tap: Tap) -> None:
        """Drop a connection over which a queue that has messages sends none, though nothing is unfinished."""
        suspect = -1
        while not tap.wire.lost.is_set():
            await asyncio.sleep(_WATCH)
            try:
                with away():
                    declared = await tap.channel.queue_declare(self._queue, passive=True, timeout=_WATCH)
            except QueueAway:
                tap.wire.drop()
                return
            if not declared.message_count or not tap.idle:
                suspect = -1
            elif suspect == tap.arrived:
                _log.warning("consumer_stalled", queue=self._queue, waiting=declared.message_count)
                tap.wire.drop()
            else:
                suspect = tap.arrived
