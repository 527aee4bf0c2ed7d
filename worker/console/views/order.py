"""Operators' orders in force, as tables show them. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from worker.console.views.lane import SiteRow, lane_of
from worker.orders.order import Cancellation, Order, Override, Suspension
from worker.orders.standing import Standing
from worker.orders.story import limits_in_words


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderRow:
    """An order in force. `limits`: of an override, in words; `until` None: until it is ended."""

    matter: str
    target: str
    pool: str | None
    since: float
    until: float | None
    by: str
    why: str
    limits: str


def orders(standing: Sequence[Order]) -> list[OrderRow]:
    """Suspensions and overrides in force, the newest first."""
    return [_order(order) for order in reversed(standing) if isinstance(order, Suspension | Override)]


def concerning(site: SiteRow, standing_orders: Sequence[Order], now: float) -> list[Order]:
    """The orders that a site's lanes go by."""
    standing, lanes = Standing.of(standing_orders), [lane for row in site.lanes if (lane := lane_of(row.lane))]
    found: list[Order | None] = [standing.suspension(lane, "", now) for lane in lanes]
    found += [standing.override(lane, now) for lane in lanes]
    return [order for order in standing_orders if order in found]


def cancelled(standing: Sequence[Order], delivery_id: str) -> Cancellation | None:
    found = (order for order in standing if isinstance(order, Cancellation) and order.delivery_id == delivery_id)
    return next(found, None)


def _order(order: Suspension | Override) -> OrderRow:
    return OrderRow(
        matter="override" if isinstance(order, Override) else "suspension",
        target=order.target,
        pool=order.pool,
        since=order.since,
        until=order.until,
        by=order.by,
        why=order.why,
        limits=limits_in_words(order.limits) if isinstance(order, Override) else "",
    )
