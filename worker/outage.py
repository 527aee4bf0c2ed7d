"""Broker or store away: what is in flight waits, nothing new is taken, and all goes on by itself when they are back."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import TypeVar

import structlog

from feedback.log import LogAway
from worker.queue import QueueAway

T = TypeVar("T")

_log = structlog.get_logger("worker.outage")
_FIRST, _LONGEST = 0.1, 5.0


class Outage:
    """Knows whether the things this worker depends on are there. `over` is set while they are; else `away` says, for people,
    what is not. `begun`: outages so far."""

    def __init__(self, places: Mapping[str, str] | None = None) -> None:
        """`places`: where the things are that may be away, for the log."""
        self._places = places or {}
        self.over = asyncio.Event()
        self.over.set()
        self._struggling = 0
        self.away: str | None = None
        self.begun = 0

    async def outlast(self, call: Callable[[], Awaitable[T]]) -> T:
        """The call's answer, repeated for as long as broker or store are away. The call must be safe to repeat."""
        try:
            return await call()
        except (LogAway, QueueAway) as fault:
            return await self._struggle(call, fault)

    async def _struggle(self, call: Callable[[], Awaitable[T]], fault: Exception) -> T:
        self._begin(fault)
        pause = _FIRST
        try:
            while True:
                await asyncio.sleep(pause)
                pause = min(pause * 2, _LONGEST)
                try:
                    return await call()
                except (LogAway, QueueAway):
                    continue
        finally:
            self._end()

    def _begin(self, fault: Exception) -> None:
        self._struggling += 1
        if self._struggling == 1:
            self.over.clear()
            self.begun += 1
            self.away = str(fault) or type(fault).__name__
            _log.warning("outage", away=self.away, **self._places)

    def _end(self) -> None:
        self._struggling -= 1
        if self._struggling == 0:
            self.over.set()
            self.away = None
            _log.info("outage_over")
