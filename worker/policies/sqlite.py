"""MTA-STS policies in the embedded store, beside the delivery log."""

from collections.abc import Sequence
from pathlib import Path

import structlog

from feedback.log.sqlite import MIGRATIONS
from feedback.store import StoreAway
from feedback.store.sqlite import Sqlite
from mta.routing.book import Kept
from worker.policies.row import COLUMNS, Row, kept, row

_log = structlog.get_logger("worker.policies")

_KEEP = f"INSERT OR REPLACE INTO log_sts_policy ({COLUMNS}) VALUES (?, ?, ?, ?, ?, ?)"

_FORGET = "DELETE FROM log_sts_policy WHERE until <= ?"

_KEPT = f"SELECT {COLUMNS} FROM log_sts_policy WHERE until > ? ORDER BY until DESC LIMIT ?"


class SqlitePolicies:
    """`PolicyStore` in a file."""

    def __init__(self, path: str | Path) -> None:
        self._store = Sqlite(Path(path))

    async def open(self) -> None:
        await self._store.open()
        await self._store.migrate("log", MIGRATIONS)

    async def close(self) -> None:
        await self._store.close()

    async def kept(self, now: float, most: int) -> Sequence[Kept]:
        async with self._store.transaction() as connection:
            await connection.execute(_FORGET, (now,))
            return [kept(Row(*record)) for record in await connection.execute_fetchall(_KEPT, (now, most))]

    async def keep(self, kept: Kept) -> None:
        try:
            async with self._store.transaction() as connection:
                await connection.execute(_KEEP, row(kept))
        except StoreAway as fault:
            _log.warning("sts_policy_not_kept", domain=kept.domain, away=str(fault))
