"""`campaign-mta suspend | resume | override | cancel | orders`: a running cluster, told what to do."""

import asyncio
import getpass
import os
import socket
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import msgspec
from rich.console import Console
from rich.table import Table
from rich.text import Text

from feedback.event import timestamp
from feedback.log import Tally
from feedback.store import StoreAway
from mta.duration import parse_duration
from mta.envelope import Domain, a_form
from mta.lane import Lane
from mta.traffic.quantity import format_rate, parse_rate
from worker import adapters, outside
from worker.command.site import known_site
from worker.orders.order import (
    Cancellation,
    Ending,
    Limits,
    Matter,
    Order,
    Override,
    Suspension,
    ending,
    endings,
)
from worker.orders.standing import Standing
from worker.settings import BadSettings, Settings

_HISTORY = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What the command line asks for. `target` may be a site, a domain, a lane, or a glob."""

    target: str
    pool: str | None = None
    lasts: str | None = None
    why: str = ""
    connections: int | None = None
    rate: str | None = None
    messages_per_connection: int | None = None


def suspend(settings: Settings, wish: Wish, json: bool) -> int:
    target, lasts = _checked(settings, wish)
    now = time.time()
    until = None if lasts is None else now + lasts
    order = Suspension(target=target, pool=wish.pool, since=now, until=until, by=_who(), why=wish.why)
    if not _given(settings, [order]):
        return 1
    if known_site(settings, target) is None:
        print(f"warning: no site or domain {target!r} is known here; it is suspended in advance", file=sys.stderr)
    end = f"until {_time(until)}" if until is not None else f"until it is resumed: campaign-mta resume {target}"
    return _say(json, told(order), f"{_named(order)} is suspended {end}")


def resume(settings: Settings, wish: Wish, json: bool) -> int:
    target, _ = _checked(settings, wish)
    return _end(settings, "suspension", target, wish, json)


def override(settings: Settings, wish: Wish, json: bool) -> int:
    target, lasts = _checked(settings, wish)
    limits = _limits(wish)
    if lasts is None:
        raise BadSettings(["--for: an override needs an end, such as 2h"])
    site = known_site(settings, target)
    if site is None:
        print(f"warning: no site or domain {target!r} is known here; its limits are set in advance", file=sys.stderr)
    elif site != target:
        print(f"{target} is served by site {site}: the limits are the site's", file=sys.stderr)
    now = time.time()
    order = Override(
        target=site or target, pool=wish.pool, limits=limits, since=now, until=now + lasts, by=_who(), why=wish.why
    )
    if not _given(settings, [order]):
        return 1
    return _say(json, told(order), f"{_named(order)}: {_words(limits)} until {_time(order.until)}")


def end_override(settings: Settings, wish: Wish, json: bool) -> int:
    target, _ = _checked(settings, wish)
    return _end(settings, "override", known_site(settings, target) or target, wish, json)


def cancel(settings: Settings, delivery_id: str, why: str, json: bool) -> int:
    if not delivery_id or len(delivery_id) > 128:
        raise BadSettings([f"DELIVERY_ID {delivery_id!r}: 1 to 128 characters are wanted"])
    order = Cancellation(delivery_id=delivery_id, since=time.time(), by=_who(), why=why)
    if not _given(settings, [order]):
        return 1
    tally = asyncio.run(_tally(settings, delivery_id))
    if tally is None:
        print(
            f"warning: no job of delivery {delivery_id!r} has been accepted yet; those that come up will be cancelled",
            file=sys.stderr,
        )
        return _say(json, told(order), f"delivery {delivery_id} is cancelled")
    words = f"{tally.in_flight:,} jobs still in flight; {tally.sent:,} were sent, {tally.failed:,} failed"
    return _say(json, told(order) | {"in_flight": tally.in_flight}, f"delivery {delivery_id} is cancelled: {words}")


def listed(settings: Settings, history: bool, json: bool) -> int:
    """What is in force, or all that was ordered lately."""
    orders = _read(settings, history)
    if orders is None:
        return 1
    if json:
        print(msgspec.json.encode([told(order) for order in orders]).decode())
    elif orders:
        Console().print(_table(orders, "Orders, the newest first" if history else "Orders in force"))
    else:
        print("nothing was ever ordered" if history else "no order is in force")
    return 0


async def concerning(settings: Settings, site: str | None, domain: str, delivery_id: str = "") -> list[Order]:
    """The orders in force that concern mail for a domain through any lane to its site, and a delivery. May raise
    `StoreAway`."""
    async with adapters.opened(adapters.order_book(settings)) as book:
        orders = await book.in_force(time.time())
    standing, now = Standing.of(orders), time.time()
    lanes = [Lane(source, site or domain) for pool in outside.pools(settings).values() for source in pool]
    found: list[Order | None] = [standing.cancelled.get(delivery_id)]
    found += [standing.suspension(lane, domain, now) for lane in lanes]
    found += [standing.override(lane, now) for lane in lanes]
    return [order for order in orders if order in found]


def sentence(order: Order) -> str:
    """An order in force, for people."""
    given = f"by {order.by} at {_time(order.since)}" + (f": {order.why}" if order.why else "")
    match order:
        case Suspension(until=until):
            end = "it is resumed" if until is None else _time(until)
            return f"{_named(order)} is suspended until {end}, {given}"
        case Override(limits=limits, until=until):
            return f"{_named(order)} has other limits until {_time(until)}: {_words(limits)}, {given}"
        case Cancellation(delivery_id=delivery_id):
            return f"delivery {delivery_id} is cancelled, {given}"
        case Ending(target=target):
            return f"the {order.matter} of {target} is ended, {given}"


def _end(settings: Settings, matter: Matter, target: str, wish: Wish, json: bool) -> int:
    """End the orders on a target; there must be one."""
    orders = _read(settings, history=False)
    if orders is None:
        return 1
    found = endings(orders, matter, target, wish.pool)
    if not found:
        print(_nothing_to_end(orders, matter, target, wish.pool), file=sys.stderr)
        return 1
    given: list[Order] = [ending(order, time.time(), _who(), wish.why) for order in found]
    if not _given(settings, given):
        return 1
    done = "is resumed" if matter == "suspension" else "has its own limits again"
    return _say(json, [told(order) for order in given], "\n".join(f"{_named(order)} {done}" for order in found))


def _nothing_to_end(orders: Sequence[Order], matter: Matter, target: str, pool: str | None) -> str:
    kind = Suspension if matter == "suspension" else Override
    there = [_named(order) for order in orders if isinstance(order, kind)]
    what = "suspended" if matter == "suspension" else "under an override"
    named = target if pool is None else f"{target} in pool {pool}"
    return f"{named} is not {what}; " + (f"these are: {', '.join(there)}" if there else "nothing is")


def _checked(settings: Settings, wish: Wish) -> tuple[str, float | None]:
    """The target as it is compared, and for how long; or every fault of them."""
    faults = []
    target = wish.target.strip().lower().rstrip(".")
    if not target.isascii():
        match a_form(target):
            case Domain(name):
                target = name
            case fault:
                faults.append(f"{wish.target!r} {fault}")
    elif not target or len(target) > 255 or not target.isprintable() or " " in target:
        faults.append(f"{wish.target!r} is no name of a site or domain")
    if wish.pool is not None and wish.pool not in (pools := outside.pools(settings)):
        faults.append(f"--pool {wish.pool}: there is none of that name; there are: {', '.join(pools)}")
    lasts = None
    try:
        lasts = parse_duration(wish.lasts) if wish.lasts is not None else None
        if lasts == 0:
            faults.append("--for: more than 0 is wanted")
    except ValueError as fault:
        faults.append(f"--for: {fault}")
    if faults:
        raise BadSettings(faults)
    return target, lasts


def _limits(wish: Wish) -> Limits:
    try:
        rate = parse_rate(wish.rate) if wish.rate is not None else None
    except ValueError as fault:
        raise BadSettings([f"--rate: {fault}"]) from None
    limits = Limits(connections=wish.connections, rate=rate, messages_per_connection=wish.messages_per_connection)
    if limits == Limits():
        raise BadSettings(["--connections, --rate or --messages-per-connection: at least one is wanted"])
    return limits


def _who() -> str:
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # nobody in the user database, as in a container
        user = str(os.getuid())
    return f"{user}@{socket.gethostname()}"


def _given(settings: Settings, orders: Sequence[Order]) -> bool:
    async def give() -> None:
        async with adapters.opened(adapters.order_book(settings)) as book:
            await book.give(orders)

    try:
        asyncio.run(give())
    except StoreAway as fault:
        print(f"the store cannot be reached, so nothing was ordered: {fault}", file=sys.stderr)
        return False
    return True


def _read(settings: Settings, history: bool) -> list[Order] | None:
    async def read() -> list[Order]:
        async with adapters.opened(adapters.order_book(settings)) as book:
            return await (book.history(_HISTORY) if history else book.in_force(time.time()))

    try:
        return asyncio.run(read())
    except StoreAway as fault:
        print(f"the store cannot be reached: {fault}", file=sys.stderr)
        return None


async def _tally(settings: Settings, delivery_id: str) -> Tally | None:
    async with adapters.opened(adapters.delivery_log(settings, adapters.worker_name(settings))) as log:
        return next(iter(await log.tally(delivery_id)), None)


def _say(json: bool, told: Any, words: str) -> int:
    print(msgspec.json.encode(told).decode() if json else words)
    return 0


def _named(order: Suspension | Override) -> str:
    return order.target if order.pool is None else f"{order.target} in pool {order.pool}"


def _words(limits: Limits) -> str:
    words = [f"{limits.connections} connections"] if limits.connections else []
    words += [format_rate(limits.rate)] if limits.rate else []
    words += [f"{limits.messages_per_connection} messages on each"] if limits.messages_per_connection else []
    return ", ".join(words)


def told(order: Order) -> dict[str, Any]:
    """An order as JSON has it; times in RFC 3339."""
    said: dict[str, Any] = {"order": _act(order), "since": timestamp(order.since), "by": order.by, "why": order.why}
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


def _act(order: Order) -> str:
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


_END = {Suspension: "resumed", Override: "", Cancellation: "for good", Ending: ""}


def _table(orders: Sequence[Order], title: str) -> Table:
    table = Table(title=title, title_justify="left")
    for column in ("Order", "Target", "Pool", "Since", "Until", "Limits", "By", "Why"):
        table.add_column(column, overflow="fold")
    for order in orders:
        about = order.delivery_id if isinstance(order, Cancellation) else order.target
        pool = "" if isinstance(order, Cancellation) else order.pool or "all"
        until = order.until if isinstance(order, Suspension | Override) else None
        end = _END[type(order)] if until is None else _time(until)
        limits = _words(order.limits) if isinstance(order, Override) else ""
        table.add_row(*map(Text, (_act(order), about, pool, _time(order.since), end, limits, order.by, order.why)))
    return table


def _time(at: float) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M:%S} UTC"
