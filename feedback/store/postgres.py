"""PostgreSQL for every adapter of a process: one pool that reconnects by itself, migrations, one word for being away."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import asyncpg

from feedback.store import StoreAway
from feedback.store.migration import migrations, missing

TIMEOUT = 10.0
"""Seconds for one statement, for a lock, and for a connection to be had."""

SESSION = {
    "application_name": "campaign-mta",
    "statement_timeout": f"{TIMEOUT * 1000:.0f}",
    "idle_in_transaction_session_timeout": f"{TIMEOUT * 1000:.0f}",
    # Batches are joined to the table by its keys. A plan made while the table was small and without statistics would
    # scan it, and stay in use while the table grows.
    "enable_seqscan": "off",
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
    "jit": "off",
}

AWAY = (
    OSError,
    TimeoutError,
    asyncpg.exceptions.InterfaceError,  # the connection or the pool was closed under us
    asyncpg.exceptions.InternalClientError,
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,  # restart, crash, not ready yet, statement timeout
    asyncpg.TransactionRollbackError,  # deadlock, serialization
    asyncpg.InsufficientResourcesError,  # disk or memory full, no connection left
    asyncpg.PostgresSystemError,
    asyncpg.LockNotAvailableError,
    asyncpg.IdleInTransactionSessionTimeoutError,
    asyncpg.ReadOnlySQLTransactionError,  # a standby after a failover
    asyncpg.InvalidAuthorizationSpecificationError,
    asyncpg.InvalidCatalogNameError,
)


@contextmanager
def away() -> Iterator[None]:
    """Turn what asyncpg raises when the server is away or breaks off into `StoreAway`.

    A value that does not fit its column (`asyncpg.DataError`) and wrong SQL are faults of ours and pass through.
    """
    try:
        yield
    except asyncpg.DataError:
        raise
    except AWAY as error:
        raise StoreAway(f"{type(error).__name__}: {error}" if str(error) else type(error).__name__) from error


class Postgres:
    """One pool of connections for all adapters of a process. Every method raises `StoreAway` when the server is not to be had.

    Args:
        dsn: where the database is.
        size: connections at most; they are made when they are needed, and given up when they are not.
    """

    def __init__(self, dsn: str, size: int = 8) -> None:
        self.dsn = dsn
        self._size = size
        self._pool: asyncpg.Pool | None = None
        self._users: set[object] = set()
        self._current: set[str] = set()
        self._opening = asyncio.Lock()

    async def open(self, user: object, schemas: Mapping[str, Path]) -> None:
        """Connect, if nobody has yet, and bring these schemas up to date; a second call after a failed one is fine.

        Raises:
            NewerStore: they are beyond that.
        """
        async with self._opening:
            self._users.add(user)
            try:
                await self._connect()
                for schema, folder in schemas.items():
                    if schema not in self._current:
                        await self._migrate(schema, folder)
                        self._current.add(schema)
            except BaseException:
                await self.close(user)
                raise

    async def close(self, user: object) -> None:
        """When the last user is gone close all connections, waiting a moment for statements under way."""
        self._users.discard(user)
        if self._users or self._pool is None:
            return
        pool, self._pool = self._pool, None
        self._current.clear()
        try:
            await asyncio.wait_for(pool.close(), 2.0)
        except AWAY:
            pool.terminate()

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[asyncpg.Connection]:
        """A connection on which each statement is a transaction of its own."""
        if self._pool is None:
            raise StoreAway("the store is not open")
        with away():
            async with self._pool.acquire(timeout=TIMEOUT) as connection:
                yield connection

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[asyncpg.Connection]:
        """A connection in a transaction, committed at the end."""
        async with self.connection() as connection, connection.transaction():
            yield connection

    async def _connect(self) -> None:
        if self._pool is None:
            with away():
                self._pool = await asyncpg.create_pool(
                    self.dsn,
                    min_size=1,
                    max_size=self._size,
                    command_timeout=TIMEOUT,
                    timeout=TIMEOUT,
                    server_settings=SESSION,
                    reset=_as_it_is,
                )

    async def _migrate(self, schema: str, folder: Path) -> None:
        """Bring a schema up to date, one process at a time."""
        wanted = migrations(folder)
        async with self.transaction() as connection:
            await connection.execute("SELECT pg_advisory_xact_lock(hashtext('campaign-mta ' || $1::text))", schema)
            if await connection.fetchval("SELECT to_regnamespace($1) IS NULL", schema):
                await connection.execute(f"CREATE SCHEMA {schema}")
            await connection.execute(
                f"CREATE TABLE IF NOT EXISTS {schema}.migration (number integer PRIMARY KEY, name text NOT NULL,"
                " applied_at timestamptz NOT NULL DEFAULT clock_timestamp())"
            )
            applied = {row["number"] for row in await connection.fetch(f"SELECT number FROM {schema}.migration")}
            for migration in missing(wanted, applied, f"[store] url: its schema {schema}"):
                await connection.execute(migration.sql)
                await connection.execute(
                    f"INSERT INTO {schema}.migration (number, name) VALUES ($1, $2)", migration.number, migration.name
                )


async def _as_it_is(_: asyncpg.Connection) -> None:
    """Hand a connection back without asyncpg's round trip to reset it: nothing here changes a session."""
