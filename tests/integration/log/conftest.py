from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from feedback.log import DeliveryLog
from tests.integration.log.stores import PostgresStore, SqliteStore, Store


@pytest.fixture(params=["postgres", "sqlite"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Store]:
    made: Store = (
        PostgresStore(request.getfixturevalue("database_url"))
        if request.param == "postgres"
        else SqliteStore(tmp_path / "log.db")
    )
    yield made
    for log in made.opened:
        await log.close()


@pytest.fixture
async def log(store: Store) -> DeliveryLog:
    """A living worker's log."""
    return await store.worker()
