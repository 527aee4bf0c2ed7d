"""Broker or store away: what is in flight waits, nothing new is taken, and all goes on by itself when they are back."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Hashable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

import structlog

from feedback.event import timestamp
from feedback.log import LogAway
from worker.queue import QueueAway

T = TypeVar("T")

_log = structlog.get_logger("worker.outage")
_FIRST, _LONGEST = 0.1, 5.0


@dataclass(slots=True)
class _Absence:
    """Of broker or store: since when (POSIX seconds), how it was met, and who misses it now."""

    since: float
    fault: str
    missed_by: set[Hashable] = field(default_factory=set)


class Outage:
    """Knows whether the things this worker depends on are there. `over` is set while they are. `begun`: outages so far.

    Calls that cannot be made tell of it, and so do connections that nobody uses at the moment (`lost`, `found`).
    """

    def __init__(self, places: Mapping[str, str] | None = None, clock: Callable[[], float] = time.time) -> None:
        """`places`: where the things are that may be away, for the log."""
        self._places = places or {}
        self._clock = clock
        self._absent: dict[str, _Absence] = {}
        self.over = asyncio.Event()
        self.over.set()
        self.begun = 0

    @property
    def away(self) -> str | None:
        """What is not there, since when and why, for people; None when all is."""
        return "; ".join(_told(what, absence) for what, absence in self._absent.items()) or None

    async def outlast(self, call: Callable[[], Awaitable[T]]) -> T:
        """The call's answer, repeated for as long as broker or store are away. The call must be safe to repeat."""
        try:
            return await call()
        except (LogAway, QueueAway) as fault:
            return await self._struggle(call, fault)

    def lost(self, who: Hashable, fault: LogAway | QueueAway) -> None:
        """Somebody cannot reach broker or store, and tries on."""
        what = "broker" if isinstance(fault, QueueAway) else "store"
        if what not in self._absent:
            self._begin(what, str(fault) or type(fault).__name__)
        self._absent[what].missed_by.add(who)
        self._leave(who, lambda other: other != what)

    def found(self, who: Hashable) -> None:
        """Somebody who may have missed something misses nothing now."""
        self._leave(who, lambda _: True)

    async def _struggle(self, call: Callable[[], Awaitable[T]], fault: LogAway | QueueAway) -> T:
        who = object()
        self.lost(who, fault)
        pause = _FIRST
        try:
            while True:
                await asyncio.sleep(pause)
                pause = min(pause * 2, _LONGEST)
                try:
                    return await call()
                except (LogAway, QueueAway) as again:
                    self.lost(who, again)
        finally:
            self.found(who)

    def _begin(self, what: str, fault: str) -> None:
        if not self._absent:
            self.over.clear()
            self.begun += 1
        self._absent[what] = _Absence(self._clock(), fault)
        _log.warning("outage", what=what, away=fault, **self._places)

    def _leave(self, who: Hashable, of: Callable[[str], bool]) -> None:
        for what in [what for what, absence in self._absent.items() if who in absence.missed_by and of(what)]:
            self._absent[what].missed_by.discard(who)
            if not self._absent[what].missed_by:
                since = self._absent.pop(what).since
                _log.info("outage_over", what=what, seconds=round(self._clock() - since, 1))
        if not self._absent:
            self.over.set()


def _told(what: str, absence: _Absence) -> str:
    return f"the {what} has been away since {timestamp(absence.since)}: {absence.fault}"
