"""`campaign-mta suspend | resume | override | cancel | orders`: a running cluster, told what to do."""

import asyncio
import getpass
import os
import socket
import sys
import time
from collections.abc import Sequence
from typing import Any

import msgspec
from rich.table import Table
from rich.text import Text

from feedback.log import Tally
from feedback.store import StoreAway
from worker import adapters
from worker.command.away import say_away
from worker.command.show import show
from worker.command.site import known_site
from worker.command.wish import Wish, checked, wished_limits
from worker.orders.order import (
    Cancellation,
    Ending,
    Matter,
    Order,
    Override,
    Suspension,
    ending,
    endings,
)
from worker.orders.story import act, limits_in_words, moment, named, told
from worker.settings import BadSettings, Settings

_HISTORY = 200


def suspend(settings: Settings, wish: Wish, json: bool) -> int:
    target, lasts = checked(settings, wish)
    now = time.time()
    until = None if lasts is None else now + lasts
    order = Suspension(target=target, pool=wish.pool, since=now, until=until, by=_who(), why=wish.why)
    if not _given(settings, [order]):
        return 1
    if known_site(settings, target) is None:
        print(f"warning: no site or domain {target!r} is known here; it is suspended in advance", file=sys.stderr)
    end = f"until {moment(until)}" if until is not None else f"until it is resumed: campaign-mta resume {target}"
    return _say(json, told(order), f"{named(order)} is suspended {end}")


def resume(settings: Settings, wish: Wish, json: bool) -> int:
    target, _ = checked(settings, wish)
    return _end(settings, "suspension", target, wish, json)


def override(settings: Settings, wish: Wish, json: bool) -> int:
    target, lasts = checked(settings, wish)
    limits = wished_limits(wish)
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
    return _say(json, told(order), f"{named(order)}: {limits_in_words(limits)} until {moment(order.until)}")


def end_override(settings: Settings, wish: Wish, json: bool) -> int:
    target, _ = checked(settings, wish)
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
        show(_table(orders, "Orders, the newest first" if history else "Orders in force"))
    else:
        print("nothing was ever ordered" if history else "no order is in force")
    return 0


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
    return _say(json, [told(order) for order in given], "\n".join(f"{named(order)} {done}" for order in found))


def _nothing_to_end(orders: Sequence[Order], matter: Matter, target: str, pool: str | None) -> str:
    kind = Suspension if matter == "suspension" else Override
    there = [named(order) for order in orders if isinstance(order, kind)]
    what = "suspended" if matter == "suspension" else "under an override"
    whole = target if pool is None else f"{target} in pool {pool}"
    return f"{whole} is not {what}; " + (f"these are: {', '.join(there)}" if there else "nothing is")


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
        say_away(fault, "nothing was ordered")
        return False
    return True


def _read(settings: Settings, history: bool) -> list[Order] | None:
    async def read() -> list[Order]:
        async with adapters.opened(adapters.order_book(settings)) as book:
            return await (book.history(_HISTORY) if history else book.in_force(time.time()))

    try:
        return asyncio.run(read())
    except StoreAway as fault:
        say_away(fault)
        return None


async def _tally(settings: Settings, delivery_id: str) -> Tally | None:
    async with adapters.opened(adapters.delivery_log(settings, adapters.worker_name(settings))) as log:
        return next(iter(await log.tally(delivery_id)), None)


def _say(json: bool, told: Any, words: str) -> int:
    print(msgspec.json.encode(told).decode() if json else words)
    return 0


_END = {Suspension: "resumed", Override: "", Cancellation: "for good", Ending: ""}


def _table(orders: Sequence[Order], title: str) -> Table:
    table = Table(title=title, title_justify="left")
    for column in ("Order", "Target", "Pool", "Since", "Until", "Limits", "By", "Why"):
        table.add_column(column, overflow="fold", no_wrap=column in ("Since", "Until", "Limits"))
    for order in orders:
        about = order.delivery_id if isinstance(order, Cancellation) else order.target
        pool = "" if isinstance(order, Cancellation) else order.pool or "all"
        until = order.until if isinstance(order, Suspension | Override) else None
        end = _END[type(order)] if until is None else moment(until)
        limits = limits_in_words(order.limits) if isinstance(order, Override) else ""
        table.add_row(*map(Text, (act(order), about, pool, moment(order.since), end, limits, order.by, order.why)))
    return table
