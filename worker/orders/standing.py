"""The orders in force at one reading of the book, and which of them concerns a lane. Pure."""

import fnmatch
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from mta.lane import Lane
from worker.orders.order import Cancellation, Order, Override, Suspension

SHORTEST, LONGEST = 10.0, 300.0
"""Seconds between two looks at a job of a suspended site."""


@dataclass(frozen=True, slots=True)
class _Target:
    """Names compared without regard to case, as they stand or as a glob."""

    text: str
    glob: re.Pattern[str]
    pool: str | None

    def covers(self, names: Sequence[str], pool: str) -> bool:
        if self.pool is not None and self.pool != pool:
            return False
        return any(name == self.text or self.glob.match(name) for name in names)


def _target(order: Suspension | Override) -> _Target:
    text = order.target.lower().rstrip(".")
    return _Target(text, re.compile(fnmatch.translate(text)), order.pool)


@dataclass(frozen=True, slots=True)
class Standing:
    """The newest order is looked at first."""

    suspensions: tuple[tuple[_Target, Suspension], ...] = ()
    overrides: tuple[tuple[_Target, Override], ...] = ()
    cancelled: dict[str, Cancellation] = field(default_factory=dict)

    @classmethod
    def of(cls, orders: Iterable[Order]) -> "Standing":
        """Of orders in the order they were given."""
        newest_first = list(orders)[::-1]
        return cls(
            tuple((_target(order), order) for order in newest_first if isinstance(order, Suspension)),
            tuple((_target(order), order) for order in newest_first if isinstance(order, Override)),
            {order.delivery_id: order for order in newest_first if isinstance(order, Cancellation)},
        )

    def suspension(self, lane: Lane, domain: str, now: float) -> Suspension | None:
        """What keeps mail for this domain from going through this lane: of several, the one that lasts longest."""
        if not self.suspensions:
            return None
        names = (*_names(lane), domain.lower())
        found = [
            order for target, order in self.suspensions if _holds(order, now) and target.covers(names, lane.source.pool)
        ]
        return max(found, key=_end, default=None)

    def override(self, lane: Lane, now: float) -> Override | None:
        """The limits ordered for this lane: of several orders, the newest."""
        if not self.overrides:
            return None
        names = _names(lane)
        found = (
            order for target, order in self.overrides if _holds(order, now) and target.covers(names, lane.source.pool)
        )
        return next(found, None)

    def bounded(self, now: float) -> tuple[Suspension | Override, ...]:
        """The suspensions and overrides that hold at `now`, the newest first."""
        orders: list[Suspension | Override] = [order for _, order in self.suspensions]
        orders += [order for _, order in self.overrides]
        return tuple(order for order in orders if _holds(order, now))


def look_again(suspension: Suspension, now: float, dice: float) -> float:
    """When to look again at a job that a suspension keeps back. `dice` is in [0, 1).

    A job's ticket cannot be called back from the queue when the site is resumed, so none is put away for as long as the
    suspension lasts. Each waits half as long as the site has been suspended, ten seconds at least and five minutes at most:
    after an order that was soon taken back all is soon as before, and a long one costs each ticket a look every five
    minutes. They are spread by a fifth, lest they come all at once.
    """
    step = min(max((now - suspension.since) / 2, SHORTEST), LONGEST) * (0.8 + 0.4 * dice)
    return min(now + step, _end(suspension))


def _names(lane: Lane) -> tuple[str, str]:
    return lane.site.lower(), str(lane).lower()


def _holds(order: Suspension | Override, now: float) -> bool:
    return order.until is None or order.until > now


def _end(suspension: Suspension) -> float:
    return float("inf") if suspension.until is None else suspension.until
