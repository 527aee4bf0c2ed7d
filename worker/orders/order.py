"""What an operator may order: a suspension, an override of limits, the cancellation of a delivery, and the end of the first
two. Pure values. Times are POSIX seconds; `by` is `user@host`, `why` is for people."""

from collections.abc import Iterable
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from mta.traffic.rule import Rule

Matter = Literal["suspension", "override"]


class Limits(Struct, frozen=True, kw_only=True):
    """Limits in the place of a rule's own; None leaves the rule's. `rate` is in messages a second."""

    connections: int | None = None
    rate: float | None = None
    messages_per_connection: int | None = None


class Suspension(Struct, frozen=True, kw_only=True):
    """No new attempt towards `target` before `until` (None: before it is resumed).

    `target` is the name of a site, of a recipient's domain or of a lane, or a glob for such names; `pool` None means all.
    """

    target: str
    pool: str | None
    since: float
    until: float | None
    by: str
    why: str = ""


class Override(Struct, frozen=True, kw_only=True):
    """Other limits for the lanes of a site (or one lane, or a glob for either) until a time."""

    target: str
    pool: str | None
    limits: Limits
    since: float
    until: float
    by: str
    why: str = ""


class Cancellation(Struct, frozen=True, kw_only=True):
    """No new attempt for any job of a delivery, for good."""

    delivery_id: str
    since: float
    by: str
    why: str = ""


class Ending(Struct, frozen=True, kw_only=True):
    """The end, from `since` on, of a suspension or override given before for just this target and pool."""

    matter: Matter
    target: str
    pool: str | None
    since: float
    by: str
    why: str = ""


Order = Suspension | Override | Cancellation | Ending


def endings(orders: Iterable[Order], matter: Matter, target: str, pool: str | None) -> list[Suspension | Override]:
    """Those of the orders in force that end when `target` is resumed, or its override ended: the one for `pool`, or without
    a pool those for every pool."""
    kind = Suspension if matter == "suspension" else Override
    return [o for o in orders if isinstance(o, kind) and o.target == target and (pool is None or o.pool == pool)]


def ending(order: Suspension | Override, since: float, by: str, why: str = "") -> Ending:
    """The end of an order."""
    matter: Matter = "suspension" if isinstance(order, Suspension) else "override"
    return Ending(matter=matter, target=order.target, pool=order.pool, since=since, by=by, why=why)


def overridden(rule: Rule, limits: Limits) -> Rule:
    """The rule as an operator wants it: limits that no pace moves."""
    return replace(
        rule,
        connections=limits.connections or rule.connections,
        rate=limits.rate or rule.rate,
        messages_per_connection=limits.messages_per_connection or rule.messages_per_connection,
        fixed=True,
    )
