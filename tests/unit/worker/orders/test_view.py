"""A worker's own copy of the orders: in step with the book, and in force without it."""

import asyncio

import pytest

from feedback.store import StoreAway
from mta.lane import Lane, Source
from mta.traffic.rule import Rule
from tests.fakes import FakeOrders
from worker.orders.order import Cancellation, Ending, Limits, Override, Suspension
from worker.orders.view import Orders

NOW = 1_000_000.0
LANE = Lane(Source(pool="default", helo="mta"), "big")
RULE = Rule(name="r", connections=7)
STOPPED = Suspension(target="big", pool=None, since=NOW, until=NOW + 60, by="ann@ops")
SLOWED = Override(target="big", pool=None, limits=Limits(rate=0.5), since=NOW, until=NOW + 60, by="ann@ops")
CALLED_OFF = Cancellation(delivery_id="spring", since=NOW, by="ann@ops")


class Desk:
    """A view, the book behind it, and the time."""

    def __init__(self) -> None:
        self.book, self.now = FakeOrders(), NOW
        self.orders = Orders(self.book, lambda: self.now)


async def test_what_is_in_force_is_known_before_any_work_begins() -> None:
    desk = Desk()
    desk.book.pages += [STOPPED, SLOWED, CALLED_OFF]
    await desk.orders.open()
    assert desk.orders.suspended(LANE, "d.example") == NOW + 60
    assert desk.orders.in_force(RULE, LANE).rate == 0.5
    assert desk.orders.cancelled("spring")
    assert not desk.orders.cancelled("summer")
    assert desk.orders.suspensions() == [STOPPED]
    assert desk.orders.cancellations(NOW) == [CALLED_OFF]
    assert desk.orders.cancellations(NOW + 1) == []


async def test_without_orders_a_rule_is_left_as_it_is() -> None:
    desk = Desk()
    await desk.orders.open()
    assert desk.orders.in_force(RULE, LANE) is RULE
    assert desk.orders.suspended(LANE, "d.example") is None


async def test_an_overridden_rule_is_the_same_object_each_time() -> None:
    desk = Desk()
    desk.book.pages.append(SLOWED)
    await desk.orders.open()
    first = desk.orders.in_force(RULE, LANE)
    assert first.fixed
    assert desk.orders.in_force(RULE, LANE) is first


async def test_the_last_known_orders_stay_in_force_until_their_end_while_the_store_is_away() -> None:
    desk = Desk()
    desk.book.pages += [STOPPED, CALLED_OFF]
    await desk.orders.open()
    await desk.book.close()
    with pytest.raises(StoreAway):
        await desk.orders.once()
    desk.now += 59
    assert desk.orders.suspended(LANE, "d.example") == NOW + 60
    desk.now += 1
    assert desk.orders.suspended(LANE, "d.example") is None
    assert desk.orders.cancelled("spring")


async def test_whoever_waits_for_a_change_is_told_of_an_order_and_of_its_end() -> None:
    desk = Desk()
    await desk.orders.open()
    revision = desk.orders.revision
    hearing = asyncio.create_task(desk.orders.run())
    try:
        waiting = asyncio.create_task(desk.orders.changed(revision))
        await desk.book.give([STOPPED])
        revision = await waiting
        assert desk.orders.suspensions() == [STOPPED]
        waiting = asyncio.create_task(desk.orders.changed(revision))
        await desk.book.give([Ending(matter="suspension", target="big", pool=None, since=NOW, by="ann@ops")])
        assert await waiting > revision
        assert desk.orders.suspensions() == []
    finally:
        hearing.cancel()


async def test_a_suspension_that_ends_by_itself_is_a_change_too() -> None:
    desk = Desk()
    desk.book.pages.append(STOPPED)
    await desk.orders.open()
    hearing = asyncio.create_task(desk.orders.run())
    try:
        waiting = asyncio.create_task(desk.orders.changed(desk.orders.revision))
        desk.now += 60
        desk.book.told.set()
        await waiting
        assert desk.orders.suspensions() == []
    finally:
        hearing.cancel()


async def test_a_change_missed_while_doing_something_else_is_not_waited_for() -> None:
    desk = Desk()
    await desk.orders.open()
    seen = desk.orders.revision
    await desk.book.give([STOPPED])
    await desk.orders.once()
    async with asyncio.timeout(30):
        assert await desk.orders.changed(seen) == desk.orders.revision
