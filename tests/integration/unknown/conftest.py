from collections.abc import AsyncIterator

import pytest

from feedback.unknown import UnknownReplies
from feedback.unknown.postgres import PostgresUnknownReplies
from feedback.unknown.sqlite import SqliteUnknownReplies
from tests.services.places import Place
from worker.adapters import opened


@pytest.fixture
async def replies(place: Place) -> AsyncIterator[UnknownReplies]:
    async with opened(place.reach(PostgresUnknownReplies, SqliteUnknownReplies)) as made:
        yield made


@pytest.fixture
async def others(place: Place, replies: UnknownReplies) -> AsyncIterator[UnknownReplies]:
    """The same ledger in the hands of another process, or of the next one."""
    async with opened(place.reach(PostgresUnknownReplies, SqliteUnknownReplies)) as made:
        yield made
