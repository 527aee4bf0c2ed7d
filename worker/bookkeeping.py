"""Exchanges with the store what this worker has learnt from replies: unknown ones counted there and operators' decisions
about them read back, and the weather at sites as all workers see it. Mail never waits for it."""

import asyncio
import time
from collections.abc import Callable

import structlog

from feedback.store import NewerStore, StoreAway
from feedback.unknown import UnknownReplies
from feedback.weather import Almanac
from worker.reading import Reading

_log = structlog.get_logger("worker.bookkeeping")

_GLANCE = 0.5
"""Seconds between looks at whether a storm may be rising, of which the others should hear at once."""
_EVERY = 3.0
_LAST = 3.0
"""Seconds that the last flush may take: a worker that stops does not wait for an absent store."""


class Bookkeeping:
    """One process's. While the store is away, counts wait in memory, as bounded there as in the store; decisions and the
    weather that were read last hold on."""

    def __init__(
        self, reading: Reading, replies: UnknownReplies, almanac: Almanac, clock: Callable[[], float] = time.time
    ) -> None:
        self._reading = reading
        self._weathers = reading.weathers
        self._replies = replies
        self._almanac = almanac
        self._clock = clock
        self._replies_open = self._almanac_open = False
        self._flushed = 0.0

    async def run(self) -> None:
        """Flush until cancelled."""
        while True:
            await self.glance()
            await asyncio.sleep(_GLANCE)

    async def glance(self) -> None:
        """Flush when it is time; of a storm that may be rising, tell the others now."""
        now = self._clock()
        if not now - _EVERY < self._flushed <= now:  # or the clock was set back
            self._flushed = now
            await self.flush()
        elif self._weathers.restless:
            await self._forecast()

    async def flush(self) -> None:
        """Add what has come since the last time to what is kept, and read what others have to say."""
        await self._forecast()
        await self._settle()

    async def close(self) -> None:
        """The last flush."""
        try:
            async with asyncio.timeout(_LAST):
                await self.flush()
        except TimeoutError:
            _log.warning("unknown_lost")
        await self._replies.close()
        await self._almanac.close()

    async def _settle(self) -> None:
        unknown, added = self._reading.take_unknown(), False
        try:
            if not self._replies_open:
                await self._replies.open()
                self._replies_open = True
            await self._replies.add(unknown)
            added = True
            self._reading.decisions = await self._replies.decisions()
        except (StoreAway, NewerStore) as fault:
            _log.debug("unknown_wait", kinds=len(unknown), away=str(fault))
        finally:
            if not added:  # cancelled, perhaps
                self._reading.put_back(unknown)

    async def _forecast(self) -> None:
        counts, added = self._weathers.take(self._clock()), False
        try:
            if not self._almanac_open:
                await self._almanac.open()
                self._weathers.learn(await self._almanac.kept(), self._clock())
                self._almanac_open = True
            standing = await self._almanac.exchange(counts, self._clock())
            added = True
            self._weathers.learn(standing, self._clock())
        except (StoreAway, NewerStore) as fault:
            _log.debug("weather_waits", sites=len(counts), away=str(fault))
        finally:
            if not added:
                self._weathers.put_back(counts)
