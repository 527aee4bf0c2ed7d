"""Where sources stand, on PostgreSQL, for many worker processes."""

from collections.abc import Mapping

from feedback.log.postgres import MIGRATIONS
from feedback.store.postgres import Postgres
from mta.traffic.ramp import Ramp
from worker.ramps import Count
from worker.ramps.row import added, read, write

_MAKE = """
INSERT INTO mta.ramp (lane, ramp) SELECT lane, '' FROM unnest($1::text[]) AS lane ORDER BY lane
ON CONFLICT (lane) DO NOTHING
"""

_LOOK = "SELECT lane, ramp FROM mta.ramp WHERE lane = ANY ($1::text[]) ORDER BY lane FOR UPDATE"

_KEEP = """
UPDATE mta.ramp AS kept SET ramp = new.ramp FROM unnest($1::text[], $2::text[]) AS new (lane, ramp)
WHERE kept.lane = new.lane
"""

_KNOWN = "SELECT lane, ramp FROM mta.ramp WHERE lane = ANY ($1::text[]) AND ramp <> ''"


class PostgresRamps:
    """`RampBook`."""

    def __init__(self, store: Postgres) -> None:
        self._store = store

    async def open(self) -> None:
        await self._store.open(self, {"mta": MIGRATIONS})

    async def close(self) -> None:
        await self._store.close(self)

    async def add(self, counts: Mapping[str, Count], date: int) -> dict[str, Ramp]:
        async with self._store.transaction() as connection:
            await connection.execute(_MAKE, list(counts))
            texts = dict(await connection.fetch(_LOOK, list(counts)))
            ramps = added(texts, counts, date)
            await connection.execute(_KEEP, list(ramps), [write(ramp) for ramp in ramps.values()])
        return ramps

    async def known(self, lanes: list[str]) -> dict[str, Ramp]:
        async with self._store.connection() as connection:
            return {lane: read(text) for lane, text in await connection.fetch(_KNOWN, lanes)}
