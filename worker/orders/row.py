"""An order as a row of the store. Pure."""

from typing import NamedTuple

from feedback.store.text import storable
from worker.orders.order import Cancellation, Ending, Limits, Order, Override, Suspension


class Row(NamedTuple):
    """In the order of `COLUMNS`. `matter` is `suspension`, `override` or `cancellation`; `ends`: the row ends an earlier one
    of the same matter, target and pool. A cancellation's target is the delivery's id."""

    matter: str
    ends: bool
    target: str
    pool: str | None
    since: float
    until: float | None
    connections: int | None
    rate: float | None
    messages_per_connection: int | None
    given_by: str
    why: str


COLUMNS = ", ".join(Row._fields)


def row(order: Order) -> Row:
    match order:
        case Suspension():
            matter, ends, target, pool, until = "suspension", False, order.target, order.pool, order.until
        case Override():
            matter, ends, target, pool, until = "override", False, order.target, order.pool, order.until
        case Cancellation():
            matter, ends, target, pool, until = "cancellation", False, order.delivery_id, None, None
        case Ending():
            matter, ends, target, pool, until = order.matter, True, order.target, order.pool, None
    limits = order.limits if isinstance(order, Override) else Limits()
    return Row(
        matter=matter,
        ends=ends,
        target=storable(target),
        pool=pool if pool is None else storable(pool),
        since=order.since,
        until=until,
        connections=limits.connections,
        rate=limits.rate,
        messages_per_connection=limits.messages_per_connection,
        given_by=storable(order.by),
        why=storable(order.why),
    )


def order(row: Row) -> Order:
    """The order that `row` wrote."""
    target, pool, since, by, why = row.target, row.pool, row.since, row.given_by, row.why
    match row.matter, bool(row.ends):
        case ("suspension" | "override") as matter, True:
            return Ending(matter=matter, target=target, pool=pool, since=since, by=by, why=why)
        case "suspension", False:
            return Suspension(target=target, pool=pool, since=since, until=row.until, by=by, why=why)
        case "override", False:
            limits = Limits(
                connections=row.connections, rate=row.rate, messages_per_connection=row.messages_per_connection
            )
            until = row.until if row.until is not None else since
            return Override(target=target, pool=pool, limits=limits, since=since, until=until, by=by, why=why)
        case _:
            return Cancellation(delivery_id=target, since=since, by=by, why=why)
