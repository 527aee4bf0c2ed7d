"""The almanac on PostgreSQL, beside the delivery log."""

from collections.abc import Mapping

from feedback.log.postgres import MIGRATIONS
from feedback.qualifier.storm import Breaker, Counts, Weather
from feedback.store.postgres import Postgres
from feedback.store.text import storable
from feedback.weather.row import COLUMNS, FORGET, merged, row, weathers

_TURN = "SELECT pg_advisory_xact_lock(hashtext('campaign-mta weather'))"
"""One worker after the other: what each adds depends on what is there."""

_STANDING = f"SELECT {COLUMNS} FROM mta.weather WHERE site = ANY ($1::text[]) OR stormy_since IS NOT NULL"

_KEEP = f"""
INSERT INTO mta.weather ({COLUMNS})
SELECT * FROM unnest($1::text[], $2::float8[], $3::float8[], $4::float8[], $5::float8[], $6::float8[], $7::float8[],
    $8::float8[], $9::float8[])
ON CONFLICT (site) DO UPDATE SET latest = excluded.latest, latest_hard = excluded.latest_hard, recent = excluded.recent,
    recent_hard = excluded.recent_hard, usual = excluded.usual, usual_hard = excluded.usual_hard, at = excluded.at,
    stormy_since = excluded.stormy_since
"""

_KEPT = f"SELECT {COLUMNS} FROM mta.weather"

_FORGET = "DELETE FROM mta.weather WHERE at < extract(epoch FROM now()) - $1::float8"


class PostgresAlmanac:
    """`Almanac` for many worker processes."""

    def __init__(self, store: Postgres, breaker: Breaker | None = None) -> None:
        self._store = store
        self._breaker = breaker or Breaker()

    async def open(self) -> None:
        await self._store.open(self, {"mta": MIGRATIONS})
        async with self._store.connection() as connection:
            await connection.execute(_FORGET, FORGET)

    async def close(self) -> None:
        await self._store.close(self)

    async def exchange(self, counts: Mapping[str, Counts], now: float) -> dict[str, Weather]:
        counts = {storable(site): new for site, new in counts.items()}
        async with self._store.transaction() as connection:
            if counts:
                await connection.execute(_TURN)
            standing = weathers(await connection.fetch(_STANDING, list(counts)))
            if new := merged(standing, counts, now, self._breaker):
                rows = [row(site, weather) for site, weather in new.items()]
                await connection.execute(_KEEP, *map(list, zip(*rows, strict=True)))
        return standing | new

    async def kept(self) -> dict[str, Weather]:
        async with self._store.connection() as connection:
            return weathers(await connection.fetch(_KEPT))
