"""The tracker's store in SQLite, in tables that begin with `tracker_`; it may share a file with the delivery log."""

import json
from collections.abc import Sequence
from dataclasses import astuple
from pathlib import Path

import aiosqlite
import msgspec

from feedback.event import Event
from feedback.store.sqlite import Sqlite
from feedback.store.text import storable
from feedback.tracker import Fate
from feedback.tracker.batch import Batch, batch, news
from feedback.tracker.figures import Cell, Figures, changes, figures
from feedback.tracker.message import COLUMNS, Bounce, Message, facts, values
from feedback.tracker.quarantine import Quarantine, verdicts
from feedback.tracker.tick import STEP, moved
from feedback.tracker.wait import ROUNDED, Wait, waited

MIGRATIONS = Path(__file__).parent / "migrations" / "sqlite"

_MESSAGE = ", ".join(COLUMNS)
_GIVEN = "SELECT value FROM json_each(?)"
_QUARANTINE = "address, since, until, type, reason, delivery_id"

_MESSAGES = f"SELECT {_MESSAGE} FROM tracker_message WHERE job_id IN ({_GIVEN})"

_KEEP = f"""
INSERT INTO tracker_message ({_MESSAGE}) VALUES ({", ".join("?" * len(COLUMNS))})
ON CONFLICT (job_id) DO UPDATE SET
    {", ".join(f"{name} = excluded.{name}" for name in COLUMNS if name not in ("job_id", "delivery_id"))}
"""

_COUNT = """
INSERT INTO tracker_cell (delivery_id, domain, standing, reason, type, messages) VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT (delivery_id, domain, standing, reason, type) DO UPDATE SET messages = messages + excluded.messages
"""

_RECOUNT = """
INSERT INTO tracker_cell (delivery_id, domain, standing, reason, type, messages)
SELECT delivery_id, domain, standing, coalesce(reason, -1), coalesce(type, ''), count(*)
FROM tracker_message WHERE NOT test GROUP BY 1, 2, 3, 4, 5
"""

_TICK = """
INSERT INTO tracker_tick (delivery_id, at, standing, messages) VALUES (?, ?, ?, ?)
ON CONFLICT (delivery_id, at, standing) DO UPDATE SET messages = messages + excluded.messages
"""

_RETICK = f"""
INSERT INTO tracker_tick (delivery_id, at, standing, messages)
SELECT delivery_id, CAST(at / {STEP} AS INTEGER) * {STEP}.0, standing, count(*) FROM tracker_message
WHERE NOT test GROUP BY 1, 2, 3
UNION ALL
SELECT delivery_id, CAST(accepted_at / {STEP} AS INTEGER) * {STEP}.0, 'taken', count(*) FROM tracker_message
WHERE NOT test AND accepted_at IS NOT NULL GROUP BY 1, 2
"""

_WAIT = """
INSERT INTO tracker_wait (delivery_id, domain, ms, messages) VALUES (?, ?, ?, ?)
ON CONFLICT (delivery_id, domain, ms) DO UPDATE SET messages = messages + excluded.messages
"""

_REWAIT = f"""
INSERT INTO tracker_wait (delivery_id, domain, ms, messages)
SELECT delivery_id, domain, {ROUNDED.format("length(queued_ms)")}, count(*) FROM tracker_message
WHERE NOT test AND standing = 'sent' AND queued_ms IS NOT NULL GROUP BY 1, 2, 3
"""

WAITS = """
SELECT delivery_id, domain, ms, messages FROM tracker_wait
WHERE messages <> 0 AND (?1 IS NULL OR delivery_id = ?1)
"""

_CELLS = """
SELECT delivery_id, domain, standing, reason, type, messages FROM tracker_cell
WHERE messages <> 0 AND (?1 IS NULL OR delivery_id = ?1)
"""

_REJECT = "INSERT OR IGNORE INTO tracker_rejection (event_id, delivery_id, event) VALUES (?, ?, ?)"

_BOUNCE = """
INSERT OR IGNORE INTO tracker_bounce (address, event_id, at, type, reason, delivery_id) VALUES (?, ?, ?, ?, ?, ?)
"""

_BOUNCES = f"SELECT address, event_id, at, type, reason, delivery_id FROM tracker_bounce WHERE address IN ({_GIVEN})"

_SUCCESSES = f"""
SELECT address, at FROM tracker_message WHERE address IN ({_GIVEN}) AND standing = 'sent' AND NOT test
"""

_LIFT = f"DELETE FROM tracker_quarantine WHERE address IN ({_GIVEN})"

_CONFINE = f"INSERT INTO tracker_quarantine ({_QUARANTINE}) VALUES (?, ?, ?, ?, ?, ?)"

_FINALS = """
SELECT job_id, iif(standing IN ('sent', 'failed', 'cancelled'), standing, NULL),
    coalesce(first_final <> last_final, 0)
FROM tracker_message WHERE delivery_id = ? AND job_id > ? ORDER BY job_id LIMIT ?
"""


class SqliteTracker:
    """`Tracker` on a SQLite file."""

    def __init__(self, path: str | Path) -> None:
        self._store = Sqlite(Path(path))

    async def open(self) -> None:
        await self._store.open()
        await self._store.migrate("tracker", MIGRATIONS)

    async def close(self) -> None:
        await self._store.close()

    async def apply(self, events: Sequence[Event]) -> None:
        sorted_out = batch(events)
        async with self._store.transaction() as connection:
            await self._keep(connection, sorted_out)
            await self._judge(connection, sorted_out)

    async def report(self, delivery_id: str | None) -> list[Figures]:
        wanted = None if delivery_id is None else storable(delivery_id)
        cells, waits = await self._read(_CELLS, wanted), await self._read(WAITS, wanted)
        return figures({Cell(*row[:-1]): row[-1] for row in cells}, {Wait(*row[:-1]): row[-1] for row in waits})

    async def recount(self) -> None:
        async with self._store.transaction() as connection:
            await connection.execute("DELETE FROM tracker_cell")
            await connection.execute(_RECOUNT)
            await connection.execute("DELETE FROM tracker_tick")
            await connection.execute(_RETICK)
            await connection.execute("DELETE FROM tracker_wait")
            await connection.execute(_REWAIT)

    async def deliveries(self) -> list[str]:
        rows = await self._read("SELECT DISTINCT delivery_id FROM tracker_message ORDER BY delivery_id")
        return [row[0] for row in rows]

    async def finals(self, delivery_id: str, after: str, limit: int) -> list[Fate]:
        rows = await self._read(_FINALS, storable(delivery_id), after, limit)
        return [Fate(row[0], row[1], bool(row[2])) for row in rows]

    async def find(self, job_id: str) -> Event | None:
        rows = await self._read("SELECT event FROM tracker_message WHERE job_id = ?", storable(job_id))
        return msgspec.json.decode(rows[0][0], type=Event) if rows else None

    async def quarantine(self, address: str) -> Quarantine | None:
        wanted = storable(address).lower()
        rows = await self._read(f"SELECT {_QUARANTINE} FROM tracker_quarantine WHERE address = ?", wanted)
        return Quarantine(*rows[0]) if rows else None

    async def quarantined(self, after: str, limit: int) -> list[Quarantine]:
        page = f"SELECT {_QUARANTINE} FROM tracker_quarantine WHERE address > ? ORDER BY address LIMIT ?"
        return [Quarantine(*row) for row in await self._read(page, storable(after), limit)]

    async def _read(self, statement: str, *arguments: object) -> list[aiosqlite.Row]:
        async with self._store.transaction(write=False) as connection:
            return list(await connection.execute_fetchall(statement, arguments))

    async def _keep(self, connection: aiosqlite.Connection, events: Batch) -> None:
        """Messages and rejections, and the counters in step with them."""
        rows = await connection.execute_fetchall(_MESSAGES, (json.dumps(list(events.views)),))
        known = {row[0]: Message(*row) for row in rows}
        new = news(known, events.views)
        await connection.executemany(_KEEP, [values(message) for message in new])
        await connection.executemany(_COUNT, [(*where, by) for where, by in changes(known, new).items()])
        await connection.executemany(_TICK, [(*where, by) for where, by in moved(known, new).items()])
        await connection.executemany(_WAIT, [(*where, by) for where, by in waited(known, new).items()])
        await connection.executemany(_REJECT, events.rejections)

    async def _judge(self, connection: aiosqlite.Connection, events: Batch) -> None:
        """Errors, and the quarantines that follow from all that is known of their addresses."""
        await connection.executemany(_BOUNCE, map(facts, events.bounces))
        asked = (json.dumps(list(events.addresses)),)
        bounces = [Bounce(*row) for row in await connection.execute_fetchall(_BOUNCES, asked)]
        if not bounces:
            return
        wanted = (json.dumps(sorted({error.address for error in bounces})),)
        successes = [(row[0], row[1]) for row in await connection.execute_fetchall(_SUCCESSES, wanted)]
        await connection.execute(_LIFT, wanted)
        await connection.executemany(_CONFINE, [astuple(verdict) for verdict in verdicts(bounces, successes)])
