"""The accounts of all lanes in the embedded store, beside the delivery log, so that what was learnt survives a restart."""

import asyncio
import json
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from feedback.log.sqlite import MIGRATIONS
from feedback.store import StoreAway
from feedback.store.sqlite import Sqlite
from mta.traffic.accounts import Answers, Changed, SharesAway
from mta.traffic.memory import decode
from mta.traffic.shares import Account, Ask
from worker.shares.postgres import KEEP_CHANGES, KEEP_FOR, KEEP_LANES
from worker.shares.step import COLUMNS, UNKNOWN, Row, changed, step, storable_names

_LOOK = "SELECT lane, account FROM log_lane WHERE lane IN (SELECT value FROM json_each(?))"

_KEEP = """
INSERT INTO log_lane (lane, account, refreshed_at) VALUES (?, ?, ?)
ON CONFLICT (lane) DO UPDATE SET account = excluded.account, refreshed_at = excluded.refreshed_at
"""

_RECORD = f"INSERT INTO log_change ({COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?)"

_CHANGES = f"""
SELECT {COLUMNS} FROM log_change WHERE lane IN (SELECT value FROM json_each(?)) ORDER BY id DESC LIMIT ?
"""

_TIDY_CHANGES = "DELETE FROM log_change WHERE id <= (SELECT max(id) - ? FROM log_change) OR at < ?"

_TIDY_LANES = "DELETE FROM log_lane WHERE refreshed_at < ?"


class SqliteShares:
    """`Shares` in a file, of the one worker process there is; commands may look into it. `clock` gives POSIX time."""

    def __init__(self, path: str | Path, clock: Callable[[], float] = time.time) -> None:
        self._store = Sqlite(Path(path))
        self._clock = clock

    async def open(self) -> None:
        with _shares_away():
            await self._store.open()
            await self._store.migrate("log", MIGRATIONS)

    async def close(self) -> None:
        await self._store.close()

    async def refresh(self, asks: Sequence[Ask]) -> Answers:
        asks = storable_names(asks)
        texts = {ask.lane: UNKNOWN for ask in asks}
        with _shares_away():
            async with self._store.transaction() as connection:
                texts |= dict(await connection.execute_fetchall(_LOOK, (json.dumps(list(texts)),)))  # type: ignore[arg-type]
                done = step(asks, texts, self._clock())
                at = done.answers.at
                await connection.executemany(_KEEP, [(lane, text, at) for lane, text in done.texts.items()])
                if done.changes:
                    await connection.executemany(_RECORD, done.changes)
        return done.answers

    async def called(self) -> set[str]:
        await asyncio.Event().wait()
        return set()

    async def known(self, lanes: Sequence[str]) -> dict[str, Account]:
        with _shares_away():
            async with self._store.transaction(write=False) as connection:
                rows = await connection.execute_fetchall(_LOOK, (json.dumps(list(lanes)),))
        found = ((lane, decode(text, self._clock())) for lane, text in rows)
        return {lane: account for lane, account in found if account is not None}

    async def changes(self, lanes: Sequence[str], limit: int) -> list[Changed]:
        with _shares_away():
            async with self._store.transaction(write=False) as connection:
                rows = await connection.execute_fetchall(_CHANGES, (json.dumps(list(lanes)), limit))
        return [changed(Row(*row)) for row in rows]

    async def tidy(self) -> None:
        now = self._clock()
        with _shares_away():
            async with self._store.transaction() as connection:
                await connection.execute(_TIDY_CHANGES, (KEEP_CHANGES, now - KEEP_FOR))
                await connection.execute(_TIDY_LANES, (now - KEEP_LANES,))


@contextmanager
def _shares_away() -> Iterator[None]:
    try:
        yield
    except StoreAway as fault:
        raise SharesAway(str(fault)) from fault
