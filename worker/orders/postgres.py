"""Operators' orders on PostgreSQL, beside the delivery log, told to all workers by NOTIFY."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress

from feedback.log.postgres import MIGRATIONS
from feedback.store import StoreAway
from feedback.store.ear import Ear
from feedback.store.postgres import Postgres
from worker.orders.order import Order
from worker.orders.row import COLUMNS, Row, order, row

CHANNEL = "mta_orders"

_LOCK = "SELECT pg_advisory_xact_lock(hashtext('campaign-mta orders'))"

_GIVE = f"""
INSERT INTO mta.operator_order ({COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
"""

_TELL = f"SELECT pg_notify('{CHANNEL}', '')"

_NEWEST = "SELECT coalesce(max(id), 0) FROM mta.operator_order"

_IN_FORCE = f"""
SELECT {COLUMNS} FROM mta.operator_order
WHERE id IN (SELECT max(id) FROM mta.operator_order GROUP BY matter, target, pool)
  AND NOT ends AND (until IS NULL OR until > $1)
ORDER BY id
"""

_HISTORY = f"SELECT {COLUMNS} FROM mta.operator_order ORDER BY id DESC LIMIT $1"


class PostgresOrders:
    """`OrderBook` for many worker processes. It listens from the first `heard` on, on a connection of its own."""

    def __init__(self, store: Postgres) -> None:
        self._store = store
        self._ear = Ear(store.dsn, CHANNEL)

    async def open(self) -> None:
        await self._store.open(self, {"mta": MIGRATIONS})

    async def close(self) -> None:
        self._ear.close()
        await self._store.close(self)

    async def give(self, orders: Sequence[Order]) -> None:
        async with self._store.transaction() as connection:
            # Numbers are taken in the order in which they can be seen, so that the greatest one tells of every change.
            await connection.execute(_LOCK)
            await connection.executemany(_GIVE, [row(order) for order in orders])
            await connection.execute(_TELL)

    async def newest(self) -> int:
        async with self._store.connection() as connection:
            return int(await connection.fetchval(_NEWEST))

    async def in_force(self, now: float) -> list[Order]:
        async with self._store.connection() as connection:
            return [order(Row(*record)) for record in await connection.fetch(_IN_FORCE, now)]

    async def history(self, limit: int) -> list[Order]:
        async with self._store.connection() as connection:
            return [order(Row(*record)) for record in await connection.fetch(_HISTORY, limit)]

    async def heard(self, patience: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(patience):
                with suppress(StoreAway):
                    await self._ear.listen()
                await self._ear.news.wait()  # what was said before there was an ear is for `newest` to find
        self._ear.news.clear()
