"""The busy sites that have queues of their own, listed on the broker itself.

One message for each in a queue that nobody finishes. Whoever reads or changes the list holds the pen: a queue that only one
connection can have, and that is gone when its connection is.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiormq import spec
from aiormq.channel import Channel

from worker.queue import QueueAway
from worker.queue.rabbit.link import Wire, away
from worker.queue.rabbit.names import Names

_PATIENCE = 10.0  # seconds for one word of the broker


class Page:
    """The list as it was read with the pen in hand."""

    def __init__(self, channel: Channel, queue: str, tags: dict[str, list[int]]) -> None:
        self._channel = channel
        self._queue = queue
        self._tags = tags

    @property
    def sites(self) -> set[str]:
        return set(self._tags)

    async def add(self, site: str) -> None:
        properties = spec.Basic.Properties(delivery_mode=2)
        await self._channel.basic_publish(
            site.encode(), routing_key=self._queue, properties=properties, mandatory=True, timeout=_PATIENCE
        )
        self._tags[site] = []

    async def strike(self, site: str) -> None:
        for tag in self._tags.pop(site, []):
            await self._channel.basic_ack(tag, wait=False)


class Register:
    def __init__(self, names: Names) -> None:
        self._names = names

    async def count(self, wire: Wire) -> int:
        """How many entries there are; fewer while somebody reads them."""
        with away():
            channel = await wire.channel()
            declared = await channel.queue_declare(self._names.sites, passive=True, timeout=_PATIENCE)
            await channel.close()
            return declared.message_count or 0

    @asynccontextmanager
    async def page(self, wire: Wire) -> AsyncIterator[Page]:
        """The list, for reading and changing.

        Raises:
            QueueAway: another has the pen, or there is no broker.
        """
        with away():
            channel = await wire.channel()
            # It is refused by an error that closes the channel, which then holds no message either.
            await channel.queue_declare(self._names.pen, exclusive=True, timeout=_PATIENCE)
        try:
            with away():
                yield Page(channel, self._names.sites, await self._read(channel))
        finally:
            await _put_away(channel, self._names.pen)

    async def _read(self, channel: Channel) -> dict[str, list[int]]:
        tags: dict[str, list[int]] = {}
        while (entry := await channel.basic_get(self._names.sites, timeout=_PATIENCE)).delivery_tag is not None:
            tags.setdefault(entry.body.decode(errors="replace"), []).append(entry.delivery_tag)
        return tags


async def _put_away(channel: Channel, pen: str) -> None:
    """Let the entries go back before the next one has the pen."""
    try:
        with away():
            await channel.basic_recover(requeue=True, timeout=_PATIENCE)
            await channel.queue_delete(pen, timeout=_PATIENCE)
            await channel.close()
    except QueueAway:
        return
