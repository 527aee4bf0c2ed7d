"""Sites and their lanes: what each may do now, what was learnt, and what operators have ordered. Pure."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import inf

from mta.lane import Lane, Source
from mta.traffic.memory import decode
from mta.traffic.pace import Pace
from mta.traffic.rule import Rule
from mta.traffic.shares import Account
from worker.console.records import Kept, LaneChange
from worker.console.views.wording import clock, count, pace, words
from worker.orders.order import Order
from worker.orders.standing import Standing

IDLE = 60.0
"""Seconds without a refresh from which nobody sends in a lane."""

CeilingOf = Callable[[str], Rule]
"""The rule for a site by its name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneRow:
    """A lane. Rates in messages a second; None where there is no limit, or none was learnt. `state`: `open`, `suspended`
    (by an operator), `closed` (by what the site said), `on trial`, `idle`. `signals`: what was heard in this round."""

    lane: str
    source: str
    pool: str
    site: str
    state: str
    because: str
    until: float | None
    rate: float | None
    learnt_rate: float | None
    ceiling_rate: float | None
    connections: int
    learnt_connections: float | None
    ceiling_connections: int
    per_connection: int
    fixed: bool
    workers: int
    held_connections: int
    taken: int
    refused: int
    refused_share: float
    signals: tuple[str, ...]
    last_reply: str
    refreshed_at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteRow:
    """A site with its lanes. `rule`: the traffic rule behind its ceilings; `suspended`: an order names it, or a lane of it."""

    site: str
    rule: str
    lanes: tuple[LaneRow, ...]
    suspended: bool


def sites(kept: Sequence[Kept], orders: Sequence[Order], ceiling: CeilingOf, now: float) -> list[SiteRow]:
    """All sites that mail was sent to, in the order of their names; those with trouble first, idle ones last."""
    standing = Standing.of(orders)
    by_site: dict[str, list[LaneRow]] = {}
    rules: dict[str, Rule] = {}
    for one in kept:
        lane, account = lane_of(one.lane), decode(one.account, now)
        if lane is not None and account is not None:
            rule = rules.setdefault(lane.site, ceiling(lane.site))
            by_site.setdefault(lane.site, []).append(_lane(one, account, (lane, rule, standing), now))
    rows = [
        SiteRow(
            site=site,
            rule=rules[site].name,
            lanes=tuple(lanes),
            suspended=any(lane.state == "suspended" for lane in lanes),
        )
        for site, lanes in by_site.items()
    ]
    return sorted(rows, key=lambda row: (not _troubled(row), _idle(row), row.site))


def _troubled(row: SiteRow) -> bool:
    return any(lane.state in ("suspended", "closed", "on trial") for lane in row.lanes)


def _idle(row: SiteRow) -> bool:
    return all(lane.state == "idle" for lane in row.lanes)


def lane_of(name: str) -> Lane | None:
    """The lane that a name such as `pool/192.0.2.1>site` is the name of."""
    sender, _, site = name.partition(">")
    pool, _, source = sender.partition("/")
    if not site or not source:
        return None
    return Lane(Source(pool=pool, helo="", address=None if source == "any" else source), site)


def _lane(kept: Kept, account: Account, about: tuple[Lane, Rule, Standing], now: float) -> LaneRow:
    lane, rule, standing = about
    override = standing.override(lane, now)
    pace_now, tally = account.pace, account.tally
    connections, rate, per_connection = pace_now.limits(rule)
    if override is not None:
        connections = override.limits.connections or rule.connections
        rate = override.limits.rate or rule.rate or inf
        per_connection = override.limits.messages_per_connection or rule.messages_per_connection
    state, because, until = _state(kept, pace_now, (lane, standing), now)
    leases = [lease for lease in account.leases.values() if lease.until > now]
    return LaneRow(
        lane=kept.lane,
        source=lane.source.name,
        pool=lane.source.pool,
        site=lane.site,
        state=state,
        because=because,
        until=until,
        rate=_finite(rate),
        learnt_rate=_finite(pace_now.rate.wall),
        ceiling_rate=rule.rate,
        connections=connections,
        learnt_connections=_finite(pace_now.window.wall),
        ceiling_connections=rule.connections,
        per_connection=per_connection,
        fixed=override is not None,
        workers=sum(1 for lease in leases if lease.window),
        held_connections=sum(lease.window for lease in leases),
        taken=round(tally.taken),
        refused=round(tally.refused),
        refused_share=round(100 * pace_now.standing.heard(tally, now).share, 2),
        signals=_signals(account),
        last_reply=tally.why,
        refreshed_at=kept.refreshed_at,
    )


def _state(kept: Kept, now_paced: Pace, about: tuple[Lane, Standing], now: float) -> tuple[str, str, float | None]:
    lane, standing = about
    if (order := standing.suspension(lane, "", now)) is not None:
        return "suspended", f"by {order.by}" + (f": {order.why}" if order.why else ""), order.until
    if now < now_paced.closed_until:
        return "closed", f"the site is {now_paced.closed_by}", now_paced.closed_until
    if now_paced.trial:
        return "on trial", f"after it was {now_paced.closed_by}", None
    return ("idle" if now - kept.refreshed_at > IDLE else "open"), "", None


def _signals(account: Account) -> tuple[str, ...]:
    tally = account.tally
    heard = (
        ("too fast", tally.too_fast),
        ("too many connections", tally.crowded),
        ("connection used up", tally.ended),
        ("blocked", tally.blocked),
        ("refused without saying why", tally.vague),
        ("not reached", tally.away),
        ("slow replies", tally.slow),
    )
    return tuple(f"{count(number)} {name}" for name, number in heard if number)


def _finite(number: float) -> float | None:
    return None if number == inf else number


@dataclass(frozen=True, slots=True)
class Way:
    """The way a message would take: its recipient's domain, the site behind it as far as it is known, the egress pools.
    `closures`: see `closed`."""

    site: str | None
    domain: str
    pools: Sequence[str]
    closures: Sequence[LaneChange] = ()


def hindrances(way: Way, standing_orders: Sequence[Order], known: Sequence[SiteRow], now: float) -> list[str]:
    """What keeps messages on this way from going now, in sentences: operators' orders, and what the site said."""
    standing, name = Standing.of(standing_orders), way.site or way.domain
    ways = [Lane(Source(pool=pool, helo=""), name) for pool in way.pools]
    ways += [lane for site in known if site.site == way.site for row in site.lanes if (lane := lane_of(row.lane))]
    found = [order for one in ways if (order := standing.suspension(one, way.domain, now)) is not None]
    said = [
        f"{order.target} is suspended until {_until(order.until, now)}, by {order.by}"
        + (f": {order.why}" if order.why else "")
        for order in dict.fromkeys(found)
    ]
    return said + closed([site for site in known if site.site == way.site], way.closures, now)


def closed(known: Sequence[SiteRow], closures: Sequence[LaneChange], now: float) -> list[str]:
    """A sentence for each lane that is closed by what its site said, or on trial after it. `closures`: changes of these
    lanes, the newest first, for the replies behind it."""
    why: dict[str, str] = {}
    for one in closures:
        if one.what == "open" and not one.becomes:
            why.setdefault(one.lane, f" ({one.why.partition(': ')[2]})")
    said = []
    for row in (row for site in known for row in site.lanes):
        because = row.because + why.get(row.lane, "")
        if row.state == "closed":
            said.append(f"lane {row.lane} is closed until {_until(row.until, now)}: {because}")
        elif row.state == "on trial":
            said.append(f"lane {row.lane} is on trial {because}")
    return said


def _until(until: float | None, now: float) -> str:
    return "it is resumed" if until is None else clock(until, now)


@dataclass(frozen=True, slots=True)
class ChangeRow:
    """An automatic change in words: `what` from `was` to `becomes`."""

    at: float
    lane: str
    what: str
    was: str
    becomes: str
    why: str
    until: float | None
    slower: bool


def changes(recorded: Sequence[LaneChange]) -> list[ChangeRow]:
    return [
        ChangeRow(
            one.at,
            one.lane,
            words(one.what) if one.what != "open" else "lane",
            _amount(one.what, one.was),
            _amount(one.what, one.becomes),
            one.why,
            one.until,
            slower=(inf if one.becomes is None else one.becomes) < (inf if one.was is None else one.was),
        )
        for one in recorded
    ]


def _amount(what: str, number: float | None) -> str:
    if what == "open":
        return "open" if number else "closed"
    if number is None:
        return "no limit"
    return pace(number) if what == "rate" else f"{number:g}"
