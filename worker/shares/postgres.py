"""The accounts of all lanes on PostgreSQL, beside the delivery log, shared by all workers.

A refresh is a transaction of one look-up, which locks the rows in the order of their names, and one update. Time is the
server's, read when all locks are held, so that for each lane it never goes back whoever asks.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager

import asyncpg

from feedback.log.postgres import MIGRATIONS
from feedback.store import StoreAway
from feedback.store.ear import Ear
from feedback.store.postgres import Postgres
from mta.traffic.accounts import Answers, Changed, SharesAway
from mta.traffic.memory import decode
from mta.traffic.shares import Account, Ask
from worker.shares.step import COLUMNS, UNKNOWN, Row, changed, step, storable_names

CHANNEL = "mta_slower"
_PAYLOAD = 7000
"""Octets of names in one notification; the server takes 8000."""

KEEP_CHANGES, KEEP_FOR, KEEP_LANES = 200_000, 30 * 86400.0, 180 * 86400.0
"""Changes that are kept at most, and for how many seconds; seconds for which a lane is known that nobody sends in."""

_AGAIN = 1.0
"""Seconds until it is tried again to listen."""

# What was locked is materialised first, so that the time is read for each row after its lock.
_LOOK = """
WITH locked AS MATERIALIZED (
    SELECT lane, account FROM mta.lane WHERE lane = ANY ($1::text[]) ORDER BY lane FOR UPDATE
)
SELECT lane, account, extract(epoch FROM clock_timestamp())::float8 FROM locked
"""

_ADD = f"""
INSERT INTO mta.lane (lane, account) SELECT lane, '{UNKNOWN}' FROM unnest($1::text[]) AS lane ORDER BY lane
ON CONFLICT (lane) DO NOTHING
"""

_KEEP = """
UPDATE mta.lane AS kept SET account = new.account, refreshed_at = clock_timestamp()
FROM unnest($1::text[], $2::text[]) AS new (lane, account) WHERE kept.lane = new.lane
"""

_RECORD = f"""
INSERT INTO mta.change ({COLUMNS})
SELECT * FROM unnest($1::float8[], $2::text[], $3::text[], $4::float8[], $5::float8[], $6::text[], $7::float8[])
"""

_TELL = "SELECT pg_notify($1, $2)"

_KNOWN = """
SELECT lane, account, extract(epoch FROM clock_timestamp())::float8 FROM mta.lane WHERE lane = ANY ($1::text[])
"""

_CHANGES = f"SELECT {COLUMNS} FROM mta.change WHERE lane = ANY ($1::text[]) ORDER BY id DESC LIMIT $2"

_TIDY_CHANGES = """
DELETE FROM mta.change WHERE id <= (SELECT max(id) - $1::bigint FROM mta.change)
    OR at < extract(epoch FROM clock_timestamp()) - $2::float8
"""

_TIDY_LANES = "DELETE FROM mta.lane WHERE refreshed_at < clock_timestamp() - make_interval(secs => $1)"


class PostgresShares:
    """`Shares` for many worker processes; `called` listens on a connection of its own."""

    def __init__(self, store: Postgres) -> None:
        self._store = store
        self._seen: set[str] = set()
        self._told: set[str] = set()
        self._ear = Ear(store.dsn, CHANNEL, lambda payload: self._told.update(json.loads(payload)))

    async def open(self) -> None:
        with _shares_away():
            await self._store.open(self, {"mta": MIGRATIONS})

    async def close(self) -> None:
        self._ear.close()
        await self._store.close(self)

    async def refresh(self, asks: Sequence[Ask]) -> Answers:
        asks = storable_names(asks)
        names = [ask.lane for ask in asks]
        async with self._transaction() as connection:
            rows = await self._look(connection, names)
            done = step(asks, {lane: text for lane, text, _ in rows}, max(at for _, _, at in rows))
            await connection.execute(_KEEP, list(done.texts), list(done.texts.values()))
            if done.changes:
                await connection.execute(_RECORD, *map(list, zip(*done.changes, strict=True)))
            for payload in _payloads(done.called):
                await connection.execute(_TELL, CHANNEL, payload)
        self._seen.update(names)
        return done.answers

    async def called(self) -> set[str]:
        while not self._told:
            try:
                await self._ear.listen()
            except StoreAway:
                await asyncio.sleep(_AGAIN)
                continue
            self._ear.news.clear()
            if not self._told:
                await self._ear.news.wait()
        told, self._told = self._told, set()
        return told

    async def known(self, lanes: Sequence[str]) -> dict[str, Account]:
        with _shares_away():
            async with self._store.connection() as connection:
                rows = await connection.fetch(_KNOWN, list(lanes))
        return {lane: account for lane, text, at in rows if (account := decode(text, at)) is not None}

    async def changes(self, lanes: Sequence[str], limit: int) -> list[Changed]:
        with _shares_away():
            async with self._store.connection() as connection:
                return [changed(Row(*record)) for record in await connection.fetch(_CHANGES, list(lanes), limit)]

    async def tidy(self) -> None:
        with _shares_away():
            async with self._store.connection() as connection:
                await connection.execute(_TIDY_CHANGES, KEEP_CHANGES, KEEP_FOR)
                await connection.execute(_TIDY_LANES, KEEP_LANES)

    @asynccontextmanager
    async def _transaction(self) -> AsyncIterator[asyncpg.Connection]:
        with _shares_away():
            async with self._store.transaction() as connection:
                yield connection

    async def _look(self, connection: asyncpg.Connection, names: list[str]) -> list[tuple[str, str, float]]:
        """The rows of these lanes, locked; made where they are missing."""
        if new := [name for name in names if name not in self._seen]:
            await connection.execute(_ADD, new)
        rows = await connection.fetch(_LOOK, names)
        if len(rows) < len(names):  # the store has lost them since
            await connection.execute(_ADD, names)
            rows = await connection.fetch(_LOOK, names)
        return [(lane, text, at) for lane, text, at in rows]


@contextmanager
def _shares_away() -> Iterator[None]:
    try:
        yield
    except StoreAway as fault:
        raise SharesAway(str(fault)) from fault


def _payloads(lanes: Sequence[str]) -> Iterator[str]:
    """Names in as few notifications as they fit in."""
    some: list[str] = []
    size = 2
    for lane in lanes:
        if some and size + len(json.dumps(lane)) + 2 > _PAYLOAD:
            yield json.dumps(some)
            some, size = [], 2
        some.append(lane)
        size += len(json.dumps(lane)) + 2
    if some:
        yield json.dumps(some)
