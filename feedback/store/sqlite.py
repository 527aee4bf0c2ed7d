"""SQLite for the embedded log and tracker: one connection in WAL mode, transactions one after the other."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path

import aiosqlite

from feedback.store import NewerStore, StoreAway
from feedback.store.migration import migrations, missing

BUSY = 10.0
"""Seconds to wait for another process that is writing."""

PRAGMAS = (
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",
    "PRAGMA wal_autocheckpoint = 2000",
    "PRAGMA cache_size = -16000",
)


AWAY = {
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_PROTOCOL,  # locking, too
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_NOMEM,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_PERM,
    sqlite3.SQLITE_CORRUPT,
    sqlite3.SQLITE_NOTADB,
}
"""Primary result codes that speak of the file or the disk, not of a statement."""


@contextmanager
def away() -> Iterator[None]:
    """Turn a full disk and a file that cannot be opened, read or locked into `StoreAway`.

    Wrong SQL and values that do not fit are faults of ours and pass through.
    """
    try:
        yield
    except sqlite3.Error as error:
        if getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF not in AWAY:
            raise
        raise StoreAway(str(error)) from error
    except OSError as error:
        raise StoreAway(str(error)) from error


class Sqlite:
    """One connection. Every method raises `StoreAway` when the file is not to be had."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._connection: aiosqlite.Connection | None = None
        self._turn = asyncio.Lock()

    async def open(self) -> None:
        """Open the file, made with its folder when missing; a second call after a failed one is fine."""
        if self._connection is not None:
            return
        with away():
            self._path.parent.mkdir(parents=True, exist_ok=True)
            connection = await aiosqlite.connect(self._path, timeout=BUSY, isolation_level=None)
            try:
                for pragma in PRAGMAS:
                    await connection.execute(pragma)
                self._connection = connection
            finally:
                if self._connection is None:  # a fault, or cancelled: its thread would keep the process from ending
                    await connection.close()

    async def close(self) -> None:
        """Close after the transaction under way."""
        async with self._turn:
            connection, self._connection = self._connection, None
            if connection is not None:
                await connection.close()

    @asynccontextmanager
    async def transaction(self, *, write: bool = True) -> AsyncIterator[aiosqlite.Connection]:
        """The connection, in a transaction of its own that is committed at the end."""
        async with self._turn:
            if self._connection is None:
                raise StoreAway("the store is not open")
            committed = False
            with away():
                try:
                    await self._connection.execute("BEGIN IMMEDIATE" if write else "BEGIN")
                    yield self._connection
                    await self._connection.execute("COMMIT")
                    committed = True
                finally:
                    if not committed:  # cancelled perhaps, with a statement still on its way to the thread
                        with suppress(sqlite3.Error):
                            await self._connection.execute("ROLLBACK")

    async def migrate(self, prefix: str, folder: Path) -> None:
        """Bring the tables whose names begin with `prefix` up to date, one process at a time.

        Raises:
            NewerStore: they are beyond that; the file is closed again, for its thread would keep the process from ending.
        """
        try:
            await self._migrate(prefix, folder)
        except NewerStore:
            await self.close()
            raise

    async def _migrate(self, prefix: str, folder: Path) -> None:
        wanted = migrations(folder)
        async with self.transaction() as connection:
            await connection.execute(
                f"CREATE TABLE IF NOT EXISTS {prefix}_migration (number INTEGER PRIMARY KEY, name TEXT NOT NULL)"
            )
            rows = await connection.execute_fetchall(f"SELECT number FROM {prefix}_migration")
            for migration in missing(wanted, {row[0] for row in rows}, str(self._path)):
                for statement in migration.sql.split(";\n"):  # executescript would commit first
                    await connection.execute(statement)
                await connection.execute(
                    f"INSERT INTO {prefix}_migration (number, name) VALUES (?, ?)", (migration.number, migration.name)
                )
