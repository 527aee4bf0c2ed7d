"""The tracker's store on PostgreSQL, in the schema `tracker`."""

from collections.abc import Iterable, Sequence
from dataclasses import astuple
from pathlib import Path

import asyncpg
import msgspec

from feedback.event import Event
from feedback.store.postgres import Postgres
from feedback.store.text import storable
from feedback.tracker import Fate
from feedback.tracker import statements as sql
from feedback.tracker.batch import Batch, batch, news
from feedback.tracker.figures import Cell, Figures, changes, figures
from feedback.tracker.message import Bounce, Message, facts, values
from feedback.tracker.quarantine import Quarantine, verdicts
from feedback.tracker.tick import moved
from feedback.tracker.wait import Wait, waited

MIGRATIONS = Path(__file__).parent / "migrations" / "postgres"
LONG = 600.0
"""Seconds that counting everything anew may take."""


class PostgresTracker:
    """`Tracker` on PostgreSQL. Several may run; they apply their batches one after the other."""

    def __init__(self, store: Postgres) -> None:
        self._store = store

    async def open(self) -> None:
        await self._store.open(self, {"tracker": MIGRATIONS})

    async def close(self) -> None:
        await self._store.close(self)

    async def apply(self, events: Sequence[Event]) -> None:
        sorted_out = batch(events)
        async with self._store.transaction() as connection:
            await connection.execute(sql.ALONE)
            await self._keep(connection, sorted_out)
            await self._judge(connection, sorted_out)

    async def report(self, delivery_id: str | None) -> list[Figures]:
        wanted = None if delivery_id is None else storable(delivery_id)
        async with self._store.connection() as connection:
            cells = [tuple(row) for row in await connection.fetch(sql.CELLS, wanted)]
            waits = [tuple(row) for row in await connection.fetch(sql.WAITS, wanted)]
        return figures({Cell(*row[:-1]): row[-1] for row in cells}, {Wait(*row[:-1]): row[-1] for row in waits})

    async def recount(self) -> None:
        async with self._store.transaction() as connection:
            await connection.execute(sql.ALONE)
            await connection.execute(f"SET LOCAL statement_timeout = {LONG * 1000:.0f}; SET LOCAL enable_seqscan = on")
            await connection.execute("DELETE FROM tracker.cell", timeout=LONG)
            await connection.execute(sql.RECOUNT, timeout=LONG)
            await connection.execute("DELETE FROM tracker.tick", timeout=LONG)
            await connection.execute(sql.RETICK, timeout=LONG)
            await connection.execute("DELETE FROM tracker.wait", timeout=LONG)
            await connection.execute(sql.REWAIT, timeout=LONG)

    async def deliveries(self) -> list[str]:
        async with self._store.connection() as connection:
            return [row[0] for row in await connection.fetch(sql.DELIVERIES)]

    async def finals(self, delivery_id: str, after: str, limit: int) -> list[Fate]:
        async with self._store.connection() as connection:
            return [Fate(*row) for row in await connection.fetch(sql.FINALS, storable(delivery_id), after, limit)]

    async def find(self, job_id: str) -> Event | None:
        async with self._store.connection() as connection:
            found = await connection.fetchval(sql.FIND, storable(job_id))
        return None if found is None else msgspec.json.decode(found, type=Event)

    async def quarantine(self, address: str) -> Quarantine | None:
        async with self._store.connection() as connection:
            row = await connection.fetchrow(sql.QUARANTINE, storable(address).lower())
        return None if row is None else Quarantine(*row)

    async def quarantined(self, after: str, limit: int) -> list[Quarantine]:
        async with self._store.connection() as connection:
            return [Quarantine(*row) for row in await connection.fetch(sql.QUARANTINED, storable(after), limit)]

    async def _keep(self, connection: asyncpg.Connection, events: Batch) -> None:
        """Messages and rejections, and the counters in step with them."""
        rows = await connection.fetch(sql.MESSAGES, list(events.views))
        known = {row[0]: Message(*row) for row in rows}
        new = news(known, events.views)
        await _many(connection, sql.KEEP, [values(message) for message in new])
        counted = sorted(changes(known, new).items())
        await _many(connection, sql.COUNT, [(*where, by) for where, by in counted])
        await _many(connection, sql.TICK, [(*where, by) for where, by in sorted(moved(known, new).items())])
        await _many(connection, sql.WAIT, [(*where, by) for where, by in sorted(waited(known, new).items())])
        await _many(connection, sql.REJECT, events.rejections)

    async def _judge(self, connection: asyncpg.Connection, events: Batch) -> None:
        """Errors, and the quarantines that follow from all that is known of their addresses."""
        await _many(connection, sql.BOUNCE, map(facts, events.bounces))
        bounces = [Bounce(*row) for row in await connection.fetch(sql.BOUNCES, list(events.addresses))]
        if not bounces:
            return
        wanted = sorted({error.address for error in bounces})
        successes = [(row[0], row[1]) for row in await connection.fetch(sql.SUCCESSES, wanted)]
        await connection.execute(sql.LIFT, wanted)
        await _many(connection, sql.CONFINE, [astuple(verdict) for verdict in verdicts(bounces, successes)])


async def _many(connection: asyncpg.Connection, statement: str, rows: Iterable[Sequence[object]]) -> None:
    """One statement for many rows: an array for each column."""
    if columns := [list(column) for column in zip(*rows, strict=True)]:
        await connection.execute(statement, *columns)
