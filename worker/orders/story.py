"""An order, for people and for JSON. Pure."""

from datetime import UTC, datetime
from typing import Any

from feedback.event import timestamp
from mta.traffic.quantity import format_rate
from worker.orders.order import Cancellation, Ending, Limits, Order, Override, Suspension


def sentence(order: Order) -> str:
    """An order in force, for people."""
    given = f"by {order.by} at {moment(order.since)}" + (f": {order.why}" if order.why else "")
    match order:
        case Suspension(until=until):
            end = "it is resumed" if until is None else moment(until)
            return f"{named(order)} is suspended until {end}, {given}"
        case Override(limits=limits, until=until):
            return f"{named(order)} has other limits until {moment(until)}: {limits_in_words(limits)}, {given}"
        case Cancellation(delivery_id=delivery_id):
            return f"delivery {delivery_id} is cancelled, {given}"
        case Ending(target=target):
            return f"the {order.matter} of {target} is ended, {given}"


def told(order: Order) -> dict[str, Any]:
    """An order as JSON has it; times in RFC 3339."""
    said: dict[str, Any] = {"order": act(order), "since": timestamp(order.since), "by": order.by, "why": order.why}
    match order:
        case Cancellation(delivery_id=delivery_id):
            return said | {"delivery_id": delivery_id}
        case Ending(target=target, pool=pool):
            return said | {"target": target, "pool": pool}
        case Suspension(target=target, pool=pool, until=until):
            return said | {"target": target, "pool": pool, "until": None if until is None else timestamp(until)}
        case Override(target=target, pool=pool, until=until, limits=limits):
            said |= {"target": target, "pool": pool, "until": timestamp(until)}
            rate = None if limits.rate is None else format_rate(limits.rate)
            per_connection = limits.messages_per_connection
            return said | {
                "connections": limits.connections,
                "rate": rate,
                "messages_per_connection": per_connection,
            }


def act(order: Order) -> str:
    match order:
        case Suspension():
            return "suspend"
        case Override():
            return "override"
        case Cancellation():
            return "cancel"
        case Ending(matter="suspension"):
            return "resume"
        case Ending():
            return "override --end"


def named(order: Suspension | Override) -> str:
    return order.target if order.pool is None else f"{order.target} in pool {order.pool}"


def limits_in_words(limits: Limits) -> str:
    words = [f"{limits.connections} connections"] if limits.connections else []
    words += [format_rate(limits.rate)] if limits.rate else []
    words += [f"{limits.messages_per_connection} messages on each"] if limits.messages_per_connection else []
    return ", ".join(words)


def moment(at: float) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M:%S} UTC"
