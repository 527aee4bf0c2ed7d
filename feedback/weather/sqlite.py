"""The almanac in the embedded store, beside the delivery log."""

import json
from collections.abc import Mapping
from pathlib import Path

from feedback.log.sqlite import MIGRATIONS
from feedback.qualifier.storm import Breaker, Counts, Weather
from feedback.store.sqlite import Sqlite
from feedback.store.text import storable
from feedback.weather.row import COLUMNS, FORGET, merged, row, weathers

_STANDING = f"""
SELECT {COLUMNS} FROM log_weather WHERE site IN (SELECT value FROM json_each(?)) OR stormy_since IS NOT NULL
"""

_KEEP = f"INSERT OR REPLACE INTO log_weather ({COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"

_KEPT = f"SELECT {COLUMNS} FROM log_weather"

_FORGET = "DELETE FROM log_weather WHERE at < strftime('%s', 'now') - ?"


class SqliteAlmanac:
    """`Almanac` in a file; commands may open it beside the worker."""

    def __init__(self, path: str | Path, breaker: Breaker | None = None) -> None:
        self._store = Sqlite(Path(path))
        self._breaker = breaker or Breaker()

    async def open(self) -> None:
        await self._store.open()
        await self._store.migrate("log", MIGRATIONS)
        async with self._store.transaction() as connection:
            await connection.execute(_FORGET, (FORGET,))

    async def close(self) -> None:
        await self._store.close()

    async def exchange(self, counts: Mapping[str, Counts], now: float) -> dict[str, Weather]:
        counts = {storable(site): new for site, new in counts.items()}
        async with self._store.transaction(write=bool(counts)) as connection:
            standing = weathers(list(await connection.execute_fetchall(_STANDING, (json.dumps(list(counts)),))))
            new = merged(standing, counts, now, self._breaker)
            await connection.executemany(_KEEP, [row(site, weather) for site, weather in new.items()])
        return standing | new

    async def kept(self) -> dict[str, Weather]:
        async with self._store.transaction(write=False) as connection:
            return weathers(list(await connection.execute_fetchall(_KEPT)))
