"""What only a store of many workers can do."""

import asyncio
import json

from feedback.store.postgres import Postgres
from mta.traffic.accounts import SharesAway
from mta.traffic.tally import Tally
from tests.integration.shares.test_conformance import LANE, ask
from tests.services.postgres import PostgresServer
from worker.shares.postgres import PostgresShares, _payloads


async def test_a_lane_that_one_worker_closes_is_told_to_the_others(database_url: str) -> None:
    one, two = PostgresShares(Postgres(database_url)), PostgresShares(Postgres(database_url))
    await one.open()
    await two.open()
    listening = asyncio.create_task(_called(two, LANE))
    heard = Tally(blocked=3, ordered=1, why="554 listed")
    async with asyncio.timeout(20):
        while not listening.done():  # whoever listens late has missed it
            for lane in (LANE, "another"):
                await one.refresh([ask("one", lane=lane, heard=heard)])
                await one.refresh([ask("one", lane=lane)])
            await asyncio.sleep(0.05)
            await _reopen(one, LANE, "another")
    await one.close()
    await two.close()


async def _called(shares: PostgresShares, lane: str) -> None:
    """Until this lane is called; who begins to listen between two calls hears only the later one."""
    while lane not in await shares.called():
        pass


async def test_who_holds_what_is_due_to_another_is_called(database_url: str) -> None:
    one, two = PostgresShares(Postgres(database_url)), PostgresShares(Postgres(database_url))
    await one.open()
    await two.open()
    listening = asyncio.create_task(one.called())
    await one.refresh([ask("one")])
    async with asyncio.timeout(20):
        while not listening.done():  # whoever listens late has missed it
            await two.refresh([ask("two")])
            await asyncio.sleep(0.05)
    assert await listening == {LANE}
    await one.close()
    await two.close()


async def _reopen(shares: PostgresShares, *lanes: str) -> None:
    async with shares._store.connection() as connection:
        await connection.execute("DELETE FROM mta.lane WHERE lane = ANY ($1::text[])", list(lanes))


def test_many_lanes_are_told_in_pieces_that_the_server_takes() -> None:
    lanes = [f"default/any>site{number}.example" for number in range(2000)]
    payloads = list(_payloads(lanes))
    assert all(len(payload.encode()) < 8000 for payload in payloads)
    assert [lane for payload in payloads for lane in json.loads(payload)] == lanes


async def test_a_server_that_is_gone_is_away_and_comes_back_with_what_it_knew(private_postgres: PostgresServer) -> None:
    shares = PostgresShares(Postgres(private_postgres.url))
    await shares.open()
    first = (await shares.refresh([ask("one")])).grants[0].lease
    private_postgres.kill()
    try:
        await shares.refresh([ask("one")])
    except SharesAway:
        pass
    else:
        raise AssertionError("granted by nobody")
    private_postgres.start()
    again = (await shares.refresh([ask("two")])).grants[0].lease
    assert (first.window, again.window) == (10, 0)
    await shares.close()
