"""A busy site's two queues: of what is published for it, and of what it does not take yet."""

import asyncio

from pamqp.common import FieldTable

from worker.queue.census import QUIET
from worker.queue.portion import Portion
from worker.queue.rabbit.intake import Intake, Wanted
from worker.queue.rabbit.link import Wire, away
from worker.queue.rabbit.names import LONGEST_SITE, Names, held_key
from worker.queue.rabbit.tap import Delivery

ENTERING, SPARE = 20, 100
"""Jobs at a time that are taken of sites which take none: to be written down, so that they expire in time, and put away. So
many at least, and at most, where others leave the room."""
_FEW = 50
"""Unfinished messages of one queue at first; more only where the site takes as much."""
_GROWTH = 4  # times as many, where the site takes them all
_SHORT = 2.0  # seconds of a pause for which it is not worth giving anything back
_PATIENCE = 10.0  # seconds for one word of the broker
_UNLIMITED = 1_000_000_000
_KEPT: FieldTable = {"x-queue-type": "quorum", "x-delivery-limit": _UNLIMITED}


class Line:
    """One busy site on one worker. `most`: unfinished messages of each queue; `young`: seconds until they are trusted."""

    def __init__(self, site: str, names: Names, most: int, wanted: Wanted, bell: asyncio.Event) -> None:
        self.site = site
        self.portion = Portion(most)
        self.bound: set[str] = set()
        self.trusted = False
        self._most = most
        self._names = names
        few = min(_FEW, most)
        self.fresh = Intake(names.bulk_of(site), few, wanted, bell=bell)
        self.held = Intake(names.held_of(site), few, wanted, bell=bell)
        self._last = 0  # deliveries until the last one
        self._last_at: float | None = None
        self.bare_since: float | None = None

    async def attach(self, wire: Wire) -> None:
        """Declare the queues and consume.

        Raises:
            QueueAway: not possible now.
        """
        with away():
            await declare(wire, self._names, self.site)
            await self.fresh.attach(wire, vital=False)
            await self.held.attach(wire, vital=False)

    @property
    def lost(self) -> bool:
        return self.fresh.lost or self.held.lost

    def pop(self, now: float) -> list[Delivery]:
        """The next message of each queue, as far as the site takes more."""
        taken = []
        for intake in (self.held, self.fresh):
            if self.portion.free(now) and (delivery := intake.pop()):
                delivery.take_of(self.portion)
                taken.append(delivery)
        return taken

    async def tend(self, now: float) -> None:
        """Consume less while the site takes nothing, and more at a time where it takes all there is.

        Raises:
            QueueAway: the connection is lost.
        """
        if self._quiet(now):
            await self.fresh.rest()
            await self.held.rest()
        elif self.portion.opens(now) > now + _SHORT:
            await self.held.rest()
        elif self.held.resting and self.portion.free(now):
            await self.held.resume(min(_FEW, self._most))
        if self.portion.free(now):
            await self._widen(self.held, self._most)
            await self._widen(self.fresh, self._most)
        else:
            await self._widen(self.fresh, min(SPARE, self._most))

    async def _widen(self, intake: Intake, most: int) -> None:
        if intake.starved and intake.prefetch < most:
            await intake.rest()
            await intake.resume(min(_GROWTH * intake.prefetch, most))

    def _quiet(self, now: float) -> bool:
        """Nothing has come for so long that the site is hardly busy any more."""
        arrived = self.fresh.arrived + self.held.arrived
        if self._last_at is None or arrived != self._last or self.unfinished:
            self._last, self._last_at = arrived, now
        return now - self._last_at > QUIET

    @property
    def unfinished(self) -> int:
        return self.fresh.unfinished + self.held.unfinished

    @property
    def idle(self) -> bool:
        return self.fresh.resting and self.held.resting and not self.unfinished

    async def wake(self) -> None:
        """There is something again."""
        self._last_at = None
        await self.fresh.resume(min(_FEW, self._most))
        await self.held.resume(min(_FEW, self._most))

    async def close(self) -> None:
        await self.fresh.close()
        await self.held.close()


def fits(site: str) -> bool:
    """Whether a queue can be named after it."""
    return 0 < len(site.encode(errors="replace")) <= LONGEST_SITE and site.isprintable()


async def declare(wire: Wire, names: Names, site: str) -> None:
    channel = await wire.channel()
    fresh, held = names.bulk_of(site), names.held_of(site)
    await channel.queue_declare(fresh, durable=True, arguments=_KEPT, timeout=_PATIENCE)
    await channel.queue_declare(held, durable=True, arguments=_KEPT, timeout=_PATIENCE)
    # Of its own, so that one binding fewer sends everything for the site to the queue of all others again.
    await channel.exchange_declare(
        fresh, exchange_type="fanout", durable=True, internal=True, arguments={"alternate-exchange": names.bulk}
    )
    await channel.queue_bind(fresh, fresh)
    await channel.queue_bind(held, names.held, held_key(site))
    await channel.close()


async def waiting(wire: Wire, names: Names, site: str) -> tuple[int, int]:
    """Messages in a site's queues, and their consumers, of all workers."""
    with away():
        channel = await wire.channel()
        declared = [
            await channel.queue_declare(queue, passive=True, timeout=_PATIENCE)
            for queue in (names.bulk_of(site), names.held_of(site))
        ]
        await channel.close()
    return sum(each.message_count or 0 for each in declared), sum(each.consumer_count or 0 for each in declared)


async def divert(wire: Wire, names: Names, site: str) -> None:
    """Have what is published for the site go where all others go, for as long as the queues are not declared again."""
    with away():
        channel = await wire.channel()
        await channel.queue_unbind(names.bulk_of(site), names.bulk_of(site), "")
        await channel.queue_unbind(names.held_of(site), names.held, held_key(site))
        await channel.close()


async def remove(wire: Wire, names: Names, site: str) -> None:
    """Delete what was declared. The queues must be empty, nothing bound to them, and nobody holding a message of theirs."""
    with away():
        channel = await wire.channel()
        await channel.exchange_delete(names.bulk_of(site), timeout=_PATIENCE)
        await channel.queue_delete(names.bulk_of(site), timeout=_PATIENCE)
        await channel.queue_delete(names.held_of(site), timeout=_PATIENCE)
        await channel.close()
