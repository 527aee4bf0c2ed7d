"""Unknown replies on PostgreSQL, beside the delivery log."""

from feedback.log.postgres import MIGRATIONS
from feedback.qualifier.unknown import MAX_KINDS, Decision, Key, Ledger
from feedback.store.postgres import Postgres
from feedback.unknown.row import Row, kind, row

_COLUMNS = "id, code, phase, canonical, count, first_at, last_at, site, example, decision"

_ADD = f"""
INSERT INTO mta.unknown_reply AS kept ({_COLUMNS})
SELECT * FROM unnest($1::text[], $2::int[], $3::text[], $4::text[], $5::bigint[], $6::float8[], $7::float8[],
    $8::text[], $9::text[], $10::text[]) AS new ({_COLUMNS}) ORDER BY id
ON CONFLICT (id) DO UPDATE SET count = kept.count + excluded.count, first_at = least(kept.first_at, excluded.first_at),
    last_at = greatest(kept.last_at, excluded.last_at)
"""

_BOUND = """
DELETE FROM mta.unknown_reply WHERE id IN (
    SELECT id FROM mta.unknown_reply WHERE decision = 'to_qualify' ORDER BY count DESC, last_at DESC OFFSET $1)
"""

_KEPT = f"SELECT {_COLUMNS} FROM mta.unknown_reply"

_DECISIONS = "SELECT code, phase, canonical, decision FROM mta.unknown_reply WHERE decision <> 'to_qualify'"

_DECIDE = "UPDATE mta.unknown_reply SET decision = $2 WHERE id = ANY ($1::text[]) RETURNING id"


class PostgresUnknownReplies:
    """`UnknownReplies` for many worker processes."""

    def __init__(self, store: Postgres) -> None:
        self._store = store

    async def open(self) -> None:
        await self._store.open(self, {"mta": MIGRATIONS})

    async def close(self) -> None:
        await self._store.close(self)

    async def add(self, ledger: Ledger) -> None:
        if not ledger:
            return
        rows: list[Row] = [row(key, unknown) for key, unknown in ledger.items()]
        async with self._store.connection() as connection:
            await connection.execute(_ADD, *map(list, zip(*rows, strict=True)))
            await connection.execute(_BOUND, MAX_KINDS)

    async def kept(self) -> Ledger:
        async with self._store.connection() as connection:
            return dict(kind(tuple(record)) for record in await connection.fetch(_KEPT))

    async def decisions(self) -> dict[Key, Decision]:
        async with self._store.connection() as connection:
            rows = await connection.fetch(_DECISIONS)
        return {Key(code, phase, canonical): Decision(decision) for code, phase, canonical, decision in rows}

    async def decide(self, ids: list[str], decision: Decision) -> set[str]:
        async with self._store.connection() as connection:
            return {record[0] for record in await connection.fetch(_DECIDE, ids, decision.value)}
