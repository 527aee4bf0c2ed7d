from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from feedback.log import DeliveryLog
from tests.integration.log.stores import PostgresStore, SqliteStore, Store, WorldStore


@pytest.fixture(params=["postgres", "sqlite", "model"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Store]:
    made: Store
    match request.param:
        case "postgres":
            made = PostgresStore(request.getfixturevalue("database_url"))
        case "sqlite":
            made = SqliteStore(tmp_path / "log.db")
        case _:
            made = WorldStore()
    yield made
    for log in made.opened:
        await log.close()


@pytest.fixture
async def log(store: Store) -> DeliveryLog:
    """A living worker's log."""
    return await store.worker()
