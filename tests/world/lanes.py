"""The accounts of all lanes as a model: the step of the real adapters on texts in memory, by the store's own clock."""

import asyncio
from collections.abc import Callable, Sequence

from feedback.store import StoreAway
from mta.traffic.accounts import Answers, Changed, SharesAway
from mta.traffic.shares import Account, Ask
from tests.world.wire import Wire
from worker.shares.step import UNKNOWN, step


class Lanes:
    """The table. `clock` gives POSIX time."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._texts: dict[str, str] = {}
        self.views: list[LanesView] = []

    def refresh(self, asks: Sequence[Ask], by: "LanesView") -> Answers:
        done = step(asks, {ask.lane: self._texts.get(ask.lane, UNKNOWN) for ask in asks}, self._clock())
        self._texts |= done.texts
        for view in self.views:
            if done.called and view is not by:
                view.hear(done.called)
        return done.answers


class LanesView:
    """`Shares` of one worker process."""

    def __init__(self, lanes: Lanes, wire: Wire) -> None:
        self._lanes = lanes
        self._wire = wire
        self._called: list[str] = []
        self._bell = asyncio.Event()

    async def open(self) -> None:
        if self not in self._lanes.views:
            self._lanes.views.append(self)

    async def close(self) -> None:
        if self in self._lanes.views:
            self._lanes.views.remove(self)

    async def refresh(self, asks: Sequence[Ask]) -> Answers:
        try:
            return await self._wire.call("refresh", lambda: self._lanes.refresh(asks, self))
        except StoreAway as fault:
            raise SharesAway(str(fault)) from fault

    def hear(self, lanes: Sequence[str]) -> None:
        self._called += lanes
        self._bell.set()

    async def called(self) -> set[str]:
        await self._bell.wait()
        self._bell.clear()
        called, self._called = set(self._called), []
        return called

    async def known(self, lanes: Sequence[str]) -> dict[str, Account]:
        return {}

    async def changes(self, lanes: Sequence[str], limit: int) -> list[Changed]:
        return []

    async def tidy(self) -> None: ...
