"""What only several processes on one PostgreSQL can show: an order reaches all of them, with and without being told."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import asyncpg

from feedback.store.postgres import Postgres
from mta.lane import Lane, Source
from worker.orders.order import Ending, Suspension
from worker.orders.postgres import PostgresOrders
from worker.orders.view import Orders

LANE = Lane(Source(pool="default", helo="mta"), "big")


@asynccontextmanager
async def worker(url: str) -> AsyncIterator[Orders]:
    orders = Orders(PostgresOrders(Postgres(url)), time.time)
    await orders.open()
    hearing = asyncio.create_task(orders.run())
    try:
        yield orders
    finally:
        hearing.cancel()
        await asyncio.wait([hearing])
        await orders.close()


def stopped(target: str) -> Suspension:
    return Suspension(target=target, pool=None, since=time.time(), until=None, by="ann@ops")


async def deafen(url: str) -> int:
    """End every connection that listens; answers how many there were."""
    connection = await asyncpg.connect(url)
    try:
        return len(
            await connection.fetch(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid() AND query LIKE 'LISTEN%'"
            )
        )
    finally:
        await connection.close()


async def test_an_order_and_its_end_reach_every_worker_also_when_their_listening_connections_were_lost(
    database_url: str,
) -> None:
    book = PostgresOrders(Postgres(database_url))
    async with AsyncExitStack() as stack:
        workers = [await stack.enter_async_context(worker(database_url)) for _ in range(2)]
        await book.open()
        stack.push_async_callback(book.close)
        listening = 0
        while listening < 2:
            listening += await deafen(database_url)
            await asyncio.sleep(0.05)
        revisions = [one.revision for one in workers]
        await book.give([stopped("big")])
        for one, revision in zip(workers, revisions, strict=True):
            await one.changed(revision)
            assert one.suspended(LANE, "d.example") is not None
        revisions = [one.revision for one in workers]
        await book.give([Ending(matter="suspension", target="big", pool=None, since=time.time(), by="ann@ops")])
        for one, revision in zip(workers, revisions, strict=True):
            await one.changed(revision)
            assert one.suspended(LANE, "d.example") is None


async def test_orders_from_several_hands_at_once_are_all_kept_and_all_heard(database_url: str) -> None:
    async with AsyncExitStack() as stack:
        books = [PostgresOrders(Postgres(database_url)) for _ in range(4)]
        for book in books:
            await book.open()
            stack.push_async_callback(book.close)
        one = await stack.enter_async_context(worker(database_url))
        await asyncio.gather(
            *(book.give([stopped(f"s{n}.{number}")]) for n in range(5) for number, book in enumerate(books))
        )
        while len(one.suspensions()) < 20:
            await one.changed(one.revision)
        assert len(await books[0].history(100)) == 20
