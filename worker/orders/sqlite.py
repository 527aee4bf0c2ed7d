"""Operators' orders in the embedded store, beside the delivery log. Nobody tells of new ones: the worker looks."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

from feedback.log.sqlite import MIGRATIONS
from feedback.store.sqlite import Sqlite
from worker.orders.order import Order
from worker.orders.row import COLUMNS, Row, order, row

_LOOK = 0.5
"""Seconds between two looks."""

_GIVE = f"INSERT INTO log_operator_order ({COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"

_NEWEST = "SELECT coalesce(max(id), 0) FROM log_operator_order"

_IN_FORCE = f"""
SELECT {COLUMNS} FROM log_operator_order
WHERE id IN (SELECT max(id) FROM log_operator_order GROUP BY matter, target, pool)
  AND NOT ends AND (until IS NULL OR until > ?)
ORDER BY id
"""

_HISTORY = f"SELECT {COLUMNS} FROM log_operator_order ORDER BY id DESC LIMIT ?"


class SqliteOrders:
    """`OrderBook` in a file; commands open it beside the worker."""

    def __init__(self, path: str | Path) -> None:
        self._store = Sqlite(Path(path))

    async def open(self) -> None:
        await self._store.open()
        await self._store.migrate("log", MIGRATIONS)

    async def close(self) -> None:
        await self._store.close()

    async def give(self, orders: Sequence[Order]) -> None:
        async with self._store.transaction() as connection:
            await connection.executemany(_GIVE, [row(order) for order in orders])

    async def newest(self) -> int:
        async with self._store.transaction(write=False) as connection:
            [(number,)] = await connection.execute_fetchall(_NEWEST)
        return int(number)

    async def in_force(self, now: float) -> list[Order]:
        async with self._store.transaction(write=False) as connection:
            return [order(Row(*record)) for record in await connection.execute_fetchall(_IN_FORCE, (now,))]

    async def history(self, limit: int) -> list[Order]:
        async with self._store.transaction(write=False) as connection:
            return [order(Row(*record)) for record in await connection.execute_fetchall(_HISTORY, (limit,))]

    async def heard(self, patience: float) -> None:
        await asyncio.sleep(min(patience, _LOOK))
