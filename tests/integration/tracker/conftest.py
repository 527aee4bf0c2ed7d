from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from feedback.log import DeliveryLog
from feedback.log.postgres import PostgresLog
from feedback.log.sqlite import SqliteLog
from feedback.store.postgres import Postgres
from feedback.tracker import Tracker
from feedback.tracker.postgres import PostgresTracker
from feedback.tracker.sqlite import SqliteTracker


@pytest.fixture(params=["postgres", "sqlite"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> str | Path:
    """Where the tracker and the log keep their tables: one database for both, as in production."""
    if request.param == "postgres":
        return str(request.getfixturevalue("database_url"))
    return tmp_path / "store.db"


@pytest.fixture
async def tracker(store: str | Path) -> AsyncIterator[Tracker]:
    made: Tracker = PostgresTracker(Postgres(store)) if isinstance(store, str) else SqliteTracker(store)
    await made.open()
    yield made
    await made.close()


@pytest.fixture
async def log(store: str | Path) -> AsyncIterator[DeliveryLog]:
    made: DeliveryLog = PostgresLog(Postgres(store), worker="w") if isinstance(store, str) else SqliteLog(store)
    await made.open()
    yield made
    await made.close()
