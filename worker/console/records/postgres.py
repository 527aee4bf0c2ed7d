"""The console's records on PostgreSQL."""

from collections.abc import Sequence
from dataclasses import astuple
from pathlib import Path
from typing import Any

from feedback.log import statements as log
from feedback.log.postgres import MIGRATIONS as LOG
from feedback.log.row import COLUMNS as JOB
from feedback.log.row import Row as JobRow
from feedback.store.postgres import Postgres
from feedback.store.text import storable
from feedback.tracker import statements as tracker
from feedback.tracker.figures import Cell
from feedback.tracker.message import COLUMNS, Bounce, Message
from feedback.tracker.postgres import MIGRATIONS as TRACKER
from feedback.tracker.quarantine import Quarantine
from feedback.tracker.wait import Wait
from worker.console.records import DOMAINS, Action, Beat, Crew, Kept, LaneChange, Reach, Search, Standings

MIGRATIONS = Path(__file__).parent / "migrations" / "postgres"

LONG = 120.0
"""Seconds that going through a large delivery may take."""

_MESSAGE = ", ".join(COLUMNS)

_STANDINGS = """
SELECT delivery_id, standing, sum(messages)::bigint FROM tracker.cell
GROUP BY 1, 2 HAVING sum(messages) <> 0 ORDER BY 1, 2
"""

_BEATS = "SELECT at, standing, messages FROM tracker.tick WHERE delivery_id = $1 AND messages <> 0 ORDER BY at"

_REACHES = f"""
SELECT domain, count(*) FILTER (WHERE standing IN ('sent', 'failed', 'cancelled') AND at >= $2),
    max(job_id) FILTER (WHERE standing <> 'accepted')
FROM tracker.message WHERE delivery_id = $1 AND NOT test GROUP BY domain ORDER BY count(*) DESC, domain LIMIT {DOMAINS}
"""

_EVENTS = "SELECT job_id, event FROM tracker.message WHERE job_id = ANY ($1)"

_MESSAGES = f"""
SELECT {_MESSAGE} FROM tracker.message
WHERE delivery_id = $1 AND job_id > $2 AND NOT test AND ($3::text[] IS NULL OR standing = ANY ($3))
  AND ($4::integer IS NULL OR reason = $4) AND ($5::text IS NULL OR domain = $5)
ORDER BY job_id LIMIT $6
"""

_ADDRESSED = f"SELECT {_MESSAGE} FROM tracker.message WHERE address = $1 ORDER BY at DESC LIMIT $2"

_JOB = f"""
SELECT {", ".join(f"job.{name}::text" if name == "owner" else f"job.{name}" for name in JOB)}, worker.name
FROM mta.job LEFT JOIN mta.worker ON worker.id = job.owner WHERE job_id = $1
"""

_BOUNCES = """
SELECT address, event_id, at, type, reason, delivery_id FROM tracker.bounce
WHERE address = $1 AND starts_with(event_id, $2) ORDER BY at
"""

_WORKERS = """
SELECT name, extract(epoch FROM expires_at)::float8, extract(epoch FROM lease)::float8,
    extract(epoch FROM steady_since)::float8, coalesce(hands.jobs, 0), coalesce(hands.committed, 0)
FROM mta.worker LEFT JOIN (
    SELECT owner, count(*) AS jobs, count(*) FILTER (WHERE intent) AS committed FROM mta.job
    WHERE final IS NULL AND owner IS NOT NULL GROUP BY owner) AS hands ON hands.owner = worker.id
ORDER BY name
"""

_LANES = "SELECT lane, account, extract(epoch FROM refreshed_at)::float8 FROM mta.lane ORDER BY lane"

_CHANGES = """
SELECT at, lane, what, was, becomes, why, until FROM mta.change
WHERE $1::text[] IS NULL OR lane = ANY ($1) ORDER BY id DESC LIMIT $2
"""

_NOTE = "INSERT INTO console.action (at, who, origin, what, about, detail) VALUES ($1, $2, $3, $4, $5, $6)"

_ACTIONS = "SELECT at, who, origin, what, about, detail FROM console.action ORDER BY id DESC LIMIT $1"


class PostgresRecords:
    """`Records` on PostgreSQL."""

    def __init__(self, store: Postgres) -> None:
        self._store = store

    async def open(self) -> None:
        await self._store.open(self, {"mta": LOG, "tracker": TRACKER, "console": MIGRATIONS})

    async def close(self) -> None:
        await self._store.close(self)

    async def standings(self) -> list[Standings]:
        return [Standings(*row) for row in await self._read(_STANDINGS)]

    async def cells(self, delivery_id: str) -> dict[Cell, int]:
        return {Cell(*row[:-1]): row[-1] for row in await self._read(tracker.CELLS, storable(delivery_id))}

    async def beats(self, delivery_id: str) -> list[Beat]:
        return [Beat(*row) for row in await self._read(_BEATS, storable(delivery_id))]

    async def waits(self, delivery_id: str) -> dict[Wait, int]:
        rows = await self._read(tracker.WAITS, storable(delivery_id))
        return {Wait(*row[:-1]): row[-1] for row in rows}

    async def reaches(self, delivery_id: str, since: float) -> list[Reach]:
        rows = await self._read_long(_REACHES, storable(delivery_id), since)
        events = dict(await self._read(_EVENTS, [row[2] for row in rows if row[2] is not None]))
        return [Reach(domain, settled, events.get(example)) for domain, settled, example in rows]

    async def messages(self, search: Search) -> list[Message]:
        standings = None if search.standings is None else list(search.standings)
        domain = None if search.domain is None else storable(search.domain)
        place = storable(search.delivery_id), storable(search.after)
        rows = await self._read(_MESSAGES, *place, standings, search.reason, domain, search.limit)
        return [Message(*row) for row in rows]

    async def addressed(self, address: str, limit: int) -> list[Message]:
        return [Message(*row) for row in await self._read(_ADDRESSED, storable(address).lower(), limit)]

    async def message(self, job_id: str) -> Message | None:
        found = await self._read(f"SELECT {_MESSAGE} FROM tracker.message WHERE job_id = $1", storable(job_id))
        return Message(*found[0]) if found else None

    async def job(self, job_id: str) -> tuple[JobRow, str | None] | None:
        found = await self._read(_JOB, storable(job_id))
        return (JobRow(*found[0][:-1]), found[0][-1]) if found else None

    async def attempts(self, job_id: str) -> list[bytes]:
        return [row[0] for row in await self._read(log.ATTEMPTS, storable(job_id))]

    async def bounces(self, address: str, job_id: str) -> list[Bounce]:
        return [Bounce(*row) for row in await self._read(_BOUNCES, address, f"{storable(job_id)}/")]

    async def quarantine(self, address: str) -> Quarantine | None:
        found = await self._read(tracker.QUARANTINE, address)
        return Quarantine(*found[0]) if found else None

    async def workers(self) -> list[Crew]:
        names = ("name", "alive_until", "lease", "steady_since", "jobs", "committed")
        return [Crew(**dict(zip(names, row, strict=True))) for row in await self._read(_WORKERS)]

    async def lanes(self) -> list[Kept]:
        return [Kept(*row) for row in await self._read(_LANES)]

    async def changes(self, lanes: Sequence[str] | None, limit: int) -> list[LaneChange]:
        rows = await self._read(_CHANGES, None if lanes is None else list(lanes), limit)
        return [LaneChange.of(row) for row in rows]

    async def note(self, action: Action) -> None:
        values = [storable(value) if isinstance(value, str) else value for value in astuple(action)]
        async with self._store.connection() as connection:
            await connection.execute(_NOTE, *values)

    async def actions(self, limit: int) -> Sequence[Action]:
        return [Action(*row) for row in await self._read(_ACTIONS, limit)]

    async def _read(self, statement: str, *arguments: object) -> list[tuple[Any, ...]]:
        async with self._store.connection() as connection:
            return [tuple(row) for row in await connection.fetch(statement, *arguments)]

    async def _read_long(self, statement: str, *arguments: object) -> list[tuple[Any, ...]]:
        """What goes through all messages of a delivery."""
        async with self._store.transaction() as connection:
            await connection.execute(f"SET LOCAL statement_timeout = {LONG * 1000:.0f}")
            return [tuple(row) for row in await connection.fetch(statement, *arguments, timeout=LONG)]
