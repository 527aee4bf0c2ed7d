"""MTA-STS policies on PostgreSQL, beside the delivery log: what one worker has fetched, the next to start knows."""

from collections.abc import Sequence

import structlog

from feedback.log.postgres import MIGRATIONS
from feedback.store import StoreAway
from feedback.store.postgres import Postgres
from mta.routing.book import Kept
from worker.policies.row import COLUMNS, Row, kept, row

_log = structlog.get_logger("worker.policies")

_KEEP = f"""
INSERT INTO mta.sts_policy AS old ({COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (domain) DO UPDATE
SET id = excluded.id, mode = excluded.mode, mx = excluded.mx, max_age = excluded.max_age, until = excluded.until
"""

_FORGET = "DELETE FROM mta.sts_policy WHERE until <= $1"

_KEPT = f"SELECT {COLUMNS} FROM mta.sts_policy WHERE until > $1 ORDER BY until DESC LIMIT $2"


class PostgresPolicies:
    """`PolicyStore` for many worker processes."""

    def __init__(self, store: Postgres) -> None:
        self._store = store

    async def open(self) -> None:
        await self._store.open(self, {"mta": MIGRATIONS})

    async def close(self) -> None:
        await self._store.close(self)

    async def kept(self, now: float, most: int) -> Sequence[Kept]:
        async with self._store.connection() as connection:
            await connection.execute(_FORGET, now)
            return [kept(Row(*record)) for record in await connection.fetch(_KEPT, now, most)]

    async def keep(self, kept: Kept) -> None:
        try:
            async with self._store.connection() as connection:
                await connection.execute(_KEEP, *row(kept))
        except StoreAway as fault:
            _log.warning("sts_policy_not_kept", domain=kept.domain, away=str(fault))
