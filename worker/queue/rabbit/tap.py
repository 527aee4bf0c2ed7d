"""One channel's deliveries and their acknowledgements."""

import asyncio
from dataclasses import dataclass

from aiormq.abc import DeliveredMessage
from aiormq.channel import Channel

from worker.queue import QueueAway
from worker.queue.portion import Portion
from worker.queue.rabbit.acks import Acks
from worker.queue.rabbit.link import Wire, away

_LINGER = 0.01  # seconds between two acknowledgements
_STRAY_ROUNDS = 20  # so many of them before deliveries finished out of turn are acknowledged one by one


class Tap:
    """A channel from its opening to its loss.

    Deliveries of a lost channel come back on the next one, so finishing them here does nothing, and cannot finish another's.
    """

    def __init__(self, wire: Wire, channel: Channel, prefetch: int) -> None:
        self.wire = wire
        self.channel = channel
        self.arrived = 0  # the tag of the latest delivery
        self.finished = 0
        self.many = max(prefetch // 4, 1)  # finished out of turn that are acknowledged at once
        self._acks = Acks()
        self._some = asyncio.Event()

    @property
    def lost(self) -> bool:
        return self.wire.lost.is_set() or self.channel.is_closed

    @property
    def unfinished(self) -> int:
        return self.arrived - self.finished

    @property
    def owed(self) -> int:
        """Deliveries of which the broker has not been told; it sends no more than so many."""
        return self.arrived - self._acks.told

    @property
    def idle(self) -> bool:
        """Whether everything that arrived is finished and acknowledged."""
        return self._acks.floor == self.arrived

    def done(self, tag: int) -> None:
        self.finished += 1
        self._acks.done(tag)
        self._some.set()

    async def acknowledge(self) -> None:
        """Send acknowledgements in groups for as long as the channel lives."""
        rounds = 0
        while not self.lost:
            await self._some.wait()
            await asyncio.sleep(_LINGER)
            rounds += 1
            strays = len(self._acks) >= self.many or rounds >= _STRAY_ROUNDS
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

    async def give_back(self, tags: list[int]) -> None:
        """Have deliveries come up again, for whoever takes them; nobody may have seen them here.

        Raises:
            QueueAway: the channel is lost; they come up anyway.
        """
        with away():
            for tag in tags:
                self.finished += 1
                self._acks.gone(tag)
                await self.channel.basic_nack(tag, requeue=True, wait=False)


@dataclass(slots=True, eq=False)
class Delivery:
    """One message as it came over one channel. `portion`: that of its site, while it is on the way to the gate."""

    message: DeliveredMessage
    tap: Tap
    portion: Portion | None = None
    _finished: bool = False

    @property
    def tag(self) -> int:
        return self.message.delivery_tag or 0

    def take_of(self, portion: Portion) -> None:
        """It is on its way to the gate."""
        self.leave()
        self.portion = portion
        portion.on_the_way += 1

    def leave(self) -> None:
        """It is not on the way any more."""
        if self.portion is not None:
            self.portion.on_the_way -= 1
            self.portion = None

    def done(self) -> None:
        self.leave()
        if not self._finished:
            self._finished = True
            self.tap.done(self.tag)
