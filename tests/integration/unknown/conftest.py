from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from feedback.unknown import UnknownReplies
from feedback.unknown.postgres import PostgresUnknownReplies
from feedback.unknown.sqlite import SqliteUnknownReplies


@pytest.fixture(params=["postgres", "sqlite"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> str | Path:
    if request.param == "postgres":
        return str(request.getfixturevalue("database_url"))
    return tmp_path / "store.db"


def reach(store: str | Path) -> UnknownReplies:
    return PostgresUnknownReplies(store) if isinstance(store, str) else SqliteUnknownReplies(store)


@pytest.fixture
async def replies(store: str | Path) -> AsyncIterator[UnknownReplies]:
    made = reach(store)
    await made.open()
    yield made
    await made.close()


@pytest.fixture
async def others(store: str | Path, replies: UnknownReplies) -> AsyncIterator[UnknownReplies]:
    """The same ledger in the hands of another process, or of the next one."""
    made = reach(store)
    await made.open()
    yield made
    await made.close()
