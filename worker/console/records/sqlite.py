"""The console's records in SQLite, in the file of the log and the tracker."""

import json
from collections.abc import Sequence
from dataclasses import astuple, replace
from pathlib import Path

import aiosqlite

from feedback.log.row import COLUMNS as JOB
from feedback.log.row import Row as JobRow
from feedback.log.sqlite import ATTEMPTS
from feedback.log.sqlite import MIGRATIONS as LOG
from feedback.store.sqlite import Sqlite
from feedback.store.text import storable
from feedback.tracker.figures import Cell
from feedback.tracker.message import COLUMNS, Bounce, Message
from feedback.tracker.quarantine import Quarantine
from feedback.tracker.sqlite import MIGRATIONS as TRACKER
from feedback.tracker.sqlite import WAITS
from feedback.tracker.wait import Wait
from worker.console.records import DOMAINS, Action, Beat, Crew, Kept, LaneChange, Reach, Search, Standings

MIGRATIONS = Path(__file__).parent / "migrations" / "sqlite"

_MESSAGE = ", ".join(COLUMNS)

_CELLS = """
SELECT delivery_id, domain, standing, reason, type, messages FROM tracker_cell
WHERE messages <> 0 AND delivery_id = ?
"""

_STANDINGS = """
SELECT delivery_id, standing, sum(messages) FROM tracker_cell
GROUP BY 1, 2 HAVING sum(messages) <> 0 ORDER BY 1, 2
"""

_BEATS = "SELECT at, standing, messages FROM tracker_tick WHERE delivery_id = ? AND messages <> 0 ORDER BY at"

_REACHES = f"""
SELECT domain, count(*) FILTER (WHERE standing IN ('sent', 'failed', 'cancelled') AND at >= ?),
    max(job_id) FILTER (WHERE standing <> 'accepted')
FROM tracker_message WHERE delivery_id = ? AND NOT test GROUP BY domain ORDER BY count(*) DESC, domain LIMIT {DOMAINS}
"""

_MESSAGES = f"""
SELECT {_MESSAGE} FROM tracker_message
WHERE delivery_id = ?1 AND job_id > ?2 AND NOT test AND (?3 IS NULL OR instr(?3, ' ' || standing || ' '))
  AND (?4 IS NULL OR reason = ?4) AND (?5 IS NULL OR domain = ?5)
ORDER BY job_id LIMIT ?6
"""

_ADDRESSED = f"SELECT {_MESSAGE} FROM tracker_message WHERE address = ? ORDER BY at DESC LIMIT ?"

_BOUNCES = """
SELECT address, event_id, at, type, reason, delivery_id FROM tracker_bounce
WHERE address = ?1 AND substr(event_id, 1, length(?2)) = ?2 ORDER BY at
"""

_QUARANTINE = "SELECT address, since, until, type, reason, delivery_id FROM tracker_quarantine WHERE address = ?"

_HANDS = "SELECT count(*), coalesce(sum(intent), 0) FROM log_job WHERE final IS NULL AND owner IS NOT NULL"

_LANES = "SELECT lane, account, refreshed_at FROM log_lane ORDER BY lane"

_CHANGES = """
SELECT at, lane, what, was, becomes, why, until FROM log_change
WHERE ?1 IS NULL OR lane IN (SELECT value FROM json_each(?1)) ORDER BY id DESC LIMIT ?2
"""

_NOTE = "INSERT INTO console_action (at, who, origin, what, about, detail) VALUES (?, ?, ?, ?, ?, ?)"

_ACTIONS = "SELECT at, who, origin, what, about, detail FROM console_action ORDER BY id DESC LIMIT ?"


class SqliteRecords:
    """`Records` on a SQLite file."""

    def __init__(self, path: str | Path) -> None:
        self._store = Sqlite(Path(path))
        self._lock_path = Path(f"{path}.worker")

    async def open(self) -> None:
        await self._store.open()
        for prefix, folder in (("log", LOG), ("tracker", TRACKER), ("console", MIGRATIONS)):
            await self._store.migrate(prefix, folder)

    async def close(self) -> None:
        await self._store.close()

    async def standings(self) -> list[Standings]:
        return [Standings(*row) for row in await self._read(_STANDINGS)]

    async def cells(self, delivery_id: str) -> dict[Cell, int]:
        return {Cell(*row[:-1]): row[-1] for row in await self._read(_CELLS, storable(delivery_id))}

    async def beats(self, delivery_id: str) -> list[Beat]:
        return [Beat(*row) for row in await self._read(_BEATS, storable(delivery_id))]

    async def waits(self, delivery_id: str) -> dict[Wait, int]:
        return {Wait(*row[:-1]): row[-1] for row in await self._read(WAITS, storable(delivery_id))}

    async def reaches(self, delivery_id: str, since: float) -> list[Reach]:
        rows = await self._read(_REACHES, since, storable(delivery_id))
        return [Reach(domain, settled, await self._event(example)) for domain, settled, example in rows]

    async def messages(self, search: Search) -> list[Message]:
        standings = None if search.standings is None else f" {' '.join(search.standings)} "
        domain = None if search.domain is None else storable(search.domain)
        place = storable(search.delivery_id), storable(search.after)
        rows = await self._read(_MESSAGES, *place, standings, search.reason, domain, search.limit)
        return [_message(row) for row in rows]

    async def addressed(self, address: str, limit: int) -> list[Message]:
        return [_message(row) for row in await self._read(_ADDRESSED, storable(address).lower(), limit)]

    async def message(self, job_id: str) -> Message | None:
        found = await self._read(f"SELECT {_MESSAGE} FROM tracker_message WHERE job_id = ?", storable(job_id))
        return _message(found[0]) if found else None

    async def job(self, job_id: str) -> tuple[JobRow, str | None] | None:
        found = await self._read(f"SELECT {', '.join(JOB)} FROM log_job WHERE job_id = ?", storable(job_id))
        return (JobRow(*found[0]), JobRow(*found[0]).owner) if found else None

    async def attempts(self, job_id: str) -> list[bytes]:
        return [row[0] for row in await self._read(ATTEMPTS, storable(job_id))]

    async def bounces(self, address: str, job_id: str) -> list[Bounce]:
        return [Bounce(*row) for row in await self._read(_BOUNCES, address, f"{storable(job_id)}/")]

    async def quarantine(self, address: str) -> Quarantine | None:
        found = await self._read(_QUARANTINE, address)
        return Quarantine(*found[0]) if found else None

    async def workers(self) -> list[Crew]:
        """The one there is or was: the log's lock file says its name."""
        try:
            name = self._lock_path.read_text("utf-8").strip()
        except FileNotFoundError:
            return []
        [(jobs, committed)] = await self._read(_HANDS)
        return [Crew(name=name, alive_until=None, lease=None, steady_since=None, jobs=jobs, committed=committed)]

    async def lanes(self) -> list[Kept]:
        return [Kept(*row) for row in await self._read(_LANES)]

    async def changes(self, lanes: Sequence[str] | None, limit: int) -> list[LaneChange]:
        named = None if lanes is None else json.dumps(list(lanes))
        return [LaneChange.of(row) for row in await self._read(_CHANGES, named, limit)]

    async def note(self, action: Action) -> None:
        values = [storable(value) if isinstance(value, str) else value for value in astuple(action)]
        async with self._store.transaction() as connection:
            await connection.execute(_NOTE, values)

    async def actions(self, limit: int) -> Sequence[Action]:
        return [Action(*row) for row in await self._read(_ACTIONS, limit)]

    async def _event(self, job_id: str | None) -> bytes | None:
        found = await self._read("SELECT event FROM tracker_message WHERE job_id = ?", job_id)
        return found[0][0] if found else None

    async def _read(self, statement: str, *arguments: object) -> list[aiosqlite.Row]:
        async with self._store.transaction(write=False) as connection:
            return list(await connection.execute_fetchall(statement, arguments))


def _message(stored: aiosqlite.Row) -> Message:
    kept = Message(*stored)
    return replace(kept, test=bool(kept.test), in_doubt=bool(kept.in_doubt))
