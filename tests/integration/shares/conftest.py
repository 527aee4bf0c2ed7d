import sqlite3
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import pytest

from feedback.store.postgres import Postgres
from mta.traffic.accounts import Shares
from tests.fakes import FakeShares
from worker.shares.postgres import PostgresShares
from worker.shares.sqlite import SqliteShares


@dataclass
class Desk:
    """Where accounts lie, and how to lay hands on them without an adapter. `reach` gives another process's way there."""

    reach: Callable[[], Shares]
    store: str | Path | dict[str, str]

    async def read(self, lane: str) -> str:
        match self.store:
            case dict():
                return self.store[lane]
            case str():
                [(text,)] = await self._ask("SELECT account FROM mta.lane WHERE lane = $1", lane)
                return str(text)
            case path:
                with sqlite3.connect(path) as connection:
                    return str(connection.execute("SELECT account FROM log_lane WHERE lane = ?", (lane,)).fetchone()[0])

    async def write(self, lane: str, text: str) -> None:
        match self.store:
            case dict():
                self.store[lane] = text
            case str():
                await self._ask("UPDATE mta.lane SET account = $2 WHERE lane = $1", lane, text)
            case path:
                with sqlite3.connect(path) as connection:
                    connection.execute("UPDATE log_lane SET account = ? WHERE lane = ?", (text, lane))

    async def lose(self) -> None:
        """All that was known."""
        match self.store:
            case dict():
                self.store.clear()
            case str():
                await self._ask("DELETE FROM mta.lane")
            case path:
                with sqlite3.connect(path) as connection:
                    connection.execute("DELETE FROM log_lane")

    async def _ask(self, statement: str, *values: str) -> list[asyncpg.Record]:
        connection = await asyncpg.connect(self.store)
        try:
            return list(await connection.fetch(statement, *values))
        finally:
            await connection.close()


@pytest.fixture(params=["postgres", "sqlite", "fake"])
def desk(request: pytest.FixtureRequest, tmp_path: Path) -> Desk:
    match request.param:
        case "postgres":
            url = str(request.getfixturevalue("database_url"))
            return Desk(lambda: PostgresShares(Postgres(url)), url)
        case "sqlite":
            path = tmp_path / "store.db"
            return Desk(lambda: SqliteShares(path), path)
        case _:
            texts: dict[str, str] = {}
            recorded = FakeShares().recorded
            return Desk(lambda: FakeShares(texts, recorded), texts)


@pytest.fixture
async def shares(desk: Desk) -> AsyncIterator[Shares]:
    made = desk.reach()
    await made.open()
    yield made
    await made.close()


@pytest.fixture
async def others(desk: Desk, shares: Shares) -> AsyncIterator[Shares]:
    """The same accounts in the hands of another process."""
    made = desk.reach()
    await made.open()
    yield made
    await made.close()
