"""The orders as one worker knows them: read before it starts, kept in step while it works, and in memory when asked."""

import asyncio
from collections.abc import Callable
from math import inf

import structlog

from feedback.store import StoreAway
from mta.lane import Lane
from mta.traffic.rule import Rule
from worker.orders import OrderBook
from worker.orders.order import Cancellation, Override, Suspension, overridden
from worker.orders.standing import LONGEST, Standing

_log = structlog.get_logger("worker.orders")

_EVERY = 1.0
"""Seconds between two looks into the book when nobody tells of new orders: an order is heard within two."""

_MANY = 4096
"""Rules remembered with their limits replaced."""


class Orders:
    """What operators have ordered. While the store is away the last known orders stay in force, each until its own end.

    `clock` gives POSIX time. Whoever must act on a change waits for `changed`.
    """

    def __init__(self, book: OrderBook, clock: Callable[[], float]) -> None:
        self._book = book
        self._clock = clock
        self._newest = -1
        self._standing = Standing()
        self._bounded: tuple[Suspension | Override, ...] = ()
        self._fixed: dict[tuple[int, int], tuple[Rule, Override, Rule]] = {}
        self._turn = asyncio.Event()
        self._away = False
        self.revision = 0

    async def open(self) -> None:
        """Read the book. May raise `StoreAway`; then try again."""
        await self._book.open()
        await self.once()

    async def run(self) -> None:
        """Keep in step until cancelled, through any absence of the store."""
        while True:
            await self._book.heard(_EVERY)
            try:
                await self.once()
            except StoreAway as fault:
                if not self._away:
                    _log.warning("orders_away", away=str(fault), in_force=len(self._bounded))
                self._away = True
            self._notice()

    async def close(self) -> None:
        await self._book.close()

    async def once(self) -> None:
        """Look into the book, and take what is new."""
        newest = await self._book.newest()
        if newest != self._newest:
            orders = await self._book.in_force(self._clock())
            self._newest, self._standing = newest, Standing.of(orders)
            _log.info("orders", newest=newest, in_force=len(orders))
            self._change()
        self._away = False

    def suspensions(self) -> list[Suspension]:
        """All that are in force."""
        return [order for order in self._standing.bounded(self._clock()) if isinstance(order, Suspension)]

    def suspension(self, lane: Lane, domain: str) -> Suspension | None:
        """What keeps mail for this recipient's domain from going through this lane."""
        return self._standing.suspension(lane, domain, self._clock())

    def suspended(self, lane: Lane, domain: str) -> float | None:
        """Until when (POSIX seconds; infinity: until it is resumed), or None: it is not."""
        found = self.suspension(lane, domain)
        if found is None:
            return None
        return inf if found.until is None else found.until

    def in_force(self, rule: Rule, lane: Lane) -> Rule:
        """The rule with the limits that an operator has ordered for this lane; the same object for the same rule."""
        override = self._standing.override(lane, self._clock())
        if override is None:
            return rule
        key = id(rule), id(override)
        known = self._fixed.get(key)
        if known is None:
            if len(self._fixed) >= _MANY:
                self._fixed.clear()
            # What the key is made of is kept with it, so that no id can come to mean something else.
            known = self._fixed[key] = rule, override, overridden(rule, override.limits)
        return known[2]

    def horizon(self, lane: Lane) -> float:
        """Until when a wait may last that was reckoned by the limits in force: a ticket cannot be called back once other
        limits hold. Without an override it is infinity."""
        now = self._clock()
        override = self._standing.override(lane, now)
        return inf if override is None else min(override.until, now + LONGEST)

    def cancelled(self, delivery_id: str) -> bool:
        return delivery_id in self._standing.cancelled

    def cancellations(self, since: float) -> list[Cancellation]:
        """Those ordered at `since` or later."""
        return [order for order in self._standing.cancelled.values() if order.since >= since]

    async def changed(self, revision: int) -> int:
        """Wait until suspensions, overrides or cancellations are no longer those of `revision`, by an order or because one
        has ended by itself (known within a second); answers the new revision. Cancelling is safe."""
        while self.revision == revision:
            await self._turn.wait()
        return self.revision

    def _notice(self) -> None:
        """An order may have ended by itself."""
        if self._standing.bounded(self._clock()) != self._bounded:
            self._change()

    def _change(self) -> None:
        self._bounded = self._standing.bounded(self._clock())
        self._fixed.clear()
        self.revision += 1
        self._turn.set()
        self._turn = asyncio.Event()
