"""Unknown replies in the embedded store, beside the delivery log."""

import json
from pathlib import Path

from feedback.log.sqlite import MIGRATIONS
from feedback.qualifier.unknown import MAX_KINDS, Decision, Key, Ledger
from feedback.store.sqlite import Sqlite
from feedback.unknown.row import kind, row

_COLUMNS = "id, code, phase, canonical, count, first_at, last_at, site, example, decision"

_ADD = f"""
INSERT INTO log_unknown_reply ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (id) DO UPDATE SET count = count + excluded.count, first_at = min(first_at, excluded.first_at),
    last_at = max(last_at, excluded.last_at)
"""

_BOUND = """
DELETE FROM log_unknown_reply WHERE id IN (
    SELECT id FROM log_unknown_reply WHERE decision = 'to_qualify' ORDER BY count DESC, last_at DESC LIMIT -1 OFFSET ?)
"""

_KEPT = f"SELECT {_COLUMNS} FROM log_unknown_reply"

_DECISIONS = "SELECT code, phase, canonical, decision FROM log_unknown_reply WHERE decision <> 'to_qualify'"

_DECIDE = "UPDATE log_unknown_reply SET decision = ? WHERE id IN (SELECT value FROM json_each(?)) RETURNING id"


class SqliteUnknownReplies:
    """`UnknownReplies` in a file; commands may open it beside the worker."""

    def __init__(self, path: str | Path) -> None:
        self._store = Sqlite(Path(path))

    async def open(self) -> None:
        await self._store.open()
        await self._store.migrate("log", MIGRATIONS)

    async def close(self) -> None:
        await self._store.close()

    async def add(self, ledger: Ledger) -> None:
        if not ledger:
            return
        async with self._store.transaction() as connection:
            await connection.executemany(_ADD, [row(key, unknown) for key, unknown in ledger.items()])
            await connection.execute(_BOUND, (MAX_KINDS,))

    async def kept(self) -> Ledger:
        async with self._store.transaction(write=False) as connection:
            return dict(kind(tuple(record)) for record in await connection.execute_fetchall(_KEPT))

    async def decisions(self) -> dict[Key, Decision]:
        async with self._store.transaction(write=False) as connection:
            rows = await connection.execute_fetchall(_DECISIONS)
        return {Key(code, phase, canonical): Decision(decision) for code, phase, canonical, decision in rows}

    async def decide(self, ids: list[str], decision: Decision) -> set[str]:
        async with self._store.transaction() as connection:
            rows = await connection.execute_fetchall(_DECIDE, (decision.value, json.dumps(ids)))
        return {row[0] for row in rows}
