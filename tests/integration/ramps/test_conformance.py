"""Every promise of the `RampBook` seam, against both adapters."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from feedback.store import StoreAway
from mta.traffic.ramp import Ramp
from tests.services.places import Place
from worker.adapters import opened
from worker.ramps import Count, RampBook
from worker.ramps.postgres import PostgresRamps
from worker.ramps.sqlite import SqliteRamps

LANE = "default/192.0.2.1>example.net"


@pytest.fixture
async def book(place: Place) -> AsyncIterator[RampBook]:
    async with opened(place.reach(PostgresRamps, SqliteRamps)) as made:
        yield made


@pytest.fixture
async def others(place: Place, book: RampBook) -> AsyncIterator[RampBook]:
    """The same book in the hands of another process."""
    async with opened(place.reach(PostgresRamps, SqliteRamps)) as made:
        yield made


async def test_what_several_workers_send_adds_up(book: RampBook, others: RampBook) -> None:
    assert await book.known([LANE]) == {}
    await asyncio.gather(*(hand.add({LANE: Count(5, 1, 1000)}, 20_000) for hand in (book, others)))
    expected = Ramp(volume=1000, day=1, date=20_000, sent=10, refused=2)
    assert await others.known([LANE, "unknown"]) == {LANE: expected}


async def test_a_new_day_moves_a_ramp_on_and_a_new_volume_holds(book: RampBook) -> None:
    await book.add({LANE: Count(50, 0, 1000)}, 20_000)
    ramps = await book.add({LANE: Count(1, 0, 3000)}, 20_004)
    assert ramps == {LANE: Ramp(volume=3000, day=2, date=20_004, sent=1)}


async def test_a_closed_book_is_away(book: RampBook) -> None:
    await book.close()
    with pytest.raises(StoreAway):
        await book.known([LANE])
