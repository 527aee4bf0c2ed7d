"""Takes the counts of unknown replies to the store, every few seconds and at the end. Mail never waits for it."""

import asyncio

import structlog

from feedback.store import StoreAway
from feedback.unknown import UnknownReplies
from worker.reading import Reading

_log = structlog.get_logger("worker.bookkeeping")

_EVERY = 3.0
_LAST = 3.0
"""Seconds that the last flush may take: a worker that stops does not wait for an absent store."""


class Bookkeeping:
    """One process's. While the store is away, counts wait in memory, as bounded there as in the store."""

    def __init__(self, reading: Reading, replies: UnknownReplies) -> None:
        self._reading = reading
        self._replies = replies
        self._open = False

    async def run(self) -> None:
        """Flush until cancelled."""
        while True:
            await asyncio.sleep(_EVERY)
            await self.flush()

    async def flush(self) -> None:
        """Add what has come since the last time to what is kept."""
        if not (unknown := self._reading.take_unknown()):
            return
        added = False
        try:
            if not self._open:
                await self._replies.open()
                self._open = True
            await self._replies.add(unknown)
            added = True
        except StoreAway as fault:
            _log.debug("unknown_wait", kinds=len(unknown), away=str(fault))
        finally:
            if not added:  # cancelled, perhaps
                self._reading.put_back(unknown)

    async def close(self) -> None:
        """The last flush."""
        try:
            async with asyncio.timeout(_LAST):
                await self.flush()
        except TimeoutError:
            _log.warning("unknown_lost")
        await self._replies.close()
