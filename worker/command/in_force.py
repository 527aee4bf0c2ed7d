"""Operators' orders that concern some mail."""

import time
from collections.abc import Sequence

from feedback.store import StoreAway
from mta.lane import Lane
from worker import adapters, outside
from worker.command.away import say_away
from worker.orders.order import Order
from worker.orders.standing import Standing
from worker.orders.story import sentence
from worker.settings import Settings


async def concerning(settings: Settings, site: str | None, domain: str, delivery_id: str = "") -> list[Order]:
    """The orders in force that concern mail for a domain through any lane to its site, and a delivery. Without the store,
    none are known, which is said."""
    try:
        async with adapters.opened(adapters.order_book(settings)) as book:
            orders = await book.in_force(time.time())
    except StoreAway as fault:
        say_away(fault, "operators' orders are not shown")
        return []
    standing, now = Standing.of(orders), time.time()
    lanes = [Lane(source, site or domain) for pool in outside.pools(settings).values() for source in pool]
    found: list[Order | None] = [standing.cancelled.get(delivery_id)]
    found += [standing.suspension(lane, domain, now) for lane in lanes]
    found += [standing.override(lane, now) for lane in lanes]
    return [order for order in orders if order in found]


def sentences(orders: Sequence[Order]) -> list[str]:
    return [f"  by order: {sentence(order)}" for order in orders]
