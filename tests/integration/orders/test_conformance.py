"""Every promise of the `OrderBook` seam, against both adapters and the fake."""

import asyncio
from time import monotonic

import pytest
from msgspec.structs import replace

from feedback.store import StoreAway
from worker.orders import OrderBook
from worker.orders.order import Cancellation, Ending, Limits, Order, Override, Suspension

NOW = 1_800_000_000.0
STOPPED = Suspension(target="big", pool=None, since=NOW, until=None, by="ann@ops", why="they asked for it")
SLOWED = Override(
    target="big", pool="news", limits=Limits(rate=0.5, connections=2), since=NOW, until=NOW + 60, by="ann@ops"
)
CALLED_OFF = Cancellation(delivery_id="spring", since=NOW, by="bob@ops", why="wrong price")
ORDERS: list[Order] = [STOPPED, SLOWED, CALLED_OFF]


async def test_an_empty_book_is_no_trouble(book: OrderBook) -> None:
    assert await book.in_force(NOW) == []
    assert await book.history(10) == []
    assert await book.newest() == 0


async def test_what_was_ordered_is_there_for_others_to_read(book: OrderBook, others: OrderBook) -> None:
    await book.give(ORDERS)
    assert await others.in_force(NOW + 1) == ORDERS
    assert await others.history(10) == ORDERS[::-1]


async def test_every_order_changes_the_newest_number(book: OrderBook, others: OrderBook) -> None:
    numbers = [await others.newest()]
    for order in (*ORDERS, Ending(matter="suspension", target="big", pool=None, since=NOW, by="ann@ops")):
        await book.give([order])
        numbers.append(await others.newest())
    assert numbers == sorted(set(numbers))


async def test_of_several_orders_on_the_same_the_last_one_holds(book: OrderBook, others: OrderBook) -> None:
    await book.give([STOPPED])
    shorter = replace(STOPPED, until=NOW + 5, by="bob@ops")
    await others.give([shorter])
    assert await book.in_force(NOW) == [shorter]
    assert await book.in_force(NOW + 5) == []


async def test_an_order_ends_by_itself_though_an_earlier_one_would_last(book: OrderBook) -> None:
    await book.give([replace(SLOWED, until=NOW + 3600), SLOWED])
    assert await book.in_force(NOW + 59) == [SLOWED]
    assert await book.in_force(NOW + 60) == []


async def test_an_ending_ends_what_was_ordered_for_just_this_target_and_pool(book: OrderBook) -> None:
    elsewhere, pooled = replace(STOPPED, target="small"), replace(STOPPED, pool="news")
    await book.give([STOPPED, elsewhere, pooled, SLOWED])
    ending = Ending(matter="suspension", target="big", pool=None, since=NOW + 1, by="bob@ops", why="mended")
    await book.give([ending])
    assert await book.in_force(NOW + 2) == [elsewhere, pooled, SLOWED]
    assert (await book.history(1)) == [ending]


async def test_an_order_holds_again_that_is_given_after_an_ending(book: OrderBook) -> None:
    again = replace(STOPPED, since=NOW + 2)
    await book.give([STOPPED, Ending(matter="suspension", target="big", pool=None, since=NOW + 1, by="ann@ops"), again])
    assert await book.in_force(NOW + 3) == [again]


async def test_a_cancellation_holds_for_good(book: OrderBook) -> None:
    await book.give([CALLED_OFF])
    assert await book.in_force(NOW + 10 * 365 * 86400) == [CALLED_OFF]


async def test_text_that_no_store_can_hold_is_kept_as_far_as_it_can_be(book: OrderBook) -> None:
    await book.give([replace(STOPPED, why="a\0b\udcff")])
    assert await book.in_force(NOW) == [replace(STOPPED, why="a\ufffdb?")]


async def test_whoever_waits_hears_of_an_order_before_its_patience_is_over(book: OrderBook, others: OrderBook) -> None:
    deadline = monotonic() + 30
    await others.heard(0.01)
    before = await others.newest()
    await book.give([STOPPED])
    while await others.newest() == before:
        assert monotonic() < deadline
        await others.heard(30.0)


async def test_patience_ends_with_the_store_away_too(book: OrderBook) -> None:
    await book.close()
    async with asyncio.timeout(30):
        await book.heard(0.01)


async def test_a_closed_book_is_away(book: OrderBook) -> None:
    await book.close()
    with pytest.raises(StoreAway):
        await book.newest()
    with pytest.raises(StoreAway):
        await book.give([STOPPED])
