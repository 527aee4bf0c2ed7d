"""Where sources stand, in the embedded store."""

import json
from collections.abc import Mapping
from pathlib import Path

from feedback.log.sqlite import MIGRATIONS
from feedback.store.sqlite import Sqlite
from mta.traffic.ramp import Ramp
from worker.ramps import Count
from worker.ramps.row import added, read, write

_LOOK = "SELECT lane, ramp FROM log_ramp WHERE lane IN (SELECT value FROM json_each(?))"

_KEEP = "INSERT INTO log_ramp (lane, ramp) VALUES (?, ?) ON CONFLICT (lane) DO UPDATE SET ramp = excluded.ramp"


class SqliteRamps:
    """`RampBook` in a file."""

    def __init__(self, path: str | Path) -> None:
        self._store = Sqlite(Path(path))

    async def open(self) -> None:
        await self._store.open()
        await self._store.migrate("log", MIGRATIONS)

    async def close(self) -> None:
        await self._store.close()

    async def add(self, counts: Mapping[str, Count], date: int) -> dict[str, Ramp]:
        async with self._store.transaction() as connection:
            rows = await connection.execute_fetchall(_LOOK, (json.dumps(list(counts)),))
            ramps = added({row[0]: row[1] for row in rows}, counts, date)
            await connection.executemany(_KEEP, [(lane, write(ramp)) for lane, ramp in ramps.items()])
        return ramps

    async def known(self, lanes: list[str]) -> dict[str, Ramp]:
        async with self._store.transaction(write=False) as connection:
            rows = await connection.execute_fetchall(_LOOK, (json.dumps(lanes),))
        return {row[0]: read(row[1]) for row in rows}
