from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from feedback.store.postgres import Postgres
from tests.fakes import FakeOrders
from worker.adapters import opened
from worker.orders import OrderBook
from worker.orders.postgres import PostgresOrders
from worker.orders.sqlite import SqliteOrders

Reach = Callable[[], OrderBook]


@pytest.fixture(params=["postgres", "sqlite", "fake"])
def reach(request: pytest.FixtureRequest, tmp_path: Path) -> Reach:
    """Another process's way to the same book."""
    match request.param:
        case "postgres":
            url = str(request.getfixturevalue("database_url"))
            return lambda: PostgresOrders(Postgres(url))
        case "sqlite":
            return lambda: SqliteOrders(tmp_path / "store.db")
        case _:
            pages = FakeOrders().pages
            return lambda: FakeOrders(pages)


@pytest.fixture
async def book(reach: Reach) -> AsyncIterator[OrderBook]:
    async with opened(reach()) as made:
        yield made


@pytest.fixture
async def others(reach: Reach, book: OrderBook) -> AsyncIterator[OrderBook]:
    """The same book in the hands of another process."""
    async with opened(reach()) as made:
        yield made
