"""The book of operators' orders as a model: one for the world, and each worker's view of it."""

import asyncio
from collections.abc import Sequence

from tests.world.wire import Wire
from worker.orders.order import Order
from worker.orders.row import Row, order, row


class Book:
    """All orders given, in their order."""

    def __init__(self) -> None:
        self.rows: list[Row] = []
        self.bells: dict[asyncio.Event, None] = {}  # no set: its order would not be the seed's

    def give(self, orders: Sequence[Order]) -> None:
        self.rows += map(row, orders)
        for bell in self.bells:
            bell.set()

    def in_force(self, now: float) -> list[Order]:
        """Of several on the same matter, target and pool the last one holds, unless it ends the matter or is over."""
        last = {(row.matter, row.target, row.pool): number for number, row in enumerate(self.rows)}
        standing = [self.rows[number] for number in sorted(last.values())]
        return [order(row) for row in standing if not row.ends and (row.until is None or row.until > now)]


class BookView:
    """`OrderBook` of one worker process."""

    def __init__(self, book: Book, wire: Wire) -> None:
        self._book = book
        self._wire = wire
        self._bell = asyncio.Event()

    async def open(self) -> None:
        self._book.bells[self._bell] = None

    async def close(self) -> None:
        self._book.bells.pop(self._bell, None)

    async def give(self, orders: Sequence[Order]) -> None:
        await self._wire.call("give", lambda: self._book.give(orders))

    async def newest(self) -> int:
        return await self._wire.call("newest", lambda: len(self._book.rows))

    async def in_force(self, now: float) -> list[Order]:
        return await self._wire.call("in_force", lambda: self._book.in_force(now))

    async def history(self, limit: int) -> list[Order]:
        return [order(row) for row in self._book.rows[::-1][:limit]]

    async def heard(self, patience: float) -> None:
        """As long as nothing was ever ordered nothing can end by itself, so there is no need to look so often."""
        try:
            async with asyncio.timeout(patience if self._book.rows else 30.0):
                await self._bell.wait()
        except TimeoutError:
            return
        self._bell.clear()
